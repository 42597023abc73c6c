// Relay text: what is read, and how every kind of bad input is refused (file:line:column, found, expected).
#include "io/relay_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <string>

#include "engine/base/error.hpp"
#include "engine/tensor/interpreter.hpp"
#include "io/relay_parser.hpp"

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

Read read(const std::string& text) {
  Read result;
  result.network = read_relay(text, "model.relay", result.symbols, result.language);
  return result;
}

// The message of the Error(kInput) that reading must end in.
std::string refusal(const std::string& text) {
  try {
    (void)read(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  ADD_FAILURE() << "this was read without an error:\n" << text;
  return {};
}

// One call over parameters, in a module.
std::string module(const std::string& parameters, const std::string& body) {
  return "#[version = \"0.0.5\"]\ndef @main(" + parameters + ") {\n" + body + "\n}\n";
}

// The extents of the program's only root by the language's own inference, which knows nothing of the reader's.
std::vector<std::int64_t> root_dims(const Read& r, std::size_t root = 0) {
  std::vector<DataWords> data(r.network.program.size());
  for (std::uint32_t i = 0; i < r.network.program.size(); ++i) {
    std::vector<DataView> kids;
    for (const std::uint32_t kid : r.network.program[i].kids) kids.emplace_back(data[kid]);
    r.language.make(r.symbols[r.network.program[i].symbol], kids, data[i]);
  }
  const TensorType type(data[r.network.program.roots.at(root)]);
  return {type.dims().begin(), type.dims().end()};
}

const Symbol& root_symbol(const Read& r) { return r.symbols[r.network.program[r.network.program.roots[0]].symbol]; }

TEST(RelayReader, ReadsOneOperator) {
  const Read r = read(module("%x: Tensor[(1, 8), float32]", "  nn.relu(%x) /* ty=Tensor[(1, 8), float32] */"));
  ASSERT_EQ(r.network.tensors.size(), 1U);
  EXPECT_EQ(r.network.tensors[0].name, Name("x"));
  EXPECT_THAT(r.network.tensors[0].dims, ElementsAre(1, 8));
  EXPECT_EQ(root_symbol(r).name, Name("relay-operator-call"));
  EXPECT_EQ(root_symbol(r).attributes.at(0).as_name(), Name("relay-relu"));
  EXPECT_THAT(root_dims(r), ElementsAre(1, 8));
  EXPECT_TRUE(r.network.layers.empty());
}

TEST(RelayReader, VersionLineCommentsAndLetAreOptionalDressing) {
  const Read r = read(
      "def @main(%x: Tensor[(4), float32]) -> Tensor[(4), float32] {\n"
      "  // a line\n  let %y: Tensor[(4), float32] = nn.relu(%x); /* two\n lines */\n  %y\n}");
  EXPECT_THAT(root_dims(r), ElementsAre(4));
}

TEST(RelayReader, NestedCallsAndBindingsGiveTheSameProgram) {
  const std::string x = "%x: Tensor[(4), float32]";
  const Read nested = read(module(x, "negative(nn.relu(add(%x, 1f)))"));
  const Read bound = read(module(x, "%0 = add(%x, 1f);\n%1 = nn.relu(%0);\nnegative(%1)"));
  EXPECT_EQ(nested.network.program.size(), bound.network.program.size());
  EXPECT_EQ(nested.network.program.size(), 5U);
}

TEST(RelayReader, ConvolutionBecomesALayer) {
  const Read r = read(module("%x: Tensor[(1, 3, 9, 11), float32], %c_weight: Tensor[(5, 3, 3, 2), float32]",
                             "nn.conv2d(%x, %c_weight, strides=[2, 3], padding=[1, 0, 2, 1], channels=5, "
                             "kernel_size=[3, 2])"));
  ASSERT_EQ(r.network.layers.size(), 1U);
  const Layer& layer = r.network.layers[0];
  EXPECT_EQ(layer.name, "c");
  EXPECT_EQ(layer.kind, LayerKind::kConv2d);
  EXPECT_EQ(layer.weight, Name("c_weight"));
  EXPECT_EQ(layer.conv.stride_w, 3);
  EXPECT_EQ(layer.conv.pad_bottom, 2);
  EXPECT_EQ(layer.m, 5 * 4);
  EXPECT_EQ(layer.k, 3 * 3 * 2);
  EXPECT_EQ(layer.n, 5);
  EXPECT_THAT(root_dims(r), ElementsAre(1, 5, 5, 4));
  const Symbol& root = r.symbols[r.network.program[layer.root].symbol];
  EXPECT_EQ(root.name, Name("compute"));
  EXPECT_EQ(root.attributes.at(0).as_name(), Name("dot-product"));
  EXPECT_EQ(layer.output, r.network.program.roots[0]);
}

TEST(RelayReader, PaddingMayBeOneTwoOrFourNumbers) {
  const std::string p = "%x: Tensor[(1, 3, 8, 8), float32], %w: Tensor[(4, 3, 3, 3), float32]";
  EXPECT_THAT(root_dims(read(module(p, "nn.conv2d(%x, %w, padding=1)"))), ElementsAre(1, 4, 8, 8));
  EXPECT_THAT(root_dims(read(module(p, "nn.conv2d(%x, %w, padding=[0, 1])"))), ElementsAre(1, 4, 6, 8));
  EXPECT_THAT(root_dims(read(module(p, "nn.conv2d(%x, %w)"))), ElementsAre(1, 4, 6, 6));
}

TEST(RelayReader, DepthwiseAndDenseLayers) {
  const Read depthwise = read(module("%x: Tensor[(1, 6, 8, 8), float32], %d_weight: Tensor[(6, 1, 3, 3), float32]",
                                     "nn.conv2d(%x, %d_weight, padding=[1, 1], groups=6, kernel_size=[3, 3])"));
  ASSERT_EQ(depthwise.network.layers.size(), 1U);
  EXPECT_EQ(depthwise.network.layers[0].kind, LayerKind::kDepthwise);
  EXPECT_EQ(depthwise.network.layers[0].k, 9);
  EXPECT_EQ(depthwise.network.layers[0].n, 1);
  EXPECT_EQ(depthwise.network.layers[0].groups, 6);
  EXPECT_THAT(root_dims(depthwise), ElementsAre(1, 6, 8, 8));

  const Read dense = read(
      module("%x: Tensor[(2, 7), float32], %fc_weight: Tensor[(3, 7), float32]", "nn.dense(%x, %fc_weight, units=3)"));
  ASSERT_EQ(dense.network.layers.size(), 1U);
  EXPECT_EQ(dense.network.layers[0].name, "fc");
  EXPECT_EQ(dense.network.layers[0].kind, LayerKind::kDense);
  EXPECT_EQ(dense.network.layers[0].m, 2);
  EXPECT_EQ(dense.network.layers[0].k, 7);
  EXPECT_EQ(dense.network.layers[0].n, 3);
  EXPECT_THAT(root_dims(dense), ElementsAre(2, 3));
}

TEST(RelayReader, LayersThatShareAWeightHaveNamesOfTheirOwn) {
  const Read r = read(module("%x: Tensor[(2, 7), float32], %fc_weight: Tensor[(7, 7), float32]",
                             "nn.dense(nn.dense(%x, %fc_weight), %fc_weight)"));
  ASSERT_EQ(r.network.layers.size(), 2U);
  EXPECT_EQ(r.network.layers[0].name, "fc");
  EXPECT_EQ(r.network.layers[1].name, "fc-2");
}

TEST(RelayReader, TuplesProjectionsAndSeveralResults) {
  const Read r = read(module("%x: Tensor[(2, 6), float32]",
                             "%0 = split(%x, indices_or_sections=[2], axis=1);\n%1 = %0.1;\n%2 = (%1, %0.0);\n"
                             "(concatenate(%2, axis=1), ((%x, %1), %x).0.1)"));
  ASSERT_EQ(r.network.program.roots.size(), 2U);
  EXPECT_THAT(root_dims(r, 0), ElementsAre(2, 6));
  EXPECT_THAT(root_dims(r, 1), ElementsAre(2, 4));
}

TEST(RelayReader, BatchNormAndDropoutAreTuples) {
  const std::string p =
      "%x: Tensor[(1, 4, 2, 2), float32], %g: Tensor[(4), float32], %b: Tensor[(4), float32], "
      "%m: Tensor[(4), float32], %v: Tensor[(4), float32]";
  const Read r =
      read(module(p, "%0 = nn.batch_norm(%x, %g, %b, %m, %v, epsilon=0.001f);\n%1 = nn.dropout(%0.0);\n%1.0"));
  EXPECT_THAT(root_dims(r), ElementsAre(1, 4, 2, 2));
  EXPECT_THAT(refusal(module(p, "%0 = nn.batch_norm(%x, %g, %b, %m, %v);\nnn.relu(%0)")), HasSubstr("found the tuple"));
  EXPECT_THAT(refusal(module(p, "%1 = nn.dropout(%x);\n%1.1")), HasSubstr("mask of a dropout"));
}

// Every operator once: the reader's inference against a stated shape (in the type comment), then against the
// language's.
struct OperatorCase {
  const char* parameters;
  const char* call;
  const char* type;
};

class RelayOperators : public ::testing::TestWithParam<OperatorCase> {};

TEST_P(RelayOperators, InferredByReaderAndLanguageAlike) {
  const OperatorCase& c = GetParam();
  const std::string text =
      module(c.parameters, std::string("  ") + c.call + " /* ty=Tensor[" + c.type + ", float32] */");
  const Read r = read(text);
  std::string dims;
  for (const std::int64_t d : root_dims(r)) dims += (dims.empty() ? "" : ", ") + std::to_string(d);
  EXPECT_EQ("(" + dims + ")", c.type) << "the language infers another shape";
  // And the interpreter runs it, to a result of that shape.
  Environment<float> environment;
  for (const TensorDeclaration& tensor : r.network.tensors) {
    const auto size = static_cast<std::size_t>(
        std::accumulate(tensor.dims.begin(), tensor.dims.end(), std::int64_t{1}, std::multiplies<>()));
    environment[tensor.name] = make_tensor<float>(tensor.dims, 0, std::vector<float>(size, 1.0F));
  }
  const auto results = interpret<float>(r.symbols, r.network.program, r.network.program.roots, environment);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].dims, root_dims(r));
  // A wrong declaration must be noticed.
  std::string wrong = text;
  wrong.replace(wrong.find("ty=Tensor[(") + 11, 1, "77");
  EXPECT_THAT(refusal(wrong), HasSubstr("mismatched shapes"));
}

constexpr const char* kX4 = "%x: Tensor[(1, 8, 6, 6), float32]";
constexpr const char* kX2 = "%x: Tensor[(3, 8), float32]";

INSTANTIATE_TEST_SUITE_P(
    All, RelayOperators,
    ::testing::Values(
        OperatorCase{"%x: Tensor[(2, 1, 4), float32], %y: Tensor[(3, 1), float32]", "add(%x, %y)", "(2, 3, 4)"},
        OperatorCase{kX2, "subtract(%x, 2f)", "(3, 8)"}, OperatorCase{kX2, "multiply(%x, %x)", "(3, 8)"},
        OperatorCase{kX2, "divide(1f, %x)", "(3, 8)"}, OperatorCase{kX2, "maximum(%x, 0f)", "(3, 8)"},
        OperatorCase{kX2, "minimum(%x, 6f)", "(3, 8)"}, OperatorCase{kX2, "power(%x, 2f)", "(3, 8)"},
        OperatorCase{kX2, "nn.relu(%x)", "(3, 8)"}, OperatorCase{kX2, "negative(%x)", "(3, 8)"},
        OperatorCase{kX2, "abs(%x)", "(3, 8)"}, OperatorCase{kX2, "copy(%x)", "(3, 8)"},
        OperatorCase{kX2, "sqrt(%x)", "(3, 8)"}, OperatorCase{kX2, "rsqrt(%x)", "(3, 8)"},
        OperatorCase{kX2, "exp(%x)", "(3, 8)"}, OperatorCase{kX2, "log(%x)", "(3, 8)"},
        OperatorCase{kX2, "sigmoid(%x)", "(3, 8)"}, OperatorCase{kX2, "tanh(%x)", "(3, 8)"},
        OperatorCase{kX2, "erf(%x)", "(3, 8)"}, OperatorCase{kX2, "round(%x)", "(3, 8)"},
        OperatorCase{kX2, "floor(%x)", "(3, 8)"}, OperatorCase{kX2, "ceil(%x)", "(3, 8)"},
        OperatorCase{kX2, "nn.leaky_relu(%x, alpha=0.1f)", "(3, 8)"},
        OperatorCase{kX2, "clip(%x, a_min=0f, a_max=6f)", "(3, 8)"},
        OperatorCase{"%x: Tensor[(3, 8), int32]", "cast(%x, dtype=\"float32\")", "(3, 8)"},
        OperatorCase{"%x: Tensor[(3, 8), float32], %b: Tensor[(8), float32]", "nn.bias_add(%x, %b)", "(3, 8)"},
        OperatorCase{kX2, "nn.softmax(%x)", "(3, 8)"}, OperatorCase{kX2, "nn.log_softmax(%x, axis=1)", "(3, 8)"},
        OperatorCase{"%x: Tensor[(3, 8), float32], %b: Tensor[(8), float32]",
                     "nn.layer_norm(%x, %b, %b, epsilon=1e-06f)", "(3, 8)"}));

INSTANTIATE_TEST_SUITE_P(
    Windows, RelayOperators,
    ::testing::Values(
        OperatorCase{kX4, "nn.max_pool2d(%x, pool_size=[3, 3], strides=[2, 2], padding=[1, 1, 1, 1])", "(1, 8, 3, 3)"},
        OperatorCase{kX4, "nn.max_pool2d(%x, pool_size=[3, 3], strides=[2, 2], ceil_mode=True)", "(1, 8, 3, 3)"},
        OperatorCase{kX4, "nn.avg_pool2d(%x, pool_size=[2, 2], strides=[2, 2], count_include_pad=True)",
                     "(1, 8, 3, 3)"},
        OperatorCase{kX4, "nn.avg_pool2d(%x, pool_size=[2, 3], layout=\"NHWC\")", "(1, 7, 4, 6)"},
        OperatorCase{kX4, "nn.global_avg_pool2d(%x)", "(1, 8, 1, 1)"},
        OperatorCase{kX4, "nn.global_max_pool2d(%x, layout=\"NHWC\")", "(1, 1, 1, 6)"},
        OperatorCase{kX4, "nn.upsampling(%x, scale_h=2f, scale_w=3f)", "(1, 8, 12, 18)"},
        OperatorCase{"%x: Tensor[(2, 3, 4), float32], %y: Tensor[(1, 5, 4), float32]", "nn.batch_matmul(%x, %y)",
                     "(2, 3, 5)"},
        OperatorCase{"%x: Tensor[(2, 3, 4), float32], %y: Tensor[(2, 4, 5), float32]",
                     "nn.batch_matmul(%x, %y, transpose_b=False)", "(2, 3, 5)"},
        OperatorCase{"%x: Tensor[(1, 4, 10), float32], %w: Tensor[(6, 2, 3), float32]",
                     "nn.conv1d(%x, %w, strides=[2], padding=[1, 1], groups=2, channels=6, kernel_size=[3])",
                     "(1, 6, 5)"},
        OperatorCase{"%x: Tensor[(1, 4, 5, 5), float32], %w: Tensor[(6, 2, 1, 1), float32]",
                     "nn.conv2d(%x, %w, groups=2)", "(1, 6, 5, 5)"}));

INSTANTIATE_TEST_SUITE_P(
    Shapes, RelayOperators,
    ::testing::Values(OperatorCase{kX4, "nn.batch_flatten(%x)", "(1, 288)"},
                      OperatorCase{kX2, "expand_dims(%x, axis=1, num_newaxis=2)", "(3, 1, 1, 8)"},
                      OperatorCase{kX2, "expand_dims(%x, axis=-1)", "(3, 8, 1)"},
                      OperatorCase{"%x: Tensor[(1, 8, 1, 1), float32]", "squeeze(%x, axis=[2, 3])", "(1, 8)"},
                      OperatorCase{"%x: Tensor[(1, 8, 1, 3), float32]", "squeeze(%x)", "(8, 3)"},
                      OperatorCase{kX4, "reshape(%x, newshape=[0, -1, 4])", "(1, 72, 4)"},
                      OperatorCase{kX4, "transpose(%x, axes=[0, 2, 3, 1])", "(1, 6, 6, 8)"},
                      OperatorCase{kX2, "transpose(%x)", "(8, 3)"},
                      OperatorCase{kX2, "concatenate((%x, %x, nn.relu(%x)), axis=-1)", "(3, 24)"},
                      OperatorCase{kX2, "stack((%x, %x), axis=1)", "(3, 2, 8)"},
                      OperatorCase{kX2, "split(%x, indices_or_sections=4, axis=1).2", "(3, 2)"},
                      OperatorCase{kX2, "strided_slice(%x, begin=[0, 1], end=[3, -1], strides=[1, 2])", "(3, 3)"},
                      OperatorCase{kX2, "strided_slice(%x, begin=[2], end=[4], axes=[1])", "(3, 2)"},
                      OperatorCase{"%x: Tensor[(3, 8), float32], %i: Tensor[(2, 2), int32]", "take(%x, %i, axis=0)",
                                   "(2, 2, 8)"},
                      OperatorCase{kX2, "nn.pad(%x, 0f, pad_width=[[1, 2], [0, 1]])", "(6, 9)"},
                      OperatorCase{kX4, "mean(%x, axis=[2, 3], keepdims=True)", "(1, 8, 1, 1)"},
                      OperatorCase{kX4, "sum(%x, axis=[0], exclude=True)", "(1)"},
                      OperatorCase{kX4, "max(%x, axis=1)", "(1, 6, 6)"},
                      OperatorCase{kX4, "min(%x, axis=-1)", "(1, 8, 6)"}));

TEST(RelayReader, ASmallNetworkComputesWhatItSays) {
  // x = 1 2 / 3 4, a 2x2 kernel of ones padded by one at the top and left: sums of the 2x2 neighbourhoods.
  const Read r =
      read(module("%x: Tensor[(1, 1, 2, 2), int64], %w: Tensor[(1, 1, 2, 2), int64], %f_weight: Tensor[(2, 4), int64]",
                  "%0 = nn.conv2d(%x, %w, padding=[1, 1, 0, 0]);\n%1 = nn.batch_flatten(nn.relu(add(%0, -4i64)));\n"
                  "nn.dense(%1, %f_weight)"));
  Environment<std::int64_t> environment;
  const auto bind = [&](const char* name, std::vector<std::int64_t> dims, const std::vector<std::int64_t>& values) {
    environment[Name(name)] = make_tensor<std::int64_t>(std::move(dims), 0, values);
  };
  bind("x", {1, 1, 2, 2}, {1, 2, 3, 4});
  bind("w", {1, 1, 2, 2}, {1, 1, 1, 1});
  bind("f_weight", {2, 4}, {1, 1, 1, 1, 1, 0, 0, 2});
  const auto results = interpret<std::int64_t>(r.symbols, r.network.program, r.network.program.roots, environment);
  // Neighbourhoods 1 3 4 10; less 4, negatives cut: 0 0 0 6.
  ASSERT_EQ(results.size(), 1U);
  EXPECT_THAT(results[0].dims, ElementsAre(1, 2));
  EXPECT_THAT(results[0].values(), ElementsAre(6, 12));
}

// ---- bad input ----

constexpr const char* kX = "%x: Tensor[(4), float32]";

TEST(RelayReaderErrors, EmptyFile) {
  EXPECT_THAT(refusal(""), AllOf(StartsWith("model.relay:1:1:"), HasSubstr("empty file"), HasSubstr("expected")));
  EXPECT_THAT(refusal("  \n // nothing\n"), HasSubstr("model.relay:3:1: empty file"));
}

TEST(RelayReaderErrors, TruncatedAnywhere) {
  const std::string whole = module("%x: Tensor[(1, 3, 8, 8), float32], %w: Tensor[(4, 3, 1, 1), float32]",
                                   "  %0 = nn.conv2d(%x, %w, padding=[0, 0]) /* ty=Tensor[(1, 4, 8, 8), float32] */;\n"
                                   "  nn.relu(add(%0, 1f)) /* ty=Tensor[(1, 4, 8, 8), float32] */");
  (void)read(whole);
  for (std::size_t length = 0; length + 2 < whole.size(); ++length) {
    EXPECT_THAT(refusal(whole.substr(0, length)), StartsWith("model.relay:")) << "cut behind " << length << " bytes";
  }
}

TEST(RelayReaderErrors, CycleAndUseBeforeDefinition) {
  EXPECT_THAT(refusal(module(kX, "%1 = nn.relu(%2);\n%2 = nn.relu(%1);\n%2")),
              AllOf(StartsWith("model.relay:3:14:"), HasSubstr("a cycle: '%1' uses '%2' uses '%1'")));
  EXPECT_THAT(refusal(module(kX, "%1 = nn.relu(%1);\n%1")), HasSubstr("a cycle: '%1' uses '%1'"));
  EXPECT_THAT(refusal(module(kX, "%1 = nn.relu(%2);\n%2 = nn.relu(%x);\n%1")),
              HasSubstr("'%2' is used before its definition at model.relay:4:1"));
}

TEST(RelayReaderErrors, UndeclaredTensor) {
  EXPECT_THAT(refusal(module("%weight: Tensor[(4), float32]", "nn.relu(%weigth)")),
              AllOf(StartsWith("model.relay:3:9:"), HasSubstr("'%weigth' is not declared"),
                    HasSubstr("did you mean '%weight'?")));
}

TEST(RelayReaderErrors, DefinedTwice) {
  EXPECT_THAT(refusal(module(kX, "%0 = nn.relu(%x);\n%0 = nn.relu(%x);\n%0")), HasSubstr("'%0' is defined twice"));
  EXPECT_THAT(refusal(module("%x: Tensor[(4), float32], %x: Tensor[(4), float32]", "%x")), HasSubstr("declared twice"));
  EXPECT_THAT(refusal(module(kX, "%x = nn.relu(%x);\n%x")), HasSubstr("defined twice"));
}

TEST(RelayReaderErrors, MismatchedShapes) {
  EXPECT_THAT(refusal(module("%x: Tensor[(4), float32], %y: Tensor[(5), float32]", "add(%x, %y)")),
              AllOf(HasSubstr("do not broadcast"), HasSubstr("Tensor[(4), float32] and Tensor[(5), float32]")));
  EXPECT_THAT(refusal(module(kX, "nn.relu(%x) /* ty=Tensor[(5), float32] */")),
              AllOf(StartsWith("model.relay:3:19:"), HasSubstr("declares Tensor[(5), float32]"),
                    HasSubstr("it is Tensor[(4), float32]")));
  EXPECT_THAT(refusal("def @main(%x: Tensor[(4), float32]) -> Tensor[(5), float32] { %x }"),
              HasSubstr("declared to return Tensor[(5), float32]"));
  EXPECT_THAT(
      refusal(module("%x: Tensor[(1, 3, 8, 8), float32], %w: Tensor[(4, 2, 3, 3), float32]", "nn.conv2d(%x, %w)")),
      AllOf(HasSubstr("expected extents (4, 3, 3, 3)"), HasSubstr("found (4, 2, 3, 3)")));
  EXPECT_THAT(refusal(module("%x: Tensor[(2, 7), float32], %w: Tensor[(3, 8), float32]", "nn.dense(%x, %w)")),
              HasSubstr("expected extents (3, 7), found (3, 8)"));
  EXPECT_THAT(
      refusal(module("%x: Tensor[(1, 3, 2, 2), float32], %w: Tensor[(4, 3, 3, 3), float32]", "nn.conv2d(%x, %w)")),
      HasSubstr("does not fit"));
  EXPECT_THAT(refusal(module("%x: Tensor[(4), float32], %y: Tensor[(4), int32]", "add(%x, %y)")),
              HasSubstr("different types"));
}

TEST(RelayReaderErrors, UnknownOperator) {
  EXPECT_THAT(refusal(module(kX, "nn.rleu(%x)")),
              AllOf(StartsWith("model.relay:3:1:"), HasSubstr("unknown operator 'nn.rleu'; did you mean 'nn.relu'?")));
  EXPECT_THAT(refusal(module(kX, "relu(%x)")), HasSubstr("did you mean 'nn.relu'?"));
  EXPECT_THAT(refusal(module(kX, "frobnicate(%x)")), Not(HasSubstr("did you mean")));
}

TEST(RelayReaderErrors, AttributesAndArguments) {
  EXPECT_THAT(refusal(module(kX, "nn.softmax(%x, axes=0)")),
              AllOf(StartsWith("model.relay:3:21:"), HasSubstr("unknown attribute 'axes'; did you mean 'axis'?")));
  EXPECT_THAT(refusal(module(kX, "nn.softmax(%x, axis=3)")), HasSubstr("axis 3 does not exist"));
  EXPECT_THAT(refusal(module(kX, "nn.softmax(%x, axis=\"x\")")), HasSubstr("expected an integer, found 'x'"));
  EXPECT_THAT(refusal(module(kX, "nn.softmax(%x, axis=0, axis=0)")), HasSubstr("given twice"));
  EXPECT_THAT(refusal(module(kX, "clip(%x, a_min=0f)")), HasSubstr("attribute 'a_max' is missing"));
  EXPECT_THAT(refusal(module(kX, "add(%x)")), HasSubstr("expected 2 arguments, found 1"));
  EXPECT_THAT(refusal(module(kX, "nn.relu(axis=1, %x)")), HasSubstr("arguments stand before attributes"));
  EXPECT_THAT(refusal(module(kX, "reshape(%x, newshape=[-1, -1])")), HasSubstr("found -1 twice"));
  EXPECT_THAT(refusal(module(kX, "reshape(%x, newshape=[3])")), HasSubstr("expected 4 elements"));
  EXPECT_THAT(refusal(module(kX, "strided_slice(%x, begin=[3], end=[3])")), HasSubstr("the slice is empty"));
}

TEST(RelayReaderErrors, UnsupportedLayoutsAndForms) {
  const std::string p = "%x: Tensor[(1, 8, 8, 3), float32], %w: Tensor[(3, 3, 3, 4), float32]";
  EXPECT_THAT(refusal(module(p, "nn.conv2d(%x, %w, data_layout=\"NHWC\", kernel_layout=\"HWIO\")")),
              HasSubstr("found \"NHWC\", but only \"NCHW\" is supported"));
  EXPECT_THAT(refusal(module(p, "nn.conv2d(%x, %x, dilation=[2, 2])")), HasSubstr("dilation of 1"));
  EXPECT_THAT(refusal(module(kX, "if (%x) { %x } else { %x }")), HasSubstr("control flow"));
  EXPECT_THAT(refusal(module(kX, "add(%x, meta[relay.Constant][0])")), HasSubstr("metadata"));
  EXPECT_THAT(refusal(module(kX, "%x") + "#[metadata]\n{}"), HasSubstr("metadata section"));
  EXPECT_THAT(refusal(module(kX, "%x") + "def @other() { 1 }"), HasSubstr("second function"));
  EXPECT_THAT(refusal("#[version = \"0.0.4\"]\ndef @main() { 1 }"), HasSubstr("found Relay text version 0.0.4"));
  EXPECT_THAT(refusal(module("%x: Tensor[(?, 3), float32]", "%x")), HasSubstr("found '?'"));
  EXPECT_THAT(refusal(module("%x: Tensor[(0, 3), float32]", "%x")), HasSubstr("found extent 0"));
  EXPECT_THAT(refusal(module("%x: Tensor[(3), floot32]", "%x")), HasSubstr("unknown element type 'floot32'"));
  EXPECT_THAT(refusal(module("%x: Tensor[(1099511627776, 1099511627776), float32]", "%x")), HasSubstr("2^40"));
}

TEST(RelayReaderErrors, SyntaxErrorsSayWhatWasExpected) {
  EXPECT_THAT(refusal(module(kX, "%0 = nn.relu(%x)\n%0")), HasSubstr("expected ';' behind the binding of '%0'"));
  EXPECT_THAT(refusal(module(kX, "nn.relu(%x")), HasSubstr("expected ',' or ')' in the call of 'nn.relu', found '}'"));
  EXPECT_THAT(refusal(module(kX, "nn.relu(%x) $")), HasSubstr("'$', which starts no Relay token"));
  EXPECT_THAT(refusal(module(kX, "nn.relu(%x, 1q)")), HasSubstr("unknown number suffix"));
  EXPECT_THAT(refusal(module(kX, "add(%x, 99999999999999999999)")), HasSubstr("expected an integer of 64 bits"));
  EXPECT_THAT(refusal(module(kX, "add(%x, 1e999f)")), HasSubstr("fits a double"));
  EXPECT_THAT(refusal(module(kX, "/* open")), HasSubstr("unfinished comment"));
  EXPECT_THAT(refusal(std::string("\0\xff", 2)), HasSubstr("byte 0x00"));
}

TEST(RelayReaderErrors, TenMegabytesOfParentheses) {
  const std::string deep(10 << 20, '(');
  EXPECT_THAT(refusal(deep), HasSubstr("expected 'def @main('"));
  EXPECT_THAT(refusal("def @main() {" + deep), HasSubstr("nested deeper than"));
  EXPECT_THAT(refusal("def @main(%x: " + deep), HasSubstr("nested deeper than"));
  EXPECT_THAT(refusal("def @main() { f(a=" + deep), HasSubstr("nested deeper than"));
  EXPECT_THAT(refusal("def @main(%x: Tensor[(4), float32]) { %x /* ty=" + deep + " */ }"),
              HasSubstr("nested deeper than"));
  std::string calls;
  for (int i = 0; i < 100000; ++i) calls += "nn.relu(";
  EXPECT_THAT(refusal("def @main() {" + calls), HasSubstr("nested deeper than"));
}

}  // namespace
}  // namespace tessera
