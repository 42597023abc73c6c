// The e-classes of one rank, owned here or ghosts of classes owned elsewhere: union-find, member list, parent list,
// operator mask, name, data. Lists thread through the node table's rows and hold this rank's rows only.
// Whether a class is a ghost can be told from its id: where there are other ranks, every other block of ids is for
// ghosts.
// A class's *name* is a 64-bit value that depends on nothing but the input and the rules: the iteration in which the
// class was made (top 16 bits), then a structural hash of the node that made it. Of merged classes the one with the
// least name leads: the oldest, which has the most parents, so the fewest rows are re-keyed; and because names do not
// depend on ranks, threads or shards, neither does the set of rows that a merge makes new.
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/column.hpp"
#include "engine/base/ids.hpp"
#include "engine/graph/limits.hpp"
#include "engine/graph/node_table.hpp"
#include "engine/graph/shards.hpp"

namespace tessera {

struct ClassRecord {
  std::uint32_t parent;        // union-find: itself when it leads
  std::uint32_t first_member;  // row id + 1, 0: none here
  std::uint32_t first_edge;    // Edge::value + 1 of the parent list's first entry, 0: none
  DataId data;                 // interned e-class data; none: not known yet
  std::uint64_t mask;          // operators (id mod 64) of the class's e-nodes on all ranks; a superset
  std::uint64_t name;
};
static_assert(sizeof(ClassRecord) == 32);

class ClassTable {
 public:
  static constexpr int kHashBits = 48;
  static constexpr std::uint32_t kLastIteration = (1U << (64 - kHashBits)) - 1;  // that a name can say

  // `has_ghosts`: there may be some.
  ClassTable(std::uint32_t shards, bool has_ghosts)
      : ids_(has_ghosts ? 2 * shards : shards),
        records_(kMaxClasses),
        ghost_bit_(has_ghosts ? 1U << ShardedIds::kBlockBits : 0) {}

  ClassRecord& operator[](ClassId id) { return records_[id.value]; }
  const ClassRecord& operator[](ClassId id) const { return records_[id.value]; }

  // A function of nothing but a prefetch is dropped by the compiler unless it is always inlined (GCC takes it for
  // pure).
  [[gnu::always_inline]] void prefetch(std::uint32_t id) const { __builtin_prefetch(&records_[id], 1); }

  [[nodiscard]] static std::uint64_t make_name(std::uint32_t iteration, std::uint64_t hash) {
    return std::uint64_t{iteration} << kHashBits | hash >> (64 - kHashBits);
  }
  [[nodiscard]] static std::uint32_t birth(std::uint64_t name) { return static_cast<std::uint32_t>(name >> kHashBits); }

  // Whose owner writes the class's record and lists.
  [[nodiscard]] std::uint32_t shard_of(ClassId id) const { return ids_.owner(id.value) >> (ghost_bit_ != 0 ? 1 : 0); }
  [[nodiscard]] bool is_ghost(ClassId id) const { return (id.value & ghost_bit_) != 0; }

  // The owner of `shard` only; room was reserved.
  ClassId add(std::uint32_t shard, std::uint64_t name) { return make(shard * kinds(), name); }
  ClassId add_ghost(std::uint32_t shard, std::uint64_t name) { return make(shard * kinds() + 1, name); }
  // The id of the n-th owned class if they are added block by block, shard after shard. The same on all ranks, however
  // many shards each has.
  [[nodiscard]] ClassId nth(std::uint32_t n) const {
    const std::uint32_t in_block = n & ((1U << ShardedIds::kBlockBits) - 1);
    return ClassId((n - in_block) * kinds() + in_block);
  }
  [[nodiscard]] ClassId find(ClassId id) const {
    std::uint32_t at = id.value;
    while (records_[at].parent != at) at = records_[at].parent;
    return ClassId(at);
  }
  [[nodiscard]] bool is_leader(ClassId id) const { return records_[id.value].parent == id.value; }
  // Total order that decides leaders; ids break ties only between classes whose 64-bit names collide.
  [[nodiscard]] bool leads(ClassId a, ClassId b) const {
    const std::uint64_t na = records_[a.value].name;
    const std::uint64_t nb = records_[b.value].name;
    return na != nb ? na < nb : a.value < b.value;
  }

  // Calls visit(ClassId) for every class, whether it leads or not, in the order of ids; or for those of a shard.
  template <class Visit>
  void for_each(Visit&& visit) const {
    ids_.for_each([&](std::uint32_t id) { visit(ClassId(id)); });
  }
  template <class Visit>
  void for_each_of(std::uint32_t shard, Visit&& visit) const {
    for (std::uint32_t lane = shard * kinds(); lane < (shard + 1) * kinds(); ++lane)
      for (std::uint32_t at = 0; at < ids_.used(lane); ++at) visit(ClassId(ids_.id(lane, at)));
  }
  // The blocks of ids, for loops that several threads share.
  [[nodiscard]] const ShardedIds& ids() const { return ids_; }
  // One more than the largest id: for columns by class.
  [[nodiscard]] std::size_t bound() const { return ids_.bound(); }
  [[nodiscard]] std::size_t count() const {
    std::size_t count = 0;
    for (std::uint32_t lane = 0; lane < ids_.shards(); ++lane) count += ids_.used(lane);
    return count;
  }

  // Room for so many more classes, by shard, and ghosts, of each; returns the bound there then may be.
  std::size_t reserve(std::span<const std::size_t> extra, std::size_t extra_ghosts) {
    const std::size_t bound =
        ids_.bound([&](std::uint32_t lane) { return lane % kinds() == 0 ? extra[lane / kinds()] : extra_ghosts; });
    records_.ensure(bound);
    return bound;
  }
  [[nodiscard]] std::size_t bytes() const { return count() * sizeof(ClassRecord); }

 private:
  ClassId make(std::uint32_t lane, std::uint64_t name) {
    const ClassId id(ids_.allocate(lane));
    if (ShardedIds::begins_block(id.value)) records_.touch(id.value, std::size_t{1} << ShardedIds::kBlockBits);
    records_[id.value] = {id.value, 0, 0, DataId(), 0, name};
    return id;
  }

  [[nodiscard]] std::uint32_t kinds() const { return ghost_bit_ != 0 ? 2 : 1; }

  ShardedIds ids_;  // of lanes: one a shard, or two, the second for ghosts
  Column<ClassRecord> records_;
  std::uint32_t ghost_bit_;
};

}  // namespace tessera
