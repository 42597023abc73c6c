// Rules files: rewrite rules and start terms as text (syntax: rules/README.md). The parser knows a Language's
// signatures and function names and nothing else of it; a file that does not parse or type-check is refused with
// file:line:column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/language/language.hpp"
#include "engine/rule/rule.hpp"

namespace tessera {

struct RuleParameters {
  std::vector<std::pair<std::int64_t, std::int64_t>> arrays;  // (rows, columns) for `for-each-array`; both at least 1
};

// `file` is the text's name in messages, and what (include "…") is relative to. Throws Error(kInput).
// Interns into `symbols` in the order of the text only: the same on every rank that reads the same text.
[[nodiscard]] RuleSet parse_rules(std::string_view text, const std::string& file, const Language& language,
                                  SymbolTable& symbols, const RuleParameters& parameters);

// Reads a rules file, or one that is built into the program by its name ("math"). A file of that name goes first.
[[nodiscard]] RuleSet load_rules(const std::string& file_or_name, const Language& language, SymbolTable& symbols,
                                 const RuleParameters& parameters);

// The rule as it would stand in a rules file. With the language its arguments stand where they belong and the text
// reads back; without, children come first.
[[nodiscard]] std::string to_string(const Rule& rule, const SymbolTable& symbols, const Language* language = nullptr);
[[nodiscard]] std::string to_string(const Pattern& pattern, const Rule& rule, const SymbolTable& symbols,
                                    const Language* language = nullptr);
[[nodiscard]] std::string to_string(const AttributeExpression& expression, const Rule& rule);

}  // namespace tessera
