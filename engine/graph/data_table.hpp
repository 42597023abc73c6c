// E-class data, interned: equal data has equal ids on one rank. Few distinct values serve very many classes.
// Interning is single-threaded; reading is safe while nobody interns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "engine/base/hash.hpp"
#include "engine/base/hash_index.hpp"
#include "engine/base/ids.hpp"
#include "engine/language/language.hpp"

namespace tessera {

class DataTable {
 public:
  DataId intern(DataView words) {
    std::uint64_t hash = words.size();
    for (const std::int64_t word : words) hash = hash_combine(hash, static_cast<std::uint64_t>(word));
    const auto [id, is_new] =
        by_hash_.find_or_add(hash, DataId(static_cast<std::uint32_t>(values_.size())),
                             [&](DataId other) { return std::ranges::equal(values_[other.value], words); });
    if (is_new) values_.emplace_back(words.begin(), words.end());
    return id;
  }
  // The view stays valid for the life of the table.
  [[nodiscard]] DataView operator[](DataId id) const { return values_[id.value]; }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  std::deque<DataWords> values_;
  HashIndex<DataId> by_hash_;
};

}  // namespace tessera
