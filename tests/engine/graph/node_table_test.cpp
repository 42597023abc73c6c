#include "engine/graph/node_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace tessera {
namespace {

void reserve(NodeTable& table, std::size_t rows, std::size_t wide) {
  const std::vector<std::size_t> r(table.shards(), rows);
  const std::vector<std::size_t> w(table.shards(), wide);
  table.reserve(r, w);
}

// A row that is not there yet.
RowId insert_new(NodeTable& table, SymbolId symbol, std::span<const std::uint32_t> kids, ClassId cls,
                 std::uint32_t stamp) {
  const std::uint64_t hash = NodeTable::hash_key(symbol, kids);
  const std::uint32_t shard = table.shard_of_hash(hash);
  const HashconsSlot slot = table.look_up(shard, hash, symbol, kids);
  EXPECT_TRUE(slot.row.is_none());
  return table.insert(shard, slot, symbol, kids, cls, stamp);
}

TEST(ShardedIds, DealBlocksInTurnAndKnowTheirOwner) {
  ShardedIds ids(4);
  EXPECT_EQ(ids.allocate(0), 0U);
  EXPECT_EQ(ids.allocate(1), 1024U);
  EXPECT_EQ(ids.allocate(3), 3072U);
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(ids.owner(ids.allocate(2)), 2U);
  EXPECT_EQ(ids.used(2), 2000U);
  EXPECT_EQ(ids.id(2, 1024), 1024U * 6);  // the second block of shard 2
  EXPECT_EQ(ids.bound([](std::uint32_t) { return std::size_t{0}; }), 1024U * 8);
}

TEST(ShardedIds, KeepRunsInsideABlock) {
  ShardedIds ids(2);
  ids.allocate(0, 1000);
  EXPECT_EQ(ids.allocate(0, 100), 2048U);  // the rest of the first block is left empty
}

TEST(NodeTable, FindsWhatWasInsertedAndNothingElse) {
  for (const std::uint32_t shards : {1U, 4U}) {
    NodeTable table(shards);
    reserve(table, 4096, 4096);
    std::mt19937 random(shards);
    std::map<std::vector<std::uint32_t>, RowId> expected;
    for (int i = 0; i < 3000; ++i) {
      std::vector<std::uint32_t> key = {static_cast<std::uint32_t>(random() % 5)};
      for (std::uint32_t k = 0; k < key[0]; ++k)
        key.push_back(static_cast<std::uint32_t>(random() % 6));  // arity = symbol
      const SymbolId symbol(key[0]);
      const std::span<const std::uint32_t> kids(key.data() + 1, key.size() - 1);
      const std::uint64_t hash = NodeTable::hash_key(symbol, kids);
      const RowId found = table.find(hash, symbol, kids);
      const auto it = expected.find(key);
      if (it != expected.end()) {
        EXPECT_EQ(found, it->second);
        if (random() % 4 == 0) {
          EXPECT_TRUE(table.erase(table.shard_of_hash(hash), hash, found));
          EXPECT_FALSE(table.erase(table.shard_of_hash(hash), hash, found));
          table.kill(found, key[0], table.shard_of_hash(hash));
          expected.erase(it);
        }
        continue;
      }
      EXPECT_TRUE(found.is_none());
      const RowId row = insert_new(table, symbol, kids, ClassId(7), 3);
      for (std::uint32_t k = 0; k < kids.size(); ++k) EXPECT_EQ(table.kid(row, key[0], k), kids[k]);
      EXPECT_EQ(table.hash_row(row, key[0]), hash);
      expected.emplace(key, row);
    }
    EXPECT_EQ(table.live_count(), expected.size());
    std::size_t children = 0;
    for (const auto& [key, row] : expected) children += key.size() - 1;
    EXPECT_EQ(table.live_children(), children);
    for (const auto& [key, row] : expected) {
      const std::span<const std::uint32_t> kids(key.data() + 1, key.size() - 1);
      EXPECT_EQ(table.find(NodeTable::hash_key(SymbolId(key[0]), kids), SymbolId(key[0]), kids), row);
    }
  }
}

TEST(NodeTable, UsesTheSlotsOfDeadRowsAgain) {
  NodeTable table(1);
  reserve(table, 64, 0);
  const auto insert = [&](std::uint32_t kid) {
    const std::vector<std::uint32_t> kids = {kid};
    return insert_new(table, SymbolId(1), kids, ClassId(0), 0);
  };
  std::vector<RowId> rows;
  for (std::uint32_t kid = 0; kid < 10; ++kid) rows.push_back(insert(kid));
  for (const std::size_t dying : {2U, 7U}) {
    ASSERT_TRUE(table.erase(0, table.hash_row(rows[dying], 1), rows[dying]));
    table.kill(rows[dying], 1, 0);
  }
  EXPECT_EQ(table.dead_count(), 2U);
  table.free_dead_rows(0);
  EXPECT_EQ(table.dead_count(), 0U);
  EXPECT_EQ(table.live_count(), 8U);
  EXPECT_EQ(insert(20), rows[2]);
  EXPECT_EQ(insert(21), rows[7]);
  EXPECT_EQ(table.ids().used(0), 10U);
  insert(22);
  EXPECT_EQ(table.ids().used(0), 11U);
}

// What was made one after the other lies together; but all parents of a hub do not, whether it is older or younger.
TEST(NodeTable, NeighboursShareAShardAndTheParentsOfAHubDoNot) {
  constexpr std::uint32_t kShards = 8;
  constexpr std::uint32_t kKeys = 1U << 18;
  const NodeTable table(kShards);
  const auto shard_of = [&](std::vector<std::uint32_t> kids) {
    return table.shard_of_hash(NodeTable::hash_key(SymbolId(3), kids));
  };
  std::uint32_t changes = 0;
  std::vector<std::uint32_t> of_unary(kShards, 0);
  std::vector<std::uint32_t> below_hub(kShards, 0);
  std::vector<std::uint32_t> above_hub(kShards, 0);
  for (std::uint32_t kid = 1; kid < kKeys; ++kid) {
    changes += shard_of({kid}) != shard_of({kid - 1}) ? 1 : 0;
    ++of_unary[shard_of({kid})];
    ++below_hub[shard_of({kid, kKeys + 7})];
    ++above_hub[shard_of({7, kid})];
    EXPECT_EQ(shard_of({kid, 7}), shard_of({7, kid}));
  }
  EXPECT_LE(changes, (kKeys >> ShardedIds::kBlockBits) + 16);  // a block of ids at a time
  for (const std::vector<std::uint32_t>* rows : {&of_unary, &below_hub, &above_hub})
    EXPECT_LE(std::ranges::max(*rows), 2 * kKeys / kShards);
}

TEST(NodeTable, TablesThatWillSoonBeFullGrowWithThoseThatMust) {
  NodeTable table(2);
  reserve(table, 4096, 0);
  const auto fill = [&](std::uint32_t shard, std::size_t rows) {
    for (std::uint32_t kid = 0; rows > 0; kid += 1024) {
      for (std::uint32_t k = kid; k < kid + 1024 && rows > 0; ++k) {
        const std::vector<std::uint32_t> kids = {k};
        if (table.shard_of_hash(NodeTable::hash_key(SymbolId(1), kids)) != shard) break;
        insert_new(table, SymbolId(1), kids, ClassId(0), 0);
        --rows;
      }
    }
  };
  fill(0, 640);  // of 768 that 1024 slots take
  fill(1, 760);
  EXPECT_FALSE(table.must_grow(0));
  EXPECT_FALSE(table.must_grow(8));
  EXPECT_TRUE(table.must_grow(9)) << "if they all come to the second shard";
  const std::size_t before = table.bytes();
  const std::size_t growth = table.bytes_to_grow(9);
  for (const std::uint32_t shard : {0U, 1U}) table.make_room(shard, 9);
  EXPECT_EQ(table.bytes() - before, growth);
  EXPECT_EQ(growth, 2 * 1024 * 8U);  // bytes: both have twice the slots now
  EXPECT_FALSE(table.must_grow(700));
}

TEST(NodeTable, EdgesNameRowAndPositionForNarrowAndWideRows) {
  NodeTable table(2);
  reserve(table, 64, 64);
  for (const std::vector<std::uint32_t>& kids : {std::vector<std::uint32_t>{4, 5}, {1, 2, 3, 4, 5}}) {
    const auto arity = static_cast<std::uint32_t>(kids.size());
    const RowId row = insert_new(table, SymbolId(arity), kids, ClassId(0), 0);
    for (std::uint32_t k = 0; k < arity; ++k) {
      const Edge edge = table.edge(row, arity, k);
      EXPECT_EQ(table.edge_row(edge), row);
      EXPECT_EQ(table.edge_position(edge), k);
      EXPECT_TRUE(table.next(edge).is_end());
    }
  }
}

}  // namespace
}  // namespace tessera
