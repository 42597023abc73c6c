#include "engine/base/column.hpp"

#include <gtest/gtest.h>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

TEST(Column, StartsAsZerosAndKeepsElementsInPlaceWhileGrowing) {
  Column<std::uint64_t> column(1 << 22);
  column.ensure(10);
  column[3] = 7;
  const std::uint64_t* address = &column[3];
  column.ensure(1 << 21);
  EXPECT_EQ(&column[3], address);
  EXPECT_EQ(column[3], 7U);
  EXPECT_EQ(column[(1 << 21) - 1], 0U);
  EXPECT_GE(column.usable(), std::size_t{1} << 21);
}

TEST(Column, RefusesMoreThanItsCapacity) {
  Column<std::uint64_t> column(1 << 14);
  column.ensure(1 << 14);
  EXPECT_THROW(column.ensure((1 << 14) + 1), Error);
}

TEST(Column, RefusesMoreThanTheSystemHas) { EXPECT_THROW(Column<std::uint64_t>(std::size_t{1} << 60), Error); }

}  // namespace
}  // namespace tessera
