// A growing array of match slots. Written once, front to back, and never shrunk: unlike a std::vector it leaves what it
// grows by uninitialized, and it grows by realloc, which moves large blocks by changing the page table, not by copying.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

namespace tessera {

class SlotBuffer {
 public:
  SlotBuffer() = default;
  SlotBuffer(const SlotBuffer&) = delete;
  SlotBuffer& operator=(const SlotBuffer&) = delete;
  SlotBuffer(SlotBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  SlotBuffer& operator=(SlotBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~SlotBuffer() { std::free(data_); }

  // Adds `count` slots; the caller writes them. Throws std::bad_alloc.
  std::uint32_t* extend(std::size_t count) {
    if (size_ + count > capacity_) grow(count);
    std::uint32_t* begin = data_ + size_;
    size_ += count;
    return begin;
  }
  [[nodiscard]] const std::uint32_t* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void grow(std::size_t count) {
    const std::size_t wanted = capacity_ * 2 < size_ + count ? size_ + count + 64 : capacity_ * 2;
    void* moved = std::realloc(data_, wanted * sizeof(std::uint32_t));
    if (moved == nullptr) throw std::bad_alloc();
    data_ = static_cast<std::uint32_t*>(moved);
    capacity_ = wanted;
  }

  std::uint32_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tessera
