#include "engine/graph/hashcons.hpp"

#include <utility>

namespace tessera {

bool Hashcons::erase(std::uint64_t hash, RowId id) {
  const auto mask = static_cast<std::uint32_t>(size() - 1);
  std::uint32_t at = ideal(static_cast<std::uint32_t>(hash)) * kLine;
  for (;; at = (at + 1) & mask) {
    if (row_at(at) == kEmpty) return false;
    if (row_at(at) == id.value + 1) break;
  }
  std::uint32_t hole = at;
  for (std::uint32_t next = (hole + 1) & mask; row_at(next) != kEmpty; next = (next + 1) & mask) {
    if (((next - ideal(tag_at(next)) * kLine) & mask) >= ((next - hole) & mask)) {
      tag_at(hole) = tag_at(next);
      row_at(hole) = row_at(next);
      hole = next;
    }
  }
  row_at(hole) = kEmpty;
  --used_;
  return true;
}

void Hashcons::grow(std::size_t entries) {
  const std::size_t lines = size_for(entries) / kLine;
  const std::unique_ptr<Column<Line>> old = std::exchange(lines_, std::make_unique<Column<Line>>(lines));
  const std::size_t old_lines = old ? std::size_t{line_mask_} + 1 : 0;
  lines_->ensure(lines);
  line_mask_ = static_cast<std::uint32_t>(lines - 1);
  // A page that is read before it is written is faulted in twice, and the second time interrupts all other threads.
  for (std::size_t i = 0; i < lines; i += 4096 / sizeof(Line)) (*lines_)[i] = {};
  for (std::size_t i = 0; i < old_lines; ++i) {
    const Line& line = (*old)[i];
    for (std::uint32_t place = 0; place < slots_in_use(line); ++place) {
      std::uint32_t at = ideal(line.tags[place]);
      std::uint32_t used = slots_in_use((*lines_)[at]);
      while (used == kLine) used = slots_in_use((*lines_)[at = (at + 1) & line_mask_]);
      (*lines_)[at].tags[used] = line.tags[place];
      (*lines_)[at].rows[used] = line.rows[place];
    }
  }
}

}  // namespace tessera
