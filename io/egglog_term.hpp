// Typed egglog terms: what stands in a command, a pattern or a fact, with the sort of everything known. Variables get
// their sorts from where they stand. i64 arithmetic on constants is computed while reading.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/language/value.hpp"
#include "engine/rule/rule.hpp"
#include "engine/text/sexpr.hpp"
#include "io/egglog_language.hpp"

namespace tessera {

struct EgglogTerm {
  enum class Kind : std::uint8_t {
    kValue,      // an i64 or a String
    kVariable,   // of any sort
    kGlobal,     // a name that `let` gave to a term: a node of EgglogProgram::terms
    kConstruct,  // a constructor applied to arguments
    kCompute,    // i64 arithmetic
  };
  Kind kind = Kind::kValue;
  EgglogSort sort = kEgglogUnknown;  // unknown: a variable of which nothing is known yet
  Value value;
  std::string variable;
  std::uint32_t index = 0;  // kGlobal: node; kConstruct: constructor
  ValueFunction function = ValueFunction::kAdd;
  std::vector<EgglogTerm> arguments;
  Where where;

  [[nodiscard]] bool has_variables() const;
};

struct EgglogGlobal {
  EgglogSort sort = kEgglogUnknown;
  Value value;             // of a primitive sort
  std::uint32_t node = 0;  // of a declared sort: of EgglogProgram::terms
  Where where;
};
using EgglogGlobals = std::unordered_map<std::string, EgglogGlobal>;

// The function on i64 that a name stands for in a term; in a fact.
[[nodiscard]] std::optional<ValueFunction> egglog_arithmetic(std::string_view name);
[[nodiscard]] std::optional<ValueFunction> egglog_comparison(std::string_view name);

// Reads the terms of one command. Throws Error(kInput) with file:line:column.
class EgglogTermReader {
 public:
  static constexpr int kMaxNesting = 1000;  // of parentheses in a term
  enum class Variables : std::uint8_t { kNone, kNew, kKnown };

  EgglogTermReader(const Sexpr& text, const EgglogLanguage& language, const EgglogGlobals& globals)
      : text_(text), language_(language), globals_(globals) {}

  // `expected`: the sort it must have; unknown: any. With kNone a name that is no global is refused, with kKnown one
  // that was not read before is.
  EgglogTerm read(SexprId node, EgglogSort expected, Variables variables);
  // Says of a variable of unknown sort what its sort is.
  void refine(EgglogTerm& term, EgglogSort sort);
  [[nodiscard]] EgglogSort sort_of(const std::string& variable) const;

  [[noreturn]] void fail(SexprId node, const std::string& message) const;

 private:
  EgglogTerm read_atom(SexprId node, EgglogSort expected, Variables variables);
  EgglogTerm read_variable(SexprId node, EgglogSort expected, Variables variables);
  EgglogTerm read_call(SexprId node, EgglogSort expected, Variables variables);
  EgglogTerm compute(SexprId node, ValueFunction function, std::vector<EgglogTerm> arguments);
  void check_sort(SexprId node, EgglogSort found, EgglogSort expected) const;

  const Sexpr& text_;
  const EgglogLanguage& language_;
  const EgglogGlobals& globals_;
  std::unordered_map<std::string, EgglogSort> sort_of_variable_;  // unknown: seen, but nothing known yet
  int wildcards_ = 0;
  int nesting_ = 0;
};

// The arithmetic of a term of a primitive sort. `variable_index` gives the variables' places in the rule.
[[nodiscard]] AttributeExpression egglog_attribute(const EgglogTerm& term,
                                                   const std::map<std::string, VariableIndex>& variable_index);

}  // namespace tessera
