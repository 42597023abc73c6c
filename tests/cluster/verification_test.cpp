// What verification must accept: the original forms of every kind of layer, and a program blocked by hand. What it must
// catch: programs that are wrong in the ways a wrong rule would make them.
#include "cluster/verification.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "cluster/reference_convolution.hpp"
#include "engine/base/error.hpp"
#include "engine/language/expression_text.hpp"
#include "io/builtin_networks.hpp"
#include "io/relay_reader.hpp"

namespace tessera {
namespace {

using ::testing::HasSubstr;

Layer convolution(std::int64_t n, std::int64_t in, std::int64_t extent, std::int64_t out, std::int64_t kernel,
                  std::int64_t stride, std::int64_t padding, std::int64_t groups) {
  Conv2d c;
  c.n = n;
  c.channels_in = in;
  c.height = extent;
  c.width = extent + 1;
  c.channels_out = out;
  c.kernel_h = kernel;
  c.kernel_w = kernel;
  c.stride_h = c.stride_w = stride;
  c.pad_top = c.pad_left = padding;
  c.pad_bottom = padding;
  c.pad_right = padding == 0 ? 0 : padding - 1;  // asymmetric
  c.groups = groups;
  return make_layer("layer", kind_of(c), c, DType::kFloat32, Name("w"));
}

Layer dense(std::int64_t batch, std::int64_t in, std::int64_t out) {
  return make_layer("fc", LayerKind::kDense, dense_as_conv2d(batch, in, out), DType::kFloat32, Name("w"));
}

class VerifyLayer : public ::testing::Test {
 protected:
  // The layer's own program is the original; both kinds of arithmetic must accept it.
  void expect_original_passes(const Layer& layer) {
    const Network network = layer_network(layer, symbols_);
    const LayerInputs inputs{network.tensors[0].name, network.tensors[1].name};
    const std::uint32_t root = network.program.roots[0];
    const LayerCheck exact =
        verify_layer(symbols_, network.program, root, network.layers[0], inputs, 1, Arithmetic::kInteger);
    EXPECT_TRUE(exact.passed) << exact.failure;
    EXPECT_TRUE(exact.exact);
    EXPECT_EQ(exact.max_abs_err, 0);
    EXPECT_TRUE(exact.output_depends_on_input);
    const LayerCheck close =
        verify_layer(symbols_, network.program, root, network.layers[0], inputs, 1, Arithmetic::kFloat);
    EXPECT_TRUE(close.passed) << close.failure;
    EXPECT_GT(close.tolerance, 0);
    EXPECT_LE(close.max_abs_err, close.tolerance);
  }

  // A program of tensors `data` and `weights`, as text, for the layer.
  LayerCheck check(const Layer& layer, const std::string& text, Arithmetic arithmetic = Arithmetic::kInteger) {
    TensorLanguage language;
    language.declare({Name("data"), DType::kFloat32, data_dims(layer)});
    language.declare({Name("weights"), DType::kFloat32, weight_dims(layer)});
    const Expression program = parse_expression(text, "test", language, symbols_);
    return verify_layer(symbols_, program, program.roots.at(0), layer, {Name("data"), Name("weights")}, 1, arithmetic);
  }
  void expect_caught(const Layer& layer, const std::string& text, const std::string& why) {
    for (const Arithmetic arithmetic : {Arithmetic::kInteger, Arithmetic::kFloat}) {
      const LayerCheck result = check(layer, text, arithmetic);
      EXPECT_FALSE(result.passed) << text;
      EXPECT_FALSE(result.exact);
      EXPECT_THAT(result.failure, HasSubstr(why));
    }
  }

  SymbolTable symbols_;
};

TEST_F(VerifyLayer, OriginalConvolutions) {
  expect_original_passes(convolution(1, 3, 9, 8, 3, 2, 1, 1));
  expect_original_passes(convolution(2, 5, 6, 7, 3, 1, 1, 1));
  expect_original_passes(convolution(1, 64, 7, 40, 1, 1, 0, 1));
  expect_original_passes(convolution(1, 2, 8, 3, 5, 3, 2, 1));
}

TEST_F(VerifyLayer, OriginalDepthwiseAndGrouped) {
  expect_original_passes(convolution(1, 16, 8, 16, 3, 1, 1, 16));
  expect_original_passes(convolution(1, 16, 8, 16, 3, 2, 1, 16));
  expect_original_passes(convolution(3, 4, 5, 4, 3, 1, 1, 4));
  expect_original_passes(convolution(2, 6, 5, 9, 3, 1, 1, 3));
  expect_original_passes(convolution(1, 4, 5, 8, 2, 1, 0, 4));
}

TEST_F(VerifyLayer, OriginalDenseAndProducts) {
  expect_original_passes(dense(1, 100, 30));
  expect_original_passes(dense(5, 7, 3));
  expect_original_passes(
      make_product_layer("product", {false, {4, 2, 6}, {3, 2, 6}, 1, 1}, DType::kFloat32, Name("w")));
  expect_original_passes(make_product_layer("pair", {true, {4, 2, 6}, {4, 2, 6}, 1, 1}, DType::kFloat32, Name("w")));
}

TEST_F(VerifyLayer, PublishedGroupedForm) {
  const Layer layer = convolution(2, 6, 5, 12, 3, 2, 1, 3);
  Expression program;
  const Value data = Value::name(Name("data"));
  const Value weights = Value::name(Name("weights"));
  const std::uint32_t data_node = program.add(symbols_.intern(Name("access-tensor"), {&data, 1}, 0), {});
  const std::uint32_t weight_node = program.add(symbols_.intern(Name("access-tensor"), {&weights, 1}, 0), {});
  const Lowered lowered = lower_conv2d_published_grouped(symbols_, program, data_node, weight_node, layer.conv);
  const LayerCheck result =
      verify_layer(symbols_, program, lowered.output, layer, {Name("data"), Name("weights")}, 9, Arithmetic::kInteger);
  EXPECT_TRUE(result.passed) << result.failure;
}

// [2 6] by [4 6] on 3x2 arrays: two blocks along the sum, two along the outputs.
std::string blocked(const std::string& second_low, const std::string& second_high, const std::string& stationary) {
  return "(let ((x (access data 1)) (x0 (access-slice x 1 0 3)) (x1 (access-slice x 1 " + second_low + " " +
         second_high +
         ")) (w (access (access-transpose weights (list 1 0)) 0))"
         " (w00 (access-slice (access-slice w 0 0 3) 1 0 2)) (w10 (access-slice (access-slice w 0 3 6) 1 0 2))"
         " (w01 (access-slice (access-slice w 0 0 3) 1 2 4)) (w11 " +
         stationary +
         "))"
         " (access-concatenate"
         "  (compute reduce-sum (access-pair (systolic-array 3 2 x0 w00) (systolic-array 3 2 x1 w10)))"
         "  (compute reduce-sum (access-pair (systolic-array 3 2 x0 w01) (systolic-array 3 2 x1 w11))) 1))";
}

const char* const kRightBlock = "(access-slice (access-slice w 0 3 6) 1 2 4)";

TEST_F(VerifyLayer, BlockedProgramPasses) {
  const LayerCheck exact = check(dense(2, 6, 4), blocked("3", "6", kRightBlock));
  EXPECT_TRUE(exact.passed) << exact.failure;
  EXPECT_TRUE(exact.exact);
  const LayerCheck close = check(dense(2, 6, 4), blocked("3", "6", kRightBlock), Arithmetic::kFloat);
  EXPECT_TRUE(close.passed) << close.failure;
}

TEST_F(VerifyLayer, WrongProgramsAreCaught) {
  // Slices of the wrong ranges, as a rule with swapped or stale bounds would make.
  expect_caught(dense(2, 6, 4), blocked("2", "5", kRightBlock), "differs");
  expect_caught(dense(2, 6, 4), blocked("3", "6", "(access-slice (access-slice w 0 3 6) 1 0 2)"), "differs");
  expect_caught(dense(2, 6, 4), blocked("3", "6", "(access-slice (access-slice w 0 0 3) 1 2 4)"), "differs");
  // Half of the sum is missing.
  expect_caught(dense(2, 6, 4),
                "(systolic-array 3 4 (access-slice (access data 1) 1 0 3)"
                " (access-slice (access (access-transpose weights (list 1 0)) 0) 0 0 3))",
                "differs");
  // Padding on the wrong side, in a form that only moves data.
  expect_caught(
      convolution(1, 1, 3, 1, 2, 1, 1, 1),
      "(access-transpose (compute dot-product (access-cartesian-product (access weights 1) (access (access-squeeze"
      " (access-windows (access (access-pad (access-pad data zero-padding 2 1 1) zero-padding 3 0 1) 1)"
      " (shape 1 2 2) (shape 1 1 1)) 1) 3))) (list 1 0 2 3))",
      "differs");
}

TEST_F(VerifyLayer, ProgramsWithoutAComparableResultAreCaught) {
  expect_caught(dense(2, 6, 4), "(access-transpose " + blocked("3", "6", kRightBlock) + " (list 1 0))",
                "the program gives [4 2], expected [2 4]");
  expect_caught(dense(2, 6, 4), "(construct-tuple data weights)", "a tuple");
  // Not ill-shaped for the reader, which knows another extent: the interpreter must notice.
  TensorLanguage language;
  language.declare({Name("data"), DType::kFloat32, {2, 9}});
  const Expression program = parse_expression("(access-slice data 1 0 9)", "test", language, symbols_);
  const LayerCheck result = verify_layer(symbols_, program, program.roots[0], dense(2, 6, 4),
                                         {Name("data"), Name("weights")}, 1, Arithmetic::kInteger);
  EXPECT_FALSE(result.passed);
  EXPECT_THAT(result.failure, HasSubstr("cannot be run"));
  const LayerCheck unknown = verify_layer(symbols_, program, program.roots[0], dense(2, 6, 4),
                                          {Name("other"), Name("weights")}, 1, Arithmetic::kInteger);
  EXPECT_THAT(unknown.failure, HasSubstr("`data` has no value"));
}

TEST_F(VerifyLayer, IntegerRangeFollowsTheLengthOfTheSum) {
  // 4096 products: magnitudes of up to 63 keep every partial sum exact.
  expect_original_passes(dense(3, 4096, 5));
  const Layer endless = dense(1, std::int64_t{1} << 24, 1);
  const Network network = layer_network(endless, symbols_);
  EXPECT_THROW(
      static_cast<void>(verify_layer(symbols_, network.program, network.program.roots[0], endless,
                                     {network.tensors[0].name, network.tensors[1].name}, 1, Arithmetic::kInteger)),
      Error);
}

class VerifyNetwork : public ::testing::Test {
 protected:
  Network read(const std::string& model) { return find_network(model, symbols_, language_); }
  Network read_text(const std::string& text) { return read_relay(text, "test.relay", symbols_, language_); }
  // The network's program with one node's symbol replaced.
  static Expression altered(const Expression& program, std::uint32_t changed, SymbolId symbol) {
    Expression result;
    std::vector<std::uint32_t> copy_of;
    for (std::uint32_t node = 0; node < program.size(); ++node) {
      std::vector<std::uint32_t> kids;
      for (const std::uint32_t kid : program[node].kids) kids.push_back(copy_of[kid]);
      copy_of.push_back(result.add(node == changed ? symbol : program[node].symbol, kids));
    }
    for (const std::uint32_t root : program.roots) result.roots.push_back(copy_of[root]);
    return result;
  }

  SymbolTable symbols_;
  TensorLanguage language_;
};

TEST_F(VerifyNetwork, UnchangedNetworkPasses) {
  const Network network = read("mobilenet-v1:0.25:32");
  for (const std::uint64_t seed : {1, 2, 3}) {
    const NetworkCheck check = verify_network(symbols_, network, network.program, network.program.roots, seed);
    EXPECT_TRUE(check.passed) << check.failure;
    EXPECT_TRUE(check.output_depends_on_input);
    EXPECT_GT(check.input_sensitivity, kNetworkSensitivity);
    EXPECT_LT(check.max_rel_err, kNetworkTolerance / 5);
    EXPECT_EQ(check.reference_layers, 28U);
  }
}

TEST_F(VerifyNetwork, OneWrongNodeIsCaught) {
  const Network network = read("mobilenet-v1:0.25:32");
  // Every kind of node that can be changed without changing a shape, in an early, a middle and a late layer.
  std::vector<std::uint32_t> pads;
  for (std::uint32_t node = 0; node < network.program.size(); ++node) {
    const Symbol& symbol = symbols_[network.program[node].symbol];
    if (symbol.name.text() == "access-pad" && symbol.attributes[2].as_int() == 1 &&
        symbol.attributes[3].as_int() == 1) {
      pads.push_back(node);
    }
  }
  ASSERT_GT(pads.size(), 20U);
  for (const std::uint32_t pad : {pads.front(), pads[pads.size() / 2], pads[pads.size() - 3]}) {
    std::vector<Value> attributes = symbols_[network.program[pad].symbol].attributes;
    attributes[2] = Value::integer(2);
    attributes[3] = Value::integer(0);
    const SymbolId shifted = symbols_.intern(Name("access-pad"), attributes, 1);
    const Expression wrong = altered(network.program, pad, shifted);
    const NetworkCheck check = verify_network(symbols_, network, wrong, wrong.roots, 1);
    EXPECT_FALSE(check.passed) << "pad at node " << pad;
    EXPECT_THAT(check.failure, HasSubstr("differs from the original"));
  }
}

TEST_F(VerifyNetwork, ProgramsThatCannotBeRunOrHaveOtherResults) {
  const Network network = read("mobilenet-v1:0.25:32");
  const std::vector<std::uint32_t> inner{network.layers[0].output};
  EXPECT_THAT(verify_network(symbols_, network, network.program, inner, 1).failure, HasSubstr("extents differ"));
  const Value name = Value::name(Name("nowhere"));
  Expression unknown;
  unknown.roots = {unknown.add(symbols_.intern(Name("access-tensor"), {&name, 1}, 0), {})};
  EXPECT_THAT(verify_network(symbols_, network, unknown, unknown.roots, 1).failure, HasSubstr("cannot be run"));
}

TEST_F(VerifyNetwork, ConstantResultProvesNothing) {
  const Network network = read_text(
      "#[version = \"0.0.5\"]\n"
      "def @main(%x: Tensor[(1, 4), float32], %w: Tensor[(3, 4), float32]) {\n"
      "  %0 = nn.dense(%x, %w, units=3);\n"
      "  %1 = multiply(%0, 0f);\n"
      "  add(%1, 1f)\n"
      "}\n");
  const NetworkCheck check = verify_network(symbols_, network, network.program, network.program.roots, 1);
  EXPECT_FALSE(check.passed);
  EXPECT_FALSE(check.output_depends_on_input);
  EXPECT_THAT(check.failure, HasSubstr("proves nothing"));
}

TEST_F(VerifyNetwork, IntegersMustBeEqual) {
  const Network network = read_text(
      "#[version = \"0.0.5\"]\n"
      "def @main(%x: Tensor[(1, 2, 5, 5), int32], %w: Tensor[(3, 2, 3, 3), int32]) {\n"
      "  %0 = nn.conv2d(%x, %w, padding=[1, 1, 1, 1], channels=3, kernel_size=[3, 3]);\n"
      "  nn.relu(%0)\n"
      "}\n");
  const NetworkCheck check = verify_network(symbols_, network, network.program, network.program.roots, 1);
  EXPECT_TRUE(check.passed) << check.failure;
  EXPECT_TRUE(check.exact);
  EXPECT_EQ(check.tolerance, 0);
}

TEST_F(VerifyNetwork, MobileNetFromItsFile) {
  const char* set = std::getenv("TESSERA_SHARED");
  const std::filesystem::path path =
      std::filesystem::path(set != nullptr ? set : TESSERA_SHARED_DIR) / "models" / "mobilenet-v1.relay";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "NOT TESTED: there is no " << path;
  const Network network = read(path.string());
  ASSERT_EQ(network.layers.size(), 28U);
  const NetworkCheck check = verify_network(symbols_, network, network.program, network.program.roots, 1);
  EXPECT_TRUE(check.passed) << check.failure;
}

}  // namespace
}  // namespace tessera
