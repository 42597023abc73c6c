#include "engine/graph/hashcons.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace tessera {
namespace {

// Every row is its own key; the hash has few distinct values, so that searches run far past their first line.
std::uint64_t crowded_hash(std::uint32_t row) { return std::uint64_t{row % 97} * 0x9e3779b97f4a7c15ULL; }

HashconsSlot look_up(const Hashcons& table, std::uint32_t row) {
  return table.find(crowded_hash(row), [row](RowId at) { return at.value == row; });
}

TEST(Hashcons, InsertsFindsAndErasesWithCrowdedHashes) {
  Hashcons table;
  std::map<std::uint32_t, bool> expected;
  std::mt19937 random(7);
  for (int step = 0; step < 20000; ++step) {
    const auto row = static_cast<std::uint32_t>(random() % 1500);
    const HashconsSlot slot = look_up(table, row);
    ASSERT_EQ(!slot.row.is_none(), expected.contains(row)) << "row " << row << " at step " << step;
    if (slot.row.is_none()) {
      table.insert(slot, RowId(row));
      expected[row] = true;
    } else {
      EXPECT_EQ(slot.row.value, row);
      EXPECT_TRUE(table.erase(crowded_hash(row), RowId(row)));
      EXPECT_FALSE(table.erase(crowded_hash(row), RowId(row)));
      expected.erase(row);
    }
  }
  for (std::uint32_t row = 0; row < 1500; ++row) EXPECT_EQ(!look_up(table, row).row.is_none(), expected.contains(row));
}

TEST(Hashcons, GrowsWithoutLosingRows) {
  Hashcons table;
  const auto hash_of = [](std::uint32_t row) { return std::uint64_t{row} * 0xd6e8feb86659fd93ULL; };
  const auto find = [&](std::uint32_t row) {
    return table.find(hash_of(row), [row](RowId at) { return at.value == row; });
  };
  const std::size_t small = table.bytes();
  constexpr std::uint32_t kRows = 50000;
  for (std::uint32_t row = 0; row < kRows; ++row) table.insert(find(row), RowId(row));
  EXPECT_GT(table.bytes(), small);
  EXPECT_LT(table.bytes(), std::size_t{kRows} * 8 * 4);  // at least a quarter full
  for (std::uint32_t row = 0; row < kRows; ++row) EXPECT_EQ(find(row).row.value, row);
  EXPECT_TRUE(find(kRows).row.is_none());
}

TEST(Hashcons, GuessesTheRowThatALookUpFindsInItsFirstLine) {
  Hashcons table;
  const std::uint64_t hash = 0x123456789abcdef0ULL;
  EXPECT_TRUE(table.guess(hash).is_none());
  table.insert(table.find(hash, [](RowId) { return false; }), RowId(3));
  EXPECT_EQ(table.guess(hash).value, 3U);
  EXPECT_TRUE(table.guess(hash + 1).is_none());
}

}  // namespace
}  // namespace tessera
