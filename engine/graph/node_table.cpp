#include "engine/graph/node_table.hpp"

#include <algorithm>

#include "engine/base/check.hpp"
#include "engine/graph/limits.hpp"

namespace tessera {

NodeTable::NodeTable(std::uint32_t shards)
    : ids_(shards), wide_ids_(shards), rows_(kMaxRows), wide_(kMaxRows / 2), hashcons_(shards), free_(shards) {}

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

void NodeTable::write_wide_kids(std::uint32_t shard, RowId id, std::span<const std::uint32_t> kids) {
  CHECK(kids.size() <= kMaxArity);
  const std::uint32_t offset = wide_ids_.allocate(shard, static_cast<std::uint32_t>(kids.size()));
  for (std::uint32_t i = 0; i < kids.size(); ++i) wide_[offset + i] = {id.value, kids[i], Edge::kEnd};
  rows_[id.value].kids = {offset, static_cast<std::uint32_t>(kids.size())};
}

void NodeTable::reserve(std::span<const std::size_t> extra_rows, std::span<const std::size_t> extra_wide) {
  rows_.ensure(ids_.bound([&](std::uint32_t s) { return extra_rows[s]; }));
  // A run of wide children may leave a block's end unused: one block of slack.
  wide_.ensure(wide_ids_.bound([&](std::uint32_t s) { return extra_wide[s] * 2 + (1U << ShardedIds::kBlockBits); }));
}

bool NodeTable::must_grow(std::size_t extra) const {
  return std::ranges::any_of(hashcons_,
                             [&](const Shard& shard) { return shard.table.must_grow(extra_of_shard(extra)); });
}

std::size_t NodeTable::bytes_to_grow(std::size_t extra) const {
  std::size_t bytes = 0;
  for (const Shard& shard : hashcons_)
    bytes += shard.table.bytes_to_grow(std::max(extra_of_shard(extra), soon(shard.table)));
  return bytes;
}

std::size_t NodeTable::live_count() const {
  std::int64_t live = 0;
  for (const Shard& shard : hashcons_) live += shard.live;
  return static_cast<std::size_t>(live);
}

std::size_t NodeTable::live_children() const {
  std::int64_t children = 0;
  for (const Shard& shard : hashcons_) children += shard.live_children;
  return static_cast<std::size_t>(children);
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
    bytes += ids_.used(s) * sizeof(Row) + wide_ids_.used(s) * sizeof(WideKid) + hashcons_[s].table.bytes();
  return bytes;
}

}  // namespace tessera
