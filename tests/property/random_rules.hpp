// Random searches (rules and start terms) for property tests, with shrinking. A search is generated as terms and handed
// to the engine as the text of a rules file, so that a counterexample can be pasted into one and looked at alone.
// The alphabet is small, so that rules meet each other's results; it holds what engines get wrong: wide e-nodes, one
// operator name at two arities, operators with attributes, cycles through collapsing rules, rules for every e-class.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "tests/property/property_language.hpp"

namespace tessera::oracle {

// A term or a pattern. `op` may be a class variable (`?x`); attributes are integers, attribute variables (`?n`) or, on
// a right side, expressions over them.
struct RandomTerm {
  std::string op;
  std::vector<RandomTerm> kids;
  std::vector<std::string> attributes;

  [[nodiscard]] bool is_variable() const { return op.front() == '?'; }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::size_t size() const;
  friend bool operator==(const RandomTerm&, const RandomTerm&) = default;
};

struct RandomRule {
  RandomTerm left;
  RandomTerm right;
  std::string condition;  // over variables of the left side; empty: none
  friend bool operator==(const RandomRule&, const RandomRule&) = default;

  // Whether every variable of the right side and of the condition is bound by the left side.
  [[nodiscard]] bool is_bound() const;
};

struct RandomSearch {
  std::vector<RandomRule> rules;
  std::vector<RandomTerm> start;  // at least one

  [[nodiscard]] std::string text() const;  // of a rules file
};

std::ostream& operator<<(std::ostream& out, const RandomSearch& search);

struct RandomOptions {
  int max_rules = 8;
  int max_start = 5;
  bool attributes = true;  // operators with attributes, conditions on them and computed ones
  bool data = false;       // conditions on e-class data: for DataPropertyLanguage
  bool wide = true;        // operators with more than two children
};

[[nodiscard]] rc::Gen<RandomSearch> random_search(RandomOptions options = {});

// The next smaller searches, biggest steps first; every one is well-formed. Repeating it ends.
[[nodiscard]] std::vector<RandomSearch> smaller_searches(const RandomSearch& search);

}  // namespace tessera::oracle
