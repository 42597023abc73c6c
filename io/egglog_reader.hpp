// Programs in the text format of egglog (Zhang et al., "Better Together: Unifying Datalog and Equality Saturation",
// PLDI 2023), as far as they are plain equality saturation: datatypes, rewrites, terms, runs, and commands that look at
// the result. README.md says what is read and how far it means what it means to egglog; everything else is refused.
#pragma once

#include <string>
#include <string_view>

#include "engine/language/symbol_table.hpp"
#include "io/egglog_program.hpp"

namespace tessera {

// `file` is the text's name in messages and in rules' names, and what (include "…") is relative to. Throws
// Error(kInput) with file:line:column, what was found and what was expected. Interns into `symbols` in the order of the
// text only: the same on every rank that reads the same text.
[[nodiscard]] EgglogProgram parse_egglog(std::string_view text, const std::string& file, SymbolTable& symbols);

// Reads the file.
[[nodiscard]] EgglogProgram load_egglog(const std::string& file, SymbolTable& symbols);

}  // namespace tessera
