// What can be said of an attribute expression before any match: names and argument counts of the functions, kinds, and
// the parts that are constant.
#include <algorithm>
#include <array>

#include "engine/base/check.hpp"
#include "engine/rule/value_functions.hpp"

namespace tessera {
namespace {

constexpr int kMany = 1000;

constexpr std::array kFunctions = {
    ValueFunctionInfo{"+", ValueFunction::kAdd, 2, kMany},
    ValueFunctionInfo{"-", ValueFunction::kSubtract, 1, 2},
    ValueFunctionInfo{"*", ValueFunction::kMultiply, 2, kMany},
    ValueFunctionInfo{"/", ValueFunction::kDivide, 2, 2},
    ValueFunctionInfo{"%", ValueFunction::kModulo, 2, 2},
    ValueFunctionInfo{"min", ValueFunction::kMin, 2, kMany},
    ValueFunctionInfo{"max", ValueFunction::kMax, 2, kMany},
    ValueFunctionInfo{"ceil-div", ValueFunction::kCeilDivide, 2, 2},
    ValueFunctionInfo{"round-up", ValueFunction::kRoundUp, 2, 2},
    ValueFunctionInfo{"quotient", ValueFunction::kQuotient, 2, 2},
    ValueFunctionInfo{"remainder", ValueFunction::kRemainder, 2, 2},
    ValueFunctionInfo{"=", ValueFunction::kEqual, 2, 2},
    ValueFunctionInfo{"!=", ValueFunction::kNotEqual, 2, 2},
    ValueFunctionInfo{"<", ValueFunction::kLess, 2, 2},
    ValueFunctionInfo{"<=", ValueFunction::kLessEqual, 2, 2},
    ValueFunctionInfo{">", ValueFunction::kGreater, 2, 2},
    ValueFunctionInfo{">=", ValueFunction::kGreaterEqual, 2, 2},
    ValueFunctionInfo{"and", ValueFunction::kAnd, 1, kMany},
    ValueFunctionInfo{"or", ValueFunction::kOr, 1, kMany},
    ValueFunctionInfo{"not", ValueFunction::kNot, 1, 1},
    ValueFunctionInfo{"divides", ValueFunction::kDivides, 2, 2},
    ValueFunctionInfo{"if", ValueFunction::kIf, 3, 3},
    ValueFunctionInfo{"shape", ValueFunction::kShape, 0, Value::kMaxDims},
    ValueFunctionInfo{"list", ValueFunction::kList, 0, Value::kMaxDims},
    ValueFunctionInfo{"access-shape", ValueFunction::kAccessShape, 2, 2},
    ValueFunctionInfo{"shape-part", ValueFunction::kShapePart, 1, 1},
    ValueFunctionInfo{"item-part", ValueFunction::kItemPart, 1, 1},
    ValueFunctionInfo{"concat", ValueFunction::kConcat, 2, kMany},
    ValueFunctionInfo{"at", ValueFunction::kAt, 2, 2},
    ValueFunctionInfo{"length", ValueFunction::kLength, 1, 1},
    ValueFunctionInfo{"product", ValueFunction::kProduct, 1, 1},
    ValueFunctionInfo{"with-at", ValueFunction::kWithAt, 3, 3},
    ValueFunctionInfo{"slice-shape", ValueFunction::kSliceShape, 2, 2},
    ValueFunctionInfo{"shape-insert-axis", ValueFunction::kInsertAxis, 2, 2},
    ValueFunctionInfo{"shape-remove-axis", ValueFunction::kRemoveAxis, 2, 2},
    ValueFunctionInfo{"swap", ValueFunction::kSwap, 3, 3},
};

constexpr KindSet kInts = kind_set(ValueKind::kInt);
constexpr KindSet kShapes = kind_set(ValueKind::kShape);
constexpr KindSet kPlain = kShapes | kind_set(ValueKind::kList);
constexpr KindSet kAccessShapes = kind_set(ValueKind::kAccessShape);
constexpr KindSet kSequences = kPlain | kAccessShapes;

KindSet expected_kinds(ValueFunction function, std::size_t argument) {
  switch (function) {
    case ValueFunction::kEqual:
    case ValueFunction::kNotEqual:
    case ValueFunction::kAccessor:
      return kAnyKind;
    case ValueFunction::kIf:
      return argument == 0 ? kInts : kAnyKind;
    case ValueFunction::kAccessShape:
      return kShapes;
    case ValueFunction::kShapePart:
    case ValueFunction::kItemPart:
      return kAccessShapes;
    case ValueFunction::kConcat:
      return kPlain;
    case ValueFunction::kAt:
    case ValueFunction::kLength:
    case ValueFunction::kProduct:
    case ValueFunction::kWithAt:
    case ValueFunction::kSwap:
      return argument == 0 ? kSequences : kInts;
    case ValueFunction::kSliceShape:
    case ValueFunction::kInsertAxis:
    case ValueFunction::kRemoveAxis:
      return argument == 0 ? kPlain : kInts;
    default:
      return kInts;
  }
}

KindSet result_kinds(ValueFunction function, std::span<const KindSet> arguments) {
  switch (function) {
    case ValueFunction::kAccessor:
      return kAnyKind;
    case ValueFunction::kIf:
      return arguments[1] | arguments[2];
    case ValueFunction::kShape:
    case ValueFunction::kShapePart:
    case ValueFunction::kItemPart:
      return kShapes;
    case ValueFunction::kList:
      return kind_set(ValueKind::kList);
    case ValueFunction::kAccessShape:
      return kAccessShapes;
    case ValueFunction::kConcat: {
      KindSet common = kPlain;
      for (const KindSet kinds : arguments) common &= kinds;
      return common;
    }
    case ValueFunction::kWithAt:
    case ValueFunction::kSwap:
      return arguments[0] & kSequences;
    case ValueFunction::kSliceShape:
    case ValueFunction::kInsertAxis:
    case ValueFunction::kRemoveAxis:
      return arguments[0] & kPlain;
    default:
      return kInts;
  }
}

// Nothing is bound: only constants are evaluated with it.
class NoValues : public MatchValues {
 public:
  [[nodiscard]] Value attribute(VariableIndex) const override { CHECK(false); }
  [[nodiscard]] DataView data(VariableIndex) const override { CHECK(false); }
  [[nodiscard]] const Language& language() const override { CHECK(false); }
};

bool is_constant(const AttributeExpression& e) { return e.kind == AttributeExpression::Kind::kConstant; }

void become(AttributeExpression& e, const Value& value) {
  e.kind = AttributeExpression::Kind::kConstant;
  e.constant = value;
  e.arguments.clear();
}

}  // namespace

const ValueFunctionInfo* find_value_function(std::string_view name) {
  const auto* found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                   [&](const ValueFunctionInfo& info) { return info.name == name; });
  return found == kFunctions.end() ? nullptr : found;
}

std::string_view value_function_name(ValueFunction function) {
  for (const ValueFunctionInfo& info : kFunctions) {
    if (info.function == function) return info.name;
  }
  return "accessor";
}

std::string list_value_functions() {
  std::string text;
  for (const ValueFunctionInfo& info : kFunctions) {
    if (!text.empty()) text += ' ';
    text += info.name;
  }
  return text;
}

std::string describe_kinds(KindSet kinds) {
  std::string text;
  for (unsigned k = 0; k < 6; ++k) {
    if ((kinds >> k & 1U) == 0) continue;
    if (!text.empty()) text += " or ";
    text += kind_name(static_cast<ValueKind>(k));
  }
  return text.empty() ? "nothing" : text;
}

KindSet check_kinds(const AttributeExpression& e, std::span<const KindSet> variable_kinds) {
  if (is_constant(e)) return kind_set(e.constant.kind);
  if (e.kind == AttributeExpression::Kind::kVariable) return variable_kinds[e.variable];
  const std::string name(e.function == ValueFunction::kAccessor ? e.accessor_name.text()
                                                                : value_function_name(e.function));
  std::vector<KindSet> arguments;
  for (std::size_t i = 0; i < e.arguments.size(); ++i) {
    const KindSet kinds = check_kinds(e.arguments[i], variable_kinds);
    const KindSet expected = expected_kinds(e.function, i);
    if ((kinds & expected) == 0) {
      throw Error(ErrorCode::kInput,
                  "argument " + std::to_string(i + 1) + " of '" + name + "': expected " + describe_kinds(expected) +
                      ", found " + (is_constant(e.arguments[i]) ? e.arguments[i].constant.to_string() + ", " : "") +
                      describe_kinds(kinds),
                  e.arguments[i].where);
    }
    arguments.push_back(kinds);
  }
  const KindSet result = result_kinds(e.function, arguments);
  if (result == 0) {
    throw Error(ErrorCode::kInput, "arguments of '" + name + "': expected either only shapes or only lists", e.where);
  }
  return result;
}

void fold_constants(AttributeExpression& e, bool strict) {
  if (e.kind != AttributeExpression::Kind::kCall) return;
  if (e.function == ValueFunction::kIf) {
    fold_constants(e.arguments[0], strict);
    const AttributeExpression& test = e.arguments[0];
    if (is_constant(test) && test.constant.kind == ValueKind::kInt) {
      AttributeExpression chosen = std::move(e.arguments[test.constant.as_int() != 0 ? 1 : 2]);
      fold_constants(chosen, strict);
      e = std::move(chosen);
      return;
    }
    fold_constants(e.arguments[1], false);
    fold_constants(e.arguments[2], false);
    return;
  }
  if (e.function == ValueFunction::kAnd || e.function == ValueFunction::kOr) {
    const bool decisive = e.function == ValueFunction::kOr;
    // Only what stands before the first argument that is not constant is certain to be evaluated.
    bool certain = true;
    for (AttributeExpression& argument : e.arguments) {
      fold_constants(argument, strict && certain);
      const bool known = is_constant(argument) && argument.constant.kind == ValueKind::kInt;
      if (certain && known && (argument.constant.as_int() != 0) == decisive) {
        become(e, Value::boolean(decisive));
        return;
      }
      certain = certain && known;
    }
    if (certain) become(e, Value::boolean(!decisive));
    return;
  }
  for (AttributeExpression& argument : e.arguments) fold_constants(argument, strict);
  if (e.function == ValueFunction::kAccessor || !std::all_of(e.arguments.begin(), e.arguments.end(), is_constant))
    return;
  try {
    become(e, evaluate(e, NoValues()));
  } catch (const Error&) {
    if (strict) throw;
  }
}

}  // namespace tessera
