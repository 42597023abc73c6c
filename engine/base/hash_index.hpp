// Things that are numbered and looked up by what they are: from a 64-bit hash of the content to the number, in one flat
// table (open addressing). Contents that share a hash are told apart by whoever holds them; each has the first place
// that was free in the row of hashes that begins with theirs. Nothing is taken out.
// Looking up is safe from many threads while nobody adds.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <utility>

#include "engine/base/hash.hpp"

namespace tessera {

template <class Number>
class HashIndex {
 public:
  // is_it(number): whether the thing of that number is the one looked for.
  template <class IsIt>
  [[nodiscard]] std::optional<Number> find(std::uint64_t hash, IsIt&& is_it) const {
    for (;; hash = next(hash)) {
      const auto found = numbers_.find(hash);
      if (found == numbers_.end()) return std::nullopt;
      if (is_it(found->second)) return found->second;
    }
  }
  // The number found, or `otherwise`, which the thing has from here on; and whether that is so.
  template <class IsIt>
  std::pair<Number, bool> find_or_add(std::uint64_t hash, Number otherwise, IsIt&& is_it) {
    for (;; hash = next(hash)) {
      const auto [place, is_new] = numbers_.try_emplace(hash, otherwise);
      if (is_new || is_it(place->second)) return {place->second, is_new};
    }
  }

 private:
  [[nodiscard]] static std::uint64_t next(std::uint64_t hash) { return mix64(hash + 1); }

  boost::unordered_flat_map<std::uint64_t, Number> numbers_;
};

}  // namespace tessera
