// Rewrite rules as data: what the rules parser produces and the planner compiles (rule/plan.hpp).
// `left => right` adds the right side to the e-class of the left side's root. The engine never parses text; the parser
// never looks at an e-graph.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/ids.hpp"
#include "engine/language/expression.hpp"
#include "engine/language/value.hpp"

namespace tessera {

enum class VariableKind : std::uint8_t {
  kClass,      // stands for an e-class: in a child's place
  kAttribute,  // stands for a static attribute, bound by the left side: in an attribute's place
  kLet,        // an attribute computed by :let
};

struct Variable {
  std::string name;  // with its question mark
  VariableKind kind = VariableKind::kClass;
  std::uint32_t let = 0;  // kLet: index into Rule::lets
};

using VariableIndex = std::uint32_t;  // into Rule::variables

// Functions on attribute values that every language has. Accessors of e-class data come from the Language.
enum class ValueFunction : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kMin,
  kMax,
  kCeilDivide,
  kRoundUp,
  kQuotient,
  kRemainder,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kNot,
  kDivides,
  kIf,
  kShape,
  kList,
  kAccessShape,
  kShapePart,
  kItemPart,
  kConcat,
  kAt,
  kLength,
  kProduct,
  kWithAt,
  kSliceShape,
  kInsertAxis,
  kRemoveAxis,
  kSwap,
  kAccessor,
};

// An expression over attribute variables and e-class data, evaluated once per match.
struct AttributeExpression {
  enum class Kind : std::uint8_t { kConstant, kVariable, kCall };
  Kind kind = Kind::kConstant;
  Value constant;                                // kConstant
  VariableIndex variable = 0;                    // kVariable: a kAttribute or kLet variable
  ValueFunction function = ValueFunction::kAdd;  // kCall
  int accessor = -1;                             // kCall with function kAccessor: Language::accessor of it,
  VariableIndex class_variable = 0;              //   applied to the data of this kClass variable, then to the arguments
  std::vector<AttributeExpression> arguments;
  Where where;
  Name accessor_name;  // kAccessor: the function as written, for messages
};

// One node of a pattern: a kClass variable, or an operator applied to children.
// On a left side an attribute is a kConstant or a kVariable expression; on a right side any expression.
struct PatternTerm {
  static constexpr std::uint32_t kOwnClass = 0xffffffffU;
  bool is_variable = false;
  VariableIndex variable = 0;
  OperatorId op;
  std::vector<AttributeExpression> attributes;
  std::vector<std::uint32_t> kids;  // indices of earlier terms in Pattern::terms
  // An operator of a left side: the earlier term whose e-class is this one's too; kOwnClass: no other term's. So a left
  // side may ask for several e-nodes of one e-class: `a` is a variable's term, and the term (Num 0) is in its class.
  std::uint32_t class_of = kOwnClass;
  Where where;
};

// A left side's operators hang together by the e-classes they share.
struct Pattern {
  std::vector<PatternTerm> terms;  // children before parents; the last one is the root
  [[nodiscard]] std::uint32_t root() const { return static_cast<std::uint32_t>(terms.size()) - 1; }
};

struct Rule {
  std::string name;
  std::vector<Variable> variables;
  Pattern left;
  Pattern right;
  std::vector<AttributeExpression> lets;        // a let may use earlier lets
  std::vector<AttributeExpression> conditions;  // all must be true
  // Pairs of kClass variables whose e-classes must differ when the match is found.
  std::vector<std::pair<VariableIndex, VariableIndex>> distinct;
  // Terms without variables that `distinct` speaks of: the e-class of root i is what kClass variable i stands for. The
  // rule waits until all of them are in the e-graph.
  Expression given;
  std::vector<VariableIndex> given_variables;
  std::uint64_t match_limit = 0;  // matches an iteration before the rule is put aside; 0: the search's default
  bool pinned = false;            // never put aside
  Where where;
};

// A rules file, read: rules in the file's order, and the terms it asks to start from.
struct RuleSet {
  std::string name;
  std::vector<Rule> rules;
  Expression start;
};

}  // namespace tessera
