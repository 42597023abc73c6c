// Rules printed back, for messages and reports.
#include "engine/rule/rule_parser.hpp"
#include "engine/rule/value_functions.hpp"
#include "engine/text/sexpr.hpp"

namespace tessera {
namespace {

std::string term_text(const Pattern& pattern, std::uint32_t index, const Rule& rule, const SymbolTable& symbols,
                      const Language* language) {
  const PatternTerm& term = pattern.terms[index];
  if (term.is_variable) return rule.variables[term.variable].name;
  const Name op = symbols.operator_name(term.op);
  std::string text = "(" + atom_text(op.text());
  std::size_t kid = 0;
  std::size_t attribute = 0;
  const auto take_kid = [&] { text += " " + term_text(pattern, term.kids[kid++], rule, symbols, language); };
  const auto take_attribute = [&] { text += " " + to_string(term.attributes[attribute++], rule); };
  if (term.kids.empty() && term.attributes.empty()) {
    SymbolTable scratch;
    const auto leaf = language != nullptr ? language->leaf(scratch, op.text()) : std::nullopt;
    if (language == nullptr || (leaf && scratch[*leaf].name == op)) return atom_text(op.text());
  }
  const auto signature = language != nullptr ? language->signature(op) : std::nullopt;
  if (signature) {
    for (const ArgumentKind place : signature->arguments) {
      if (place == ArgumentKind::kRest || place == ArgumentKind::kChildren) break;
      if (place == ArgumentKind::kChild) {
        if (kid < term.kids.size()) take_kid();
      } else if (attribute < term.attributes.size()) {
        take_attribute();
      }
    }
  }
  while (kid < term.kids.size()) take_kid();
  while (attribute < term.attributes.size()) take_attribute();
  return text + ")";
}

}  // namespace

std::string to_string(const AttributeExpression& expression, const Rule& rule) {
  switch (expression.kind) {
    case AttributeExpression::Kind::kConstant:
      return expression.constant.to_string();
    case AttributeExpression::Kind::kVariable:
      return rule.variables[expression.variable].name;
    case AttributeExpression::Kind::kCall:
      break;
  }
  std::string text = "(";
  if (expression.function == ValueFunction::kAccessor) {
    text += atom_text(expression.accessor_name.text()) + " " + rule.variables[expression.class_variable].name;
  } else {
    text += value_function_name(expression.function);
  }
  for (const AttributeExpression& argument : expression.arguments) text += " " + to_string(argument, rule);
  return text + ")";
}

std::string to_string(const Pattern& pattern, const Rule& rule, const SymbolTable& symbols, const Language* language) {
  return term_text(pattern, pattern.root(), rule, symbols, language);
}

std::string to_string(const Rule& rule, const SymbolTable& symbols, const Language* language) {
  std::string text = "(rewrite " + atom_text(rule.name) + " " + to_string(rule.left, rule, symbols, language) + " " +
                     to_string(rule.right, rule, symbols, language);
  if (!rule.lets.empty()) {
    std::string lets;
    for (const Variable& variable : rule.variables) {
      if (variable.kind != VariableKind::kLet) continue;
      lets += (lets.empty() ? "(" : " (") + variable.name + " " + to_string(rule.lets[variable.let], rule) + ")";
    }
    text += " :let (" + lets + ")";
  }
  if (!rule.conditions.empty()) text += " :when";
  for (const AttributeExpression& condition : rule.conditions) text += " " + to_string(condition, rule);
  if (rule.match_limit > 0) text += " :limit " + std::to_string(rule.match_limit);
  if (rule.pinned) text += " :pin";
  return text + ")";
}

}  // namespace tessera
