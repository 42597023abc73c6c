// An array that is written front to back, for the loops that fill millions of entries: unlike a std::vector it leaves
// what it grows by uninitialized, and it grows by realloc, which moves large blocks by changing the page table, not by
// copying. It keeps its memory when it is cleared.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace tessera {

template <class T>
class GrowingArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  GrowingArray() = default;
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;
  GrowingArray(GrowingArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  GrowingArray& operator=(GrowingArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~GrowingArray() { std::free(data_); }

  // Adds `count` entries; the caller writes them. Throws std::bad_alloc.
  T* extend(std::size_t count) {
    if (size_ + count > capacity_) grow(count);
    T* begin = data_ + size_;
    size_ += count;
    return begin;
  }
  void push_back(const T& entry) { *extend(1) = entry; }
  void clear() { size_ = 0; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<const T> all() const { return {data_, size_}; }

 private:
  [[gnu::noinline]] void grow(std::size_t count) {
    const std::size_t wanted = capacity_ * 2 < size_ + count ? size_ + count + 64 : capacity_ * 2;
    void* moved = std::realloc(data_, wanted * sizeof(T));
    if (moved == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(moved);
    capacity_ = wanted;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tessera
