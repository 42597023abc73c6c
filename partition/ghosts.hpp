// What a rank knows of classes that live elsewhere (ghosts), and what a home knows of the ranks that hold ghosts of its
// classes (subscribers). A home tells its subscribers when a class changes leader, operators or data; a subscriber
// tells the home which operators its own rows put into the class and which have the class as a child, so that the home
// can send a partial match only to ranks that may hold what it looks for.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "engine/base/column.hpp"
#include "engine/base/ids.hpp"
#include "engine/graph/limits.hpp"
#include "partition/global_id.hpp"

namespace tessera {

// Of a ghost, on the rank that holds it. All-zero for owned classes (fresh memory).
struct GhostRecord {
  std::uint64_t global = 0;       // GlobalId::value; meaningful when is_ghost
  std::uint64_t member_mask = 0;  // operators of this rank's rows in the class
  std::uint64_t parent_mask = 0;  // operators of this rank's rows that have it as a child
  std::uint32_t is_ghost = 0;
  std::uint32_t dirty = 0;  // the home has not been told of the masks yet
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
  SubscriberLists() : head_(kMaxClasses) {}
  void reserve(std::size_t classes) { head_.ensure(classes); }

  // Finds or adds the rank's entry; `added` tells which.
  Subscriber& entry(ClassId cls, std::uint32_t rank, bool& added) {
    for (std::uint32_t at = head_[cls.value]; at != 0; at = pool_[at - 1].next) {
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
    pool_[at - 1] = {rank, head_[cls.value], 0, 0};
    head_[cls.value] = at;
    return pool_[at - 1];
  }
  template <class Visit>
  void for_each(ClassId cls, Visit&& visit) const {
    for (std::uint32_t at = head_[cls.value]; at != 0; at = pool_[at - 1].next) visit(pool_[at - 1]);
  }
  void clear(ClassId cls) {
    while (head_[cls.value] != 0) {
      const std::uint32_t at = head_[cls.value];
      head_[cls.value] = pool_[at - 1].next;
      pool_[at - 1].next = free_;
      free_ = at;
    }
  }
  [[nodiscard]] std::size_t bytes() const { return pool_.size() * sizeof(Subscriber); }

 private:
  Column<std::uint32_t> head_;  // index + 1 into the pool
  std::vector<Subscriber> pool_;
  std::uint32_t free_ = 0;
};

}  // namespace tessera
