#include "io/relay_reader.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/tensor/lowering.hpp"
#include "io/layer_names.hpp"
#include "io/names.hpp"
#include "io/relay_operators.hpp"
#include "io/relay_parser.hpp"

namespace tessera {
namespace {

// What an expression of the module has become: a node of the program, or a tuple of such.
struct ReadValue {
  RelayType type;
  std::uint32_t node = 0;
  std::vector<ReadValue> fields;
  bool is_usable = true;  // false: the mask of a dropout
};

class Reader {
 public:
  Reader(RelayFunction function, const std::string& file, SymbolTable& symbols, TensorLanguage& language)
      : function_(std::move(function)), file_(file), symbols_(symbols), language_(language) {}

  Network read();

 private:
  void declare_parameters();
  void index_bindings();
  void evaluate_up_to(std::uint32_t expression);
  ReadValue evaluate(const RelayExpression& e);
  ReadValue evaluate_variable(const RelayExpression& e);
  ReadValue evaluate_call(const RelayExpression& e);
  ReadValue evaluate_projection(const RelayExpression& e);
  [[noreturn]] void fail_unresolved(const RelayExpression& e);
  // Whether binding `from` needs binding `to`, directly or through others; the way is kept in `path`.
  bool reaches(std::size_t from, std::size_t to, std::vector<std::size_t>& path);

  void check_dtypes(const RelayType& type, const Where& where) const;
  std::uint32_t node(Name op, const std::vector<Value>& attributes, const std::vector<std::uint32_t>& kids) {
    return network_.program.add(symbols_.intern(op, attributes, static_cast<std::uint32_t>(kids.size())), kids);
  }
  std::uint32_t opaque_call(const RelayLowering& lowering, const std::vector<std::uint32_t>& kids);
  void add_layer(const RelayLowering& lowering, const Lowered& lowered, std::uint32_t data, std::uint32_t weight);
  void add_roots(const ReadValue& value);

  RelayFunction function_;
  const std::string& file_;
  SymbolTable& symbols_;
  TensorLanguage& language_;
  Network network_;
  LayerNames layer_names_;
  std::vector<ReadValue> values_;  // of the expressions evaluated so far
  std::unordered_map<std::string_view, ReadValue> parameters_;
  std::unordered_map<std::string_view, std::size_t> binding_of_name_;
  std::size_t bound_ = 0;  // bindings before this one are evaluated
  const Name access_tensor_{"access-tensor"};
  const Name access_literal_{"access-literal"};
  const Name relay_operator_call_{"relay-operator-call"};
  const Name tuple_get_item_{"tuple-get-item"};
};

Network Reader::read() {
  network_.name = file_;
  declare_parameters();
  index_bindings();
  values_.reserve(function_.expressions.size());
  // The parser appends a binding's expressions before its own name is known, so expressions are in binding order.
  for (; bound_ < function_.bindings.size(); ++bound_) evaluate_up_to(function_.bindings[bound_].expression);
  evaluate_up_to(function_.result);
  const ReadValue& result = values_[function_.result];
  if (function_.result_type && *function_.result_type != result.type) {
    throw Error(ErrorCode::kInput,
                "@main is declared to return " + function_.result_type->to_string() + ", but its result is " +
                    result.type.to_string(),
                function_.result_type_where);
  }
  add_roots(result);
  return std::move(network_);
}

void Reader::check_dtypes(const RelayType& type, const Where& where) const {
  if (type.is_tuple) {
    for (const RelayType& field : type.fields) check_dtypes(field, where);
    return;
  }
  if (type.dims.size() > static_cast<std::size_t>(Value::kMaxDims)) {
    throw Error(ErrorCode::kInput, "a tensor of more than " + std::to_string(Value::kMaxDims) + " axes", where);
  }
  if (!find_dtype(type.dtype)) {
    throw Error(ErrorCode::kInput, "unknown element type '" + type.dtype + "': expected one of " + dtype_names(),
                where);
  }
}

void Reader::declare_parameters() {
  for (const RelayParameter& parameter : function_.parameters) {
    if (parameter.type.is_tuple) {
      throw Error(ErrorCode::kInput, "parameter '%" + parameter.name + "': expected a tensor, found a tuple",
                  parameter.where);
    }
    check_dtypes(parameter.type, parameter.where);
    const Name name(parameter.name);
    ReadValue value;
    value.type = parameter.type;
    value.node = node(access_tensor_, {Value::name(name)}, {});
    if (!parameters_.emplace(parameter.name, std::move(value)).second) {
      throw Error(ErrorCode::kInput, "parameter '%" + parameter.name + "' is declared twice", parameter.where);
    }
    const TensorDeclaration declaration{name, *find_dtype(parameter.type.dtype), parameter.type.dims};
    try {
      language_.declare(declaration);
    } catch (const Error& error) {
      throw Error(error.code(), error.message(), parameter.where);
    }
    network_.tensors.push_back(declaration);
  }
}

void Reader::index_bindings() {
  for (std::size_t i = 0; i < function_.bindings.size(); ++i) {
    const RelayBinding& binding = function_.bindings[i];
    const bool is_parameter = parameters_.contains(binding.name);
    if (is_parameter || !binding_of_name_.emplace(binding.name, i).second) {
      throw Error(ErrorCode::kInput, "'%" + binding.name + "' is defined twice", binding.where);
    }
  }
}

// Expressions stand in the order in which they were parsed: kids first, bindings in the order of the text.
void Reader::evaluate_up_to(std::uint32_t expression) {
  while (values_.size() <= expression) {
    const RelayExpression& e = function_.expressions[values_.size()];
    ReadValue value = evaluate(e);
    if (e.declared && *e.declared != value.type) {
      const std::string what = e.kind == RelayExpression::Kind::kCall ? e.name + ": " : std::string();
      throw Error(ErrorCode::kInput,
                  what + "mismatched shapes: the file declares " + e.declared->to_string() + ", but it is " +
                      value.type.to_string(),
                  e.declared_where);
    }
    values_.push_back(std::move(value));
  }
}

ReadValue Reader::evaluate(const RelayExpression& e) {
  switch (e.kind) {
    case RelayExpression::Kind::kVariable:
      return evaluate_variable(e);
    case RelayExpression::Kind::kLiteral: {
      ReadValue value;
      value.type.dtype = e.dtype;
      value.node = node(access_literal_, {Value::literal(e.number)}, {});
      return value;
    }
    case RelayExpression::Kind::kCall:
      return evaluate_call(e);
    case RelayExpression::Kind::kTuple: {
      ReadValue value;
      value.type.is_tuple = true;
      for (const std::uint32_t kid : e.kids) {
        value.type.fields.push_back(values_[kid].type);
        value.fields.push_back(values_[kid]);
      }
      return value;
    }
    case RelayExpression::Kind::kProjection:
      return evaluate_projection(e);
  }
  CHECK(false);
}

ReadValue Reader::evaluate_variable(const RelayExpression& e) {
  const auto binding = binding_of_name_.find(e.name);
  if (binding != binding_of_name_.end() && binding->second < bound_) {
    return values_[function_.bindings[binding->second].expression];
  }
  const auto parameter = parameters_.find(e.name);
  if (parameter != parameters_.end()) return parameter->second;
  fail_unresolved(e);
}

void Reader::fail_unresolved(const RelayExpression& e) {
  const auto later = binding_of_name_.find(e.name);
  if (later != binding_of_name_.end()) {
    const RelayBinding& definition = function_.bindings[later->second];
    std::vector<std::size_t> path;
    if (bound_ < function_.bindings.size() && reaches(later->second, bound_, path)) {
      std::string cycle = "'%" + function_.bindings[bound_].name + "'";
      for (const std::size_t step : path) cycle += " uses '%" + function_.bindings[step].name + "'";
      throw Error(ErrorCode::kInput, "a cycle: " + cycle + "; expected names to be defined before they are used",
                  e.where);
    }
    throw Error(ErrorCode::kInput, "'%" + e.name + "' is used before its definition at " + definition.where.to_string(),
                e.where);
  }
  std::vector<std::string_view> names;
  for (const auto& [name, value] : parameters_) names.push_back(name);
  for (const auto& [name, index] : binding_of_name_) {
    if (index < bound_) names.push_back(name);
  }
  std::string message = "'%" + e.name + "' is not declared: expected a parameter of @main or a name bound before";
  const bool is_number = !e.name.empty() && e.name[0] >= '0' && e.name[0] <= '9';
  const std::string near = is_number ? std::string() : nearest_name(e.name, names);
  if (!near.empty()) message += "; did you mean '%" + near + "'?";
  throw Error(ErrorCode::kInput, message, e.where);
}

bool Reader::reaches(std::size_t from, std::size_t to, std::vector<std::size_t>& path) {
  // Depth first, without recursion: a frame is a binding and the bindings it uses that are not tried yet.
  const auto uses = [&](std::size_t binding) {
    std::vector<std::size_t> found;
    const std::uint32_t begin = binding == 0 ? 0 : function_.bindings[binding - 1].expression + 1;
    for (std::uint32_t i = begin; i <= function_.bindings[binding].expression; ++i) {
      const RelayExpression& e = function_.expressions[i];
      if (e.kind != RelayExpression::Kind::kVariable) continue;
      const auto it = binding_of_name_.find(e.name);
      if (it != binding_of_name_.end()) found.push_back(it->second);
    }
    return found;
  };
  std::unordered_set<std::size_t> seen{from};
  std::vector<std::pair<std::size_t, std::vector<std::size_t>>> stack;
  stack.emplace_back(from, uses(from));
  while (!stack.empty()) {
    if (stack.back().first == to) {
      for (const auto& frame : stack) path.push_back(frame.first);
      return true;
    }
    std::vector<std::size_t>& rest = stack.back().second;
    if (rest.empty()) {
      stack.pop_back();
      continue;
    }
    const std::size_t next = rest.back();
    rest.pop_back();
    if (seen.insert(next).second) stack.emplace_back(next, uses(next));
  }
  return false;
}

ReadValue Reader::evaluate_projection(const RelayExpression& e) {
  const ReadValue& tuple = values_[e.kids[0]];
  if (!tuple.type.is_tuple) {
    throw Error(ErrorCode::kInput,
                "expected a tuple before '." + std::to_string(e.field) + "', found " + tuple.type.to_string(), e.where);
  }
  if (e.field < 0 || static_cast<std::size_t>(e.field) >= tuple.fields.size()) {
    throw Error(ErrorCode::kInput,
                "field " + std::to_string(e.field) + " does not exist: the tuple has " +
                    std::to_string(tuple.fields.size()) + " fields, counted from 0",
                e.where);
  }
  const ReadValue& field = tuple.fields[static_cast<std::size_t>(e.field)];
  if (!field.is_usable) throw Error(ErrorCode::kInput, "the mask of a dropout is not supported", e.where);
  return field;
}

std::uint32_t Reader::opaque_call(const RelayLowering& lowering, const std::vector<std::uint32_t>& kids) {
  std::vector<Value> attributes{Value::name(Name(lowering.op))};
  attributes.insert(attributes.end(), lowering.attributes.begin(), lowering.attributes.end());
  return node(relay_operator_call_, attributes, kids);
}

ReadValue Reader::evaluate_call(const RelayExpression& e) {
  std::vector<RelayType> types;
  std::vector<const RelayExpression*> expressions;
  for (const std::uint32_t kid : e.kids) {
    types.push_back(values_[kid].type);
    expressions.push_back(&function_.expressions[kid]);
  }
  const RelayLowering lowering = lower_relay_call(e, types, expressions);
  std::vector<std::uint32_t> kids;
  for (std::size_t i = 0; i < lowering.children; ++i) {
    const ReadValue& argument = values_[e.kids[i]];
    if (!argument.type.is_tuple) kids.push_back(argument.node);
    for (const ReadValue& field : argument.fields) {
      if (!field.is_usable) throw Error(ErrorCode::kInput, "the mask of a dropout is not supported", e.where);
      kids.push_back(field.node);
    }
  }

  ReadValue value;
  value.type = lowering.type;
  const auto field_value = [&](std::size_t i, std::uint32_t index) {
    ReadValue field;
    field.type = lowering.type.fields[i];
    field.node = index;
    return field;
  };
  switch (lowering.form) {
    case RelayForm::kCall:
      value.node = opaque_call(lowering, kids);
      break;
    case RelayForm::kConvolution:
    case RelayForm::kDense: {
      const Lowered lowered = lowering.form == RelayForm::kDense
                                  ? lower_dense(symbols_, network_.program, kids[0], kids[1])
                                  : lower_conv2d(symbols_, network_.program, kids[0], kids[1], lowering.convolution);
      add_layer(lowering, lowered, kids[0], kids[1]);
      value.node = lowered.output;
      break;
    }
    case RelayForm::kBatchNorm:
      value.fields = {field_value(0, opaque_call(lowering, kids)), field_value(1, kids[3]), field_value(2, kids[4])};
      break;
    case RelayForm::kDropout:
      value.fields = {field_value(0, opaque_call(lowering, kids)), field_value(1, kids[0])};
      value.fields[1].is_usable = false;
      break;
    case RelayForm::kSplit: {
      const std::uint32_t split = opaque_call(lowering, kids);
      for (std::size_t i = 0; i < lowering.type.fields.size(); ++i) {
        const Value field = Value::integer(static_cast<std::int64_t>(i));
        value.fields.push_back(field_value(i, node(tuple_get_item_, {field}, {split})));
      }
      break;
    }
  }
  return value;
}

void Reader::add_layer(const RelayLowering& lowering, const Lowered& lowered, std::uint32_t data,
                       std::uint32_t weight) {
  // The same convolution of the same operands written twice is one layer.
  for (const Layer& layer : network_.layers) {
    if (layer.root == lowered.compute) return;
  }
  const LayerKind kind = lowering.form == RelayForm::kDense ? LayerKind::kDense : kind_of(lowering.convolution);
  const Symbol& symbol = symbols_[network_.program[weight].symbol];
  Name weight_name;
  if (symbol.name == access_tensor_) weight_name = symbol.attributes[0].as_name();
  Layer layer = make_layer(layer_names_.from_weight(weight_name, kind), kind, lowering.convolution,
                           *find_dtype(lowering.type.dtype), weight_name);
  layer.root = lowered.compute;
  layer.output = lowered.output;
  layer.data_node = data;
  layer.weight_node = weight;
  network_.layers.push_back(std::move(layer));
}

void Reader::add_roots(const ReadValue& value) {
  if (!value.is_usable) {
    throw Error(ErrorCode::kInput, "the mask of a dropout is not supported",
                function_.expressions[function_.result].where);
  }
  if (!value.type.is_tuple) network_.program.roots.push_back(value.node);
  for (const ReadValue& field : value.fields) add_roots(field);
}

}  // namespace

Network read_relay(std::string_view text, const std::string& file, SymbolTable& symbols, TensorLanguage& language) {
  return Reader(parse_relay(text, file), file, symbols, language).read();
}

}  // namespace tessera
