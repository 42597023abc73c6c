#include "engine/graph/class_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

namespace tessera {
namespace {

constexpr std::uint32_t kBlock = 1U << ShardedIds::kBlockBits;

std::vector<std::uint32_t> ids_of(const ClassTable& classes) {
  std::vector<std::uint32_t> ids;
  classes.for_each([&](ClassId id) { ids.push_back(id.value); });
  return ids;
}

TEST(ClassTable, IdsTellGhostsAndShards) {
  for (const std::uint32_t shards : {1U, 4U}) {
    ClassTable classes(shards, true);
    const std::vector<std::size_t> room(shards, 3 * std::size_t{kBlock});
    const std::size_t bound = classes.reserve(room, 3 * kBlock);
    std::vector<std::set<std::uint32_t>> of_shard(shards);
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
      for (std::uint32_t i = 0; i < 2 * kBlock + 7 + shard; ++i) {
        const ClassId owned = classes.add(shard, i);
        EXPECT_FALSE(classes.is_ghost(owned));
        EXPECT_EQ(classes.shard_of(owned), shard);
        EXPECT_TRUE(of_shard[shard].insert(owned.value).second);
      }
      for (std::uint32_t i = 0; i < kBlock + shard; ++i) {
        const ClassId ghost = classes.add_ghost(shard, i);
        EXPECT_TRUE(classes.is_ghost(ghost));
        EXPECT_EQ(classes.shard_of(ghost), shard);
        EXPECT_TRUE(of_shard[shard].insert(ghost.value).second);
      }
    }
    std::set<std::uint32_t> all;
    for (std::uint32_t shard = 0; shard < shards; ++shard) {
      std::set<std::uint32_t> seen;
      classes.for_each_of(shard, [&](ClassId id) { EXPECT_TRUE(seen.insert(id.value).second); });
      EXPECT_EQ(seen, of_shard[shard]);
      all.merge(seen);
    }
    const std::vector<std::uint32_t> ids = ids_of(classes);
    EXPECT_TRUE(std::ranges::is_sorted(ids));
    EXPECT_TRUE(std::ranges::equal(ids, all));
    EXPECT_EQ(classes.count(), ids.size());
    EXPECT_GT(classes.bound(), ids.back());
    EXPECT_GE(bound, classes.bound());
  }
}

TEST(ClassTable, WithoutGhostsIdsAreDense) {
  ClassTable classes(2, false);
  classes.reserve(std::vector<std::size_t>{2 * kBlock, 2 * kBlock}, 0);
  for (std::uint32_t i = 0; i < 2 * kBlock; ++i) classes.add(i / kBlock, i);
  const std::vector<std::uint32_t> ids = ids_of(classes);
  ASSERT_EQ(ids.size(), 2 * kBlock);
  for (std::uint32_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], i);
  EXPECT_FALSE(classes.is_ghost(ClassId(kBlock)));
}

// Classes that are added block by block have ids that another rank can tell, however many shards it has.
TEST(ClassTable, TheNthClassHasTheSameIdWithAnyShards) {
  for (const bool has_ghosts : {false, true}) {
    for (const std::uint32_t shards : {1U, 2U, 8U}) {
      ClassTable classes(shards, has_ghosts);
      classes.reserve(std::vector<std::size_t>(shards, 4 * std::size_t{kBlock}), 0);
      for (std::uint32_t n = 0; n < 4 * kBlock; ++n)
        ASSERT_EQ(classes.add(n / kBlock % shards, n).value, classes.nth(n).value) << shards;
      EXPECT_EQ(classes.nth(kBlock + 5).value, has_ghosts ? 2 * kBlock + 5 : kBlock + 5);
    }
  }
}

}  // namespace
}  // namespace tessera
