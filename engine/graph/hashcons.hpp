// One shard of the hashcons: an open-addressing table from a key's hash to the row that holds the key. It keeps 32 bits
// of each hash, so that growing and erasing never look at rows.
// A slot's search begins at the start of a cache line, so that most look-ups touch one line (linear probing that starts
// anywhere crosses into a second line every other time; the rows are far away, and so is the next line). Deletion
// shifts back (Knuth, TAOCP vol. 3, 6.4, Algorithm R): no tombstones, so look-ups stay short.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
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
    for (std::uint32_t at = ideal(tag);; at = (at + 1) & line_mask_) {
      const Line& line = (*lines_)[at];
      for (std::uint32_t hits = equal_to(line.tags, tag); hits != 0; hits &= hits - 1) {
        const auto place = static_cast<std::uint32_t>(std::countr_zero(hits));
        const RowId row(line.rows[place] - 1);
        if (!row.is_none() && same(row)) return {row, at * kLine + place, hash};
      }
      const std::uint32_t used = slots_in_use(line);
      if (used < kLine) return {RowId(), at * kLine + used, hash};
    }
  }
  // Puts a row into the free slot that find() ended at; nothing was inserted or erased since.
  void insert(const HashconsSlot& slot, RowId id) {
    tag_at(slot.at) = static_cast<std::uint32_t>(slot.hash);
    row_at(slot.at) = id.value + 1;
    ++used_;
    make_room(0);
  }
  // False if the row is not there under this hash.
  bool erase(std::uint64_t hash, RowId id);

  // Prefetching functions must be always inlined: GCC takes them for pure and drops the call.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const {
    lines_->prefetch(ideal(static_cast<std::uint32_t>(hash)));
  }
  // The row that a look-up will probably compare with; none if the slot's line, by now in cache, holds no such tag.
  [[nodiscard]] RowId guess(std::uint64_t hash) const {
    const auto tag = static_cast<std::uint32_t>(hash);
    const Line& line = (*lines_)[ideal(tag)];
    const std::uint32_t hits = equal_to(line.tags, tag);
    return hits == 0 ? RowId() : RowId(line.rows[static_cast<std::size_t>(std::countr_zero(hits))] - 1);
  }

  // Whether the table will not hold `extra` more rows.
  [[nodiscard]] bool must_grow(std::size_t extra) const { return (used_ + extra) * 4 > size() * 3; }
  // Makes room for them at once.
  void make_room(std::size_t extra) {
    if (must_grow(extra)) grow(used_ + extra);
  }
  // Memory that make_room() takes beside what there is.
  [[nodiscard]] std::size_t bytes_to_grow(std::size_t extra) const {
    if (!must_grow(extra)) return 0;
    const std::size_t grown = size_for(used_ + extra);
    return grown * kSlotBytes - (grown / kLine <= lines_->capacity() ? bytes() : 0);
  }
  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t bytes() const { return size() * kSlotBytes; }

 private:
  static constexpr std::uint32_t kEmpty = 0;
  static constexpr std::uint32_t kLine = 8;
  using Words = std::array<std::uint32_t, kLine>;
  struct alignas(64) Line {
    Words tags;  // low halves of the hashes
    Words rows;  // row id + 1 (fresh memory is zero)
  };
  static constexpr std::size_t kSlotBytes = sizeof(Line) / kLine;

  // A bit for each word of a line that equals this one. Nothing in it branches: where in its line a row lies is
  // anybody's guess, and a wrong guess costs more than looking at all of them. (A free slot may hold any tag; its row
  // is none, and it comes after those in use.)
  [[nodiscard]] static std::uint32_t equal_to(const Words& words, std::uint32_t word) {
#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi32(static_cast<int>(word));
    const auto* quads = reinterpret_cast<const __m128i*>(words.data());
    const __m128i first = _mm_cmpeq_epi32(_mm_load_si128(quads), wanted);
    const __m128i second = _mm_cmpeq_epi32(_mm_load_si128(quads + 1), wanted);
    const __m128i bytes = _mm_packs_epi16(_mm_packs_epi32(first, second), _mm_setzero_si128());
    return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
#else
    std::uint32_t hits = 0;
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < kLine; ++i) hits |= static_cast<std::uint32_t>(words[i] == word) << i;
    return hits;
#endif
  }
  // How many are in use, which come first.
  [[nodiscard]] static std::uint32_t slots_in_use(const Line& line) {
    return static_cast<std::uint32_t>(std::countr_zero(equal_to(line.rows, kEmpty) | 1U << kLine));
  }
  [[nodiscard]] std::size_t size() const { return (std::size_t{line_mask_} + 1) * kLine; }
  // The line at which the search for a tag begins.
  [[nodiscard]] std::uint32_t ideal(std::uint32_t tag) const { return tag / kLine & line_mask_; }
  [[nodiscard]] std::uint32_t& tag_at(std::uint32_t slot) { return (*lines_)[slot / kLine].tags[slot % kLine]; }
  [[nodiscard]] std::uint32_t& row_at(std::uint32_t slot) { return (*lines_)[slot / kLine].rows[slot % kLine]; }
  [[nodiscard]] static std::size_t size_for(std::size_t entries) {
    std::size_t size = 64;
    while (size * 3 < entries * 5) size *= 2;
    return size;
  }
  // A table grows where it is, by so many times, before its lines are copied to a larger place: address space is free,
  // fresh memory is not.
  static constexpr std::size_t kRoom = 64;
  void grow(std::size_t entries);
  void double_in_place();
  void touch_pages(std::size_t first);
  void put_all(const Line& line);

  std::unique_ptr<Column<Line>> lines_;
  std::uint32_t line_mask_ = 0;
  std::size_t used_ = 0;
};

}  // namespace tessera
