// Attribute expressions: the arithmetic of rules. `(+ ?axis 1)`, `(divides 64 (dim ?a 0))`, `(if (< ?n 64) ?n 64)`.
// A function is pure; integers are 64-bit and overflow is an error, never a wrap; truth is a nonzero integer.
// Meaning of every function: rules/README.md. Functions of e-class data (`dim`) belong to the Language.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/language.hpp"
#include "engine/rule/rule.hpp"

namespace tessera {

// What a match has bound, as far as expressions need it. Implemented by whoever holds the match.
class MatchValues {
 public:
  MatchValues() = default;
  MatchValues(const MatchValues&) = delete;
  MatchValues& operator=(const MatchValues&) = delete;
  virtual ~MatchValues() = default;

  // The value of a kAttribute or kLet variable. Lets are the implementer's to compute: before the conditions, in the
  // order of Rule::lets, or on demand, as RuleValues does.
  [[nodiscard]] virtual Value attribute(VariableIndex variable) const = 0;
  // The e-class data of a kClass variable.
  [[nodiscard]] virtual DataView data(VariableIndex class_variable) const = 0;
  [[nodiscard]] virtual const Language& language() const = 0;
};

// MatchValues that compute a let when it is first asked for and keep it until the next match. One object a thread.
class RuleValues : public MatchValues {
 public:
  RuleValues(const Rule& rule, const Language& language) : rule_(rule), language_(language), lets_(rule.lets.size()) {}

  void next_match() { lets_.assign(lets_.size(), std::nullopt); }
  [[nodiscard]] Value attribute(VariableIndex variable) const final;
  [[nodiscard]] const Language& language() const final { return language_; }

 protected:
  [[nodiscard]] virtual Value bound(VariableIndex attribute_variable) const = 0;

 private:
  const Rule& rule_;
  const Language& language_;
  mutable std::vector<std::optional<Value>> lets_;
};

// Throws Error(kInput), at the place of the call in the rules file, on a wrong kind, division by zero, an index out of
// range, integer overflow, more than Value::kMaxDims extents, or what Language::access throws.
[[nodiscard]] Value evaluate(const AttributeExpression& expression, const MatchValues& values);

// Whether the condition is true. An Error(kInput) while it is evaluated means "false": `(= (dim ?a 2) 1)` simply does
// not hold of a class with two axes. Built-in functions fail without throwing, so a false condition is cheap.
[[nodiscard]] bool holds(const AttributeExpression& condition, const MatchValues& values);
[[nodiscard]] bool holds(std::span<const AttributeExpression> conditions, const MatchValues& values);  // all of them

// --- what is known before any match ---

// A set of ValueKinds an expression may have.
using KindSet = std::uint8_t;
constexpr KindSet kAnyKind = 0x3f;
[[nodiscard]] constexpr KindSet kind_set(ValueKind kind) {
  return static_cast<KindSet>(1U << static_cast<unsigned>(kind));
}
[[nodiscard]] std::string describe_kinds(KindSet kinds);  // "an integer", "a shape or a list"

// Checks the kinds of all arguments, and returns those the result may have. variable_kinds is indexed by VariableIndex.
// Throws Error(kInput) at the argument that can never fit.
KindSet check_kinds(const AttributeExpression& expression, std::span<const KindSet> variable_kinds);

// Replaces what depends on no variable by its value. A part that is certain to be evaluated and certain to fail throws
// Error(kInput) when `strict`; otherwise it stays as it is, to fail when it is evaluated.
void fold_constants(AttributeExpression& expression, bool strict);

struct ValueFunctionInfo {
  std::string_view name;
  ValueFunction function;
  int min_arguments;
  int max_arguments;
};
constexpr int kMaxAccessorArguments = 4;  // beside the class variable

[[nodiscard]] const ValueFunctionInfo* find_value_function(std::string_view name);  // nullptr: no such function
[[nodiscard]] std::string_view value_function_name(ValueFunction function);
[[nodiscard]] std::string list_value_functions();  // all names, for messages

}  // namespace tessera
