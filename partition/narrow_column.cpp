#include "partition/narrow_column.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "engine/base/column.hpp"

namespace tessera {
namespace {

constexpr std::size_t kPage = 4096;

// Large columns are written once from end to end: in huge pages that takes half the time.
void ask_for_huge_pages(std::byte* memory, std::uint64_t bytes) {
  constexpr std::uintptr_t kHugePage = std::uintptr_t{1} << 21;
  const auto at = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t begin = (at + kHugePage - 1) & ~(kHugePage - 1);
  const std::uintptr_t end = (at + bytes) & ~(kHugePage - 1);
  if (begin < end) ::madvise(memory + (begin - at), end - begin, MADV_HUGEPAGE);  // a wish, no more
}

}  // namespace

unsigned NarrowColumn::width_of(std::uint64_t greatest) {
  if (greatest >> 8 == 0) return 1;
  if (greatest >> 16 == 0) return 2;
  return greatest >> 32 == 0 ? 4 : 8;
}

NarrowColumn::NarrowColumn(std::initializer_list<std::uint64_t> values) {
  for (const std::uint64_t value : values) push_back(value);
}

NarrowColumn& NarrowColumn::operator=(const NarrowColumn& other) {
  if (this == &other) return *this;
  set_size(other.size_, other.width_);
  if (!empty()) std::memcpy(memory_.get(), other.memory_.get(), size_ * width_);
  return *this;
}

void NarrowColumn::swap(NarrowColumn& other) noexcept {
  memory_.swap(other.memory_);
  std::swap(memory_bytes_, other.memory_bytes_);
  std::swap(size_, other.size_);
  std::swap(width_, other.width_);
}

void NarrowColumn::set_size(std::uint64_t count, unsigned width) {
  memory_.reset();
  size_ = count;
  width_ = width;
  memory_bytes_ = (count * width + kPage - 1) / kPage * kPage;
  if (memory_bytes_ == 0) return;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, memory_bytes_)));
  if (memory_ == nullptr) throw std::bad_alloc();
  ask_for_huge_pages(memory_.get(), memory_bytes_);
}

void NarrowColumn::touch(std::uint64_t from, std::uint64_t to) {
  CHECK(from <= to && to <= size_);
  touch_memory(memory_.get() + from * width_, (to - from) * width_);
}

void NarrowColumn::resize(std::uint64_t count, unsigned width) {
  if (width == width_ && count * width <= memory_bytes_) {
    size_ = count;
    return;
  }
  NarrowColumn larger;
  larger.set_size(std::max(count, width == width_ ? 2 * count : count), width);
  larger.size_ = count;
  larger.with_elements([&](auto* elements) {
    using Element = std::decay_t<decltype(*elements)>;
    for (std::uint64_t i = 0; i < std::min(size_, count); ++i) elements[i] = static_cast<Element>((*this)[i]);
  });
  swap(larger);
}

void NarrowColumn::set(std::uint64_t i, std::uint64_t value) {
  CHECK(i < size_);
  widen(width_of(value));
  with_elements([&](auto* elements) { elements[i] = static_cast<std::decay_t<decltype(*elements)>>(value); });
}

void NarrowColumn::push_back(std::uint64_t value) {
  widen(width_of(value));
  resize(size_ + 1, width_);
  set(size_ - 1, value);
}

void NarrowColumn::append(const NarrowColumn& more) {
  for (const std::uint64_t value : more) push_back(value);
}

void NarrowColumn::widen(unsigned width) {
  if (width > width_) resize(size_, width);
}

void NarrowColumn::keep(std::uint64_t from, std::uint64_t to) {
  CHECK(from <= to && to <= size_);
  NarrowColumn kept;
  kept.set_size(to - from, width_);
  if (!kept.empty()) std::memcpy(kept.memory_.get(), memory_.get() + from * width_, kept.size_ * width_);
  swap(kept);
}

}  // namespace tessera
