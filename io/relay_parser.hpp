// Parser of Relay text: a recursive descent whose depth is capped, so that ten megabytes of parentheses are an error
// message and not a stack overflow. It knows the grammar only: what a name refers to and which operators exist is the
// reader's business (relay_reader.hpp).
#pragma once

#include <string>
#include <string_view>

#include "io/relay_ast.hpp"

namespace tessera {

// Parses a module of one function @main. Throws Error(kInput) with the place, what was found and what was expected.
[[nodiscard]] RelayFunction parse_relay(std::string_view text, const std::string& file);

}  // namespace tessera
