// What is searched of a model, and how its result is put together: by layer (each distinct layer problem once, all in
// one e-graph, the results put back into the network) or as one connected network (rewrites may cross layers; each
// layer's result is a barrier whose cost counts once).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/options.hpp"
#include "io/network.hpp"
#include "io/report.hpp"
#include "partition/extraction.hpp"

namespace tessera {

// One layer problem of the search. Roots are indices into ModelSearch::start.roots.
struct SearchedLayer {
  Layer layer;           // the problem, with the network it was first seen in
  Network alone;         // the layer over its own two tensors
  std::size_t root = 0;  // the layer's result
  std::size_t data = 0;  // network scope: its operands in the network
  std::size_t weight = 0;
};

struct ModelSearch {
  Network network;
  Scope scope = Scope::kLayer;
  Expression start;                   // roots: first the network's (network scope only), then the layers'
  std::vector<SearchedLayer> layers;  // distinct ones; network scope: all
  std::vector<std::size_t> layer_of;  // per layer of the network: index into layers
  std::vector<std::size_t> barriers;  // indices into start.roots
};

// Declares the layers' tensors in the language. Deterministic: every rank must build the same.
[[nodiscard]] ModelSearch plan_model_search(Network network, Scope scope, SymbolTable& symbols,
                                            TensorLanguage& language);

// A layer's extracted program over the tensors of SearchedLayer::alone (one root). `data`: infer_data of extracted.
[[nodiscard]] Expression layer_program(const ModelSearch& search, std::size_t index, const Expression& extracted,
                                       const std::vector<DataWords>& data, SymbolTable& symbols);

// The whole extracted network over the network's own tensors, with the network's roots. `programs`: per searched layer.
[[nodiscard]] Expression network_program(const ModelSearch& search, const Expression& extracted,
                                         const std::vector<Expression>& programs, SymbolTable& symbols);

// Fills in what a layer's program runs on and costs, beside the bound; measured errors are left to verification.
[[nodiscard]] LayerReport describe_layer(const Layer& layer, const Network& alone, const Expression& program,
                                         const SymbolTable& symbols, const TensorLanguage& language,
                                         const std::vector<ArraySize>& arrays);

}  // namespace tessera
