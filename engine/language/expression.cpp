#include "engine/language/expression.hpp"

#include <algorithm>

#include "engine/base/check.hpp"
#include "engine/base/hash.hpp"

namespace tessera {

std::uint32_t Expression::add(SymbolId symbol, std::span<const std::uint32_t> kids) {
  std::uint64_t hash = mix64(symbol.value);
  for (const std::uint32_t kid : kids) {
    CHECK(kid < nodes_.size());
    hash = hash_combine(hash, kid);
  }
  const auto index = static_cast<std::uint32_t>(nodes_.size());
  CHECK(index == nodes_.size());
  const auto [place, is_new] = index_of_.find_or_add(hash, index, [&](std::uint32_t other) {
    return nodes_[other].symbol == symbol && std::ranges::equal(nodes_[other].kids, kids);
  });
  if (is_new) nodes_.push_back({symbol, {kids.begin(), kids.end()}});
  return place;
}

}  // namespace tessera
