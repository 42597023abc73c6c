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
  const auto [first, last] = index_of_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const ExpressionNode& node = nodes_[it->second];
    if (node.symbol == symbol && std::ranges::equal(node.kids, kids)) return it->second;
  }
  const auto index = static_cast<std::uint32_t>(nodes_.size());
  CHECK(index == nodes_.size());
  nodes_.push_back({symbol, {kids.begin(), kids.end()}});
  index_of_.emplace(hash, index);
  return index;
}

}  // namespace tessera
