#include "cluster/verification.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "cluster/random_tensors.hpp"
#include "cluster/reference_convolution.hpp"
#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/tensor/interpreter.hpp"

namespace tessera {
namespace {

// Multiplications up to which the 64-bit check is made: a fraction of a second.
constexpr std::int64_t kExactMultiplications = 8'000'000;
constexpr std::int64_t kExactMagnitude = 1 << 20;  // K * 2^40 stays below 2^63 for K up to 2^22

std::int64_t elements(std::span<const std::int64_t> dims) {
  std::int64_t count = 1;
  for (const std::int64_t extent : dims) count *= extent;
  return count;
}

std::string text_of(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : " ") + std::to_string(dims[i]);
  return text + "]";
}

// The program's one result on the given operands; failure is set when there is none to compare.
template <class T>
std::vector<T> run(const SymbolTable& symbols, const Expression& program, std::uint32_t root, const Layer& layer,
                   const LayerInputs& inputs, std::span<const T> data, std::span<const T> weights,
                   std::string& failure) {
  Environment<T> environment;
  environment.emplace(inputs.data, make_tensor<T>(data_dims(layer), 0, data));
  environment.emplace(inputs.weight, make_tensor<T>(weight_dims(layer), 0, weights));
  try {
    const std::vector<Tensor<T>> results = interpret<T>(symbols, program, {&root, 1}, environment);
    if (results.size() != 1 || results[0].dims != output_dims(layer)) {
      failure = "the program gives " + (results.size() == 1 ? text_of(results[0].dims) : "a tuple") + ", expected " +
                text_of(output_dims(layer));
      return {};
    }
    return {results[0].values().begin(), results[0].values().end()};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInput) throw;
    failure = std::string("the program cannot be run: ") + error.what();
    return {};
  }
}

template <class T>
double largest_difference(std::span<const T> a, std::span<const T> b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (a[i] != b[i]) largest = std::max(largest, std::isnan(difference) ? HUGE_VAL : difference);
  }
  return largest;
}

struct Operands {
  std::vector<float> data;
  std::vector<float> weights;
};

Operands random_operands(const Layer& layer, std::uint64_t seed, std::uint64_t variant, Arithmetic arithmetic) {
  const auto data_count = static_cast<std::size_t>(elements(data_dims(layer)));
  const auto weight_count = static_cast<std::size_t>(elements(weight_dims(layer)));
  const std::uint64_t data_seed = hash_combine(seed, 2 + variant);
  const std::uint64_t weight_seed = hash_combine(seed, 1);
  if (arithmetic == Arithmetic::kFloat)
    return {random_reals(data_count, data_seed), random_reals(weight_count, weight_seed)};
  // K * magnitude^2 < 2^24.
  const auto magnitude = static_cast<std::int64_t>(std::sqrt(((1 << 24) - 1) / static_cast<double>(layer.k)));
  if (magnitude < 1) {
    throw Error(ErrorCode::kInput, "layer " + layer.name + ": sums of " + std::to_string(layer.k) +
                                       " products are not exact in float32; only the float check is possible");
  }
  const std::vector<std::int64_t> data = random_integers(data_count, magnitude, data_seed);
  const std::vector<std::int64_t> weights = random_integers(weight_count, magnitude, weight_seed);
  return {{data.begin(), data.end()}, {weights.begin(), weights.end()}};
}

// On 64-bit integers against the loop: empty when equal, or not tried because the layer is large.
std::string check_exactly(const SymbolTable& symbols, const Expression& program, std::uint32_t root, const Layer& layer,
                          const LayerInputs& inputs, std::uint64_t seed) {
  const std::int64_t outputs = elements(output_dims(layer));
  if (outputs > kExactMultiplications / layer.k) return {};
  const std::vector<std::int64_t> data =
      random_integers(static_cast<std::size_t>(elements(data_dims(layer))), kExactMagnitude, hash_combine(seed, 4));
  const std::vector<std::int64_t> weights =
      random_integers(static_cast<std::size_t>(elements(weight_dims(layer))), kExactMagnitude, hash_combine(seed, 5));
  std::string failure;
  const std::vector<std::int64_t> found =
      run<std::int64_t>(symbols, program, root, layer, inputs, data, weights, failure);
  if (failure.empty() && found != exact_layer(layer, data, weights)) failure = "64-bit integer results differ";
  return failure;
}

}  // namespace

LayerCheck verify_layer(const SymbolTable& symbols, const Expression& program, std::uint32_t root, const Layer& layer,
                        const LayerInputs& inputs, std::uint64_t seed, Arithmetic arithmetic) {
  LayerCheck check;
  check.tolerance = arithmetic == Arithmetic::kInteger ? 0 : 0x1p-22 * static_cast<double>(layer.k);
  check.exact = true;
  std::array<std::vector<float>, 2> results;
  for (std::size_t variant = 0; variant < 2; ++variant) {
    const Operands operands = random_operands(layer, seed, variant, arithmetic);
    std::vector<float>& found = results[variant];
    found = run<float>(symbols, program, root, layer, inputs, operands.data, operands.weights, check.failure);
    if (!check.failure.empty()) {
      check.exact = false;
      check.max_abs_err = HUGE_VAL;
      return check;
    }
    const std::vector<float> expected = reference_layer(layer, operands.data, operands.weights);
    CHECK(expected.size() == found.size());
    const double error = largest_difference<float>(found, expected);
    check.exact = check.exact && error == 0;
    check.max_abs_err = std::max(check.max_abs_err, error);
  }
  check.output_depends_on_input = results[0] != results[1];
  if (!(check.max_abs_err <= check.tolerance)) {
    check.failure = "differs from the convolution by up to " + fmt::format("{:.3g}", check.max_abs_err) +
                    ", tolerance " + fmt::format("{:.3g}", check.tolerance);
  } else if (!check.output_depends_on_input) {
    check.failure = "the result does not depend on the data";
  } else if (arithmetic == Arithmetic::kInteger) {
    check.failure = check_exactly(symbols, program, root, layer, inputs, seed);
    check.exact = check.exact && check.failure.empty();
  }
  check.passed = check.failure.empty();
  return check;
}

}  // namespace tessera
