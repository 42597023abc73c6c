#include "tests/engine/tensor/tensor_test_support.hpp"

namespace tessera {
namespace {

class AccessOperators : public TensorTest {};

TEST_F(AccessOperators, ATensorIsOneItem) {
  EXPECT_EQ(type_of("(access-tensor x)"), "[][2 3 4]");
  EXPECT_EQ(type_of("x"), "[][2 3 4]");
  EXPECT_EQ(type_of("ints"), "[][2 3 4] int64");
  EXPECT_THAT(error_of("(access-tensor imag)"), ::testing::HasSubstr("did you mean 'image'?"));
  expect_error("(access-tensor quite-another)", "tensor 'quite-another', which is not declared", "a declared tensor");
}

TEST_F(AccessOperators, Access) {
  EXPECT_EQ(type_of("(access x 0)"), "[][2 3 4]");
  EXPECT_EQ(type_of("(access (access x 3) 1)"), "[2][3 4]");
  EXPECT_EQ(type_of("(access x 3)"), "[2 3 4][]");
  expect_error("(access x 4)", "a split at 4", "0 to 3");
  expect_error("(access x -1)", "a split at -1", "0 to 3");
}

TEST_F(AccessOperators, ShiftRight) {
  EXPECT_EQ(type_of("(access-shift-right (access x 2))"), "[2][3 4]");
  expect_error("(access-shift-right x)", "no shape axis", "at least one");
}

TEST_F(AccessOperators, Transpose) {
  EXPECT_EQ(type_of("(access-transpose (access x 1) (list 2 0 1))"), "[4][2 3]");
  expect_error("(access-transpose x (list 1 0))", "a list of 2 axes", "each of 0 to 3");
  expect_error("(access-transpose x (list 0 1 1))", "axis 1", "each of 0 to 3");
  expect_error("(access-transpose x (list 0 1 3))", "axis 3", "each of 0 to 3");
}

TEST_F(AccessOperators, Reshape) {
  EXPECT_EQ(type_of("(access-reshape (access x 1) (access-shape (shape 1 2) (shape 12)))"), "[1 2][12]");
  expect_error("(access-reshape (access x 1) (access-shape (shape 4) (shape 6)))", "products 2 and 12",
               "both products");
  expect_error("(access-reshape (access x 1) (access-shape (shape -2) (shape -12)))", "an extent of -2",
               "extents of 1");
}

TEST_F(AccessOperators, Flatten) {
  EXPECT_EQ(type_of("(access-flatten (access x 2))"), "[6][4]");
  EXPECT_EQ(type_of("(access-flatten x)"), "[][24]");
  EXPECT_EQ(type_of("(access-flatten (access x 3))"), "[24][]");
}

TEST_F(AccessOperators, SqueezeAndInsertAxis) {
  EXPECT_EQ(type_of("(access-insert-axis (access x 1) 0)"), "[1 2][3 4]");
  EXPECT_EQ(type_of("(access-insert-axis (access x 1) 1)"), "[2 1][3 4]");
  EXPECT_EQ(type_of("(access-insert-axis (access x 1) 2)"), "[2][3 1 4]");
  EXPECT_EQ(type_of("(access-insert-axis (access x 1) 3)"), "[2][3 4 1]");
  EXPECT_EQ(type_of("(access-squeeze (access image 2) 0)"), "[3][8 8]");
  EXPECT_EQ(type_of("(access-squeeze (access-insert-axis (access x 1) 2) 2)"), "[2][3 4]");
  expect_error("(access-insert-axis x 4)", "axis 4", "an axis from 0 to below 4");
  expect_error("(access-squeeze x 1)", "extent 3 of axis 1", "extent 1");
  expect_error("(access-squeeze x 3)", "axis 3", "an axis from 0 to below 3");
}

TEST_F(AccessOperators, Broadcast) {
  EXPECT_EQ(type_of("(access-broadcast (access image 1) (access-shape (shape 5) (shape 3 8 8)))"), "[5][3 8 8]");
  expect_error("(access-broadcast (access x 1) (access-shape (shape 5) (shape 3 4)))", "(access-shape", "as many axes");
  expect_error("(access-broadcast (access image 1) (access-shape (shape 5) (shape 8 8)))", "(access-shape", "as many");
}

TEST_F(AccessOperators, Slice) {
  EXPECT_EQ(type_of("(access-slice (access x 1) 2 1 3)"), "[2][3 2]");
  expect_error("(access-slice x 3 0 1)", "axis 3", "an axis from 0 to below 3");
  expect_error("(access-slice x 1 0 4)", "the range 0 to 4 of axis 1", "0 <= low < high <= 3");
  expect_error("(access-slice x 1 2 2)", "the range 2 to 2", "0 <= low");
  expect_error("(access-slice x 1 -1 2)", "the range -1 to 2", "0 <= low");
  // The whole message: operator, attributes, what it was given.
  EXPECT_EQ(
      error_of("(access-slice (access x 1) 1 0 4)"),
      "(access-slice 1 0 4) of [2][3 4] float32: found the range 0 to 4 of axis 1, expected 0 <= low < high <= 3");
}

TEST_F(AccessOperators, Concatenate) {
  EXPECT_EQ(type_of("(access-concatenate x y 0)"), "[][7 3 4]");
  expect_error("(access-concatenate x y 1)", "[][2 3 4] and [][5 3 4]", "equal splits");
  expect_error("(access-concatenate (access x 1) (access y 2) 0)", "[2][3 4] and [5 3][4]", "equal splits");
  expect_error("(access-concatenate x m 0)", "[][2 3 4] and [][6 8]", "equal splits");
  expect_error("(access-concatenate x ints 0)", "element types float32 and int64", "equal element types");
}

TEST_F(AccessOperators, Pad) {
  EXPECT_EQ(type_of("(access-pad (access x 1) zero-padding 2 1 0)"), "[2][3 5]; zero: axis 2 [0, 1)");
  expect_error("(access-pad x zero-padding 3 0 1)", "axis 3", "an axis from 0 to below 3");
  expect_error("(access-pad x zero-padding 0 -1 1)", "paddings -1 and 1", "0 or more");
  expect_error("(access-pad x min-padding 0 1 1)", "padding 'min-padding'", "zero-padding");
}

TEST_F(AccessOperators, Windows) {
  EXPECT_EQ(type_of("(access-windows (access image 1) (shape 3 3 3) (shape 1 2 1))"), "[1 1 3 6][3 3 3]");
  EXPECT_EQ(type_of("(access-windows (access image 2) (shape 2 2) (shape 2 2))"), "[1 3 4 4][2 2]");
  expect_error("(access-windows (access image 1) (shape 3 3) (shape 1 1))", "windows of 2 axes", "3 of each");
  expect_error("(access-windows (access image 2) (shape 9 3) (shape 1 1))", "a window of 9", "a window of 1 to 8");
  expect_error("(access-windows (access image 2) (shape 3 3) (shape 0 1))", "a window of 3 with stride 0", "a window");
}

TEST_F(AccessOperators, CartesianProductAndPair) {
  EXPECT_EQ(type_of("(access-cartesian-product (access x 1) (access y 1))"), "[2 5][2 3 4]");
  EXPECT_EQ(type_of("(access-cartesian-product (access x 3) (access y 3))"), "[2 3 4 5 3 4][2]");
  EXPECT_EQ(type_of("(access-pair (access x 1) (access x 1))"), "[2][2 3 4]");
  EXPECT_EQ(type_of("(access-pair (access x 3) (access x 3))"), "[2 3 4][2]");
  expect_error("(access-cartesian-product (access x 1) (access m 1))", "item shapes [3 4] and [8]",
               "equal item shapes");
  expect_error("(access-cartesian-product (access x 1) (access ints 1))", "element types", "equal element types");
  expect_error("(access-pair (access x 1) (access y 1))", "[2][3 4] and [5][3 4]", "equal shapes");
  expect_error("(access-pair (access x 1) (access x 2))", "[2][3 4] and [2 3][4]", "equal shapes");
  // 13 axes
  EXPECT_THAT(error_of("(access-cartesian-product (access-cartesian-product (access x 3) (access y 3)) "
                       "(access (access-cartesian-product (access x 3) (access y 3)) 6))"),
              ::testing::HasSubstr("more than 12 axes"));
}

TEST_F(AccessOperators, LiteralsAndConstants) {
  EXPECT_EQ(type_of("(access-literal (literal 0.5))"), "[][]");
  EXPECT_EQ(type_of("(constant-tensor 1.0 (shape 2 3))"), "[][2 3]");
  EXPECT_EQ(type_of("(constant-tensor (literal 1.0) (shape))"), "[][]");
  expect_error("(constant-tensor 1.0 (shape 2 0))", "an extent of 0", "extents of 1");
}

TEST_F(AccessOperators, Tuples) {
  EXPECT_EQ(type_of("(construct-tuple x (access m 1))"), "tuple of ([][2 3 4], [6][8])");
  EXPECT_EQ(type_of("(tuple-get-item (construct-tuple x (access m 1)) 1)"), "[6][8]");
  expect_error("(tuple-get-item (construct-tuple x) 1)", "item 1", "an item from 0 to below 1");
  expect_error("(tuple-get-item x 0)", "an access", "a tuple");
  expect_error("(access-flatten (construct-tuple x))", "a tuple as operand 1", "an access");
}

TEST_F(AccessOperators, WrongNumbersOfOperandsAreRefused) {
  // The parser checks this for text; nodes can also be made by other means.
  for (const TensorOperatorInfo& info : tensor_operators()) {
    if (info.op == TensorOperator::kConstructTuple) continue;
    Symbol symbol;
    symbol.name = Name(info.name);
    symbol.arity = 5;
    const DataWords x = words_of("x");
    const std::vector<DataView> kids(5, x);
    DataWords out;
    EXPECT_THROW(language_.make(symbol, kids, out), Error) << info.name;
  }
}

}  // namespace
}  // namespace tessera
