// Programs as text: the tensors' declarations, then the program with sharing (`let`), so that read_glenside reads back
// an equal program and the digest of a search can be checked from its output.
#pragma once

#include <span>
#include <string>

#include "engine/language/expression.hpp"
#include "engine/language/symbol_table.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace tessera {

// Every tensor given is declared, in the order given, whether it is used or not. The bytes depend on the tensors and on
// the structure of what the roots reach only.
[[nodiscard]] std::string print_program(std::span<const TensorDeclaration> tensors, const Expression& program,
                                        const SymbolTable& symbols, const TensorLanguage& language);

}  // namespace tessera
