// Glenside programs: declarations, layers found in them, bad input, and that what is printed reads back the same.
#include "io/glenside_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/base/error.hpp"
#include "io/builtin_networks.hpp"
#include "io/program_writer.hpp"

namespace tessera {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Read {
  SymbolTable symbols;
  TensorLanguage language;
  Network network;
};

Read read(const std::string& text, const std::vector<TensorDeclaration>& declarations = {}) {
  Read result;
  result.network = read_glenside(text, "p.glenside", result.symbols, result.language, declarations);
  return result;
}

std::string refusal(const std::string& text, const std::vector<TensorDeclaration>& declarations = {}) {
  try {
    (void)read(text, declarations);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  ADD_FAILURE() << "this was read without an error:\n" << text;
  return {};
}

constexpr const char* kProduct =
    "(compute dot-product (access-cartesian-product (access (access-tensor a) 1) (access (access-tensor b) 1)))";

const TensorDeclaration kA{Name("a"), DType::kFloat32, {4, 8}};
const TensorDeclaration kB{Name("b"), DType::kFloat32, {6, 8}};

void expect_equal(const Expression& a, const Expression& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(a.roots, b.roots);
  for (std::uint32_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i], b[i]) << "node " << i;
}

TEST(GlensideReader, DeclarationsInTheFileOrFromTheCaller) {
  const Read own =
      read(std::string("; as published\n(tensor a (shape 4 8) float32)\n(tensor b (shape 6 8))\n") + kProduct);
  const Read given = read(kProduct, {kA, kB});
  expect_equal(own.network.program, given.network.program);
  EXPECT_THAT(own.network.tensors, ElementsAre(kA, kB));
  EXPECT_THAT(given.network.tensors, ElementsAre(kA, kB));
  // Both, in agreement.
  EXPECT_EQ(read(std::string("(tensor a (shape 4 8) float32)") + kProduct, {kA, kB}).network.tensors.size(), 2U);
}

TEST(GlensideReader, ABareNameIsATensor) {
  const Read bare = read("(compute dot-product (access-cartesian-product (access a 1) (access b 1)))", {kA, kB});
  expect_equal(bare.network.program, read(kProduct, {kA, kB}).network.program);
}

TEST(GlensideReader, AProductOfMatricesIsADenseLayer) {
  const Read r = read(kProduct, {kA, kB});
  ASSERT_EQ(r.network.layers.size(), 1U);
  const Layer& layer = r.network.layers[0];
  EXPECT_EQ(layer.kind, LayerKind::kDense);
  EXPECT_FALSE(layer.product.has_value());
  EXPECT_EQ(layer.m, 4);
  EXPECT_EQ(layer.k, 8);
  EXPECT_EQ(layer.n, 6);
  EXPECT_EQ(layer.weight, Name("b"));
  EXPECT_EQ(layer.root, r.network.program.roots[0]);
}

TEST(GlensideReader, APublishedConvolutionIsALayer) {
  const Read r = read(R"(
    (tensor data (shape 1 3 32 32) float32)
    (tensor conv1-weight (shape 8 3 3 3) float32)
    (access-transpose
      (compute dot-product
        (access-cartesian-product
          (access (access-tensor conv1-weight) 1)
          (access
            (access-squeeze
              (access-windows
                (access (access-pad (access-pad (access-tensor data) zero-padding 2 0 1) zero-padding 3 0 1) 1)
                (shape 3 3 3) (shape 1 2 2))
              1)
            3)))
      (list 1 0 2 3)))");
  ASSERT_EQ(r.network.layers.size(), 1U);
  const Layer& layer = r.network.layers[0];
  EXPECT_EQ(layer.kind, LayerKind::kConv2d);
  EXPECT_FALSE(layer.product.has_value());
  EXPECT_EQ(layer.name, "conv1");
  EXPECT_EQ(layer.conv.pad_top, 0);
  EXPECT_EQ(layer.conv.pad_right, 1);
  EXPECT_EQ(layer.conv.stride_h, 2);
  EXPECT_EQ(layer.m, 16 * 16);
  EXPECT_EQ(layer.k, 27);
  EXPECT_EQ(layer.output, r.network.program.roots[0]);
}

TEST(GlensideReader, OtherDotProductsAreProductsOrPairs) {
  const Read product = read(
      "(tensor a (shape 4 5 8))(tensor b (shape 6 7 8))"
      "(compute dot-product (access-cartesian-product (access a 2) (access b 2)))");
  ASSERT_EQ(product.network.layers.size(), 1U);
  ASSERT_TRUE(product.network.layers[0].product.has_value());
  EXPECT_EQ(product.network.layers[0].m, 42);
  EXPECT_EQ(product.network.layers[0].k, 8);
  EXPECT_EQ(product.network.layers[0].n, 20);
  EXPECT_THAT(output_dims(product.network.layers[0]), ElementsAre(4, 5, 6, 7));
  const Read pair = read(
      "(tensor a (shape 4 8))(tensor b (shape 4 8))"
      "(compute dot-product (access-pair (access a 1) (access b 1)))");
  ASSERT_EQ(pair.network.layers.size(), 1U);
  EXPECT_EQ(pair.network.layers[0].kind, LayerKind::kDepthwise);
  EXPECT_EQ(pair.network.layers[0].groups, 4);
  EXPECT_EQ(pair.network.layers[0].k, 8);
}

TEST(GlensideReader, PrintedProgramsReadBackEqual) {
  SymbolTable symbols;
  TensorLanguage language;
  for (const char* name : {"mobilenet-v1:0.25:32", "mobilenet-v1"}) {
    TensorLanguage first;
    const Network network = find_network(name, symbols, first);
    const std::string text = print_program(network.tensors, network.program, symbols, first);
    TensorLanguage second;
    const Network again = read_glenside(text, "printed", symbols, second);
    EXPECT_EQ(again.tensors, network.tensors);
    // Node numbers may differ; the text depends on the structure only.
    EXPECT_EQ(print_program(again.tensors, again.program, symbols, second), text);
    ASSERT_EQ(again.layers.size(), network.layers.size());
    for (std::size_t i = 0; i < again.layers.size(); ++i) {
      EXPECT_EQ(again.layers[i].conv, network.layers[i].conv) << i;
      EXPECT_EQ(again.layers[i].kind, network.layers[i].kind) << i;
      EXPECT_EQ(again.layers[i].name, network.layers[i].name) << i;
    }
  }
}

TEST(GlensideReader, SeveralRootsAndOddNamesSurvivePrinting) {
  SymbolTable symbols;
  TensorLanguage language;
  const Network network = read_glenside(
      "(tensor \"a b\" (shape 2 3) int8)(tensor t0 (shape 2 3) int8)(tensor unused (shape) float64)"
      "(access (access-tensor \"a b\") 1)(access-tensor t0)(access (access-tensor \"a b\") 1)",
      "p", symbols, language);
  EXPECT_EQ(network.program.roots.size(), 3U);
  const std::string text = print_program(network.tensors, network.program, symbols, language);
  TensorLanguage second;
  const Network again = read_glenside(text, "printed", symbols, second);
  EXPECT_EQ(again.tensors, network.tensors);
  expect_equal(again.program, network.program);
}

TEST(GlensideReaderErrors, EmptyAndIncomplete) {
  EXPECT_THAT(refusal(""), AllOf(StartsWith("p.glenside:1:1"), HasSubstr("empty file")));
  EXPECT_THAT(refusal("(tensor a (shape 1))"), HasSubstr("expected a program behind the declarations"));
  const std::string whole = std::string("(tensor a (shape 4 8))(tensor b (shape 6 8))") + kProduct;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THAT(refusal(whole.substr(0, length)), StartsWith("p.glenside:")) << length;
  }
}

TEST(GlensideReaderErrors, Declarations) {
  EXPECT_THAT(refusal("(tensor a)"), HasSubstr("expected (tensor NAME (shape EXTENT ...) DTYPE)"));
  EXPECT_THAT(refusal("(tensor (a) (shape 1))"), HasSubstr("expected a tensor's name"));
  EXPECT_THAT(refusal("(tensor a 3)"), HasSubstr("expected (shape EXTENT ...), found '3'"));
  EXPECT_THAT(refusal("(tensor a (shape 0))"), HasSubstr("expected an extent of 1 or more, found 0"));
  EXPECT_THAT(refusal("(tensor a (shape x))"), StartsWith("p.glenside:1:18:"));
  EXPECT_THAT(refusal("(tensor a (shape 1) floot)"), HasSubstr("expected one of float32"));
  EXPECT_THAT(refusal("(tensor a (shape 1))(tensor a (shape 2)) a"), HasSubstr("declared twice"));
  EXPECT_THAT(refusal("(tensor a (shape 5 8))" + std::string(kProduct), {kA, kB}), HasSubstr("declared twice"));
  EXPECT_THAT(refusal("(tensor a (shape 1)) a (tensor b (shape 1))"), HasSubstr("before the program"));
  EXPECT_THAT(refusal("(tensor a (shape 1 1 1 1 1 1 1 1 1 1 1 1 1)) a"), HasSubstr("at most 12 extents"));
  EXPECT_THAT(refusal("(tensor a (shape 1099511627776 2)) a"), HasSubstr("2^40"));
  EXPECT_THAT(refusal("(tensor float32 (shape 1)) 1"), HasSubstr("reserved"));
}

TEST(GlensideReaderErrors, Programs) {
  EXPECT_THAT(refusal(kProduct), HasSubstr("not declared"));
  EXPECT_THAT(refusal("(tensor a (shape 4 8)) (acess a 1)"),
              AllOf(StartsWith("p.glenside:1:25:"), HasSubstr("did you mean 'access'")));
  EXPECT_THAT(refusal("(tensor a (shape 4 8))(tensor b (shape 6 9))" + std::string(kProduct)),
              StartsWith("p.glenside:1:"));
  EXPECT_THAT(refusal("(tensor a (shape 4 8)) (access a 3)"), StartsWith("p.glenside:1:24:"));
  EXPECT_THAT(refusal(std::string(10 << 20, '(')), StartsWith("p.glenside:"));
  EXPECT_THAT(refusal(std::string(10 << 20, ')')), StartsWith("p.glenside:"));
}

}  // namespace
}  // namespace tessera
