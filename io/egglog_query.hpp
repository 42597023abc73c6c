// Facts and rewrites as rules of the engine. A fact asks for e-nodes, equalities, differences and comparisons; all
// facts of a query together are one conjunctive query (as in egglog: Zhang et al., PLDI 2023) over the constructors'
// tables. Here a query is one left side whose operators hang together by the e-classes they share. Equalities between
// e-classes become shared slots, arithmetic becomes conditions and :let, and a term without variables that must differ
// from something is looked up before each iteration (Rule::given).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/language/symbol_table.hpp"
#include "io/egglog_program.hpp"
#include "io/egglog_term.hpp"

namespace tessera {

struct EgglogFact {
  enum class Kind : std::uint8_t { kHolds, kEqual, kDiffer, kCompare };
  Kind kind = Kind::kHolds;
  EgglogTerm left;  // kHolds: the only one
  EgglogTerm right;
  ValueFunction comparison = ValueFunction::kLess;
  Where where;

  [[nodiscard]] bool has_variables() const { return left.has_variables() || right.has_variables(); }
};

// Reads and types facts. The reader knows the variables that were read before. Throws Error(kInput).
[[nodiscard]] std::vector<EgglogFact> read_egglog_facts(const Sexpr& text, std::span<const SexprId> facts,
                                                        EgglogTermReader& reader, const EgglogLanguage& language);

// Whether a fact about constants of a primitive sort holds.
[[nodiscard]] bool egglog_constants_hold(const EgglogFact& fact);

struct EgglogRewrite {
  std::string name;
  const EgglogTerm* left = nullptr;   // null: a query, of facts alone
  const EgglogTerm* right = nullptr;  // null when left is
  std::span<const EgglogFact> facts;
  Where where;
};

// Interns operators; all ranks must call it in the same order. `reader`: the one that read the terms. Throws
// Error(kInput) when the parts do not hang together or a variable is not bound.
[[nodiscard]] Rule make_egglog_rule(const EgglogRewrite& rewrite, const EgglogTermReader& reader,
                                    const EgglogProgram& program, SymbolTable& symbols);

// Facts that share variables belong to one query: indices of facts, groups in the order of their first facts.
[[nodiscard]] std::vector<std::vector<std::size_t>> group_by_variables(std::span<const EgglogFact> facts);

// Adds a term without variables, of a declared sort, to the program's terms. Returns its node.
std::uint32_t add_ground_term(const EgglogTerm& term, const EgglogLanguage& language, SymbolTable& symbols,
                              Expression& terms);

}  // namespace tessera
