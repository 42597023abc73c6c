#include "engine/base/radix_sort.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "engine/base/growing_array.hpp"

namespace tessera {
namespace {

struct Item {
  std::uint64_t key;
  std::uint64_t number;  // tells items apart
  friend auto operator<=>(const Item&, const Item&) = default;
};

// Keys in which only these bits differ from each other.
template <class Array>
Array make_items(std::size_t count, std::uint64_t bits, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::uint64_t rest = random() & ~bits;
  Array items;
  for (std::size_t i = 0; i < count; ++i) items.push_back({(random() & bits) | rest, i});
  return items;
}

template <class Array>
void expect_sorted(std::size_t count, std::uint64_t bits, unsigned lowest) {
  auto items = make_items<Array>(count, bits, count * 31 + bits);
  std::vector<Item> all(items.begin(), items.end());
  Array scratch;
  radix_sort(items, scratch, lowest, [](const Item& item) { return item.key; });
  EXPECT_TRUE(std::is_sorted(items.begin(), items.end(),
                             [&](const Item& a, const Item& b) { return a.key >> lowest < b.key >> lowest; }))
      << count << " items, bits " << std::hex << bits << ", from bit " << std::dec << lowest;
  std::vector<Item> found(items.begin(), items.end());
  std::ranges::sort(found);
  std::ranges::sort(all);
  EXPECT_EQ(found, all);
}

TEST(RadixSort, SortsByWhateverBitsDiffer) {
  constexpr std::array<std::uint64_t, 6> kBits = {
      0, 0x3ff, 0x0000'0180'000f'ffff, 0xffff'ffff'0000'0000, 0x8000'0000'0000'0001, ~std::uint64_t{0}};
  for (const std::size_t count : {0, 1, 2, 255, 256, 257, 5000}) {
    for (const std::uint64_t bits : kBits) {
      for (const unsigned lowest : {0U, 32U}) {
        expect_sorted<std::vector<Item>>(count, bits, lowest);
        expect_sorted<GrowingArray<Item>>(count, bits, lowest);
      }
    }
  }
}

TEST(RadixSort, LeavesWhatIsEqualInOrderIfThereIsMuch) {
  auto items = make_items<std::vector<Item>>(4000, 0xf, 7);
  std::vector<Item> expected = items;
  std::ranges::stable_sort(expected, {}, &Item::key);
  std::vector<Item> scratch;
  radix_sort(items, scratch, 0, [](const Item& item) { return item.key; });
  EXPECT_EQ(items, expected);
}

}  // namespace
}  // namespace tessera
