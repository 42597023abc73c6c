// Reads one rewrite rule: its two patterns, its options, and what its variables stand for. Everything that can be said
// of a rule before it meets an e-graph is checked here: operators and argument counts, unbound variables, variables
// used both as e-classes and as attributes, kinds of attributes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/language/language.hpp"
#include "engine/rule/attribute_parser.hpp"
#include "engine/rule/rule.hpp"
#include "engine/text/sexpr.hpp"

namespace tessera {

// `?R` and `?C` of a for-each-array: integers, known while reading.
using RuleConstants = std::map<std::string, std::int64_t, std::less<>>;

class RuleReader : private AttributeScope {
 public:
  static constexpr int kMaxPatternDepth = 1000;

  RuleReader(const Sexpr& text, const Language& language, SymbolTable& symbols, const RuleConstants& constants)
      : text_(text), language_(language), symbols_(symbols), constants_(constants) {}

  // left => right; `options` is the first of what follows the patterns (:when …). Throws Error(kInput) with
  // file:line:column and the rule's name.
  [[nodiscard]] Rule read(const std::string& name, SexprId left, SexprId right, SexprId options);

 private:
  enum class Side { kLeft, kRight };

  [[noreturn]] void fail(SexprId node, const std::string& message) const;
  void read_options(SexprId option);
  void read_lets(SexprId list, SexprId keyword);
  void read_pattern(SexprId node, Pattern& pattern);
  std::uint32_t read_term(SexprId node, Pattern& pattern, int depth);
  std::uint32_t read_leaf(SexprId node, Pattern& pattern);
  std::uint32_t read_operator(SexprId node, Pattern& pattern, int depth);
  AttributeExpression read_attribute(SexprId node, ArgumentKind place);
  // The variable in a place that takes `kind`; on the left side it is bound by this.
  VariableIndex use_variable(SexprId node, VariableKind kind);
  void narrow(const AttributeExpression& expression, ArgumentKind place, SexprId node);
  [[nodiscard]] std::string bound_variables() const;

  AttributeExpression variable(SexprId node) override;
  VariableIndex class_argument(SexprId node, std::string_view function) override;

  const Sexpr& text_;
  const Language& language_;
  SymbolTable& symbols_;
  const RuleConstants& constants_;
  Rule rule_;
  Side side_ = Side::kLeft;
  std::map<std::string, VariableIndex, std::less<>> index_of_;
  std::vector<Where> first_use_;  // by VariableIndex
  std::vector<KindSet> kinds_;    // by VariableIndex: the values an attribute may have; kAnyKind for an e-class
};

}  // namespace tessera
