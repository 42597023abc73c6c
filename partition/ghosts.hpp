// What a rank knows of classes that live elsewhere (ghosts), and what a home knows of the ranks that hold ghosts of its
// classes (subscribers). A home tells its subscribers when a class changes leader, operators or data; a subscriber
// tells the home which operators its own rows put into the class and which have the class as a child, so that the home
// can send a partial match only to ranks that may hold what it looks for.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/column.hpp"
#include "engine/base/growing_array.hpp"
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
  Column<std::uint32_t> head_;  // where the subscribers begin + 1, 0: there are none
  Column<GhostRecord> ghosts_;
  std::size_t count_ = 0;
};

struct Subscriber {
  std::uint32_t rank;
  std::uint32_t count;  // in the first entry of a list: how many there are
  std::uint64_t member_mask;
  std::uint64_t parent_mask;
};
static_assert(sizeof(Subscriber) == 24);

// Subscriber lists of owned classes: each by rank, in one piece of a pool, with room for the next power of two; for a
// hub has as many subscribers as there are ranks, and each of them must be found.
class SubscriberLists {
 public:
  explicit SubscriberLists(RemoteLinks& links) : links_(links) {}

  // Finds or adds the rank's entry; `added` tells which. It stays where it is until the next call.
  Subscriber& entry(ClassId cls, std::uint32_t rank, bool& added) {
    std::uint32_t& head = links_.head(cls);
    if (head == 0) {
      added = true;
      head = allocate(1) + 1;
      return pool_[head - 1] = {rank, 1, 0, 0};
    }
    const std::span<Subscriber> list(&pool_[head - 1], pool_[head - 1].count);
    const auto at =
        static_cast<std::size_t>(std::ranges::lower_bound(list, rank, {}, &Subscriber::rank) - list.begin());
    added = at == list.size() || list[at].rank != rank;
    return added ? insert(head, at, rank) : list[at];
  }
  [[nodiscard]] bool any(ClassId cls) const { return links_.head(cls) != 0; }
  // `visit` may change the lists of other classes.
  template <class Visit>
  void for_each(ClassId cls, Visit&& visit) const {
    const std::uint32_t head = links_.head(cls);
    if (head == 0) return;
    const std::size_t count = pool_[head - 1].count;
    for (std::size_t i = 0; i < count; ++i) visit(Subscriber(pool_[head - 1 + i]));  // the pool itself may move
  }
  void clear(ClassId cls) {
    std::uint32_t& head = links_.head(cls);
    if (head == 0) return;
    release(head - 1, pool_[head - 1].count);
    head = 0;
  }
  [[nodiscard]] std::size_t bytes() const { return pool_.size() * sizeof(Subscriber); }

  // For tight loops, in two stages.
  [[gnu::always_inline]] void prefetch_head(ClassId cls) const { links_.prefetch_head(cls); }
  [[gnu::always_inline]] void prefetch_first(ClassId cls) const {
    if (const std::uint32_t at = links_.head(cls); at != 0) __builtin_prefetch(&pool_[at - 1], 1);
  }

 private:
  Subscriber& insert(std::uint32_t& head, std::size_t at, std::uint32_t rank) {
    const std::uint32_t count = pool_[head - 1].count;
    if (std::has_single_bit(count)) {  // no room
      const std::uint32_t wider = allocate(2 * std::size_t{count});
      std::copy_n(&pool_[head - 1], count, &pool_[wider]);
      release(head - 1, count);
      head = wider + 1;
    }
    Subscriber* const list = &pool_[head - 1];
    std::copy_backward(list + at, list + count, list + count + 1);
    list[at] = {rank, 0, 0, 0};
    list[0].count = count + 1;
    return list[at];
  }
  // Room for so many, a power of two.
  std::uint32_t allocate(std::size_t count) {
    std::vector<std::uint32_t>& free = free_[static_cast<std::size_t>(std::countr_zero(count))];
    if (free.empty()) {
      const std::size_t at = pool_.size();
      CHECK(at + count < ~std::uint32_t{0});
      pool_.extend(count);
      return static_cast<std::uint32_t>(at);
    }
    const std::uint32_t at = free.back();
    free.pop_back();
    return at;
  }
  void release(std::uint32_t at, std::size_t count) {
    free_[static_cast<std::size_t>(std::bit_width(count - 1))].push_back(at);
  }

  RemoteLinks& links_;  // whose heads are where lists begin + 1
  GrowingArray<Subscriber> pool_;
  std::array<std::vector<std::uint32_t>, 32> free_;  // pieces of the pool, by the logarithm of their size
};

}  // namespace tessera
