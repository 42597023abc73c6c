// Interned strings: operator names, tensor names, compute types. A Name is four bytes and compares by identity; the
// table is one per process and append-only. hash() depends on the characters only, so it may enter digests. Numbers
// given to names depend on the order of reading: never let them (or operator<) decide a result.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace tessera {

class Name {
 public:
  Name() : Name(std::string_view{}) {}
  // Thread-safe. Cost: a hash look-up under a lock; not for inner loops.
  explicit Name(std::string_view text);
  static Name from_index(std::uint32_t index) { return Name(index, 0); }

  [[nodiscard]] std::string_view text() const;  // valid for the life of the process
  [[nodiscard]] std::uint64_t hash() const;
  [[nodiscard]] std::uint32_t index() const { return index_; }
  friend bool operator==(Name, Name) = default;

 private:
  Name(std::uint32_t index, int) : index_(index) {}
  std::uint32_t index_;
};

}  // namespace tessera

template <>
struct std::hash<tessera::Name> {
  std::size_t operator()(tessera::Name name) const noexcept { return name.index(); }
};
