// Relay text into a network: names are resolved (every name must be defined before it is used), every expression's type
// is inferred by our own rules and compared with the one TVM printed beside it, convolutions and dense layers become
// access patterns, everything else opaque calls (relay_operators.hpp). Tuples exist while reading only: what a program
// holds are their fields, except for the result of a split.
#pragma once

#include <string>
#include <string_view>

#include "engine/language/symbol_table.hpp"
#include "engine/tensor/tensor_language.hpp"
#include "io/network.hpp"

namespace tessera {

// Reads a module of one function @main. `file` is what messages and the network call it. The tensors are declared in
// `language`. Roots of the program are @main's results: one, or the fields of a tuple.
// Throws Error(kInput) with file:line:column, what was found and what was expected.
[[nodiscard]] Network read_relay(std::string_view text, const std::string& file, SymbolTable& symbols,
                                 TensorLanguage& language);

}  // namespace tessera
