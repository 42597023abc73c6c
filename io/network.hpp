// A network as readers deliver it: the tensors it declares, the program, and which parts of the program are the layers
// (convolutions and dense layers) that a search puts onto arrays.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/language/expression.hpp"
#include "engine/language/name.hpp"
#include "engine/language/symbol_table.hpp"
#include "engine/tensor/lowering.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace tessera {

enum class LayerKind : std::uint8_t {
  kConv2d,
  kDepthwise,  // each channel by itself: as many groups as input and as output channels
  kDense,
};

[[nodiscard]] const char* layer_kind_name(LayerKind kind);  // conv2d, depthwise, dense

// A dot product of two accesses that is no convolution of ours: `(compute dot-product (access-cartesian-product left
// right))`, or of an access-pair. The left operand counts as the weight, the right one as the data.
struct ProductForm {
  bool is_pair = false;
  std::vector<std::int64_t> left_dims;
  std::vector<std::int64_t> right_dims;
  std::int64_t left_split = 0;
  std::int64_t right_split = 0;
  friend bool operator==(const ProductForm&, const ProductForm&) = default;
};

struct Layer {
  std::string name;  // from the weight: `fc` for `fc_weight`; unique in its network
  LayerKind kind = LayerKind::kConv2d;
  // A dense layer is a 1x1 convolution of a 1x1 image, n being the batch.
  Conv2d conv;
  // Set only for a product found in a Glenside program. conv is then the same problem as a dense layer (output [m n],
  // transposed with respect to the product's [left... right...]) or, of a pair, as a depthwise convolution of one
  // pixel.
  std::optional<ProductForm> product;
  DType dtype = DType::kFloat32;
  // As a matrix product a group: m streamed vectors (n * oh * ow) of length k (channels_in / groups * kh * kw) times
  // k x n weights (n = channels_out / groups).
  std::int64_t m = 0;
  std::int64_t k = 0;
  std::int64_t n = 0;
  std::int64_t groups = 1;
  std::uint32_t root = 0;       // in Network::program: the layer's compute dot-product
  std::uint32_t output = 0;     // in Network::program: the layer's result as the rest of the network uses it
  std::uint32_t data_node = 0;  // in Network::program: the operands that layer_network's tensors stand for
  std::uint32_t weight_node = 0;
  Name weight;  // empty when the weight is computed
};

struct Network {
  std::string name;
  std::vector<TensorDeclaration> tensors;
  Expression program;
  std::vector<Layer> layers;  // in the order of the program
};

// A layer of these dimensions, without its place in a program. A dense layer's conv is dense_as_conv2d's.
[[nodiscard]] Layer make_layer(std::string name, LayerKind kind, const Conv2d& conv, DType dtype, Name weight);
[[nodiscard]] Layer make_product_layer(std::string name, const ProductForm& product, DType dtype, Name weight);
[[nodiscard]] LayerKind kind_of(const Conv2d& conv);  // kConv2d or kDepthwise
[[nodiscard]] Conv2d dense_as_conv2d(std::int64_t batch, std::int64_t in, std::int64_t out);

// Extents of the layer's operands and result, as in the network: four axes, two for a dense layer; for a product those
// of its operands, and their shapes' extents.
[[nodiscard]] std::vector<std::int64_t> data_dims(const Layer& layer);
[[nodiscard]] std::vector<std::int64_t> weight_dims(const Layer& layer);
[[nodiscard]] std::vector<std::int64_t> output_dims(const Layer& layer);

// The layer alone: one layer over two tensors (data, weight) whose names are made of its dimensions, so that two layers
// get the same names exactly when they are the same problem. program.roots is the layer's output.
[[nodiscard]] Network layer_network(const Layer& layer, SymbolTable& symbols);

// For each layer the index of the first one that is the same problem (kind, dimensions, element type): itself if none.
[[nodiscard]] std::vector<std::size_t> distinct_layers(const std::vector<Layer>& layers);

}  // namespace tessera
