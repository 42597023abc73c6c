#include "engine/base/growing_array.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace tessera {
namespace {

using Numbers = GrowingArray<std::uint64_t>;

TEST(GrowingArray, KeepsWhatIsWrittenWhileItGrows) {
  Numbers numbers;
  EXPECT_TRUE(numbers.empty());
  for (std::uint64_t i = 0; i < 10000; ++i) *numbers.extend(1) = i;
  std::uint64_t* more = numbers.extend(5000);
  std::iota(more, more + 5000, std::uint64_t{10000});
  ASSERT_EQ(numbers.size(), 15000U);
  for (std::uint64_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], i);
}

TEST(GrowingArray, AppendsAssignsAndGetsShorter) {
  const std::vector<std::uint64_t> given = {7, 8, 9};
  Numbers numbers;
  numbers.append(std::span<const std::uint64_t>());
  EXPECT_TRUE(numbers.empty());
  numbers.append(given);
  numbers.append(given);
  numbers.resize(4);
  EXPECT_EQ(std::vector(numbers.begin(), numbers.end()), (std::vector<std::uint64_t>{7, 8, 9, 7}));
  numbers.assign(given);
  EXPECT_EQ(std::vector(numbers.begin(), numbers.end()), given);
  const std::uint64_t* before = numbers.data();
  numbers.clear();
  numbers.resize(3);
  EXPECT_EQ(numbers.data(), before);  // its memory is kept
}

TEST(GrowingArray, CopiesAreItsOwn) {
  Numbers numbers(3, 5);
  Numbers copy = numbers;
  EXPECT_EQ(copy, numbers);
  copy[1] = 6;
  EXPECT_FALSE(copy == numbers);
  EXPECT_EQ(numbers[1], 5U);
  const Numbers taken = std::move(copy);
  EXPECT_EQ(taken[1], 6U);
  numbers = taken;
  EXPECT_EQ(numbers, taken);
}

}  // namespace
}  // namespace tessera
