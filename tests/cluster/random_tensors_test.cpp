// The roles of tensors, read off the program, and the values that follow from them.
#include "cluster/random_tensors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "io/builtin_networks.hpp"

namespace tessera {
namespace {

class RandomTensors : public ::testing::Test {
 protected:
  SymbolTable symbols_;
  TensorLanguage language_;
  Network network_ = find_network("mobilenet-v1:0.25:32", symbols_, language_);
};

TEST_F(RandomTensors, RolesOfANetworkWithBatchNormalization) {
  const auto roles = tensor_roles(symbols_, network_);
  ASSERT_EQ(roles.size(), network_.tensors.size());
  for (const TensorDeclaration& tensor : network_.tensors) {
    const std::string name(tensor.name.text());
    const TensorRole role = roles.at(tensor.name);
    if (name.ends_with("moving_var")) {
      EXPECT_EQ(role, TensorRole::kPositive) << name;
    }
    if (name.ends_with("gamma")) {
      EXPECT_EQ(role, TensorRole::kScale) << name;
    }
    if (name.ends_with("beta") || name.ends_with("moving_mean") || name.ends_with("bias")) {
      EXPECT_EQ(role, TensorRole::kShift) << name;
    }
    if (name.ends_with("weight")) {
      EXPECT_EQ(role, TensorRole::kWeight) << name;
    }
    if (tensor.dims.size() == 4 && tensor.dims[1] == 3 && tensor.dims[2] == 32) {
      EXPECT_EQ(role, TensorRole::kInput) << name;
    }
  }
}

TEST_F(RandomTensors, SeedAndVariantDecideTheValues) {
  const auto roles = tensor_roles(symbols_, network_);
  const auto first = random_environment(network_, roles, 1, 0);
  const auto again = random_environment(network_, roles, 1, 0);
  const auto other_variant = random_environment(network_, roles, 1, 1);
  const auto other_seed = random_environment(network_, roles, 2, 0);
  for (const auto& [name, role] : roles) {
    const auto values = [name = name](const Environment<float>& environment) {
      const auto span = environment.at(name).values();
      return std::vector<float>(span.begin(), span.end());
    };
    EXPECT_EQ(values(first), values(again));
    EXPECT_NE(values(first), values(other_seed)) << name.text();
    if (role == TensorRole::kInput) {
      EXPECT_NE(values(first), values(other_variant));
    } else {
      EXPECT_EQ(values(first), values(other_variant));
    }
    for (const float value : values(first)) {
      if (role == TensorRole::kPositive) {
        EXPECT_GE(value, 0.5F);
      }
      if (role == TensorRole::kScale) {
        EXPECT_NEAR(value, 1.0F, 0.26F);
      }
      EXPECT_TRUE(std::isfinite(value));
    }
  }
}

TEST_F(RandomTensors, WeightsAreScaledByTheirFanIn) {
  const auto roles = tensor_roles(symbols_, network_);
  const auto environment = random_environment(network_, roles, 3, 0);
  for (const TensorDeclaration& tensor : network_.tensors) {
    const auto values = environment.at(tensor.name).values();
    if (roles.at(tensor.name) != TensorRole::kWeight || values.size() < 1000) continue;
    double squares = 0;
    for (const float value : values) squares += static_cast<double>(value) * static_cast<double>(value);
    const double fan_in = static_cast<double>(values.size()) / static_cast<double>(tensor.dims[0]);
    EXPECT_NEAR(squares / static_cast<double>(values.size()) * fan_in, 2, 0.3) << tensor.name.text();
  }
}

TEST(RandomValues, IntegersAreInRangeAndNeverZero) {
  std::set<std::int64_t> seen;
  for (const std::int64_t value : random_integers(1000, 3, 5)) seen.insert(value);
  EXPECT_EQ(seen, (std::set<std::int64_t>{-3, -2, -1, 1, 2, 3}));
  EXPECT_EQ(random_integers(10, 5, 1), random_integers(10, 5, 1));
  EXPECT_NE(random_integers(10, 5, 1), random_integers(10, 5, 2));
}

TEST(RandomValues, RealsFillTheInterval) {
  double sum = 0;
  float low = 1;
  float high = -1;
  for (const float value : random_reals(10000, 1)) {
    sum += static_cast<double>(value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_NEAR(sum / 10000, 0, 0.03);
  EXPECT_GE(low, -1.0F);
  EXPECT_LT(low, -0.99F);
  EXPECT_LT(high, 1.0F);
  EXPECT_GT(high, 0.99F);
}

}  // namespace
}  // namespace tessera
