#include "engine/tensor/zero_regions.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/engine/tensor/tensor_test_support.hpp"

namespace tessera {
namespace {

TEST(ZeroRegions, NormalizeSortsMergesAndDropsEmptyRanges) {
  ZeroRegions regions{{1, 4, 6}, {0, 2, 2}, {1, 0, 1}, {1, 5, 8}, {0, 3, 4}, {1, 1, 2}};
  normalize(regions, std::array<std::int64_t, 2>{10, 10});
  EXPECT_EQ(regions, (ZeroRegions{{0, 3, 4}, {1, 0, 2}, {1, 4, 8}}));
}

TEST(ZeroRegions, OneAxisZeroThroughoutMakesAllAxesZero) {
  ZeroRegions regions{{1, 0, 2}, {1, 2, 5}};
  normalize(regions, std::array<std::int64_t, 3>{4, 5, 6});
  EXPECT_EQ(regions, (ZeroRegions{{0, 0, 4}, {1, 0, 5}, {2, 0, 6}}));
}

TEST(ZeroRegions, IsZeroNeedsTheWholeRange) {
  const ZeroRegions regions{{0, 2, 4}, {1, 0, 3}};
  EXPECT_TRUE(is_zero(regions, 0, 2, 4));
  EXPECT_TRUE(is_zero(regions, 0, 3, 3));
  EXPECT_FALSE(is_zero(regions, 0, 1, 4));
  EXPECT_FALSE(is_zero(regions, 1, 2, 4));
  EXPECT_FALSE(is_zero(regions, 2, 0, 1));
}

TEST(ZeroRegions, CommonIsTheIntersection) {
  ZeroRegions out;
  carry_common(ZeroRegions{{0, 0, 3}, {0, 5, 9}}, 0, ZeroRegions{{2, 2, 6}}, 2, 1, out);
  EXPECT_EQ(out, (ZeroRegions{{1, 2, 3}, {1, 5, 6}}));
}

class ZeroRegionsOfOperators : public TensorTest {};

TEST_F(ZeroRegionsOfOperators, PadMakesThemAndShiftsOldOnes) {
  EXPECT_EQ(type_of("(access-pad m zero-padding 1 2 3)"), "[][6 13]; zero: axis 1 [0, 2), axis 1 [10, 13)");
  EXPECT_EQ(type_of("(access-pad (access-pad m zero-padding 1 0 3) zero-padding 1 2 0)"),
            "[][6 13]; zero: axis 1 [0, 2), axis 1 [10, 13)");
  EXPECT_EQ(type_of("(access-pad m zero-padding 0 0 0)"), "[][6 8]");
}

TEST_F(ZeroRegionsOfOperators, SliceClipsAndShifts) {
  EXPECT_EQ(type_of("(access-slice (access-pad m zero-padding 1 2 3) 1 1 12)"),
            "[][6 11]; zero: axis 1 [0, 1), axis 1 [9, 11)");
  EXPECT_EQ(type_of("(access-slice (access-pad m zero-padding 1 0 3) 0 1 4)"), "[][3 11]; zero: axis 1 [8, 11)");
  EXPECT_EQ(type_of("(access-slice (access-pad m zero-padding 1 0 3) 1 9 11)"),
            "[][6 2]; zero: axis 0 [0, 6), axis 1 [0, 2)");
}

TEST_F(ZeroRegionsOfOperators, ViewsCarryThemWithTheirAxes) {
  const std::string padded = "(access-pad x zero-padding 1 0 5)";
  EXPECT_EQ(type_of("(access " + padded + " 2)"), "[2 8][4]; zero: axis 1 [3, 8)");
  EXPECT_EQ(type_of("(access-shift-right (access " + padded + " 2))"), "[2][8 4]; zero: axis 1 [3, 8)");
  EXPECT_EQ(type_of("(access-transpose " + padded + " (list 1 2 0))"), "[][8 4 2]; zero: axis 0 [3, 8)");
  EXPECT_EQ(type_of("(access-insert-axis " + padded + " 1)"), "[][2 1 8 4]; zero: axis 2 [3, 8)");
  EXPECT_EQ(type_of("(access-squeeze (access-insert-axis " + padded + " 1) 1)"), "[][2 8 4]; zero: axis 1 [3, 8)");
  EXPECT_EQ(type_of("(access-broadcast (access-insert-axis " + padded + " 0) (access-shape (shape 7) (shape 2 8 4)))"),
            "[7][2 8 4]; zero: axis 2 [3, 8)");
}

TEST_F(ZeroRegionsOfOperators, ReshapeCarriesWholeAxesOnly) {
  const std::string padded = "(access-pad x zero-padding 1 0 5)";  // [][2 8 4]
  EXPECT_EQ(type_of("(access-reshape " + padded + " (access-shape (shape) (shape 2 8 2 2)))"),
            "[][2 8 2 2]; zero: axis 1 [3, 8)");
  EXPECT_EQ(type_of("(access-reshape " + padded + " (access-shape (shape) (shape 1 2 1 8 4)))"),
            "[][1 2 1 8 4]; zero: axis 3 [3, 8)");
  EXPECT_EQ(type_of("(access-reshape " + padded + " (access-shape (shape) (shape 16 4)))"), "[][16 4]");
  EXPECT_EQ(type_of("(access-reshape " + padded + " (access-shape (shape) (shape 4 4 4)))"), "[][4 4 4]");
  EXPECT_EQ(type_of("(access-flatten (access (access-pad m zero-padding 1 0 2) 1))"), "[6][10]; zero: axis 1 [8, 10)");
}

TEST_F(ZeroRegionsOfOperators, ConcatenateShiftsAlongItsAxisAndIntersectsElsewhere) {
  EXPECT_EQ(type_of("(access-concatenate (access-pad m zero-padding 0 0 2) (access-pad m zero-padding 0 1 0) 0)"),
            "[][15 8]; zero: axis 0 [6, 9)");
  EXPECT_EQ(type_of("(access-concatenate (access-pad m zero-padding 1 0 3) (access-pad m zero-padding 1 1 2) 0)"),
            "[][12 11]; zero: axis 1 [9, 11)");
}

TEST_F(ZeroRegionsOfOperators, ProductsAndPairsAreZeroWhereBothPartsAre) {
  const std::string a = "(access (access-pad m zero-padding 1 0 3) 1)";
  const std::string b = "(access (access-pad m zero-padding 1 1 2) 1)";
  EXPECT_EQ(type_of("(access-cartesian-product " + a + " " + b + ")"), "[6 6][2 11]; zero: axis 3 [9, 11)");
  EXPECT_EQ(type_of("(access-pair " + a + " " + b + ")"), "[6][2 11]; zero: axis 2 [9, 11)");
  // A padded shape axis of one operand says nothing of the other, which is in the item too.
  EXPECT_EQ(type_of("(access-cartesian-product (access (access-pad m zero-padding 0 0 2) 1) (access m 1))"),
            "[8 6][2 8]");
  EXPECT_EQ(
      type_of(
          "(access-pair (access (access-pad m zero-padding 0 0 2) 1) (access (access-pad m zero-padding 0 2 0) 1))"),
      "[8][2 8]");
}

TEST_F(ZeroRegionsOfOperators, OtherOperatorsDropThem) {
  EXPECT_EQ(type_of("(compute relu (access (access-pad m zero-padding 1 0 3) 1))"), "[6][11]");
  EXPECT_EQ(type_of("(access-windows (access-pad m zero-padding 1 0 3) (shape 2 2) (shape 1 1))"), "[5 10][2 2]");
  EXPECT_EQ(type_of("(relay-operator-call relay-copy (access-pad m zero-padding 1 0 3))"), "[6 11][]");
}

}  // namespace
}  // namespace tessera
