// Columns are as narrow as what they hold allows, and begin where in a page they were told to.
#include "partition/narrow_column.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace tessera {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

TEST(NarrowColumn, WidthsAreTheLeastThatHoldAValue) {
  EXPECT_EQ(NarrowColumn::width_of(0), 1U);
  EXPECT_EQ(NarrowColumn::width_of(255), 1U);
  EXPECT_EQ(NarrowColumn::width_of(256), 2U);
  EXPECT_EQ(NarrowColumn::width_of(65535), 2U);
  EXPECT_EQ(NarrowColumn::width_of(65536), 4U);
  EXPECT_EQ(NarrowColumn::width_of(0xffffffffU), 4U);
  EXPECT_EQ(NarrowColumn::width_of(std::uint64_t{1} << 32), 8U);
  EXPECT_EQ(NarrowColumn::width_of(kMost), 8U);
}

TEST(NarrowColumn, WidensForWhatDoesNotFit) {
  NarrowColumn column;
  EXPECT_TRUE(column.empty());
  std::vector<std::uint64_t> expected;
  for (const std::uint64_t value : {std::uint64_t{7}, std::uint64_t{255}, std::uint64_t{256}, std::uint64_t{70000},
                                    std::uint64_t{1} << 40, kMost}) {
    column.push_back(value);
    expected.push_back(value);
    EXPECT_EQ(column.values(), expected);
    EXPECT_EQ(column.width(), NarrowColumn::width_of(value));
    EXPECT_EQ(column.back(), value);
    EXPECT_EQ(column.bytes().size(), expected.size() * column.width());
  }
  NarrowColumn other = {1, 2, 3};
  EXPECT_EQ(other.width(), 1U);
  other.set(1, 300);
  EXPECT_THAT(other, ElementsAre(1, 300, 3));
  EXPECT_EQ(other.width(), 2U);
  other.set(1, 2);
  EXPECT_EQ(other.width(), 2U) << "it never becomes narrower";
  other.append(column);
  EXPECT_EQ(other.size(), 9U);
  EXPECT_EQ(other.width(), 8U);
  EXPECT_EQ(other[8], kMost);
}

TEST(NarrowColumn, ManyElements) {
  NarrowColumn column;
  for (std::uint64_t i = 0; i < 100000; ++i) column.push_back(i);
  EXPECT_EQ(column.width(), 4U);
  std::uint64_t expected = 0;
  for (const std::uint64_t value : column) ASSERT_EQ(value, expected++);
  column.keep(65530, 65540);
  EXPECT_EQ(column.size(), 10U);
  EXPECT_EQ(column[0], 65530U);
  EXPECT_EQ(column.back(), 65539U);
  column.keep(3, 3);
  EXPECT_TRUE(column.empty());
  EXPECT_EQ(column.memory_bytes(), 0U);
}

TEST(NarrowColumn, CopiesAndMovesWhatItHolds) {
  NarrowColumn column;
  column.set_size(5000, 8);
  EXPECT_GE(column.memory_bytes(), column.bytes().size());
  auto* elements = column.elements<std::uint64_t>();
  std::iota(elements, elements + 5000, std::uint64_t{1} << 50);
  const NarrowColumn copy = column;
  EXPECT_EQ(copy.values(), column.values());
  const NarrowColumn moved = std::move(column);
  EXPECT_EQ(moved.values(), copy.values());
  EXPECT_EQ(moved[4999], (std::uint64_t{1} << 50) + 4999);
}

TEST(NarrowColumn, EveryWidthReadsBack) {
  for (const unsigned width : {1U, 2U, 4U, 8U}) {
    NarrowColumn column = {3, 1, 250};
    column.widen(width);
    EXPECT_EQ(column.width(), width);
    EXPECT_THAT(column, ElementsAre(3, 1, 250));
    column.widen(1);
    EXPECT_EQ(column.width(), width);
    EXPECT_EQ(column.with_elements([](auto* elements) { return sizeof *elements; }), width);
  }
}

}  // namespace
}  // namespace tessera
