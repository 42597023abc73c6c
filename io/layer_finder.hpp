// Finds the layers of a program that was not built by a reader who knows them: every `(compute dot-product ...)` over
// an access-cartesian-product or an access-pair. A convolution or dense layer in our own form
// (engine/tensor/lowering.hpp) is recognized by lowering what it seems to be and comparing: programs are hash-consed,
// so equal terms are equal indices. Any other dot product is a layer of the ProductForm.
#pragma once

#include <vector>

#include "engine/language/expression.hpp"
#include "engine/language/symbol_table.hpp"
#include "engine/tensor/tensor_language.hpp"
#include "io/network.hpp"

namespace tessera {

// The data of every node, by the language's inference. Throws Error(kInput) where a node is ill-formed.
[[nodiscard]] std::vector<DataWords> infer_types(const Expression& program, const SymbolTable& symbols,
                                                 const TensorLanguage& language);

// In the order of the nodes. `symbols` may gain symbols of rejected guesses.
[[nodiscard]] std::vector<Layer> find_layers(const Expression& program, SymbolTable& symbols,
                                             const TensorLanguage& language);

}  // namespace tessera
