// An array for the loops that write millions of entries front to back, and for buffers that are written as soon as they
// have grown: unlike a std::vector it leaves what it grows by uninitialized, and it grows by realloc, which moves large
// blocks by changing the page table, not by copying. It keeps its memory when it gets shorter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
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
  explicit GrowingArray(std::size_t count, const T& entry = {}) { std::fill_n(extend(count), count, entry); }
  GrowingArray(const GrowingArray& other) { append(other.all()); }
  GrowingArray(GrowingArray&& other) noexcept { swap(other); }
  GrowingArray& operator=(GrowingArray other) noexcept {
    swap(other);
    return *this;
  }
  ~GrowingArray() { std::free(data_); }
  void swap(GrowingArray& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  // Adds `count` entries; the caller writes them. Throws std::bad_alloc.
  T* extend(std::size_t count) {
    if (size_ + count > capacity_) grow(count);
    T* begin = data_ + size_;
    size_ += count;
    return begin;
  }
  void push_back(const T& entry) { *extend(1) = entry; }
  void append(std::span<const T> entries) {
    if (!entries.empty()) std::memcpy(extend(entries.size()), entries.data(), entries.size_bytes());
  }
  // What is added is not written.
  void resize(std::size_t size) {
    if (size > size_) extend(size - size_);
    size_ = size;
  }
  void clear() { size_ = 0; }
  void assign(std::span<const T> entries) {
    clear();
    append(entries);
  }
  void reserve(std::size_t size) {
    if (size > capacity_) grow(size - size_);
  }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T* begin() { return data_; }
  [[nodiscard]] T* end() { return data_ + size_; }
  [[nodiscard]] const T* begin() const { return data_; }
  [[nodiscard]] const T* end() const { return data_ + size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] std::span<const T> all() const { return {data_, size_}; }
  friend bool operator==(const GrowingArray& a, const GrowingArray& b) { return std::ranges::equal(a.all(), b.all()); }

 private:
  [[gnu::noinline]] void grow(std::size_t count) {
    constexpr std::size_t kRoom = std::max<std::size_t>(64, 1024 / sizeof(T));
    const std::size_t wanted = capacity_ * 2 < size_ + count ? size_ + count + kRoom : capacity_ * 2;
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
