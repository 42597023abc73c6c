// An egglog program, read and checked: rules and commands in the order of the text, ready to be run by a Search. What
// is read and what is refused: README.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/language/expression.hpp"
#include "engine/rule/rule.hpp"
#include "io/egglog_language.hpp"

namespace tessera {

// Two terms without variables that must be in one e-class, or in different ones. Both must be in the e-graph.
struct EgglogGroundFact {
  std::uint32_t left = 0;  // nodes of EgglogProgram::terms
  std::uint32_t right = 0;
  bool equal = true;
  Where where;
};

struct EgglogCommand {
  enum class Kind : std::uint8_t { kInsert, kRun, kPrintSize, kPrintSizes, kExtract, kCheck };
  Kind kind = Kind::kInsert;
  Where where;
  std::vector<std::uint32_t> roots;  // kInsert: nodes of EgglogProgram::terms; kExtract: the one to insert and extract
  std::uint64_t iterations = 0;      // kRun: at most so many; all bits set: until nothing is left to find
  std::size_t rules = 0;             // kRun: the program's first so many rules have been declared
  std::uint32_t constructor = 0;     // kPrintSize: its index; kPrintSizes: so many have been declared
  // kCheck: all ground facts must hold, and every query must have a match (a rule whose right side means nothing).
  std::vector<EgglogGroundFact> facts;
  std::vector<Where> false_facts;  // facts about constants that do not hold
  std::vector<Rule> queries;
};

struct EgglogProgram {
  EgglogLanguage language;
  std::vector<Rule> rules;
  Expression terms;  // all terms without variables that the commands name
  std::vector<EgglogCommand> commands;
};

}  // namespace tessera
