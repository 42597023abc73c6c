// The e-classes of one rank, owned here or ghosts of classes owned elsewhere: union-find, member list, parent list,
// operator mask, name, data. Lists thread through the node table's rows and hold this rank's rows only.
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

  explicit ClassTable(std::uint32_t shards) : ids_(shards), records_(kMaxClasses) {}

  ClassRecord& operator[](ClassId id) { return records_[id.value]; }
  const ClassRecord& operator[](ClassId id) const { return records_[id.value]; }

  // A function of nothing but a prefetch is dropped by the compiler unless it is always inlined (GCC takes it for
  // pure).
  [[gnu::always_inline]] void prefetch(std::uint32_t id) const { __builtin_prefetch(&records_[id], 1); }

  [[nodiscard]] static std::uint64_t make_name(std::uint32_t iteration, std::uint64_t hash) {
    return std::uint64_t{iteration} << kHashBits | hash >> (64 - kHashBits);
  }
  [[nodiscard]] static std::uint32_t birth(std::uint64_t name) { return static_cast<std::uint32_t>(name >> kHashBits); }

  // The owner of `shard` only; room was reserved.
  ClassId add(std::uint32_t shard, std::uint64_t name) {
    const ClassId id(ids_.allocate(shard));
    records_[id.value] = {id.value, 0, 0, DataId(), 0, name};
    return id;
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

  [[nodiscard]] const ShardedIds& ids() const { return ids_; }
  void reserve(std::span<const std::size_t> extra) {
    records_.ensure(ids_.bound([&](std::uint32_t s) { return extra[s]; }));
  }
  [[nodiscard]] std::size_t bytes() const {
    std::size_t count = 0;
    for (std::uint32_t s = 0; s < ids_.shards(); ++s) count += ids_.used(s);
    return count * sizeof(ClassRecord);
  }

 private:
  ShardedIds ids_;
  Column<ClassRecord> records_;
};

}  // namespace tessera
