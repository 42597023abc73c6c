#include "io/relay_operators.hpp"

#include <algorithm>
#include <unordered_map>

#include "io/names.hpp"

namespace tessera {
namespace {

using OperatorMap = std::unordered_map<std::string_view, const RelayOperator*>;

const OperatorMap& operators() {
  static const OperatorMap map = [] {
    OperatorMap result;
    for (const auto table : {relay_elementwise_operators(), relay_window_operators(), relay_shape_operators()}) {
      for (const RelayOperator& op : table) result.emplace(op.name, &op);
    }
    return result;
  }();
  return map;
}

std::string list_text(const std::vector<std::int64_t>& dims) {
  std::string out = "(";
  for (std::size_t i = 0; i < dims.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(dims[i]);
  return out + ")";
}

std::string plural(std::size_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

}  // namespace

void RelayCall::fail(const std::string& message) const {
  throw Error(ErrorCode::kInput, expression_.name + ": " + message, expression_.where);
}

void RelayCall::fail_at(std::string_view attribute, const std::string& message) const {
  const RelayAttribute* found = find(attribute);
  throw Error(ErrorCode::kInput, expression_.name + ": attribute '" + std::string(attribute) + "': " + message,
              found != nullptr ? found->where : expression_.where);
}

const RelayType& RelayCall::tensor(std::size_t i) const {
  if (arguments_[i].is_tuple) {
    throw Error(ErrorCode::kInput,
                name() + ": argument " + std::to_string(i + 1) + ": expected a tensor, found the tuple " +
                    arguments_[i].to_string(),
                argument_expressions_[i]->where);
  }
  return arguments_[i];
}

const RelayType& RelayCall::tensor(std::size_t i, std::size_t axes, const std::string& what) const {
  const RelayType& type = tensor(i);
  if (type.dims.size() != axes) {
    throw Error(ErrorCode::kInput,
                name() + ": " + what + ": expected a tensor of " + std::to_string(axes) +
                    (axes == 1 ? " axis" : " axes") + ", found " + type.to_string(),
                argument_expressions_[i]->where);
  }
  return type;
}

std::optional<double> RelayCall::literal(std::size_t i) const {
  const RelayExpression& e = *argument_expressions_[i];
  if (e.kind != RelayExpression::Kind::kLiteral) return std::nullopt;
  return e.number;
}

const RelayAttribute* RelayCall::find(std::string_view attribute) const {
  for (const RelayAttribute& a : expression_.attributes) {
    if (a.name == attribute && a.kind != RelayAttribute::Kind::kNone) return &a;
  }
  return nullptr;
}

bool RelayCall::is_list(std::string_view attribute) const {
  const RelayAttribute* a = find(attribute);
  return a != nullptr && a->kind == RelayAttribute::Kind::kSequence;
}

bool RelayCall::has(std::string_view attribute) const { return find(attribute) != nullptr; }

std::int64_t RelayCall::integer(std::string_view attribute, std::optional<std::int64_t> standard) const {
  const RelayAttribute* a = find(attribute);
  if (a == nullptr) {
    if (!standard) fail("attribute '" + std::string(attribute) + "' is missing");
    return *standard;
  }
  if (a->kind != RelayAttribute::Kind::kInteger && a->kind != RelayAttribute::Kind::kBoolean) {
    fail_at(attribute, "expected an integer, found '" + a->text + "'");
  }
  // Beyond this no extent, axis or count can lie, and sums of a few of them cannot overflow.
  if (a->integer > kMaxRelayInteger || a->integer < -kMaxRelayInteger) {
    fail_at(attribute, "expected an integer of at most 2^40 in size, found '" + a->text + "'");
  }
  return a->integer;
}

double RelayCall::number(std::string_view attribute, std::optional<double> standard) const {
  const RelayAttribute* a = find(attribute);
  if (a == nullptr) {
    if (!standard) fail("attribute '" + std::string(attribute) + "' is missing");
    return *standard;
  }
  if (a->kind != RelayAttribute::Kind::kInteger && a->kind != RelayAttribute::Kind::kFloat) {
    fail_at(attribute, "expected a number, found '" + a->text + "'");
  }
  return a->number;
}

bool RelayCall::boolean(std::string_view attribute, bool standard) const {
  const std::int64_t value = integer(attribute, standard ? 1 : 0);
  if (value != 0 && value != 1) fail_at(attribute, "expected True or False, found '" + std::to_string(value) + "'");
  return value == 1;
}

std::string RelayCall::text(std::string_view attribute, std::string_view standard) const {
  const RelayAttribute* a = find(attribute);
  if (a == nullptr) return std::string(standard);
  if (a->kind != RelayAttribute::Kind::kString) fail_at(attribute, "expected a string, found '" + a->text + "'");
  return a->text;
}

std::vector<std::int64_t> RelayCall::integers(std::string_view attribute,
                                              std::optional<std::vector<std::int64_t>> standard) const {
  const RelayAttribute* a = find(attribute);
  if (a == nullptr) {
    if (!standard) fail("attribute '" + std::string(attribute) + "' is missing");
    return *std::move(standard);
  }
  if (a->kind == RelayAttribute::Kind::kInteger) return {integer(attribute)};
  if (a->kind != RelayAttribute::Kind::kSequence) {
    fail_at(attribute, "expected a list of integers, found '" + a->text + "'");
  }
  std::vector<std::int64_t> out;
  const auto take = [&](const RelayAttribute& item) {
    if (item.kind != RelayAttribute::Kind::kInteger || item.integer > kMaxRelayInteger ||
        item.integer < -kMaxRelayInteger) {
      fail_at(attribute, "expected a list of integers, found '" + item.text + "' in it");
    }
    out.push_back(item.integer);
  };
  for (const RelayAttribute& item : a->items) {
    if (item.kind == RelayAttribute::Kind::kSequence) {  // [[0, 0], [1, 1]]: flattened
      for (const RelayAttribute& inner : item.items) take(inner);
    } else {
      take(item);
    }
  }
  if (out.size() > static_cast<std::size_t>(Value::kMaxDims)) {
    fail_at(attribute,
            "expected at most " + std::to_string(Value::kMaxDims) + " numbers, found " + std::to_string(out.size()));
  }
  return out;
}

std::int64_t RelayCall::axis(std::string_view attribute, std::optional<std::int64_t> standard, std::size_t axes) const {
  const std::int64_t value = integer(attribute, standard);
  const auto count = static_cast<std::int64_t>(axes);
  if (value < -count || value >= count) {
    fail_at(attribute, "axis " + std::to_string(value) + " does not exist: expected one of the " +
                           std::to_string(axes) + " axes of the operand");
  }
  return value < 0 ? value + count : value;
}

void RelayCall::only(std::string_view attribute, std::string_view supported) const {
  const std::string value = text(attribute, "");
  if (value.empty() || value == supported) return;
  fail_at(attribute, "found \"" + value + "\", but only \"" + std::string(supported) + "\" is supported");
}

void RelayCall::require_dims(const RelayType& found, const std::vector<std::int64_t>& wanted,
                             const std::string& what) const {
  if (found.dims == wanted) return;
  fail(what + ": expected extents " + list_text(wanted) + ", found " + list_text(found.dims));
}

RelayLowering lower_relay_call(const RelayExpression& call, std::span<const RelayType> arguments,
                               std::span<const RelayExpression* const> argument_expressions) {
  const auto found = operators().find(call.name);
  if (found == operators().end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, op] : operators()) names.push_back(name);
    std::string message = "unknown operator '" + call.name + "'";
    const std::string near = nearest_name(call.name, names);
    if (!near.empty()) message += "; did you mean '" + near + "'?";
    throw Error(ErrorCode::kInput, message, call.where);
  }
  const RelayOperator& op = *found->second;
  if (arguments.size() < op.min_arguments || arguments.size() > op.max_arguments) {
    const std::string wanted = op.min_arguments == op.max_arguments
                                   ? plural(op.min_arguments, "argument")
                                   : std::to_string(op.min_arguments) + " to " + plural(op.max_arguments, "argument");
    throw Error(ErrorCode::kInput, call.name + ": expected " + wanted + ", found " + std::to_string(arguments.size()),
                call.where);
  }
  for (const RelayAttribute& attribute : call.attributes) {
    if (std::find(op.attributes.begin(), op.attributes.end(), attribute.name) != op.attributes.end()) continue;
    std::string message = call.name + ": unknown attribute '" + attribute.name + "'";
    const std::string near = nearest_name(attribute.name, op.attributes);
    if (!near.empty()) {
      message += "; did you mean '" + near + "'?";
    } else if (op.attributes.empty()) {
      message += ": this operator has none";
    } else {
      message += ": expected one of";
      for (const std::string_view name : op.attributes) message += " " + std::string(name);
    }
    throw Error(ErrorCode::kInput, message, attribute.where);
  }
  const RelayCall view(call, arguments, argument_expressions);
  RelayLowering lowering = op.lower(view);
  if (lowering.children == 0) lowering.children = arguments.size();
  std::int64_t elements = 1;
  for (const std::int64_t extent : lowering.type.dims) {
    if (extent < 1 || extent > kMaxRelayInteger / elements) {
      view.fail("the result would be of extents " + list_text(lowering.type.dims) +
                ": expected positive extents and at most 2^40 elements");
    }
    elements *= extent;
  }
  if (lowering.type.dims.size() > static_cast<std::size_t>(Value::kMaxDims)) {
    view.fail("the result would have more than " + std::to_string(Value::kMaxDims) + " axes");
  }
  return lowering;
}

}  // namespace tessera
