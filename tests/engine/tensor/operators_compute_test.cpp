#include "tests/engine/tensor/tensor_test_support.hpp"

namespace tessera {
namespace {

class ComputeOperators : public TensorTest {
 protected:
  ComputeOperators() {
    declare("a", {10, 8});
    declare("b", {8, 4});
    declare("row", {8});
    declare("oihw", {8, 4, 3, 3});
    declare("nchw", {2, 4, 9, 7});
    declare("hwio", {3, 3, 4, 8});
    declare("nhwc", {2, 9, 7, 4});
  }
};

TEST_F(ComputeOperators, DotProductAndReductionsLeaveAScalarItem) {
  const std::string product = "(access-cartesian-product (access x 1) (access y 1))";
  EXPECT_EQ(type_of("(compute dot-product " + product + ")"), "[2 5][]");
  EXPECT_EQ(type_of("(compute dot-product (access-pair x x))"), "[][]");
  for (const char* type : {"reduce-sum", "reduce-max", "reduce-mean"}) {
    EXPECT_EQ(type_of("(compute " + std::string(type) + " (access x 1))"), "[2][]");
    EXPECT_EQ(type_of("(compute " + std::string(type) + " (access x 3))"), "[2 3 4][]");
  }
  expect_error("(compute dot-product (access x 3))", "a scalar item", "an item [n …]");
}

TEST_F(ComputeOperators, ElementwiseFoldsTheFirstItemAxis) {
  for (const char* type : {"elementwise-add", "elementwise-mul", "elementwise-div"}) {
    EXPECT_EQ(type_of("(compute " + std::string(type) + " (access-pair (access x 1) (access x 1)))"), "[2][3 4]");
    EXPECT_EQ(type_of("(compute " + std::string(type) + " (access-pair (access x 3) (access x 3)))"), "[2 3 4][]");
    expect_error("(compute " + std::string(type) + " (access x 3))", "a scalar item", "an item [n …]");
  }
}

TEST_F(ComputeOperators, UnaryOnesKeepTheType) {
  for (const char* type : {"relu", "sqrt", "negative"}) {
    EXPECT_EQ(type_of("(compute " + std::string(type) + " (access x 2))"), "[2 3][4]");
  }
  EXPECT_EQ(type_of("(compute softmax (access x 2))"), "[2 3][4]");
  expect_error("(compute softmax (access x 1))", "an item of 2 axes", "an item of one axis");
  expect_error("(compute dot-produce x)", "compute type 'dot-produce'", "one of dot-product, reduce-sum");
}

TEST_F(ComputeOperators, SystolicArray) {
  EXPECT_EQ(type_of("(systolic-array 8 4 (access a 1) b)"), "[10 4][]");
  EXPECT_EQ(type_of("(systolic-array 8 4 row b)"), "[4][]");
  expect_error("(systolic-array 8 5 (access a 1) b)", "a stationary operand of 8 by 4", "exactly 8 by 5");
  expect_error("(systolic-array 0 4 (access a 1) b)", "an array of 0x4", "at least 1x1");
  expect_error("(systolic-array 8 4 (access a 2) b)", "streamed operand [10 8][]", "[M][K] or [][K]");
  expect_error("(systolic-array 8 4 (access a 1) (access b 1))", "stationary operand [8][4]", "[][K N]");
  expect_error("(systolic-array 8 4 (access a 1) x)", "stationary operand [][2 3 4]", "[][K N]");
  expect_error("(systolic-array 8 4 (access b 1) b)", "summed extents 4 and 8", "equal ones");
}

TEST_F(ComputeOperators, SystolicArrayWithBlocking) {
  EXPECT_EQ(type_of("(systolic-array-with-blocking 2 4 (access a 1) b)"), "[10 4][]");
  EXPECT_EQ(type_of("(systolic-array-with-blocking 4 1 row b)"), "[4][]");
  expect_error("(systolic-array-with-blocking 3 4 (access a 1) b)", "a stationary operand of 8 by 4",
               "multiples of 3 by 4");
}

TEST_F(ComputeOperators, SystolicConvolutions) {
  for (const std::string mode : {"", "im2col-"}) {
    EXPECT_EQ(type_of("(systolic-array-conv2d-" + mode + "nchw-oihw-with-blocking 2 4 oihw nchw 3 3 2 1)"),
              "[2 8 4 5][]");
    EXPECT_EQ(type_of("(systolic-array-conv2d-" + mode + "nhwc-hwio-with-blocking 2 4 hwio nhwc 3 3 2 1)"),
              "[2 4 5 8][]");
  }
  const std::string op = "(systolic-array-conv2d-nchw-oihw-with-blocking ";
  expect_error(op + "3 4 oihw nchw 3 3 1 1)", "4 input and 8 output channels", "multiples of 3 and 4");
  expect_error(op + "4 3 oihw nchw 3 3 1 1)", "4 input and 8 output channels", "multiples of 4 and 3");
  expect_error(op + "2 4 oihw nchw 2 3 1 1)", "a kernel of 3", "the kernel to have the stated 2");
  expect_error(op + "2 4 oihw nchw 3 3 0 1)", "a kernel of 3 with stride 0", "the kernel");
  expect_error(op + "2 4 oihw nhwc 3 3 1 1)", "4 and 9 input channels", "equal numbers");
  expect_error(op + "2 4 oihw x 3 3 1 1)", "4 and 3 axes", "weights and data of 4 axes");
}

}  // namespace
}  // namespace tessera
