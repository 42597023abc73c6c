// Glenside programs as published (Smith et al., "Pure Tensor Program Rewriting via Access Patterns", MAPS 2021): an
// s-expression, with `let` for sharing. The published files leave the tensors' shapes to the host program; here they
// may stand before it, as `(tensor name (shape 1 3 224 224) float32)` (README.md), or be given by the caller.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/language/symbol_table.hpp"
#include "engine/tensor/tensor_language.hpp"
#include "io/network.hpp"

namespace tessera {

// Reads declarations, then one or more terms, each a root of the program. `declarations` hold as if they stood before
// the text; a tensor may be declared in both if both agree. All are declared in `language`. Layers: find_layers. Throws
// Error(kInput) with file:line:column, what was found and what was expected.
[[nodiscard]] Network read_glenside(std::string_view text, const std::string& file, SymbolTable& symbols,
                                    TensorLanguage& language, const std::vector<TensorDeclaration>& declarations = {});

}  // namespace tessera
