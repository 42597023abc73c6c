// Sets of barriers (extraction.hpp), interned: equal sets have equal ids on one rank. Few distinct sets serve very many
// classes. Interning is single-threaded; looking up and reading are safe while nobody interns.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera {

class BarrierSets {
 public:
  static constexpr std::uint32_t kEmpty = 0;
  static constexpr std::uint32_t kUnknown = 0xffffffffU;
  using Words = std::span<const std::uint64_t>;  // a bit a barrier, width() words

  explicit BarrierSets(std::size_t barriers);

  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] Words operator[](std::uint32_t id) const { return Words(words_).subspan(id * width_, width_); }
  // kUnknown if it was never interned.
  [[nodiscard]] std::uint32_t find(Words set) const;
  std::uint32_t intern(Words set);

 private:
  // The slot where the set is or would be.
  [[nodiscard]] std::uint64_t slot_of(Words set) const;

  std::size_t width_;
  std::vector<std::uint64_t> words_;  // set after set
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> ids_;
};

}  // namespace tessera
