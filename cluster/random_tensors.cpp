#include "cluster/random_tensors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <unordered_set>

#include "engine/base/hash.hpp"

namespace tessera {
namespace {

// splitmix64: the same numbers everywhere, which the distributions of the standard library do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  double uniform(double low, double high) { return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53; }
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }

 private:
  std::uint64_t state_;
};

// What the nodes above a node ask of its value.
struct Demand {
  bool needed = false;
  bool positive = false;
  bool scale = false;
  bool divisor_pair = false;  // its second part is a divisor
  std::int64_t distance = 0;  // longest way to a root
};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Operators whose result holds only elements of their operands.
bool only_moves(std::string_view op, std::string_view opaque) {
  if (op == "relay-operator-call") {
    return is_one_of(opaque, {"relay-expand-dims", "relay-reshape", "relay-squeeze", "relay-transpose", "relay-copy",
                              "relay-cast", "relay-dropout", "relay-batch-flatten", "relay-strided-slice", "relay-take",
                              "relay-split", "relay-concatenate", "relay-stack", "relay-upsampling"});
  }
  return op.starts_with("access") || op == "tuple-get-item" || op == "construct-tuple";
}

void pass_to_kids(const Symbol& symbol, const ExpressionNode& node, const Demand& mine, std::vector<Demand>& demands) {
  const std::string_view op = symbol.name.text();
  const bool named = !symbol.attributes.empty() && symbol.attributes[0].kind == ValueKind::kName;
  const std::string_view what = named ? symbol.attributes[0].as_name().text() : std::string_view{};
  const bool root = is_one_of(what, {"relay-sqrt", "relay-rsqrt", "relay-log", "sqrt"});
  const bool product = is_one_of(what, {"relay-multiply", "relay-mul", "elementwise-mul"});
  const bool sum = is_one_of(what, {"relay-add", "elementwise-add", "reduce-sum", "reduce-mean", "reduce-max",
                                    "relay-maximum", "relay-mean", "relay-sum"});
  const bool quotient = is_one_of(what, {"relay-divide", "elementwise-div"});
  const bool norm = what == "relay-batch-norm-inference" || what == "relay-layer-norm";
  const bool moves = only_moves(op, what);
  for (std::size_t i = 0; i < node.kids.size(); ++i) {
    Demand& kid = demands[node.kids[i]];
    kid.needed = true;
    kid.distance = std::max(kid.distance, mine.distance + 1);
    if (root || (quotient && op != "compute" && i == 1) || (what == "relay-batch-norm-inference" && i == 4)) {
      kid.positive = true;
    }
    if (mine.divisor_pair && i == 1) kid.positive = true;
    if (quotient && op == "compute") kid.divisor_pair = true;
    if (mine.positive && (moves || product || sum || quotient)) kid.positive = true;
    if (product || (norm && i == 1) || (mine.scale && moves)) kid.scale = true;
  }
}

bool is_vector(const std::vector<std::int64_t>& dims) {
  return std::count_if(dims.begin(), dims.end(), [](std::int64_t extent) { return extent > 1; }) <= 1;
}

std::size_t count_of(const std::vector<std::int64_t>& dims) {
  std::size_t count = 1;
  for (const std::int64_t extent : dims) count *= static_cast<std::size_t>(extent);
  return count;
}

std::uint64_t seed_of(const TensorDeclaration& tensor, std::uint64_t seed) {
  return hash_combine(seed, tensor.name.hash());
}

std::vector<float> values_of(const TensorDeclaration& tensor, TensorRole role, std::uint64_t seed,
                             std::uint64_t variant) {
  Random random(seed);
  std::vector<float> values(count_of(tensor.dims));
  const auto fill = [&](double low, double high) {
    for (float& value : values) value = static_cast<float>(random.uniform(low, high));
  };
  switch (role) {
    case TensorRole::kPositive:
      fill(0.5, 1.5);
      break;
    case TensorRole::kScale:
      fill(0.75, 1.25);
      break;
    case TensorRole::kShift:
      fill(-0.25, 0.25);
      break;
    case TensorRole::kWeight: {
      const double fan_in = static_cast<double>(values.size()) / static_cast<double>(tensor.dims[0]);
      const double bound = std::sqrt(6 / fan_in);  // variance bound^2 / 3
      fill(-bound, bound);
      break;
    }
    case TensorRole::kInput: {
      const std::size_t axes = tensor.dims.size();
      const std::size_t plane = axes < 3 ? 1 : count_of({tensor.dims[axes - 2], tensor.dims[axes - 1]});
      Random noise(hash_combine(seed, variant));
      double mean = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (i % plane == 0) {
          mean = random.uniform(0.5, 1) * (random.integer(0, 1) == 0 ? 1 : -1);
          if (variant % 2 == 1) mean = -mean;
        }
        values[i] = static_cast<float>(mean + noise.uniform(-0.5, 0.5));
      }
      break;
    }
  }
  return values;
}

std::vector<std::int64_t> integers_of(const TensorDeclaration& tensor, TensorRole role, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int64_t> values(count_of(tensor.dims));
  const std::int64_t low = role == TensorRole::kPositive ? 1 : -8;
  for (std::int64_t& value : values) value = random.integer(low, 8);
  return values;
}

}  // namespace

std::unordered_map<Name, TensorRole> tensor_roles(const SymbolTable& symbols, const Network& network) {
  const Expression& program = network.program;
  std::vector<Demand> demands(program.size());
  for (const std::uint32_t root : program.roots) demands[root].needed = true;
  std::unordered_map<Name, Demand> of_tensor;
  for (std::size_t i = program.size(); i-- > 0;) {
    if (!demands[i].needed) continue;
    const ExpressionNode& node = program[static_cast<std::uint32_t>(i)];
    const Symbol& symbol = symbols[node.symbol];
    pass_to_kids(symbol, node, demands[i], demands);
    if (symbol.name.text() == "access-tensor") of_tensor[symbol.attributes[0].as_name()] = demands[i];
  }
  std::unordered_set<Name> weights;
  for (const Layer& layer : network.layers) weights.insert(layer.weight);
  std::unordered_map<Name, TensorRole> roles;
  const TensorDeclaration* input = nullptr;
  for (const TensorDeclaration& tensor : network.tensors) {
    const auto found = of_tensor.find(tensor.name);
    if (found == of_tensor.end()) continue;
    const Demand& demand = found->second;
    const bool vector = is_vector(tensor.dims);
    TensorRole role = vector ? TensorRole::kShift : TensorRole::kWeight;
    if (demand.scale && vector) role = TensorRole::kScale;
    if (demand.positive) role = TensorRole::kPositive;
    roles[tensor.name] = role;
    if (role == TensorRole::kPositive || role == TensorRole::kScale || weights.contains(tensor.name)) continue;
    if (input == nullptr || demand.distance > of_tensor.at(input->name).distance) input = &tensor;
  }
  if (input != nullptr) roles[input->name] = TensorRole::kInput;
  return roles;
}

Environment<float> random_environment(const Network& network, const std::unordered_map<Name, TensorRole>& roles,
                                      std::uint64_t seed, std::uint64_t variant) {
  Environment<float> environment;
  for (const TensorDeclaration& tensor : network.tensors) {
    const auto role = roles.find(tensor.name);
    if (role == roles.end()) continue;
    const std::vector<float> values = values_of(tensor, role->second, seed_of(tensor, seed), variant);
    environment.emplace(tensor.name, make_tensor<float>(tensor.dims, 0, values));
  }
  return environment;
}

Environment<std::int64_t> random_integer_environment(const Network& network,
                                                     const std::unordered_map<Name, TensorRole>& roles,
                                                     std::uint64_t seed, std::uint64_t variant) {
  Environment<std::int64_t> environment;
  for (const TensorDeclaration& tensor : network.tensors) {
    const auto role = roles.find(tensor.name);
    if (role == roles.end()) continue;
    const std::uint64_t its_own = hash_combine(seed_of(tensor, seed), role->second == TensorRole::kInput ? variant : 0);
    const std::vector<std::int64_t> values = integers_of(tensor, role->second, its_own);
    environment.emplace(tensor.name, make_tensor<std::int64_t>(tensor.dims, 0, values));
  }
  return environment;
}

std::vector<std::int64_t> random_integers(std::size_t count, std::int64_t magnitude, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::int64_t> values(count);
  for (std::int64_t& value : values) {
    value = random.integer(1, 2 * magnitude);
    if (value > magnitude) value = magnitude - value;
  }
  return values;
}

std::vector<float> random_reals(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.uniform(-1, 1));
  return values;
}

}  // namespace tessera
