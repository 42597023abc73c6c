#include "engine/rule/attribute_parser.hpp"

#include <array>

namespace tessera {
namespace {

AttributeExpression constant(const Value& value, Where where) {
  AttributeExpression e;
  e.constant = value;
  e.where = std::move(where);
  return e;
}

// The integers after the head of `(shape 1 2)`; none when an argument is no plain integer.
std::optional<Value> plain_sequence(const Sexpr& text, SexprId node, bool shape) {
  std::array<std::int64_t, Value::kMaxDims> numbers{};
  std::size_t count = 0;
  for (SexprId item = text.next(text.first(node)); !item.is_none(); item = text.next(item)) {
    if (!text.is_atom(item) || !looks_like_integer(text.text(item))) return std::nullopt;
    if (count == numbers.size()) {
      throw Error(ErrorCode::kInput,
                  std::string(shape ? "a shape" : "a list") + " may have at most " + std::to_string(Value::kMaxDims) +
                      " numbers",
                  text.where(item));
    }
    numbers[count++] = parse_integer(text.text(item), text.where(item));
  }
  const std::span items = std::span(numbers).first(count);
  return shape ? Value::shape(items) : Value::list(items);
}

Value literal(const Sexpr& text, SexprId node) {
  const SexprId number = text.next(text.first(node));
  if (number.is_none() || !text.is_atom(number) || !text.next(number).is_none()) {
    throw Error(ErrorCode::kInput, "expected (literal NUMBER), found " + text.describe(node), text.where(node));
  }
  return Value::literal(parse_real(text.text(number), text.where(number)));
}

std::string place_example(ArgumentKind place) {
  switch (place) {
    case ArgumentKind::kInt:
      return "an integer";
    case ArgumentKind::kName:
      return "a name";
    case ArgumentKind::kShape:
      return "a shape as in (shape 1 2)";
    case ArgumentKind::kList:
      return "a list as in (list 1 0)";
    case ArgumentKind::kAccessShape:
      return "an access shape as in (access-shape (shape 1) (shape 2))";
    case ArgumentKind::kLiteral:
      return "a number as in (literal 1.5)";
    default:
      return "an attribute";
  }
}

}  // namespace

KindSet kinds_of_place(ArgumentKind place) {
  switch (place) {
    case ArgumentKind::kInt:
      return kind_set(ValueKind::kInt);
    case ArgumentKind::kName:
      return kind_set(ValueKind::kName);
    case ArgumentKind::kShape:
      return kind_set(ValueKind::kShape);
    case ArgumentKind::kList:
      return kind_set(ValueKind::kList);
    case ArgumentKind::kAccessShape:
      return kind_set(ValueKind::kAccessShape);
    case ArgumentKind::kLiteral:
      return kind_set(ValueKind::kLiteral);
    default:
      return kAnyKind;
  }
}

std::string suggestion_text(const Language& language, std::string_view word) {
  const std::string near = language.suggestion(word);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

std::optional<Value> plain_attribute(const Sexpr& text, SexprId node) {
  if (text.is_atom(node)) {
    if (!looks_like_integer(text.text(node))) return std::nullopt;
    return Value::integer(parse_integer(text.text(node), text.where(node)));
  }
  const std::string_view head = text.head(node);
  if (head == "shape" || head == "list") return plain_sequence(text, node, head == "shape");
  if (head == "literal") return literal(text, node);
  if (head != "access-shape") return std::nullopt;
  const auto parts = text.items(node);
  if (parts.size() != 3 || text.head(parts[1]) != "shape" || text.head(parts[2]) != "shape") return std::nullopt;
  const auto shape = plain_sequence(text, parts[1], true);
  const auto item = plain_sequence(text, parts[2], true);
  if (!shape || !item) return std::nullopt;
  if (shape->size + item->size > Value::kMaxDims) {
    throw Error(ErrorCode::kInput, "an access shape may have at most " + std::to_string(Value::kMaxDims) + " axes",
                text.where(node));
  }
  return Value::access_shape(shape->dims(), item->dims());
}

bool is_rest_attribute(const Sexpr& text, SexprId node, const Language& language) {
  if (text.is_atom(node)) return looks_like_number(text.text(node)) || language.is_attribute_name(text.text(node));
  const std::string_view head = text.head(node);
  if (head == "shape" || head == "literal") return true;
  if (head.empty() || head == "let" || language.signature(Name(head))) return false;
  return find_value_function(head) != nullptr || language.accessor(head) >= 0;
}

AttributeExpression AttributeParser::parse(SexprId node, ArgumentKind place, int depth) {
  AttributeExpression e;
  if (text_.is_list(node)) {
    const auto plain = plain_attribute(text_, node);
    e = plain ? constant(*plain, text_.where(node)) : parse_call(node, depth);
  } else {
    e = parse_atom(node, place);
  }
  // A constant of the wrong kind is refused here; what depends on variables, once their kinds are known.
  if (e.kind == AttributeExpression::Kind::kConstant && (kind_set(e.constant.kind) & kinds_of_place(place)) == 0) {
    throw Error(ErrorCode::kInput, "expected " + place_example(place) + ", found " + text_.describe(node),
                text_.where(node));
  }
  return e;
}

AttributeExpression AttributeParser::parse_atom(SexprId node, ArgumentKind place) {
  const std::string_view word = text_.text(node);
  const Where where = text_.where(node);
  if (text_.is_string(node)) return constant(Value::name(Name(word)), where);
  if (word.starts_with('?')) return scope_.variable(node);
  if (place == ArgumentKind::kLiteral) return constant(Value::literal(parse_real(word, where)), where);
  if (looks_like_integer(word)) return constant(Value::integer(parse_integer(word, where)), where);
  if (looks_like_number(word)) {
    throw Error(ErrorCode::kInput,
                "expected " + place_example(place) + ", found '" + std::string(word) +
                    "' (a real number is written (literal 1.5), a name that looks like a number "
                    "in quotes)",
                where);
  }
  return constant(Value::name(Name(word)), where);
}

AttributeExpression AttributeParser::parse_call(SexprId node, int depth) {
  const Where where = text_.where(node);
  if (depth == kMaxDepth) {
    throw Error(ErrorCode::kInput, "calls are nested more than " + std::to_string(kMaxDepth) + " deep", where);
  }
  const std::string_view head = text_.head(node);
  if (head.empty()) {
    throw Error(ErrorCode::kInput, "expected an attribute or a call as in (+ ?x 1), found " + text_.describe(node),
                where);
  }
  AttributeExpression e;
  e.kind = AttributeExpression::Kind::kCall;
  e.where = where;
  SexprId argument = text_.next(text_.first(node));
  int min_arguments = 0;
  int max_arguments = kMaxAccessorArguments;
  if (const ValueFunctionInfo* info = find_value_function(head)) {
    e.function = info->function;
    min_arguments = info->min_arguments;
    max_arguments = info->max_arguments;
  } else if (const int accessor = language_.accessor(head); accessor >= 0) {
    e.function = ValueFunction::kAccessor;
    e.accessor = accessor;
    e.accessor_name = Name(head);
    if (argument.is_none()) {
      throw Error(ErrorCode::kInput, "'" + std::string(head) + "' expects a term to ask of, found nothing", where);
    }
    e.class_variable = scope_.class_argument(argument, head);
    argument = text_.next(argument);
  } else {
    throw Error(ErrorCode::kInput,
                "unknown function '" + std::string(head) + "'" + suggestion_text(language_, head) + " (known are " +
                    list_value_functions() + " literal, and functions of e-class " + "data of the language '" +
                    std::string(language_.name()) + "')",
                where);
  }
  for (; !argument.is_none(); argument = text_.next(argument)) {
    e.arguments.push_back(parse(argument, ArgumentKind::kRest, depth + 1));
  }
  const auto count = static_cast<int>(e.arguments.size());
  if (count < min_arguments || count > max_arguments) {
    std::string expected = std::to_string(min_arguments);
    if (max_arguments > min_arguments) {
      expected = max_arguments >= 1000 ? "at least " + expected : expected + " to " + std::to_string(max_arguments);
    }
    if (e.function == ValueFunction::kAccessor) expected += " after the term";
    throw Error(ErrorCode::kInput,
                "'" + std::string(head) + "' expects " + expected + " arguments, found " + std::to_string(count),
                where);
  }
  return e;
}

}  // namespace tessera
