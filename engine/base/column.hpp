// A growing array whose elements never move: address space is reserved once and committed in steps, so that readers on
// other threads keep their pointers while a table grows, and growth copies nothing. (A std::vector that reallocates
// would race with frozen readers; a directory of blocks costs an indirection on every access.) Elements start as
// all-zero bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tessera {

// Reserves address space without memory behind it: `bytes`, or where the system refuses so much (a limit on virtual
// memory, valgrind), a half, a quarter … of it, and sets `bytes` to what it got. Throws Error(kResource) below 1/256.
std::byte* reserve_address_space(std::size_t& bytes);
// Makes [begin, begin + bytes) readable and writable (zeros until written); throws Error(kResource).
void commit_memory(std::byte* begin, std::size_t bytes);
// [begin, begin + bytes) is about to be written: whole pages of it that nobody has touched are had at once, for two
// thirds of what it costs to meet them one by one. No more than a wish.
void touch_memory(std::byte* begin, std::size_t bytes) noexcept;
void release_address_space(std::byte* begin, std::size_t bytes) noexcept;
// Throws Error(kResource): a table has no room for so much.
[[noreturn]] void refuse_growth(std::size_t wanted_bytes, std::size_t reserved_bytes);

template <class T>
class Column {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // `capacity`: the most elements there will ever be; fewer where address space is limited.
  explicit Column(std::size_t capacity)
      : reserved_(round_up(capacity * sizeof(T))), data_(reserve_address_space(reserved_)) {}
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;
  ~Column() { release_address_space(data_, reserved_); }

  // Makes indices below `count` usable. Not thread-safe: call it between phases, with an upper bound; what is not
  // touched costs no memory. Throws Error(kResource) beyond the capacity.
  void ensure(std::size_t count) {
    const std::size_t wanted = count * sizeof(T);
    if (wanted <= committed_) return;
    if (wanted > reserved_) refuse_growth(wanted, reserved_);
    std::size_t target = round_up(wanted + wanted / 8);
    if (target > reserved_) target = reserved_;
    commit_memory(data_ + committed_, target - committed_);
    committed_ = target;
  }
  // All of [first, first + count), which is usable, is about to be written.
  void touch(std::size_t first, std::size_t count) const { touch_memory(data_ + first * sizeof(T), count * sizeof(T)); }
  [[nodiscard]] std::size_t usable() const { return committed_ / sizeof(T); }
  [[nodiscard]] std::size_t capacity() const { return reserved_ / sizeof(T); }

  [[gnu::always_inline]] void prefetch(std::size_t i) const { __builtin_prefetch(data_ + i * sizeof(T)); }
  T& operator[](std::size_t i) { return reinterpret_cast<T*>(data_)[i]; }
  const T& operator[](std::size_t i) const { return reinterpret_cast<const T*>(data_)[i]; }

 private:
  static constexpr std::size_t kStep = std::size_t{1} << 16;
  static std::size_t round_up(std::size_t bytes) { return (bytes + kStep - 1) / kStep * kStep; }

  std::size_t reserved_;
  std::byte* data_;
  std::size_t committed_ = 0;
};

}  // namespace tessera
