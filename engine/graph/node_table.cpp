#include "engine/graph/node_table.hpp"

#include <algorithm>

#include "engine/base/check.hpp"
#include "engine/graph/limits.hpp"

namespace tessera {

NodeTable::NodeTable(std::uint32_t shards)
    : ids_(shards), wide_ids_(shards), rows_(kMaxRows), wide_(kMaxRows / 2), hashcons_(shards), free_(shards) {
  for (Hashcons& table : hashcons_) grow(table, 0);
}

std::uint64_t NodeTable::hash_row(RowId id, std::uint32_t arity) const {
  const Row& row = rows_[id.value];
  if (arity <= kInlineArity) return hash_key(row.symbol, std::span(row.kids).first(arity));
  std::array<std::uint32_t, kMaxArity> kids;
  for (std::uint32_t i = 0; i < arity; ++i) kids[i] = wide_[row.kids[0] + i].kid;
  return hash_key(row.symbol, std::span(kids).first(arity));
}

bool NodeTable::same_key(RowId id, SymbolId symbol, std::span<const std::uint32_t> kids) const {
  const Row& row = rows_[id.value];
  if (row.symbol != symbol) return false;
  const auto arity = static_cast<std::uint32_t>(kids.size());
  for (std::uint32_t i = 0; i < arity; ++i)
    if (kid(id, arity, i) != kids[i]) return false;
  return true;
}

RowId NodeTable::find(std::uint64_t hash, SymbolId symbol, std::span<const std::uint32_t> kids) const {
  const Hashcons& table = hashcons_[shard_of_hash(hash)];
  const auto tag = static_cast<std::uint32_t>(hash);
  const auto probe = [&](auto&& same) {
    for (std::uint32_t at = tag & table.mask;; at = (at + 1) & table.mask) {
      const Slot slot = table.slots[at];
      if (slot.row == kEmpty) return RowId();
      if (slot.tag == tag && same(RowId(slot.row))) return RowId(slot.row);
    }
  };
  if (kids.size() > kInlineArity) return probe([&](RowId row) { return same_key(row, symbol, kids); });
  // Inline children that a row does not have are zero.
  const std::array<std::uint32_t, 2> inline_kids = {!kids.empty() ? kids[0] : 0, kids.size() > 1 ? kids[1] : 0};
  return probe([&](RowId row) { return rows_[row.value].symbol == symbol && rows_[row.value].kids == inline_kids; });
}

RowId NodeTable::insert(std::uint64_t hash, SymbolId symbol, std::span<const std::uint32_t> kids, ClassId cls,
                        std::uint32_t stamp) {
  const std::uint32_t shard = shard_of_hash(hash);
  std::vector<std::uint32_t>& free = free_[shard];
  RowId id;
  if (free.empty()) {
    id = RowId(ids_.allocate(shard));
  } else {
    id = RowId(free.back());
    free.pop_back();
  }
  Row& row = rows_[id.value];
  row = {symbol, cls.value, {0, 0}, 0, {Edge::kEnd, Edge::kEnd}, stamp};
  if (kids.size() <= kInlineArity) {
    std::copy(kids.begin(), kids.end(), row.kids.begin());
  } else {
    CHECK(kids.size() <= kMaxArity);
    const std::uint32_t offset = wide_ids_.allocate(shard, static_cast<std::uint32_t>(kids.size()));
    for (std::uint32_t i = 0; i < kids.size(); ++i) wide_[offset + i] = {id.value, kids[i], Edge::kEnd};
    row.kids = {offset, static_cast<std::uint32_t>(kids.size())};
  }
  ++hashcons_[shard].live;
  insert_existing(hash, id);
  return id;
}

void NodeTable::insert_existing(std::uint64_t hash, RowId id) {
  Hashcons& table = hashcons_[shard_of_hash(hash)];
  if (++table.used * 10 > table.slots.size() * 7) grow(table, table.used);
  const auto tag = static_cast<std::uint32_t>(hash);
  std::uint32_t at = tag & table.mask;
  while (table.slots[at].row != kEmpty) at = (at + 1) & table.mask;
  table.slots[at] = {tag, id.value};
}

bool NodeTable::erase(std::uint64_t hash, RowId id) {
  Hashcons& table = hashcons_[shard_of_hash(hash)];
  std::uint32_t at = static_cast<std::uint32_t>(hash) & table.mask;
  for (;; at = (at + 1) & table.mask) {
    if (table.slots[at].row == kEmpty) return false;
    if (table.slots[at].row == id.value) break;
  }
  // Backward shift (Knuth, TAOCP vol. 3, 6.4, Algorithm R): no tombstones, so look-ups stay short.
  std::uint32_t hole = at;
  for (std::uint32_t next = (hole + 1) & table.mask; table.slots[next].row != kEmpty; next = (next + 1) & table.mask) {
    const std::uint32_t ideal = table.slots[next].tag & table.mask;
    if (((next - ideal) & table.mask) >= ((next - hole) & table.mask)) {
      table.slots[hole] = table.slots[next];
      hole = next;
    }
  }
  table.slots[hole].row = kEmpty;
  --table.used;
  return true;
}

void NodeTable::grow(Hashcons& table, std::size_t entries) {
  std::size_t size = 64;
  while (size * 7 < entries * 10 * 5 / 4) size *= 2;
  std::vector<Slot> old(size, Slot{0, kEmpty});
  old.swap(table.slots);
  table.mask = static_cast<std::uint32_t>(size - 1);
  for (const Slot slot : old) {
    if (slot.row == kEmpty) continue;
    std::uint32_t at = slot.tag & table.mask;
    while (table.slots[at].row != kEmpty) at = (at + 1) & table.mask;
    table.slots[at] = slot;
  }
}

void NodeTable::reserve(std::span<const std::size_t> extra_rows, std::span<const std::size_t> extra_wide) {
  rows_.ensure(ids_.bound([&](std::uint32_t s) { return extra_rows[s]; }));
  // A run of wide children may leave a block's end unused: one block of slack.
  wide_.ensure(wide_ids_.bound([&](std::uint32_t s) { return extra_wide[s] * 2 + (1U << ShardedIds::kBlockBits); }));
}

std::size_t NodeTable::live_count() const {
  std::int64_t live = 0;
  for (const Hashcons& table : hashcons_) live += table.live;
  return static_cast<std::size_t>(live);
}

std::size_t NodeTable::dead_count() const {
  std::size_t held = 0;
  for (std::uint32_t s = 0; s < shards(); ++s) held += ids_.used(s) - free_[s].size();
  return held - live_count();
}

void NodeTable::free_dead_rows(std::uint32_t shard) {
  std::vector<std::uint32_t>& free = free_[shard];
  free.clear();
  for (std::uint32_t at = ids_.used(shard); at-- > 0;) {  // the lowest ids are used first
    const std::uint32_t id = ids_.id(shard, at);
    if (!is_live(RowId(id))) free.push_back(id);
  }
}

std::size_t NodeTable::bytes() const {
  std::size_t bytes = 0;
  for (std::uint32_t s = 0; s < shards(); ++s)
    bytes +=
        ids_.used(s) * sizeof(Row) + wide_ids_.used(s) * sizeof(WideKid) + hashcons_[s].slots.size() * sizeof(Slot);
  return bytes;
}

}  // namespace tessera
