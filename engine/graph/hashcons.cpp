#include "engine/graph/hashcons.hpp"

namespace tessera {

bool Hashcons::erase(std::uint64_t hash, RowId id) {
  Column<Slot>& slots = *slots_;
  std::uint32_t at = ideal(static_cast<std::uint32_t>(hash));
  for (;; at = (at + 1) & mask_) {
    if (slots[at].row == kEmpty) return false;
    if (slots[at].row == id.value + 1) break;
  }
  std::uint32_t hole = at;
  for (std::uint32_t next = (hole + 1) & mask_; slots[next].row != kEmpty; next = (next + 1) & mask_) {
    if (((next - ideal(slots[next].tag)) & mask_) >= ((next - hole) & mask_)) {
      slots[hole] = slots[next];
      hole = next;
    }
  }
  slots[hole].row = kEmpty;
  --used_;
  return true;
}

void Hashcons::grow(std::size_t entries) {
  const std::size_t size = size_for(entries);
  auto grown = std::make_unique<Column<Slot>>(size);
  grown->ensure(size);
  // A page that is read before it is written is faulted in twice, and the second time interrupts all other threads.
  for (std::size_t i = 0; i < size; i += 4096 / sizeof(Slot)) (*grown)[i] = {0, kEmpty};
  const auto mask = static_cast<std::uint32_t>(size - 1);
  const std::size_t old_size = slots_ ? std::size_t{mask_} + 1 : 0;
  mask_ = mask;
  for (std::size_t i = 0; i < old_size; ++i) {
    const Slot slot = (*slots_)[i];
    if (slot.row == kEmpty) continue;
    std::uint32_t at = ideal(slot.tag);
    while ((*grown)[at].row != kEmpty) at = (at + 1) & mask;
    (*grown)[at] = slot;
  }
  slots_ = std::move(grown);
}

}  // namespace tessera
