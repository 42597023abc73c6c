// What a rank knows of classes that live elsewhere (ghosts), and what a home knows of the ranks that hold ghosts of its
// classes (subscribers). A home tells its subscribers when a class changes leader, operators or data; a subscriber
// tells the home which operators its own rows put into the class and which have the class as a child, so that the home
// can send a partial match only to ranks that may hold what it looks for.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/column.hpp"
#include "engine/base/ids.hpp"
#include "engine/graph/limits.hpp"
#include "partition/global_id.hpp"

namespace tessera {

// Of a ghost, on the rank that holds it.
struct GhostRecord {
  std::uint64_t global : 63;  // GlobalId::value
  std::uint64_t dirty : 1;    // the home has not been told of the masks yet
  std::uint64_t member_mask;  // operators of this rank's rows in the class
  std::uint64_t parent_mask;  // operators of this rank's rows that have it as a child
};
static_assert(sizeof(GhostRecord) == 24);

// By class id, what ties the class to other ranks: of a ghost, its record; of an owned class, its subscribers.
class RemoteLinks {
 public:
  RemoteLinks() : link_(kMaxClasses), ghosts_(kMaxClasses) {}
  void reserve(std::size_t classes, std::size_t more_ghosts) {
    link_.ensure(classes);
    ghosts_.ensure(count_ + more_ghosts);
  }

  [[nodiscard]] bool is_ghost(ClassId id) const { return (link_[id.value] & kGhost) != 0; }
  [[nodiscard]] GhostRecord& ghost(ClassId id) { return ghosts_[link_[id.value] & ~kGhost]; }
  [[nodiscard]] const GhostRecord& ghost(ClassId id) const { return ghosts_[link_[id.value] & ~kGhost]; }
  // Room was reserved. The record begins dirty.
  void add_ghost(ClassId id, GlobalId global) {
    ghosts_[count_] = {global.value & (~std::uint64_t{0} >> 1), 1, 0, 0};
    link_[id.value] = kGhost | count_++;
  }
  [[nodiscard]] std::size_t ghosts() const { return count_; }
  // Of an owned class: the head of its subscriber list.
  [[nodiscard]] std::uint32_t& head(ClassId owned) { return link_[owned.value]; }
  [[nodiscard]] std::uint32_t head(ClassId owned) const { return link_[owned.value]; }

  // For tight loops: what is_ghost() and ghost() will read. Always inlined, or the compiler takes them for pure.
  [[gnu::always_inline]] void prefetch(ClassId id) const { link_.prefetch(id.value); }
  [[gnu::always_inline]] void prefetch_ghost(ClassId id) const {
    if (is_ghost(id)) ghosts_.prefetch(link_[id.value] & ~kGhost);
  }

 private:
  static constexpr std::uint32_t kGhost = 0x80000000U;
  Column<std::uint32_t> link_;  // kGhost | index of the ghost's record; or the index of a subscriber + 1, 0: none
  Column<GhostRecord> ghosts_;
  std::uint32_t count_ = 0;
};

struct Subscriber {
  std::uint32_t rank;
  std::uint32_t next;  // index + 1, 0: end
  std::uint64_t member_mask;
  std::uint64_t parent_mask;
};

// Subscriber lists of owned classes, threaded through one pool.
class SubscriberLists {
 public:
  explicit SubscriberLists(RemoteLinks& links) : links_(links) {}

  // Finds or adds the rank's entry; `added` tells which.
  Subscriber& entry(ClassId cls, std::uint32_t rank, bool& added) {
    for (std::uint32_t at = links_.head(cls); at != 0; at = pool_[at - 1].next) {
      if (pool_[at - 1].rank == rank) {
        added = false;
        return pool_[at - 1];
      }
    }
    added = true;
    std::uint32_t at = free_;
    if (at != 0) {
      free_ = pool_[at - 1].next;
    } else {
      pool_.emplace_back();
      at = static_cast<std::uint32_t>(pool_.size());
    }
    pool_[at - 1] = {rank, links_.head(cls), 0, 0};
    links_.head(cls) = at;
    return pool_[at - 1];
  }
  template <class Visit>
  void for_each(ClassId cls, Visit&& visit) const {
    for (std::uint32_t at = links_.head(cls); at != 0; at = pool_[at - 1].next) visit(pool_[at - 1]);
  }
  void clear(ClassId cls) {
    while (links_.head(cls) != 0) {
      const std::uint32_t at = links_.head(cls);
      links_.head(cls) = pool_[at - 1].next;
      pool_[at - 1].next = free_;
      free_ = at;
    }
  }
  [[nodiscard]] std::size_t bytes() const { return pool_.size() * sizeof(Subscriber); }

 private:
  RemoteLinks& links_;  // whose heads are indices + 1 into the pool
  std::vector<Subscriber> pool_;
  std::uint32_t free_ = 0;
};

}  // namespace tessera
