// The e-nodes of one rank: fixed-width rows and the hashcons over them.
// A row holds its symbol, its class, up to two children inline, the links that thread it into its class's member list
// and its children's parent lists, and the iteration in which it last became new. Wider nodes keep children and parent
// links in the wide pool. A hashcons is split over shards by key hash; row storage is dealt to shards by id
// (graph/shards.hpp). Within a phase a hashcons shard is written by its owner only; rows are never moved.
// A dead row (merged into its duplicate, or moved to another rank) keeps its links, so that lists stay walkable; its
// symbol is none, which no pattern matches. Its slot is used again only after all lists have dropped it
// (graph/compaction.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/cache_padded.hpp"
#include "engine/base/column.hpp"
#include "engine/base/ids.hpp"
#include "engine/graph/hashcons.hpp"
#include "engine/graph/shards.hpp"

namespace tessera {

// One child position of one row, as an entry of the child's parent list: row << 1 | position for inline children, the
// wide pool's index with the top bit set otherwise.
struct Edge {
  static constexpr std::uint32_t kWide = 0x80000000U;
  static constexpr std::uint32_t kEnd = 0xffffffffU;  // a list's head is 0 or value + 1: less 1, it is an entry
  std::uint32_t value = kEnd;
  [[nodiscard]] bool is_end() const { return value == kEnd; }
};

struct Row {
  SymbolId symbol;                           // none: the row is dead
  std::uint32_t class_id;                    // canonical between iterations
  std::array<std::uint32_t, 2> kids;         // arity <= 2: children; wide: offset into the pool, arity
  std::uint32_t next_member;                 // row id + 1, 0 at the end (fresh memory is zero)
  std::array<std::uint32_t, 2> next_parent;  // Edge::value of the next entry of the child's parent list
  std::uint32_t stamp;                       // the iteration in which the row (symbol, children, class) last became new
};
static_assert(sizeof(Row) == 32);

struct WideKid {
  std::uint32_t row;
  std::uint32_t kid;
  std::uint32_t next_parent;
};

class NodeTable {
 public:
  static constexpr std::uint32_t kInlineArity = 2;

  explicit NodeTable(std::uint32_t shards);

  [[nodiscard]] std::uint32_t shards() const { return ids_.shards(); }
  Row& operator[](RowId id) { return rows_[id.value]; }
  const Row& operator[](RowId id) const { return rows_[id.value]; }
  [[nodiscard]] bool is_live(RowId id) const { return !rows_[id.value].symbol.is_none(); }

  // Children of a row of the given arity (the symbol's).
  [[nodiscard]] std::uint32_t kid(RowId id, std::uint32_t arity, std::uint32_t at) const {
    const Row& row = rows_[id.value];
    return arity <= kInlineArity ? row.kids[at] : wide_[row.kids[0] + at].kid;
  }
  void set_kid(RowId id, std::uint32_t arity, std::uint32_t at, std::uint32_t kid) {
    if (arity <= kInlineArity)
      rows_[id.value].kids[at] = kid;
    else
      wide_[rows_[id.value].kids[0] + at].kid = kid;
  }
  [[nodiscard]] Edge edge(RowId id, std::uint32_t arity, std::uint32_t at) const {
    return arity <= kInlineArity ? Edge{id.value << 1 | at} : Edge{Edge::kWide | (rows_[id.value].kids[0] + at)};
  }
  [[nodiscard]] RowId edge_row(Edge e) const {
    return (e.value & Edge::kWide) == 0 ? RowId(e.value >> 1) : RowId(wide_[e.value & ~Edge::kWide].row);
  }
  [[nodiscard]] std::uint32_t edge_position(Edge e) const {
    if ((e.value & Edge::kWide) == 0) return e.value & 1;
    const std::uint32_t at = e.value & ~Edge::kWide;
    return at - rows_[wide_[at].row].kids[0];
  }
  [[gnu::always_inline]] void prefetch_edge(Edge e) const {
    if ((e.value & Edge::kWide) == 0)
      prefetch_row(edge_row(e));
    else
      __builtin_prefetch(&wide_[e.value & ~Edge::kWide]);
  }
  // The link field of an entry, written by the owner of the child's class only.
  std::uint32_t& next_parent(Edge e) {
    return (e.value & Edge::kWide) == 0 ? rows_[e.value >> 1].next_parent[e.value & 1]
                                        : wide_[e.value & ~Edge::kWide].next_parent;
  }
  [[nodiscard]] Edge next(Edge e) const {
    return Edge{(e.value & Edge::kWide) == 0 ? rows_[e.value >> 1].next_parent[e.value & 1]
                                             : wide_[e.value & ~Edge::kWide].next_parent};
  }

  // The hash of a key; its top bits choose the hashcons shard, its low half the slot. Local: ids enter it. Keys whose
  // children have neighbouring ids have the same top bits, so that rows made one after the other, which will be walked
  // together, lie together; both ends count, for all parents of a hub have one of them in common.
  [[nodiscard]] static std::uint64_t hash_key(SymbolId symbol, std::span<const std::uint32_t> kids) {
    std::uint64_t h = symbol.value * 0x9e3779b97f4a7c15ULL + 0x7f4a7c159e3779b9ULL;
    for (const std::uint32_t kid : kids) {
      h = (h ^ kid) * 0xd6e8feb86659fd93ULL;
      h ^= h >> 32;
    }
    h *= 0x94d049bb133111ebULL;
    h ^= h >> 29;
    if (kids.empty()) return h;
    const auto [least, greatest] = ends(kids);
    const std::uint64_t place =
        ((greatest >> kNeighbourBits) ^ (least >> kFarNeighbourBits) * 0xd6e8feb86659fd93ULL) * 0x9e3779b97f4a7c15ULL;
    return (h & kSlotMask) | (place & ~kSlotMask);
  }
  [[nodiscard]] std::uint64_t hash_row(RowId id, std::uint32_t arity) const;
  [[nodiscard]] std::uint32_t shard_of_hash(std::uint64_t hash) const {
    return static_cast<std::uint32_t>((hash >> kSlotBits) & (shards() - 1));
  }

  [[nodiscard]] RowId find(std::uint64_t hash, SymbolId symbol, std::span<const std::uint32_t> kids) const {
    return look_up(shard_of_hash(hash), hash, symbol, kids).row;
  }

  // --- by the owner of `shard`, which is the hash's, only ---
  [[nodiscard]] HashconsSlot look_up(std::uint32_t shard, std::uint64_t hash, SymbolId symbol,
                                     std::span<const std::uint32_t> kids) const {
    const Hashcons& table = hashcons_[shard].table;
    if (kids.size() > kInlineArity) return table.find(hash, [&](RowId row) { return same_key(row, symbol, kids); });
    // Inline children that a row does not have are zero.
    const std::uint32_t first = !kids.empty() ? kids[0] : 0;
    const std::uint32_t second = kids.size() > 1 ? kids[1] : 0;
    return table.find(hash, [&](RowId row) {
      const Row& r = rows_[row.value];
      return r.symbol == symbol && r.kids[0] == first && r.kids[1] == second;
    });
  }
  // Prefetching functions must be always inlined: GCC takes them for pure and drops the call.
  [[gnu::always_inline]] void prefetch(std::uint32_t shard, std::uint64_t hash) const {
    hashcons_[shard].table.prefetch(hash);
  }
  // Once the slot is in cache: the row that the look-up will probably end at; it may hold another key.
  [[nodiscard]] RowId guess(std::uint32_t shard, std::uint64_t hash) const {
    return hashcons_[shard].table.guess(hash);
  }
  // Children that an inline key does not have are zero.
  [[nodiscard]] bool has_inline_key(RowId id, SymbolId symbol,
                                    const std::array<std::uint32_t, kInlineArity>& kids) const {
    const Row& row = rows_[id.value];
    return row.symbol == symbol && row.kids[0] == kids[0] && row.kids[1] == kids[1];
  }
  [[gnu::always_inline]] void prefetch_row(RowId row) const { __builtin_prefetch(&rows_[row.value]); }
  // Second stage of prefetch().
  [[gnu::always_inline]] void prefetch_row(std::uint32_t shard, std::uint64_t hash) const {
    if (const RowId row = guess(shard, hash); !row.is_none()) prefetch_row(row);
  }
  // Adds a row where look_up() did not find it; links are left to the caller. The caller has reserved room.
  RowId insert(std::uint32_t shard, const HashconsSlot& slot, SymbolId symbol, std::span<const std::uint32_t> kids,
               ClassId cls, std::uint32_t stamp) {
    const RowId id = new_row(shard);
    rows_[id.value] = {symbol, cls.value, {0, 0}, 0, {Edge::kEnd, Edge::kEnd}, stamp};
    write_kids(shard, id, kids);
    hashcons_[shard].table.insert(slot, id);
    hashcons_[shard].live_children += static_cast<std::int64_t>(kids.size());
    return id;
  }
  // Puts an existing row under a new key (its kids are already written) that look_up() did not find.
  void insert_existing(std::uint32_t shard, const HashconsSlot& slot, RowId id) {
    hashcons_[shard].table.insert(slot, id);
  }
  // Takes the row out of the hashcons under its old key; false if it is not there (already taken out).
  bool erase(std::uint32_t shard, std::uint64_t hash, RowId id) { return hashcons_[shard].table.erase(hash, id); }
  // Marks the row, of so many children, dead; it must not be in the hashcons.
  void kill(RowId id, std::uint32_t arity, std::uint32_t shard) {
    rows_[id.value].symbol = SymbolId();
    --hashcons_[shard].live;
    hashcons_[shard].live_children -= arity;
  }

  // Room for extra[shard] more rows and `wide` more wide children a shard. Between phases only.
  void reserve(std::span<const std::size_t> extra_rows, std::span<const std::size_t> extra_wide);

  // The tables of all shards and ranks are filled alike. So when one must grow, those that soon must grow with it, and
  // not one after the other while their owners wait for each other. Whether any of this rank must, to hold so many
  // rows more, divided over the shards about evenly:
  [[nodiscard]] bool must_grow(std::size_t extra) const;
  // If any of any rank must: by the owner of each shard.
  void make_room(std::uint32_t shard, std::size_t extra) {
    Hashcons& table = hashcons_[shard].table;
    table.make_room(std::max(extra_of_shard(extra), soon(table)));
  }
  // Memory that make_room() takes, all at once, of all shards; more if most of the rows go to one.
  [[nodiscard]] std::size_t bytes_to_grow(std::size_t extra) const;

  [[nodiscard]] std::size_t live_count() const;
  // Of all live rows.
  [[nodiscard]] std::size_t live_children() const;
  // Rows that are dead and still hold their slots.
  [[nodiscard]] std::size_t dead_count() const;
  // Gives the slots of the shard's dead rows back. No list may hold them any more. By the owner of the shard.
  void free_dead_rows(std::uint32_t shard);
  [[nodiscard]] const ShardedIds& ids() const { return ids_; }
  [[nodiscard]] std::size_t bytes() const;  // memory in use, for reports

 private:
  static constexpr std::uint32_t kSlotBits = 40;  // of a hash; those above choose the shard
  static constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;
  static constexpr std::uint32_t kNeighbourBits = ShardedIds::kBlockBits;
  static constexpr std::uint32_t kFarNeighbourBits = 14;
  [[nodiscard]] static std::pair<std::uint32_t, std::uint32_t> ends(std::span<const std::uint32_t> kids) {
    std::uint32_t least = kids[0];
    std::uint32_t greatest = kids[0];
    for (const std::uint32_t kid : kids.subspan(1)) {
      least = std::min(least, kid);
      greatest = std::max(greatest, kid);
    }
    return {least, greatest};
  }
  struct alignas(kApartBytes) Shard {
    Hashcons table;
    // Rows made minus rows killed through this shard, and their children; only the sums over shards mean something.
    std::int64_t live = 0;
    std::int64_t live_children = 0;
  };
  [[nodiscard]] static std::size_t soon(const Hashcons& table) { return table.used() / 4; }
  [[nodiscard]] std::size_t extra_of_shard(std::size_t extra) const { return std::min(extra, 2 * extra / shards()); }
  RowId new_row(std::uint32_t shard) {
    ++hashcons_[shard].live;
    std::vector<std::uint32_t>& free = free_[shard];
    if (free.empty()) {
      const RowId id(ids_.allocate(shard));
      if (ShardedIds::begins_block(id.value)) rows_.touch(id.value, std::size_t{1} << ShardedIds::kBlockBits);
      return id;
    }
    const RowId id(free.back());
    free.pop_back();
    return id;
  }
  void write_kids(std::uint32_t shard, RowId id, std::span<const std::uint32_t> kids) {
    if (kids.size() > kInlineArity) {
      write_wide_kids(shard, id, kids);
      return;
    }
    if (!kids.empty()) rows_[id.value].kids[0] = kids[0];
    if (kids.size() > 1) rows_[id.value].kids[1] = kids[1];
  }
  void write_wide_kids(std::uint32_t shard, RowId id, std::span<const std::uint32_t> kids);
  [[nodiscard]] bool same_key(RowId id, SymbolId symbol, std::span<const std::uint32_t> kids) const;

  ShardedIds ids_;
  ShardedIds wide_ids_;
  Column<Row> rows_;
  Column<WideKid> wide_;
  std::vector<Shard> hashcons_;
  std::vector<CachePadded<std::vector<std::uint32_t>>> free_;  // by shard: row ids to be used again
};

}  // namespace tessera
