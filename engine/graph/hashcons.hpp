// One shard of the hashcons: an open-addressing table from a key's hash to the row that holds the key. It keeps 32 bits
// of each hash, so that growing and erasing never look at rows.
// A slot's search begins at the start of a cache line, so that most look-ups touch one line (linear probing that starts
// anywhere crosses into a second line every other time; the rows are far away, and so is the next line). Deletion
// shifts back (Knuth, TAOCP vol. 3, 6.4, Algorithm R): no tombstones, so look-ups stay short.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/base/column.hpp"
#include "engine/base/ids.hpp"

namespace tessera {

// Where a look-up ended: at a row, or (row none) at the free slot where the key belongs.
struct HashconsSlot {
  RowId row;
  std::uint32_t at = 0;
  std::uint64_t hash = 0;
};

class Hashcons {
 public:
  Hashcons() { grow(0); }

  // The first row under this hash for which same(RowId) holds.
  template <class Same>
  [[nodiscard]] HashconsSlot find(std::uint64_t hash, Same&& same) const {
    const auto tag = static_cast<std::uint32_t>(hash);
    for (std::uint32_t begin = ideal(tag);; begin = (begin + kLine) & mask_) {
      const Slot* line = &(*slots_)[begin];
      for (std::uint32_t hits = with_tag(line, tag); hits != 0; hits &= hits - 1) {
        const RowId row(line[std::countr_zero(hits)].row - 1);
        if (!row.is_none() && same(row)) return {row, begin + static_cast<std::uint32_t>(std::countr_zero(hits)), hash};
      }
      const std::uint32_t used = slots_in_use(line);
      if (used < kLine) return {RowId(), begin + used, hash};
    }
  }
  // Puts a row into the free slot that find() ended at; nothing was inserted or erased since.
  void insert(const HashconsSlot& slot, RowId id) {
    const auto tag = static_cast<std::uint32_t>(slot.hash);
    (*slots_)[slot.at] = {tag, id.value + 1};
    if (++used_ * 4 > (std::size_t{mask_} + 1) * 3) grow(used_);
  }
  // False if the row is not there under this hash.
  bool erase(std::uint64_t hash, RowId id);

  // Prefetching functions must be always inlined: GCC takes them for pure and drops the call.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&(*slots_)[ideal(static_cast<std::uint32_t>(hash))]);
  }
  // The row that a look-up will probably compare with; none if the slot's line, by now in cache, holds no such tag.
  [[nodiscard]] RowId guess(std::uint64_t hash) const {
    const auto tag = static_cast<std::uint32_t>(hash);
    const Slot* line = &(*slots_)[ideal(tag)];
    const std::uint32_t hits = with_tag(line, tag);
    return hits == 0 ? RowId() : RowId(line[std::countr_zero(hits)].row - 1);
  }

  // Of the table that `extra` more rows will make necessary beside this one; 0: there is room.
  [[nodiscard]] std::size_t bytes_to_grow(std::size_t extra) const {
    return (used_ + extra) * 4 > (std::size_t{mask_} + 1) * 3 ? size_for(used_ + extra) * sizeof(Slot) : 0;
  }
  [[nodiscard]] std::size_t bytes() const { return (std::size_t{mask_} + 1) * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t tag;  // low half of the hash
    std::uint32_t row;  // row id + 1 (fresh memory is zero)
  };
  static constexpr std::uint32_t kEmpty = 0;
  static constexpr std::uint32_t kLine = 64 / sizeof(Slot);

  // A bit for each slot of the line that holds this tag. Nothing in it branches: where in its line a row lies is
  // anybody's guess, and a wrong guess costs more than looking at all of them. (A free slot may hold any tag; its row
  // is none, and it comes after those in use.)
  [[nodiscard]] static std::uint32_t with_tag(const Slot* line, std::uint32_t tag) {
    std::uint32_t hits = 0;
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < kLine; ++i) hits |= static_cast<std::uint32_t>(line[i].tag == tag) << i;
    return hits;
  }
  // How many are in use, which come first.
  [[nodiscard]] static std::uint32_t slots_in_use(const Slot* line) {
    std::uint32_t used = 0;
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < kLine; ++i) used += static_cast<std::uint32_t>(line[i].row != kEmpty);
    return used;
  }
  [[nodiscard]] std::uint32_t ideal(std::uint32_t tag) const { return tag & mask_ & ~(kLine - 1); }
  [[nodiscard]] static std::size_t size_for(std::size_t entries) {
    std::size_t size = 64;
    while (size * 3 < entries * 5) size *= 2;
    return size;
  }
  void grow(std::size_t entries);

  std::unique_ptr<Column<Slot>> slots_;
  std::uint32_t mask_ = 0;
  std::size_t used_ = 0;
};

}  // namespace tessera
