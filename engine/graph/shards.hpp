// How one rank's ids are dealt to its shards. Ids are block-cyclic: 1,024 consecutive ids belong to one shard, the next
// block to the next shard. So a column indexed by id is one dense array, each shard appends on its own, and the owner
// of an id is a shift and a mask.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/cache_padded.hpp"
#include "engine/base/check.hpp"

namespace tessera {

class ShardedIds {
 public:
  static constexpr std::uint32_t kBlockBits = 10;

  // `shards`: a power of two.
  explicit ShardedIds(std::uint32_t shards)
      : shard_bits_(static_cast<std::uint32_t>(std::countr_zero(shards))), used_(shards) {
    CHECK(std::has_single_bit(shards));
  }

  [[nodiscard]] std::uint32_t shards() const { return static_cast<std::uint32_t>(used_.size()); }
  [[nodiscard]] std::uint32_t owner(std::uint32_t id) const { return (id >> kBlockBits) & (shards() - 1); }

  // Only the owner of `shard` may call these while a phase runs. Runs of `count` > 1 stay in one block.
  std::uint32_t allocate(std::uint32_t shard, std::uint32_t count = 1) {
    std::uint32_t& used = used_[shard].count;
    constexpr std::uint32_t kBlock = 1U << kBlockBits;
    if ((used & (kBlock - 1)) + count > kBlock) used = (used | (kBlock - 1)) + 1;
    const std::uint32_t at = used;
    used += count;
    return id(shard, at);
  }
  // Whether a newly allocated id is the first of its block; the others will follow.
  [[nodiscard]] static bool begins_block(std::uint32_t id) { return (id & ((1U << kBlockBits) - 1)) == 0; }
  [[nodiscard]] std::uint32_t used(std::uint32_t shard) const { return used_[shard].count; }
  // One more than the largest id that is used.
  [[nodiscard]] std::size_t bound() const {
    return bound([](std::uint32_t) { return std::size_t{0}; });
  }
  // The `at`-th id of a shard: for loops over what a shard owns.
  [[nodiscard]] std::uint32_t id(std::uint32_t shard, std::uint32_t at) const {
    return (((at >> kBlockBits) << shard_bits_ | shard) << kBlockBits) | (at & ((1U << kBlockBits) - 1));
  }
  // Consecutive ids that are used, of one shard.
  struct Block {
    std::uint32_t first;
    std::uint32_t count;
  };
  // All of them are in the blocks [0, blocks()), in order; a block may be empty.
  [[nodiscard]] std::size_t blocks() const { return bound() >> kBlockBits; }
  [[nodiscard]] Block block(std::size_t n) const {
    const auto first = static_cast<std::uint32_t>(n << kBlockBits);
    const auto at = static_cast<std::uint32_t>(n >> shard_bits_ << kBlockBits);
    const std::uint32_t used = used_[owner(first)].count;
    return {first, used > at ? std::min(used - at, 1U << kBlockBits) : 0};
  }
  // Calls visit(id) for every id that is used, in order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t n = 0; n < blocks(); ++n) {
      const Block ids = block(n);
      for (std::uint32_t id = ids.first; id < ids.first + ids.count; ++id) visit(id);
    }
  }
  // One more than the largest id that exists if every shard allocates at most extra[shard] more.
  template <class Extra>
  [[nodiscard]] std::size_t bound(const Extra& extra) const {
    std::size_t most = 0;
    for (std::uint32_t s = 0; s < shards(); ++s) {
      const std::size_t blocks = (std::size_t{used_[s].count} + extra(s) + (1U << kBlockBits) - 1) >> kBlockBits;
      if (blocks > most) most = blocks;
    }
    return (most << kBlockBits) << shard_bits_;
  }

 private:
  std::uint32_t shard_bits_;
  struct alignas(kApartBytes) Used {
    std::uint32_t count = 0;
  };
  std::vector<Used> used_;
};

}  // namespace tessera
