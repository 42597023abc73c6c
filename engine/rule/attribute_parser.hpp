// Reads what stands in an attribute's place: `64`, `dot-product`, `(shape 1 2)`, `(literal 1.5)`, and in rules also
// `?axis` and `(+ ?axis 1)`. Shared by rules, where variables stand for what a match binds, and by programs, where
// `(get-access-shape a)` is a function of the term a; the Scope says which.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/language/language.hpp"
#include "engine/rule/rule.hpp"
#include "engine/rule/value_functions.hpp"
#include "engine/text/sexpr.hpp"

namespace tessera {

class AttributeScope {
 public:
  AttributeScope() = default;
  AttributeScope(const AttributeScope&) = delete;
  AttributeScope& operator=(const AttributeScope&) = delete;
  virtual ~AttributeScope() = default;

  // `?x` in an attribute's place: a variable or a constant. Throws Error(kInput) when it means nothing here.
  virtual AttributeExpression variable(SexprId node) = 0;
  // The first argument of a function of e-class data. Throws Error(kInput) when it is nothing that has data.
  virtual VariableIndex class_argument(SexprId node, std::string_view function) = 0;
};

// All functions throw Error(kInput) with the place, what was found and what was expected.
class AttributeParser {
 public:
  static constexpr int kMaxDepth = 64;  // of calls in calls

  AttributeParser(const Sexpr& text, const Language& language, AttributeScope& scope)
      : text_(text), language_(language), scope_(scope) {}

  // An expression in the place of an argument of this kind. `kRest` stands for any attribute.
  [[nodiscard]] AttributeExpression parse(SexprId node, ArgumentKind place, int depth = 0);
  // An expression of any kind.
  [[nodiscard]] AttributeExpression parse(SexprId node) { return parse(node, ArgumentKind::kRest); }

 private:
  [[nodiscard]] AttributeExpression parse_atom(SexprId node, ArgumentKind place);
  [[nodiscard]] AttributeExpression parse_call(SexprId node, int depth);

  const Sexpr& text_;
  const Language& language_;
  AttributeScope& scope_;
};

// The value of a form made of numbers alone: an integer, (shape 1 2), (list 1 0), (access-shape (shape 1) (shape 2)),
// (literal 1.5). None when it is anything else. Throws Error(kInput) when it is one of these, but wrong.
[[nodiscard]] std::optional<Value> plain_attribute(const Sexpr& text, SexprId node);

// Whether an argument of a kRest part is read as an attribute: by its form, because the language says that the atom is
// such a name, or because its head is a function of attributes and no operator of the language.
[[nodiscard]] bool is_rest_attribute(const Sexpr& text, SexprId node, const Language& language);

// The kinds that fit an argument's place; kRest: any.
[[nodiscard]] KindSet kinds_of_place(ArgumentKind place);

// "; did you mean 'x'?", or nothing.
[[nodiscard]] std::string suggestion_text(const Language& language, std::string_view word);

}  // namespace tessera
