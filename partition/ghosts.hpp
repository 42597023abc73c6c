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

// By class id, what ties the class to other ranks: of a ghost, its record; of an owned class, its subscribers. (Ids of
// ghosts and of owned classes come in blocks: what one column holds nothing for takes no memory.)
class RemoteLinks {
 public:
  RemoteLinks() : head_(kMaxClasses), ghosts_(kMaxClasses) {}
  void reserve(std::size_t classes) {
    head_.ensure(classes);
    ghosts_.ensure(classes);
  }

  [[nodiscard]] GhostRecord& ghost(ClassId ghost) { return ghosts_[ghost.value]; }
  [[nodiscard]] const GhostRecord& ghost(ClassId ghost) const { return ghosts_[ghost.value]; }
  // Room was reserved. The record begins dirty.
  void add_ghost(ClassId ghost, GlobalId global) {
    ghosts_[ghost.value] = {global.value & (~std::uint64_t{0} >> 1), 1, 0, 0};
    ++count_;
  }
  [[nodiscard]] std::size_t ghosts() const { return count_; }
  // Of an owned class: the head of its subscriber list.
  [[nodiscard]] std::uint32_t& head(ClassId owned) { return head_[owned.value]; }
  [[nodiscard]] std::uint32_t head(ClassId owned) const { return head_[owned.value]; }

  // For tight loops. Always inlined, or the compiler takes it for pure.
  [[gnu::always_inline]] void prefetch_ghost(ClassId ghost) const { ghosts_.prefetch(ghost.value); }
  [[gnu::always_inline]] void prefetch_head(ClassId owned) const { head_.prefetch(owned.value); }

 private:
  Column<std::uint32_t> head_;  // the index of a subscriber + 1, 0: none
  Column<GhostRecord> ghosts_;
  std::size_t count_ = 0;
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
  [[nodiscard]] bool any(ClassId cls) const { return links_.head(cls) != 0; }
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

  // For tight loops, in two stages.
  [[gnu::always_inline]] void prefetch_head(ClassId cls) const { links_.prefetch_head(cls); }
  [[gnu::always_inline]] void prefetch_first(ClassId cls) const {
    if (const std::uint32_t at = links_.head(cls); at != 0) __builtin_prefetch(&pool_[at - 1], 1);
  }

 private:
  RemoteLinks& links_;  // whose heads are indices + 1 into the pool
  std::vector<Subscriber> pool_;
  std::uint32_t free_ = 0;
};

}  // namespace tessera
