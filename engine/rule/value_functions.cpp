#include "engine/rule/value_functions.hpp"

#include <algorithm>
#include <array>

#include "engine/base/check.hpp"

namespace tessera {
namespace {

using Words = std::array<std::int64_t, Value::kMaxDims>;

// Why an expression has no value. Carried by hand rather than thrown: conditions fail all the time.
struct Failure {
  const char* reason = nullptr;
  const AttributeExpression* at = nullptr;
};

constexpr const char* kOverflow = "integer overflow";
constexpr const char* kDivisionByZero = "division by zero";
constexpr const char* kIndex = "the index is out of range";
constexpr const char* kWrongKind = "an argument is of the wrong kind";
constexpr const char* kTooLong = "more extents than a shape may have";

bool is_sequence(const Value& v) {
  return v.kind == ValueKind::kShape || v.kind == ValueKind::kList || v.kind == ValueKind::kAccessShape;
}

bool is_arithmetic(ValueFunction function) {
  switch (function) {
    case ValueFunction::kAdd:
    case ValueFunction::kSubtract:
    case ValueFunction::kMultiply:
    case ValueFunction::kMin:
    case ValueFunction::kMax:
    case ValueFunction::kDivide:
    case ValueFunction::kModulo:
    case ValueFunction::kCeilDivide:
    case ValueFunction::kRoundUp:
    case ValueFunction::kQuotient:
    case ValueFunction::kRemainder:
    case ValueFunction::kLess:
    case ValueFunction::kLessEqual:
    case ValueFunction::kGreater:
    case ValueFunction::kGreaterEqual:
    case ValueFunction::kDivides:
      return true;
    default:
      return false;
  }
}

// All integer functions of two arguments; nullptr when `out` is set, else the reason why not.
const char* integer_function(ValueFunction function, std::int64_t a, std::int64_t b, std::int64_t& out) {
  const auto quotient = [&](bool up) -> const char* {
    if (b == 0) return kDivisionByZero;
    if (b == -1) return __builtin_sub_overflow(std::int64_t{0}, a, &out) ? kOverflow : nullptr;
    out = a / b;
    const bool exact = a % b == 0;
    const bool negative = (a < 0) != (b < 0);
    if (!exact && negative && !up) --out;
    if (!exact && !negative && up) ++out;
    return nullptr;
  };
  switch (function) {
    case ValueFunction::kAdd:
      return __builtin_add_overflow(a, b, &out) ? kOverflow : nullptr;
    case ValueFunction::kSubtract:
      return __builtin_sub_overflow(a, b, &out) ? kOverflow : nullptr;
    case ValueFunction::kMultiply:
      return __builtin_mul_overflow(a, b, &out) ? kOverflow : nullptr;
    case ValueFunction::kDivide:
      return quotient(false);
    case ValueFunction::kCeilDivide:
      return quotient(true);
    case ValueFunction::kModulo:
      if (b == 0) return kDivisionByZero;
      out = b == -1 ? 0 : a % b;
      if (out != 0 && (out < 0) != (b < 0)) out += b;
      return nullptr;
    case ValueFunction::kRoundUp:
      if (b <= 0) return "round-up needs a positive multiple";
      if (const char* reason = quotient(true)) return reason;
      return __builtin_mul_overflow(out, b, &out) ? kOverflow : nullptr;
    case ValueFunction::kQuotient:
      if (b == 0) return kDivisionByZero;
      if (b == -1) return __builtin_sub_overflow(std::int64_t{0}, a, &out) ? kOverflow : nullptr;
      out = a / b;
      return nullptr;
    case ValueFunction::kRemainder:
      if (b == 0) return kDivisionByZero;
      out = b == -1 ? 0 : a % b;
      return nullptr;
    case ValueFunction::kMin:
      out = std::min(a, b);
      return nullptr;
    case ValueFunction::kMax:
      out = std::max(a, b);
      return nullptr;
    case ValueFunction::kLess:
      out = a < b;
      return nullptr;
    case ValueFunction::kLessEqual:
      out = a <= b;
      return nullptr;
    case ValueFunction::kGreater:
      out = a > b;
      return nullptr;
    case ValueFunction::kGreaterEqual:
      out = a >= b;
      return nullptr;
    case ValueFunction::kDivides:
      if (a == 0) return kDivisionByZero;
      out = a == -1 || b % a == 0;
      return nullptr;
    default:
      CHECK(false);
  }
}

void set_integer(Value& out, std::int64_t v) {
  out.kind = ValueKind::kInt;
  out.size = 1;
  out.split = 0;
  out.words[0] = v;
}

// Integers, which most expressions are, are handed on as such: a Value is thirteen words to copy.
class Evaluator {
 public:
  explicit Evaluator(const MatchValues& values) : values_(values) {}

  // False: see failure(). Language::access may throw.
  bool run(const AttributeExpression& e, Value& out) {
    switch (e.kind) {
      case AttributeExpression::Kind::kConstant:
        out = e.constant;
        return true;
      case AttributeExpression::Kind::kVariable:
        out = values_.attribute(e.variable);
        return true;
      case AttributeExpression::Kind::kCall:
        return call(e, out);
    }
    CHECK(false);
  }

  // As run(); also false if the value is not an integer.
  bool integer(const AttributeExpression& e, std::int64_t& out) {
    switch (e.kind) {
      case AttributeExpression::Kind::kConstant:
        return take_integer(e, e.constant, out);
      case AttributeExpression::Kind::kVariable:
        return take_integer(e, values_.attribute(e.variable), out);
      case AttributeExpression::Kind::kCall:
        return integer_call(e, out);
    }
    CHECK(false);
  }

  [[nodiscard]] const Failure& failure() const { return failure_; }

 private:
  using Accessed = std::array<Value, kMaxAccessorArguments>;

  bool fail(const AttributeExpression& e, const char* reason) {
    failure_ = {reason, &e};
    return false;
  }

  bool take_integer(const AttributeExpression& e, const Value& value, std::int64_t& out) {
    if (value.kind != ValueKind::kInt) return fail(e, "expected an integer");
    out = value.words[0];
    return true;
  }

  bool integer_call(const AttributeExpression& e, std::int64_t& out) {
    const auto& arguments = e.arguments;
    switch (e.function) {
      case ValueFunction::kAnd:
      case ValueFunction::kOr: {
        const bool decisive = e.function == ValueFunction::kOr;
        for (const AttributeExpression& argument : arguments) {
          std::int64_t truth = 0;
          if (!integer(argument, truth)) return false;
          if ((truth != 0) == decisive) {
            out = decisive ? 1 : 0;
            return true;
          }
        }
        out = decisive ? 0 : 1;
        return true;
      }
      case ValueFunction::kNot: {
        std::int64_t truth = 0;
        if (!integer(arguments[0], truth)) return false;
        out = truth == 0 ? 1 : 0;
        return true;
      }
      case ValueFunction::kIf: {
        std::int64_t truth = 0;
        return integer(arguments[0], truth) && integer(arguments[truth != 0 ? 1 : 2], out);
      }
      case ValueFunction::kEqual:
      case ValueFunction::kNotEqual: {
        Value a;
        Value b;
        if (!run(arguments[0], a) || !run(arguments[1], b)) return false;
        out = (a == b) == (e.function == ValueFunction::kEqual) ? 1 : 0;
        return true;
      }
      case ValueFunction::kAccessor: {
        Accessed accessed;
        return access_arguments(e, accessed) && take_integer(e, access(e, accessed), out);
      }
      default: {
        if (is_arithmetic(e.function)) return arithmetic(e, out);
        Value value;
        return call(e, value) && take_integer(e, value, out);
      }
    }
  }

  bool call(const AttributeExpression& e, Value& out) {
    const auto& arguments = e.arguments;
    switch (e.function) {
      case ValueFunction::kAnd:
      case ValueFunction::kOr:
      case ValueFunction::kNot:
      case ValueFunction::kEqual:
      case ValueFunction::kNotEqual: {
        std::int64_t truth = 0;
        if (!integer_call(e, truth)) return false;
        set_integer(out, truth);
        return true;
      }
      case ValueFunction::kIf: {
        std::int64_t truth = 0;
        return integer(arguments[0], truth) && run(arguments[truth != 0 ? 1 : 2], out);
      }
      case ValueFunction::kShape:
      case ValueFunction::kList: {
        Words words;
        if (arguments.size() > words.size()) return fail(e, kTooLong);
        for (std::size_t i = 0; i < arguments.size(); ++i) {
          if (!integer(arguments[i], words[i])) return false;
        }
        const std::span items = std::span(words).first(arguments.size());
        out = e.function == ValueFunction::kShape ? Value::shape(items) : Value::list(items);
        return true;
      }
      case ValueFunction::kConcat:
        return concat(e, out);
      case ValueFunction::kAccessor: {
        Accessed accessed;
        if (!access_arguments(e, accessed)) return false;
        out = access(e, accessed);
        return true;
      }
      default: {
        if (!is_arithmetic(e.function)) return sequences(e, out);
        std::int64_t result = 0;
        if (!arithmetic(e, result)) return false;
        set_integer(out, result);
        return true;
      }
    }
  }

  bool arithmetic(const AttributeExpression& e, std::int64_t& result) {
    if (!integer(e.arguments[0], result)) return false;
    if (e.arguments.size() == 1) {  // only (- x)
      if (__builtin_sub_overflow(std::int64_t{0}, result, &result)) return fail(e, kOverflow);
    }
    for (std::size_t i = 1; i < e.arguments.size(); ++i) {
      std::int64_t next = 0;
      if (!integer(e.arguments[i], next)) return false;
      std::int64_t combined = 0;
      if (const char* reason = integer_function(e.function, result, next, combined)) return fail(e, reason);
      result = combined;
    }
    return true;
  }

  bool concat(const AttributeExpression& e, Value& out) {
    Words words;
    std::size_t count = 0;
    ValueKind kind = ValueKind::kShape;
    for (std::size_t i = 0; i < e.arguments.size(); ++i) {
      Value part;
      if (!run(e.arguments[i], part)) return false;
      if (part.kind != ValueKind::kShape && part.kind != ValueKind::kList) return fail(e, kWrongKind);
      if (i > 0 && part.kind != kind) return fail(e, "expected either only shapes or only lists");
      kind = part.kind;
      if (count + part.size > words.size()) return fail(e, kTooLong);
      std::copy_n(part.words.begin(), part.size, words.begin() + static_cast<std::ptrdiff_t>(count));
      count += part.size;
    }
    const std::span items = std::span(words).first(count);
    out = kind == ValueKind::kShape ? Value::shape(items) : Value::list(items);
    return true;
  }

  bool access_arguments(const AttributeExpression& e, Accessed& arguments) {
    CHECK(e.arguments.size() <= arguments.size());
    for (std::size_t i = 0; i < e.arguments.size(); ++i) {
      if (!run(e.arguments[i], arguments[i])) return false;
    }
    return true;
  }

  [[nodiscard]] Value access(const AttributeExpression& e, const Accessed& arguments) const {
    try {
      return values_.language().access(e.accessor, values_.data(e.class_variable),
                                       std::span(arguments).first(e.arguments.size()));
    } catch (const Error& error) {
      if (error.where().line > 0) throw;
      throw Error(error.code(), error.message(), e.where);
    }
  }

  // Functions of one shape, list or access shape, then integers; and (access-shape s i).
  bool sequences(const AttributeExpression& e, Value& out) {
    Value v;
    if (!run(e.arguments[0], v)) return false;
    if (e.function == ValueFunction::kAccessShape) {
      Value item;
      if (!run(e.arguments[1], item)) return false;
      if (v.kind != ValueKind::kShape || item.kind != ValueKind::kShape) return fail(e, kWrongKind);
      if (v.size + item.size > Value::kMaxDims) return fail(e, kTooLong);
      out = Value::access_shape(v.dims(), item.dims());
      return true;
    }
    if (!is_sequence(v)) return fail(e, kWrongKind);
    std::array<std::int64_t, 2> n{};
    for (std::size_t i = 1; i < e.arguments.size(); ++i) {
      if (!integer(e.arguments[i], n[i - 1])) return false;
    }
    const auto inside = [&](std::int64_t index, int limit) { return index >= 0 && index < limit; };
    const bool plain = v.kind != ValueKind::kAccessShape;
    auto* const words = v.words.begin();
    switch (e.function) {
      case ValueFunction::kShapePart:
      case ValueFunction::kItemPart:
        if (plain) return fail(e, kWrongKind);
        out = Value::shape(e.function == ValueFunction::kShapePart ? v.shape_dims() : v.item_dims());
        return true;
      case ValueFunction::kLength:
        set_integer(out, v.size);
        return true;
      case ValueFunction::kProduct: {
        std::int64_t product = 1;
        for (const std::int64_t dim : v.dims()) {
          if (__builtin_mul_overflow(product, dim, &product)) return fail(e, kOverflow);
        }
        set_integer(out, product);
        return true;
      }
      case ValueFunction::kAt:
        if (!inside(n[0], v.size)) return fail(e, kIndex);
        set_integer(out, words[n[0]]);
        return true;
      case ValueFunction::kWithAt:
        if (!inside(n[0], v.size)) return fail(e, kIndex);
        words[n[0]] = n[1];
        break;
      case ValueFunction::kSwap:
        if (!inside(n[0], v.size) || !inside(n[1], v.size)) return fail(e, kIndex);
        std::swap(words[n[0]], words[n[1]]);
        break;
      case ValueFunction::kSliceShape:
        if (!plain) return fail(e, kWrongKind);
        if (!inside(n[0], v.size + 1)) return fail(e, kIndex);
        std::copy(words + n[0], words + v.size, words);
        v.size = static_cast<std::uint8_t>(v.size - n[0]);
        break;
      case ValueFunction::kInsertAxis:
        if (!plain) return fail(e, kWrongKind);
        if (!inside(n[0], v.size + 1)) return fail(e, kIndex);
        if (v.size == Value::kMaxDims) return fail(e, kTooLong);
        std::copy_backward(words + n[0], words + v.size, words + v.size + 1);
        words[n[0]] = 1;
        ++v.size;
        break;
      case ValueFunction::kRemoveAxis:
        if (!plain) return fail(e, kWrongKind);
        if (!inside(n[0], v.size)) return fail(e, kIndex);
        std::copy(words + n[0] + 1, words + v.size, words + n[0]);
        --v.size;
        break;
      default:
        CHECK(false);
    }
    out = v;
    return true;
  }

  const MatchValues& values_;
  Failure failure_;
};

}  // namespace

Value RuleValues::attribute(VariableIndex variable) const {
  const Variable& v = rule_.variables[variable];
  CHECK(v.kind != VariableKind::kClass);
  if (v.kind == VariableKind::kAttribute) return bound(variable);
  if (!lets_[v.let]) {
    const Value value = evaluate(rule_.lets[v.let], *this);
    lets_[v.let] = value;
  }
  return *lets_[v.let];
}

Value evaluate(const AttributeExpression& expression, const MatchValues& values) {
  Evaluator evaluator(values);
  Value out;
  if (evaluator.run(expression, out)) return out;
  const AttributeExpression& at = *evaluator.failure().at;
  std::string message = evaluator.failure().reason;
  if (at.kind == AttributeExpression::Kind::kCall) {
    message = "in (" + std::string(value_function_name(at.function)) + " …): " + message;
  }
  throw Error(ErrorCode::kInput, message, at.where);
}

bool holds(const AttributeExpression& condition, const MatchValues& values) {
  try {
    Evaluator evaluator(values);
    std::int64_t truth = 0;
    return evaluator.integer(condition, truth) && truth != 0;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInput) throw;
    return false;
  }
}

bool holds(std::span<const AttributeExpression> conditions, const MatchValues& values) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const AttributeExpression& condition) { return holds(condition, values); });
}

}  // namespace tessera
