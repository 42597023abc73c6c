#include "tests/engine/tensor/tensor_test_support.hpp"

namespace tessera {
namespace {

class RelayOperators : public TensorTest {
 protected:
  RelayOperators() {
    declare("c", {3});
    declare("column", {3, 1});
    declare("nine", {9, 1});
    declare("nchw", {2, 3, 7, 9});
    declare("nhwc", {2, 7, 9, 3});
    declare("oihw", {6, 3, 3, 3});
    declare("hwio", {3, 3, 3, 6});
    declare("depthwise", {3, 1, 3, 3});
    declare("ncw", {2, 4, 10});
    declare("oiw", {6, 2, 3});
    declare("batch", {2, 4, 5});
    declare("other", {2, 6, 5});
    declare("one", {1, 6, 5});
    declare("units", {10, 8});
    declare("i64", {2, 3}, DType::kInt64);
  }
  std::string call(const std::string& rest) { return "(relay-operator-call " + rest + ")"; }
  void expect_type(const std::string& rest, const std::string& type) { EXPECT_EQ(type_of(call(rest)), type) << rest; }
};

TEST_F(RelayOperators, BroadcastingIsNumPys) {
  for (const std::string op : {"relay-add", "relay-subtract", "relay-multiply", "relay-mul", "relay-divide",
                               "relay-maximum", "relay-minimum", "relay-power"}) {
    expect_type(op + " x x", "[2 3 4][]");
    expect_type(op + " nhwc c", "[2 7 9 3][]");
    expect_type(op + " nine (access nhwc 2)", "[2 7 9 3][]");
  }
  expect_type("relay-add x (access-literal (literal 1e-05))", "[2 3 4][]");
  expect_error(call("relay-add x y"), "extents 2 and 5", "extents that, aligned at the end, are equal or 1");
  expect_error(call("relay-add x ints"), "element types", "equal element types");
  expect_error(call("relay-add x"), "1 operands", "2");
  expect_error(call("relay-add x x 1"), "1 attributes", "0");
  expect_type("relay-left-shift ints ints", "[2 3 4][] int64");
  expect_type("relay-right-shift ints ints", "[2 3 4][] int64");
  expect_error(call("relay-left-shift x x"), "float32", "integers");
}

TEST_F(RelayOperators, Elementwise) {
  for (const std::string op :
       {"relay-relu", "relay-negative", "relay-abs", "relay-copy", "relay-round", "relay-floor", "relay-ceil",
        "relay-sqrt", "relay-rsqrt", "relay-exp", "relay-log", "relay-sigmoid", "relay-tanh", "relay-erf"}) {
    expect_type(op + " (access x 1)", "[2 3 4][]");
    expect_error(call(op + " x x"), "2 operands", "1");
  }
  expect_error(call("relay-sqrt ints"), "int64", "float32 or float64");
  expect_type("relay-leaky-relu x (literal 0.1)", "[2 3 4][]");
  expect_type("relay-clip x 0 (literal 6.0)", "[2 3 4][]");
  expect_error(call("relay-clip x 0"), "1 attributes", "2");
  expect_error(call("relay-clip x 0 (shape 6)"), "(shape 6)", "a number");
  expect_type("relay-dropout x (literal 0.5)", "[2 3 4][]");
  expect_type("relay-dropout x", "[2 3 4][]");
  expect_type("relay-cast x int8", "[2 3 4][] int8");
  expect_error(call("relay-cast x 3"), "3", "an element type: float32");
}

TEST_F(RelayOperators, Normalization) {
  expect_type("relay-bias-add nchw c", "[2 3 7 9][]");
  expect_type("relay-bias-add nhwc c -1", "[2 7 9 3][]");
  expect_error(call("relay-bias-add nhwc c"), "a vector of 3 for axis 1", "7 elements");
  expect_error(call("relay-bias-add nchw c 4"), "axis 4", "an axis from -4 to below 4");
  expect_error(call("relay-bias-add nchw column"), "2 axes of operand 2", "1");
  expect_type("relay-softmax m", "[6 8][]");
  expect_type("relay-log-softmax m 0", "[6 8][]");
  expect_error(call("relay-softmax ints"), "int64", "float32");
  expect_type("relay-batch-norm-inference nchw c c c c 1 (literal 0.001)", "[2 3 7 9][]");
  expect_type("relay-batch-norm-inference nhwc c c c c 3", "[2 7 9 3][]");
  expect_error(call("relay-batch-norm-inference nchw c c c"), "4 operands", "5");
  expect_type("relay-layer-norm nhwc c c", "[2 7 9 3][]");
  expect_error(call("relay-layer-norm nchw c c"), "a vector of 3 for axis 3", "9 elements");
}

TEST_F(RelayOperators, Pools) {
  for (const std::string op : {"relay-max-pool2d", "relay-avg-pool2d"}) {
    expect_type(op + " nchw (shape 2 3) (shape 2 2) (shape 0 0 0 0)", "[2 3 3 4][]");
    expect_type(op + " nchw (shape 2 2) (shape 2 2) (shape 0 0 0 0) 1", "[2 3 4 5][]");
    expect_type(op + " nchw (shape 3 3) (shape 2 2) (shape 1 1 1 1)", "[2 3 4 5][]");
    // The last window would begin in the padding.
    expect_type(op + " nchw (shape 2 2) (shape 4 4) (shape 0 0 2 0) 1", "[2 3 2 3][]");
    expect_type(op + " nhwc (shape 2 3) (shape 2 2) (shape 0 0 0 0) relay-activation-layout-nhwc", "[2 3 4 3][]");
    expect_error(call(op + " nchw (shape 2 2) (shape 2 2)"), "2 attributes", "3 to");
    expect_error(call(op + " nchw (shape 8 2) (shape 2 2) (shape 0 0 0 0)"), "a window of 8 on extent 7", "a window");
    expect_error(call(op + " nchw (shape 2 2) (shape 0 2) (shape 0 0 0 0)"), "a window of 2, stride 0", "1 or more");
    expect_error(call(op + " nchw (shape 2) (shape 2 2) (shape 0 0 0 0)"), "(shape 2)", "a shape of 2 numbers");
    expect_error(call(op + " x (shape 2 2) (shape 2 2) (shape 0 0 0 0)"), "3 axes of operand 1", "4");
  }
  expect_type("relay-avg-pool2d nchw (shape 2 2) (shape 2 2) (shape 0 0 0 0) 0 1", "[2 3 3 4][]");
  for (const std::string op : {"relay-global-avg-pool2d", "relay-global-max-pool2d"}) {
    expect_type(op + " nchw", "[2 3 1 1][]");
    expect_type(op + " nhwc relay-activation-layout-nhwc", "[2 1 1 3][]");
  }
  expect_error(call("relay-global-avg-pool2d nchw relay-activation-layout-chwn"), "relay-activation-layout-chwn",
               "a layout");
  expect_type("relay-upsampling nchw 2 (literal 1.5)", "[2 3 14 14][]");
  expect_error(call("relay-upsampling nchw 0 2"), "a scale of 0", "a positive one");
}

TEST_F(RelayOperators, Products) {
  expect_type("relay-dense m units", "[6 10][]");
  expect_error(call("relay-dense m (access-transpose units (list 1 0))"), "summed extents 8 and 10", "equal ones");
  expect_error(call("relay-dense x units"), "3 axes of operand 1", "2");
  expect_type("relay-batch-matmul batch other", "[2 4 6][]");
  expect_type("relay-batch-matmul batch one", "[2 4 6][]");
  expect_type("relay-batch-matmul batch other 0 1", "[2 4 6][]");
  expect_type("relay-batch-matmul (access-transpose batch (list 0 2 1)) other 1", "[2 4 6][]");
  expect_error(call("relay-batch-matmul batch other 0 0"), "summed extents 5 and 6", "equal ones");
  expect_error(call("relay-batch-matmul batch (access-concatenate one other 0)"), "batches 2 and 3", "equal ones");
}

TEST_F(RelayOperators, Convolutions) {
  expect_type("relay-conv2d nchw oihw (shape 1 1) (shape 0 0 0 0)", "[2 6 5 7][]");
  expect_type("relay-conv2d nchw oihw (shape 2 2) (shape 1 1 1 1) 1 6 (shape 3 3)", "[2 6 4 5][]");
  expect_type("relay-conv2d nchw depthwise (shape 1 1) (shape 1 1 1 1) 3", "[2 3 7 9][]");
  expect_type("relay-conv2d nchw oihw (shape 1 1) (shape 0 0 0 0) 1 0 (shape 3 3) (shape 2 2)", "[2 6 3 5][]");
  expect_type(
      "relay-conv2d nhwc hwio (shape 1 1) (shape 0 0 0 0) 1 6 (shape 3 3) relay-activation-layout-nhwc "
      "relay-kernel-layout-hwio",
      "[2 5 7 6][]");
  const std::string plain = "relay-conv2d nchw oihw (shape 1 1) (shape 0 0 0 0)";
  expect_error(call(plain + " 3"), "3 input channels", "9 (3 groups of 3)");
  expect_error(call(plain + " 4"), "4 groups", "a divisor of the 6");
  expect_error(call(plain + " 1 5"), "5 stated channels", "the weight's 6");
  expect_error(call(plain + " 1 6 (shape 3 2)"), "a stated kernel of 2", "the weight's 3");
  expect_error(call("relay-conv2d nchw oihw (shape 1 1)"), "1 attributes", "2 to 6");
  expect_error(call("relay-conv2d nchw oihw (shape 1 1) (shape 0 0 -1 0)"), "a window of 3",
               "1 or more, and paddings of 0 or more");
  expect_type("relay-conv1d ncw oiw (shape 2) (shape 1 1) 2", "[2 6 5][]");
  expect_type("relay-conv1d ncw oiw (shape 1) (shape 0 0) 2 (shape 4)", "[2 6 2][]");
  expect_error(call("relay-conv1d ncw oiw"), "4 input channels", "2 (1 groups of 2)");
}

TEST_F(RelayOperators, Reshaping) {
  expect_type("relay-batch-flatten nchw", "[2 189][]");
  expect_type("relay-expand-dims c 1 2", "[3 1 1][]");
  expect_type("relay-expand-dims m -1", "[6 8 1][]");
  expect_type("relay-expand-dims m 0", "[1 6 8][]");
  expect_error(call("relay-expand-dims m 3"), "axis 3", "an axis from -3 to 2");
  expect_type("relay-squeeze column", "[3][]");
  expect_type("relay-squeeze column (shape 1)", "[3][]");
  expect_type("relay-squeeze column -1", "[3][]");
  expect_error(call("relay-squeeze column 0"), "extent 3 of axis 0", "extent 1");
  expect_type("relay-reshape x (shape 0 -1)", "[2 12][]");
  expect_type("relay-reshape x (list 24)", "[24][]");
  expect_error(call("relay-reshape x (shape 5 -1)"), "(shape 5 -1)", "24 elements");
  expect_error(call("relay-reshape x (shape -1 -1)"), "(shape -1 -1)", "positive extents");
  expect_type("relay-transpose x", "[4 3 2][]");
  expect_type("relay-transpose x (list 0 -1 1)", "[2 4 3][]");
  expect_error(call("relay-transpose x (list 0 1)"), "(list 0 1)", "each of 3 axes once");
  expect_error(call("relay-transpose x (list 0 1 1)"), "(list 0 1 1)", "each of 3 axes once");
}

TEST_F(RelayOperators, JoiningAndSelecting) {
  expect_type("relay-concatenate x y 0", "[7 3 4][]");
  expect_type("relay-concatenate (construct-tuple x y) -3", "[7 3 4][]");
  expect_error(call("relay-concatenate x y 1"), "[5 3 4]", "[2 3 4] except along axis 1");
  expect_type("relay-stack x x x -1", "[2 3 4 3][]");
  expect_error(call("relay-stack x y 0"), "[5 3 4]", "[2 3 4], as the first");
  expect_type("relay-split m 2 1", "tuple of ([6 4][], [6 4][])");
  expect_type("relay-split m (shape 1 5)", "tuple of ([1 8][], [4 8][], [1 8][])");
  expect_error(call("relay-split m 4"), "4 sections", "a divisor of extent 6");
  expect_error(call("relay-split m (shape 5 2)"), "a cut at 2", "increasing cuts");
  expect_type("relay-strided-slice m (shape 1 0) (shape -1 8) (shape 1 3)", "[4 3][]");
  expect_type("relay-strided-slice m (shape 2) (shape 100)", "[4 8][]");
  expect_error(call("relay-strided-slice m (shape 4) (shape 2)"), "range 4 to 2", "a range that is not empty");
  expect_error(call("relay-strided-slice m (shape 0) (shape 2) (shape -1)"), "range 0 to 2 with stride -1", "a range");
  expect_type("relay-take m i64 1", "[6 2 3][]");
  expect_type("relay-take m i64", "[2 3][]");
  expect_type("relay-pad m (shape 1 0 2 3) (literal 1.0)", "[7 13][]");
  expect_error(call("relay-pad m (shape 1 0)"), "2 pad widths", "4, two for each axis");
  for (const std::string op : {"relay-mean", "relay-sum", "relay-max", "relay-min"}) {
    expect_type(op + " x", "[][]");
    expect_type(op + " x 1", "[2 4][]");
    expect_type(op + " x (shape 0 -1) 1", "[1 3 1][]");
    expect_error(call(op + " x 3"), "axis 3", "an axis from -3 to below 3");
  }
}

TEST_F(RelayOperators, UnknownOnesAreRefused) {
  expect_error(call("relay-conv9d x"), "operator 'relay-conv9d'", "one of relay-abs, relay-add");
}

// One call of each operator that has a shape rule, so that a new one cannot come without an example.
TEST_F(RelayOperators, EveryOperatorHasAnExample) {
  const std::vector<std::string> examples = {"relay-abs x",
                                             "relay-add x x",
                                             "relay-avg-pool2d nchw (shape 2 2) (shape 2 2) (shape 0 0 0 0)",
                                             "relay-batch-flatten x",
                                             "relay-batch-matmul batch other",
                                             "relay-batch-norm-inference nchw c c c c",
                                             "relay-bias-add nchw c",
                                             "relay-cast x int8",
                                             "relay-ceil x",
                                             "relay-clip x 0 6",
                                             "relay-concatenate x y 0",
                                             "relay-conv1d ncw oiw (shape 1) (shape 0 0) 2",
                                             "relay-conv2d nchw oihw (shape 1 1) (shape 0 0 0 0)",
                                             "relay-copy x",
                                             "relay-dense m units",
                                             "relay-divide x x",
                                             "relay-dropout x",
                                             "relay-erf x",
                                             "relay-exp x",
                                             "relay-expand-dims x 0",
                                             "relay-floor x",
                                             "relay-global-avg-pool2d nchw",
                                             "relay-global-max-pool2d nchw",
                                             "relay-layer-norm nhwc c c",
                                             "relay-leaky-relu x 1",
                                             "relay-left-shift ints ints",
                                             "relay-log x",
                                             "relay-log-softmax x",
                                             "relay-max x",
                                             "relay-max-pool2d nchw (shape 2 2) (shape 2 2) (shape 0 0 0 0)",
                                             "relay-maximum x x",
                                             "relay-mean x",
                                             "relay-min x",
                                             "relay-minimum x x",
                                             "relay-mul x x",
                                             "relay-multiply x x",
                                             "relay-negative x",
                                             "relay-pad m (shape 1 0 2 3)",
                                             "relay-power x x",
                                             "relay-relu x",
                                             "relay-reshape x (shape 24)",
                                             "relay-right-shift ints ints",
                                             "relay-round x",
                                             "relay-rsqrt x",
                                             "relay-sigmoid x",
                                             "relay-softmax x",
                                             "relay-split m 2",
                                             "relay-sqrt x",
                                             "relay-squeeze x",
                                             "relay-stack x x 0",
                                             "relay-strided-slice m (shape 1) (shape 2)",
                                             "relay-subtract x x",
                                             "relay-sum x",
                                             "relay-take m i64",
                                             "relay-tanh x",
                                             "relay-transpose x",
                                             "relay-upsampling nchw 2 2"};
  std::vector<std::string> names;
  for (const std::string& example : examples) {
    EXPECT_NO_THROW(words_of(call(example))) << example;
    names.push_back(example.substr(0, example.find(' ')));
  }
  const std::vector<std::string_view> known = relay_operators();
  EXPECT_THAT(names, ::testing::ElementsAreArray(known.begin(), known.end()));
}

}  // namespace
}  // namespace tessera
