#include "engine/tensor/tensor_language.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"

namespace tessera {
namespace {

enum Accessor : int {
  kGetAccessShape,
  kShapeOf,
  kItemOf,
  kDim,
  kRank,
  kItemRank,
  kNdim,
  kShapeSize,
  kItemSize,
  kZeroOutside,
  kDtype,
};

struct AccessorInfo {
  std::string_view name;
  std::size_t arguments;  // after the e-class, all integers
};

constexpr std::array<AccessorInfo, 11> kAccessors{{{"get-access-shape", 0},
                                                   {"shape-of", 0},
                                                   {"item-of", 0},
                                                   {"dim", 1},
                                                   {"rank", 0},
                                                   {"item-rank", 0},
                                                   {"ndim", 0},
                                                   {"shape-size", 0},
                                                   {"item-size", 0},
                                                   {"zero-outside", 3},
                                                   {"dtype", 0}}};

// Insertions, deletions and replacements that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

constexpr std::size_t kLongestSuggestion = 200;  // words longer than this are not misspellings

// Keeps the nearest candidate within a third of the word's length; of equally near ones the first in the alphabet.
struct Nearest {
  std::string_view word;
  std::size_t distance;
  std::string_view best = {};

  explicit Nearest(std::string_view misspelled)
      : word(misspelled), distance(std::max<std::size_t>(1, misspelled.size() / 3) + 1) {}
  void consider(std::string_view candidate) {
    if (word.size() > kLongestSuggestion) return;
    const std::size_t d = edit_distance(word, candidate);
    if (d < distance || (d == distance && !best.empty() && candidate < best)) {
      distance = d;
      best = candidate;
    }
  }
};

std::int64_t integer(const Value& value) {
  if (value.kind != ValueKind::kInt)
    throw Error(ErrorCode::kInput, "found " + value.to_string() + ", expected an integer");
  return value.as_int();
}

std::int64_t axis_of(const TensorType& type, const Value& value) {
  const std::int64_t axis = integer(value);
  if (axis < 0 || axis >= static_cast<std::int64_t>(type.axes())) {
    throw Error(ErrorCode::kInput, "found axis " + std::to_string(axis) + " of " + type.to_string() +
                                       ", expected an axis from 0 to below " + std::to_string(type.axes()));
  }
  return axis;
}

}  // namespace

TensorLanguage::TensorLanguage() {
  const std::vector<TensorOperatorInfo>& operators = tensor_operators();
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const Name name(operators[i].name);
    if (name.index() >= operator_of_name_.size()) operator_of_name_.resize(name.index() + 1, 0);
    operator_of_name_[name.index()] = static_cast<std::uint8_t>(i + 1);
  }
}

const TensorOperatorInfo* TensorLanguage::find(Name op) const {
  const std::uint8_t index = op.index() < operator_of_name_.size() ? operator_of_name_[op.index()] : 0;
  return index == 0 ? nullptr : &tensor_operators()[index - 1U];
}

void TensorLanguage::declare(const TensorDeclaration& declaration) {
  const std::string what = "tensor '" + std::string(declaration.name.text()) + "'";
  if (is_reserved_name(declaration.name.text())) {
    throw Error(ErrorCode::kInput, what + ": the name is reserved, expected another");
  }
  for (const std::int64_t extent : declaration.dims) {
    if (extent < 1) {
      throw Error(ErrorCode::kInput, what + ": found extent " + std::to_string(extent) + ", expected 1 or more");
    }
  }
  DataWords words;
  try {
    AccessType(declaration.dtype, declaration.dims, 0).encode(words);
  } catch (const Error& error) {
    throw Error(error.code(), what + ": " + error.message());
  }
  const auto [known, is_new] = tensors_.try_emplace(declaration.name, words);
  if (!is_new && known->second != words) {
    throw Error(ErrorCode::kInput,
                what + ": declared twice, as " + describe(known->second) + " and as " + describe(words));
  }
}

std::optional<Signature> TensorLanguage::signature(Name op) const {
  const TensorOperatorInfo* info = find(op);
  if (info == nullptr) return std::nullopt;
  return Signature{info->arguments};
}

std::optional<SymbolId> TensorLanguage::leaf(SymbolTable& symbols, std::string_view atom) const {
  const bool number = !atom.empty() && (std::string_view("0123456789").find(atom[0]) != std::string_view::npos ||
                                        ((atom[0] == '-' || atom[0] == '+' || atom[0] == '.') && atom.size() > 1));
  if (atom.empty() || number || is_reserved_name(atom)) return std::nullopt;
  const Value name = Value::name(Name(atom));
  return symbols.intern(Name("access-tensor"), std::span(&name, 1), 0);
}

std::string TensorLanguage::suggestion(std::string_view word) const {
  Nearest nearest(word);
  for (const TensorOperatorInfo& info : tensor_operators()) nearest.consider(info.name);
  for (const AccessorInfo& info : kAccessors) nearest.consider(info.name);
  return std::string(nearest.best);
}

void TensorLanguage::make(const Symbol& symbol, std::span<const DataView> kids, DataWords& out) const {
  const TensorOperatorInfo* info = find(symbol.name);
  const inference::NodeTypes node(symbol, kids);
  if (info == nullptr)
    node.fail("operator '" + std::string(symbol.name.text()) + "'", "an operator of the tensor language");
  switch (info->op) {
    case TensorOperator::kAccessTensor: {
      node.expect_arity(0);
      const Name name = node.name(0);
      const auto found = tensors_.find(name);
      if (found != tensors_.end()) {
        out = found->second;
        return;
      }
      Nearest nearest(name.text());
      for (const auto& [declared, words] : tensors_) nearest.consider(declared.text());
      node.fail("tensor '" + std::string(name.text()) + "', which is not declared",
                nearest.best.empty() ? "a declared tensor"
                                     : "a declared tensor (did you mean '" + std::string(nearest.best) + "'?)");
    }
    case TensorOperator::kCompute:
    case TensorOperator::kSystolicArray:
    case TensorOperator::kSystolicArrayWithBlocking:
    case TensorOperator::kSystolicConv2dNchw:
    case TensorOperator::kSystolicConv2dNhwc:
      return inference::infer_compute(info->op, node, out);
    case TensorOperator::kRelayCall:
      return inference::infer_relay(node, out);
    default:
      return inference::infer_access(info->op, node, out);
  }
}

bool TensorLanguage::join(DataWords& into, DataView other) const {
  if (std::ranges::equal(into, other)) return false;
  const TensorType a(into);
  const TensorType b(other);
  const auto disagree = [&] {
    throw Error(ErrorCode::kInput, "shapes disagree: " + a.to_string() + " vs " + b.to_string());
  };
  if (a.is_tuple() != b.is_tuple()) disagree();
  if (a.is_tuple()) {
    if (a.part_count() != b.part_count()) disagree();
    std::vector<DataWords> parts;
    bool changed = false;
    for (std::size_t i = 0; i < a.part_count(); ++i) {
      const DataView part = a.part(i);
      parts.emplace_back(part.begin(), part.end());
      changed = join(parts.back(), b.part(i)) || changed;
    }
    const std::vector<DataView> views(parts.begin(), parts.end());
    if (changed) encode_tuple(views, into);
    return changed;
  }
  if (a.dtype() != b.dtype() || a.split() != b.split() || !std::ranges::equal(a.dims(), b.dims())) disagree();
  AccessType both(a);
  both.zero = a.zero_regions();
  const ZeroRegions more = b.zero_regions();
  both.zero.insert(both.zero.end(), more.begin(), more.end());
  DataWords words;
  both.encode(words);
  if (words == into) return false;
  into = std::move(words);
  return true;
}

int TensorLanguage::accessor(std::string_view function) const {
  for (std::size_t i = 0; i < kAccessors.size(); ++i) {
    if (kAccessors[i].name == function) return static_cast<int>(i);
  }
  return -1;
}

Value TensorLanguage::access(int accessor, DataView data, std::span<const Value> arguments) const {
  CHECK(accessor >= 0 && static_cast<std::size_t>(accessor) < kAccessors.size());
  const AccessorInfo& info = kAccessors[static_cast<std::size_t>(accessor)];
  if (arguments.size() != info.arguments) {
    throw Error(ErrorCode::kInput, "'" + std::string(info.name) + "' found " + std::to_string(arguments.size()) +
                                       " arguments after the e-class, expected " + std::to_string(info.arguments));
  }
  const TensorType type(data);
  if (type.is_tuple()) {
    throw Error(ErrorCode::kInput, "'" + std::string(info.name) + "' found a tuple, expected an access");
  }
  switch (accessor) {
    case kGetAccessShape:
      return Value::access_shape(type.shape(), type.item());
    case kShapeOf:
      return Value::shape(type.shape());
    case kItemOf:
      return Value::shape(type.item());
    case kDim:
      return Value::integer(type.dim(static_cast<std::size_t>(axis_of(type, arguments[0]))));
    case kRank:
      return Value::integer(static_cast<std::int64_t>(type.split()));
    case kItemRank:
      return Value::integer(static_cast<std::int64_t>(type.item().size()));
    case kNdim:
      return Value::integer(static_cast<std::int64_t>(type.axes()));
    case kShapeSize:
      return Value::integer(product_of(type.shape()));
    case kItemSize:
      return Value::integer(product_of(type.item()));
    case kZeroOutside: {
      const std::int64_t axis = axis_of(type, arguments[0]);
      const std::int64_t extent = type.dim(static_cast<std::size_t>(axis));
      const std::int64_t low = integer(arguments[1]);
      const std::int64_t high = integer(arguments[2]);
      if (low < 0 || low > high || high > extent) {
        throw Error(ErrorCode::kInput, "'zero-outside' found the range " + std::to_string(low) + " to " +
                                           std::to_string(high) + " of extent " + std::to_string(extent) +
                                           ", expected 0 <= low <= high <= extent");
      }
      const ZeroRegions zero = type.zero_regions();
      return Value::boolean(is_zero(zero, axis, 0, low) && is_zero(zero, axis, high, extent));
    }
    case kDtype:
      return Value::name(Name(dtype_name(type.dtype())));
    default:
      CHECK(false);
  }
}

}  // namespace tessera
