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
  const std::size_t old_lines = lines_ ? std::size_t{line_mask_} + 1 : 0;
  if (lines == 2 * old_lines && lines <= lines_->capacity()) {
    double_in_place();
    return;
  }
  const std::unique_ptr<Column<Line>> old = std::exchange(lines_, std::make_unique<Column<Line>>(lines * kRoom));
  lines_->ensure(lines);
  line_mask_ = static_cast<std::uint32_t>(lines - 1);
  touch_pages(0);
  for (std::size_t i = 0; i < old_lines; ++i) put_all((*old)[i]);
}

// What a line holds stays in it, goes back towards the line at which its search begins, or goes to the new half. So
// lines are emptied one by one, each search's first line first: from a line on that no search has run into.
void Hashcons::double_in_place() {
  const std::uint32_t old_mask = line_mask_;
  lines_->ensure((std::size_t{old_mask} + 1) * 2);
  std::uint32_t begin = 0;
  while (slots_in_use((*lines_)[(begin - 1) & old_mask]) == kLine) ++begin;
  line_mask_ = 2 * old_mask + 1;
  touch_pages(std::size_t{old_mask} + 1);
  for (std::uint32_t n = 0; n <= old_mask; ++n) put_all(std::exchange((*lines_)[(begin + n) & old_mask], Line{}));
}

// A page that is read before it is written is faulted in twice, and the second time interrupts all other threads.
void Hashcons::touch_pages(std::size_t first) {
  lines_->touch(first, line_mask_ + 1 - first);
  for (std::size_t i = first; i <= line_mask_; i += 4096 / sizeof(Line)) (*lines_)[i] = {};
}

// Puts what an emptied line held, which is not in the table, into it.
void Hashcons::put_all(const Line& line) {
  for (std::uint32_t place = 0; place < slots_in_use(line); ++place) {
    std::uint32_t at = ideal(line.tags[place]);
    std::uint32_t used = slots_in_use((*lines_)[at]);
    while (used == kLine) used = slots_in_use((*lines_)[at = (at + 1) & line_mask_]);
    (*lines_)[at].tags[used] = line.tags[place];
    (*lines_)[at].rows[used] = line.rows[place];
  }
}

}  // namespace tessera
