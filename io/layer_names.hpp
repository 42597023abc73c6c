// Names of layers, made from their weights' names as every reader makes them: so that a network read from two formats
// has the same layers.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/language/name.hpp"
#include "io/network.hpp"

namespace tessera {

class LayerNames {
 public:
  // `fc_weight` and `fc.weight` name the layer `fc`; a computed weight (empty name) gives `conv2d`, `dense`, …. A name
  // that is taken gets a number behind it: `fc`, `fc-2`.
  std::string from_weight(Name weight, LayerKind kind);

 private:
  std::map<std::string, int> used_;
};

}  // namespace tessera
