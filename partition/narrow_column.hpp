// A column of unsigned integers that are 1, 2, 4 or 8 bytes wide, all alike: as few as the greatest needs. Positions in
// an e-graph rarely need eight, and a snapshot is copied, checked and written whole, so that its bytes are its cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/check.hpp"

namespace tessera {

class NarrowColumn {
 public:
  class Iterator;
  using value_type = std::uint64_t;
  using const_iterator = Iterator;
  using iterator = Iterator;

  // Bytes an element needs to be able to hold this.
  [[nodiscard]] static unsigned width_of(std::uint64_t greatest);

  NarrowColumn() = default;
  NarrowColumn(std::initializer_list<std::uint64_t> values);
  NarrowColumn(const NarrowColumn& other) { *this = other; }
  NarrowColumn(NarrowColumn&& other) noexcept { swap(other); }
  NarrowColumn& operator=(const NarrowColumn& other);
  NarrowColumn& operator=(NarrowColumn&& other) noexcept {
    swap(other);
    return *this;
  }
  ~NarrowColumn() = default;
  void swap(NarrowColumn& other) noexcept;

  // From here on `count` elements of any value, `width` bytes each. In memory that nobody has touched yet, where there
  // is much of it.
  void set_size(std::uint64_t count, unsigned width);

  // Elements [from, to) are about to be written: memory that nobody has touched yet is had at once for all of them, for
  // less than page by page.
  void touch(std::uint64_t from, std::uint64_t to);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] unsigned width() const { return width_; }
  [[nodiscard]] std::uint64_t memory_bytes() const { return memory_bytes_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {memory_.get(), size_ * width_}; }
  // As what they are: unsigned integers of the width.
  template <class Element>
  [[nodiscard]] Element* elements() {
    CHECK(sizeof(Element) == width_);
    return reinterpret_cast<Element*>(memory_.get());
  }
  // Calls work(elements) with a pointer to them.
  template <class Work>
  auto with_elements(Work&& work) {
    return of_width(width_, [&](auto zero) { return work(elements<decltype(zero)>()); });
  }
  // Calls work(zero) with a zero of the unsigned integer type that is so wide.
  template <class Work>
  static auto of_width(unsigned width, Work&& work) {
    switch (width) {
      case 1:
        return work(std::uint8_t{0});
      case 2:
        return work(std::uint16_t{0});
      case 4:
        return work(std::uint32_t{0});
      default:
        CHECK(width == 8);
        return work(std::uint64_t{0});
    }
  }

  [[nodiscard]] std::uint64_t operator[](std::uint64_t i) const {
    switch (width_) {
      case 1:
        return reinterpret_cast<const std::uint8_t*>(memory_.get())[i];
      case 2:
        return reinterpret_cast<const std::uint16_t*>(memory_.get())[i];
      case 4:
        return reinterpret_cast<const std::uint32_t*>(memory_.get())[i];
      default:
        return reinterpret_cast<const std::uint64_t*>(memory_.get())[i];
    }
  }
  [[nodiscard]] std::uint64_t back() const { return (*this)[size_ - 1]; }
  [[nodiscard]] std::vector<std::uint64_t> values() const { return {begin(), end()}; }

  // Where a value does not fit, all elements are made wider.
  void set(std::uint64_t i, std::uint64_t value);
  void push_back(std::uint64_t value);
  void append(const NarrowColumn& more);
  void widen(unsigned width);
  // Only elements [from, to) stay.
  void keep(std::uint64_t from, std::uint64_t to);

  // Reading in order, as standard containers let one.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::uint64_t;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::uint64_t*;
    using reference = std::uint64_t;
    Iterator() = default;
    Iterator(const NarrowColumn& column, std::uint64_t at) : column_(&column), at_(at) {}
    std::uint64_t operator*() const { return (*column_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return {*column_, at_++}; }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const NarrowColumn* column_ = nullptr;
    std::uint64_t at_ = 0;
  };
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size_}; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  void resize(std::uint64_t count, unsigned width);  // keeps what is there

  std::unique_ptr<std::byte, Free> memory_;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t size_ = 0;
  unsigned width_ = 1;
};

}  // namespace tessera
