// Layers alone: one problem, one name; and the layer's own program computes what the layer is.
#include "io/network.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/layer_finder.hpp"

namespace tessera {
namespace {

using ::testing::ElementsAre;

Conv2d conv(std::int64_t channels, std::int64_t side, std::int64_t out, std::int64_t kernel, std::int64_t groups = 1) {
  Conv2d c;
  c.channels_in = channels;
  c.height = c.width = side;
  c.channels_out = out;
  c.kernel_h = c.kernel_w = kernel;
  c.groups = groups;
  return c;
}

Layer layer(const char* name, const Conv2d& c, DType dtype = DType::kFloat32) {
  return make_layer(name, kind_of(c), c, dtype, Name(std::string(name) + "_weight"));
}

TEST(Layers, DimensionsAsAMatrixProduct) {
  Conv2d c = conv(3, 224, 32, 3);
  c.n = 2;
  c.stride_h = c.stride_w = 2;
  c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = 1;
  const Layer first = layer("a", c);
  EXPECT_EQ(first.m, 2 * 112 * 112);
  EXPECT_EQ(first.k, 27);
  EXPECT_EQ(first.n, 32);
  EXPECT_THAT(data_dims(first), ElementsAre(2, 3, 224, 224));
  EXPECT_THAT(weight_dims(first), ElementsAre(32, 3, 3, 3));
  EXPECT_THAT(output_dims(first), ElementsAre(2, 32, 112, 112));
  const Layer grouped = layer("g", conv(6, 5, 4, 3, 2));
  EXPECT_EQ(grouped.kind, LayerKind::kConv2d);
  EXPECT_EQ(grouped.k, 27);
  EXPECT_EQ(grouped.n, 2);
  const Layer depthwise = layer("d", conv(6, 5, 6, 3, 6));
  EXPECT_EQ(depthwise.kind, LayerKind::kDepthwise);
  EXPECT_EQ(depthwise.k, 9);
  EXPECT_EQ(depthwise.n, 1);
  const Layer dense = make_layer("fc", LayerKind::kDense, dense_as_conv2d(4, 10, 7), DType::kFloat32, Name());
  EXPECT_EQ(dense.m, 4);
  EXPECT_EQ(dense.k, 10);
  EXPECT_EQ(dense.n, 7);
  EXPECT_THAT(output_dims(dense), ElementsAre(4, 7));
}

TEST(Layers, EqualProblemsAreOneWhateverTheirNames) {
  const Conv2d a = conv(8, 14, 16, 1);
  Conv2d padded = a;
  padded.pad_top = 1;
  const std::vector<Layer> layers = {layer("a", a),
                                     layer("b", padded),
                                     layer("c", a),
                                     layer("d", a, DType::kInt8),
                                     make_layer("e", LayerKind::kDense, dense_as_conv2d(1, 8, 16), DType::kFloat32, {}),
                                     layer("f", conv(8, 1, 16, 1)),
                                     layer("g", padded)};
  EXPECT_THAT(distinct_layers(layers), ElementsAre(0, 1, 0, 3, 4, 5, 1));
}

TEST(Layers, AloneTheyAreTheSameLayer) {
  Conv2d strided = conv(6, 9, 4, 3);
  strided.stride_h = 2;
  strided.pad_left = 1;
  ProductForm product;
  product.left_dims = {4, 5, 6};
  product.left_split = 1;
  product.right_dims = {7, 2, 5, 6};
  product.right_split = 2;
  ProductForm pair = product;
  pair.is_pair = true;
  pair.right_dims = pair.left_dims;
  pair.right_split = pair.left_split;
  for (const Layer& original :
       {layer("a", strided), layer("b", conv(6, 9, 6, 3, 6)), layer("c", conv(6, 9, 12, 3, 6)),
        layer("d", conv(6, 9, 4, 1, 2)),
        make_layer("e", LayerKind::kDense, dense_as_conv2d(3, 8, 5), DType::kFloat32, {}),
        make_product_layer("f", product, DType::kFloat32, {}), make_product_layer("g", pair, DType::kFloat32, {})}) {
    SCOPED_TRACE(original.name);
    SymbolTable symbols;
    TensorLanguage language;
    const Network alone = layer_network(original, symbols);
    for (const TensorDeclaration& tensor : alone.tensors) language.declare(tensor);
    ASSERT_EQ(alone.tensors.size(), 2U);
    EXPECT_EQ(alone.tensors[0].dims, data_dims(original));
    EXPECT_EQ(alone.tensors[1].dims, weight_dims(original));
    const std::vector<DataWords> types = infer_types(alone.program, symbols, language);
    const TensorType type(types[alone.program.roots.at(0)]);
    EXPECT_EQ(std::vector<std::int64_t>(type.dims().begin(), type.dims().end()), output_dims(original));
    EXPECT_EQ(type.split(), type.axes());
    // Found again in its own program, it is the same problem.
    const std::vector<Layer> found = find_layers(alone.program, symbols, language);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].kind, original.kind);
    EXPECT_EQ(found[0].conv, original.conv);
    EXPECT_EQ(found[0].product, original.product);
    EXPECT_EQ(found[0].root, alone.layers.at(0).root);
    EXPECT_EQ(found[0].output, alone.layers.at(0).output);
    EXPECT_EQ(found[0].data_node, alone.layers[0].data_node);
    EXPECT_EQ(found[0].weight_node, alone.layers[0].weight_node);
    EXPECT_THAT(distinct_layers({original, found[0]}), ElementsAre(0, 0));
  }
}

TEST(Layers, TensorsAreNamedAfterTheProblem) {
  SymbolTable symbols;
  const Network a = layer_network(layer("a", conv(6, 9, 4, 3)), symbols);
  const Network same = layer_network(layer("b", conv(6, 9, 4, 3)), symbols);
  const Network other = layer_network(layer("c", conv(6, 9, 4, 1)), symbols);
  EXPECT_EQ(a.tensors[0].name, same.tensors[0].name);
  EXPECT_NE(a.tensors[0].name, other.tensors[0].name);
  EXPECT_NE(a.tensors[0].name, a.tensors[1].name);
  EXPECT_NE(a.tensors[1].name, other.tensors[1].name);
}

}  // namespace
}  // namespace tessera
