// E-class data, interned: equal data has equal ids on one rank. Few distinct values serve very many classes.
// Interning is single-threaded; reading is safe while nobody interns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "engine/base/hash.hpp"
#include "engine/base/ids.hpp"
#include "engine/language/language.hpp"

namespace tessera {

class DataTable {
 public:
  DataId intern(DataView words) {
    std::uint64_t hash = words.size();
    for (const std::int64_t word : words) hash = hash_combine(hash, static_cast<std::uint64_t>(word));
    const auto [begin, end] = by_hash_.equal_range(hash);
    for (auto it = begin; it != end; ++it)
      if (std::ranges::equal(values_[it->second.value], words)) return it->second;
    const DataId id(static_cast<std::uint32_t>(values_.size()));
    values_.emplace_back(words.begin(), words.end());
    by_hash_.emplace(hash, id);
    return id;
  }
  // The view stays valid for the life of the table.
  [[nodiscard]] DataView operator[](DataId id) const { return values_[id.value]; }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  std::deque<DataWords> values_;
  std::unordered_multimap<std::uint64_t, DataId> by_hash_;
};

}  // namespace tessera
