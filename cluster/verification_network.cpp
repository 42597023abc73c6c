// The whole extracted network against the whole original: see verification.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>
#include <vector>

#include "cluster/random_tensors.hpp"
#include "cluster/reference_convolution.hpp"
#include "cluster/verification.hpp"
#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/tensor/interpreter.hpp"

namespace tessera {
namespace {

// The original with every layer's result replaced by a tensor of the environment, so that the parts between the layers
// can be interpreted one after the other and the layers computed by oneDNN.
class ReferenceRun {
 public:
  ReferenceRun(const SymbolTable& symbols, const Network& network) : symbols_(symbols), layers_(network.layers) {
    const Expression& program = network.program;
    std::vector<std::uint32_t> copy_of(program.size());
    std::vector<std::size_t> layer_of(program.size(), layers_.size());
    for (std::size_t i = 0; i < layers_.size(); ++i) layer_of[layers_[i].output] = i;
    std::vector<std::uint32_t> kids;
    for (std::uint32_t node = 0; node < program.size(); ++node) {
      kids.clear();
      SymbolId symbol = program[node].symbol;
      if (layer_of[node] < layers_.size()) {
        const Value name = Value::name(name_of(layer_of[node]));
        symbol = symbols_.intern(Name("access-tensor"), {&name, 1}, 0);
      } else {
        for (const std::uint32_t kid : program[node].kids) kids.push_back(copy_of[kid]);
      }
      copy_of[node] = parts_.add(symbol, kids);
    }
    for (const Layer& layer : layers_) operands_.push_back({copy_of[layer.data_node], copy_of[layer.weight_node]});
    for (const std::uint32_t root : program.roots) roots_.push_back(copy_of[root]);
  }

  std::vector<Tensor<float>> run(Environment<float> environment) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      const std::vector<Tensor<float>> operands = interpret<float>(symbols_, parts_, operands_[i], environment);
      CHECK(operands.size() == 2);
      environment.insert_or_assign(name_of(i), result(layer, operands[0].values(), operands[1].values()));
    }
    return interpret<float>(symbols_, parts_, roots_, environment);
  }

  // Scales the layers' weights so that each layer's results have standard deviation 1 for this input: no matter how the
  // network pads, pools and adds, its signal neither fades behind the constants nor explodes (layer-sequential
  // unit-variance initialization: Mishkin and Matas, "All you need is a good init", ICLR 2016). A weight that several
  // layers share is scaled for the first.
  void calibrate(Environment<float>& weights) const {
    Environment<float> environment = weights;
    std::unordered_set<Name> scaled;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      const std::vector<Tensor<float>> operands = interpret<float>(symbols_, parts_, operands_[i], environment);
      Tensor<float> output = result(layer, operands[0].values(), operands[1].values());
      const double deviation = standard_deviation(output.values());
      const auto weight = weights.find(layer.weight);
      if (weight != weights.end() && deviation > 0 && std::isfinite(deviation) && scaled.insert(layer.weight).second) {
        const auto factor = static_cast<float>(1 / deviation);
        weight->second = multiplied(weight->second, factor);
        environment.insert_or_assign(layer.weight, weight->second);
        output = multiplied(output, factor);
      }
      environment.insert_or_assign(name_of(i), output);
    }
  }

 private:
  static double standard_deviation(std::span<const float> values) {
    double sum = 0;
    double squares = 0;
    for (const float value : values) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const auto count = static_cast<double>(values.size());
    return std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count)));
  }

  static Tensor<float> multiplied(const Tensor<float>& tensor, float factor) {
    std::vector<float> values(tensor.values().begin(), tensor.values().end());
    for (float& value : values) value *= factor;
    return make_tensor<float>(tensor.dims, tensor.split, values);
  }

  // No atom of a program has a space in it.
  static Name name_of(std::size_t layer) { return Name("result of layer " + std::to_string(layer)); }

  static Tensor<float> result(const Layer& layer, std::span<const float> data, std::span<const float> weights) {
    return make_tensor<float>(output_dims(layer), 0, reference_layer(layer, data, weights));
  }

  SymbolTable symbols_;
  std::vector<Layer> layers_;
  Expression parts_;
  std::vector<std::array<std::uint32_t, 2>> operands_;  // data, weights
  std::vector<std::uint32_t> roots_;
};

struct Difference {
  double absolute = 0;
  double relative = 0;
};

template <class T>
Difference difference(const std::vector<Tensor<T>>& a, const std::vector<Tensor<T>>& b) {
  Difference result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double largest = 0;
    double magnitude = 0;
    for (std::size_t k = 0; k < a[i].size(); ++k) {
      const T left = a[i].values()[k];
      const T right = b[i].values()[k];
      const double apart = std::abs(static_cast<double>(left) - static_cast<double>(right));
      if (left != right) largest = std::max(largest, std::isnan(apart) ? HUGE_VAL : apart);
      if (left == right || !std::isnan(apart)) magnitude = std::max(magnitude, std::abs(static_cast<double>(right)));
    }
    result.absolute = std::max(result.absolute, largest);
    if (largest > 0) result.relative = std::max(result.relative, magnitude > 0 ? largest / magnitude : HUGE_VAL);
  }
  return result;
}

template <class T>
bool same_extents(const std::vector<Tensor<T>>& a, const std::vector<Tensor<T>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor<T>& left, const Tensor<T>& right) { return left.dims == right.dims; });
}

class NetworkComparison {
 public:
  explicit NetworkComparison(double tolerance) { check_.tolerance = tolerance; }

  template <class T>
  void compare(const std::vector<Tensor<T>>& found, const std::vector<Tensor<T>>& expected, const char* with) {
    if (!same_extents(found, expected)) {
      fail(std::string("the results' extents differ from those of ") + with);
      return;
    }
    const Difference apart = difference(found, expected);
    check_.max_abs_err = std::max(check_.max_abs_err, apart.absolute);
    check_.max_rel_err = std::max(check_.max_rel_err, apart.relative);
    if (!(apart.relative <= check_.tolerance)) {
      fail(std::string("differs from ") + with + " by " + fmt::format("{:.3g}", apart.relative) +
           " of the largest magnitude, tolerance " + fmt::format("{:.3g}", check_.tolerance));
    }
  }

  template <class T>
  void sensitivity(const std::vector<Tensor<T>>& first, const std::vector<Tensor<T>>& second) {
    check_.input_sensitivity = difference(first, second).relative;
    check_.output_depends_on_input = check_.input_sensitivity >= kNetworkSensitivity;
    if (!check_.output_depends_on_input) {
      fail("the original's results for two inputs differ by only " + fmt::format("{:.3g}", check_.input_sensitivity) +
           " of the largest magnitude: a comparison on these weights proves nothing");
    }
  }

  void fail(const std::string& reason) {
    if (check_.failure.empty()) check_.failure = reason;
  }
  NetworkCheck finish(std::size_t reference_layers) {
    check_.reference_layers = reference_layers;
    check_.exact = check_.failure.empty() && check_.max_abs_err == 0;
    check_.passed = check_.failure.empty();
    return check_;
  }

 private:
  NetworkCheck check_;
};

bool all_integers(const Network& network) {
  return std::none_of(network.tensors.begin(), network.tensors.end(),
                      [](const TensorDeclaration& tensor) { return is_floating_point(tensor.dtype); });
}

}  // namespace

NetworkCheck verify_network(const SymbolTable& symbols, const Network& original, const Expression& extracted,
                            std::span<const std::uint32_t> extracted_roots, std::uint64_t seed) {
  const auto roles = tensor_roles(symbols, original);
  const std::span<const std::uint32_t> roots = original.program.roots;
  const bool integers = all_integers(original);
  NetworkComparison comparison(integers ? 0 : kNetworkTolerance);
  // Only the extracted program may be at fault: an original that cannot be run is an error of the model.
  const auto run_extracted = [&]<class T>(const Environment<T>& environment) -> std::vector<Tensor<T>> {
    try {
      return interpret<T>(symbols, extracted, extracted_roots, environment);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInput) throw;
      comparison.fail(std::string("the extracted program cannot be run: ") + error.what());
      return {};
    }
  };
  if (integers) {
    std::array<std::vector<Tensor<std::int64_t>>, 2> expected;
    for (std::uint64_t variant = 0; variant < 2; ++variant) {
      const auto environment = random_integer_environment(original, roles, seed, variant);
      expected[variant] = interpret<std::int64_t>(symbols, original.program, roots, environment);
      comparison.compare(run_extracted(environment), expected[variant], "the original");
    }
    comparison.sensitivity(expected[0], expected[1]);
    return comparison.finish(0);
  }
  const ReferenceRun reference(symbols, original);
  std::array<std::vector<Tensor<float>>, 2> expected;
  Environment<float> environment = random_environment(original, roles, seed, 0);
  reference.calibrate(environment);
  for (std::uint64_t variant = 0; variant < 2; ++variant) {
    if (variant == 1) {
      const Environment<float> other = random_environment(original, roles, seed, 1);
      for (const auto& [name, role] : roles) {
        if (role == TensorRole::kInput) environment.insert_or_assign(name, other.at(name));
      }
    }
    expected[variant] = reference.run(environment);
    const std::vector<Tensor<float>> found = run_extracted(environment);
    comparison.compare(found, expected[variant], "the original with layers by oneDNN");
    if (variant == 0) {
      comparison.compare(found, interpret<float>(symbols, original.program, roots, environment), "the original");
    }
  }
  comparison.sensitivity(expected[0], expected[1]);
  return comparison.finish(original.layers.size());
}

}  // namespace tessera
