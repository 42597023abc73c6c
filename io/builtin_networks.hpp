// Networks that need no file, and the front door through which every model comes in.
// A built-in is generated as Relay text and read like any other model: it has the operators, the structure and the
// names of TVM's own export, and there is one way into the program only. MobileNet v1: Howard et al., "MobileNets:
// Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017 (table 1, width multiplier and
// resolution as in section 3.3 and 3.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/network.hpp"

namespace tessera {

// MobileNet v1 as Relay text. Channels are the published ones times `width`, rounded to multiples of 8 as the published
// models are (never below 8, never down by more than 10 %). The image has `resolution` rows and columns.
// Requires 0 < width <= 4 and 1 <= resolution <= 4096.
[[nodiscard]] std::string mobilenet_v1_relay(double width, std::int64_t resolution);

// The built-ins as a user writes them: "mobilenet-v1[:WIDTH[:RESOLUTION]]".
[[nodiscard]] std::vector<std::string> builtin_networks();

// A model by built-in name (`mobilenet-v1`, `mobilenet-v1:0.5:128`) or by path: .relay is Relay text, .glenside a
// Glenside program. `declarations` are tensors known beforehand: for a Glenside file that declares none of its own.
// Its tensors are declared in `language`. Throws Error(kInput): an unknown name (all built-ins and endings are listed),
// a bad width or resolution, whatever the readers find.
[[nodiscard]] Network find_network(const std::string& name_or_path, SymbolTable& symbols, TensorLanguage& language,
                                   const std::vector<TensorDeclaration>& declarations = {});

}  // namespace tessera
