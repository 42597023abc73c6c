#include "partition/barrier_sets.hpp"

#include <algorithm>

#include "engine/base/hash.hpp"

namespace tessera {

BarrierSets::BarrierSets(std::size_t barriers) : width_((barriers + 63) / 64) {
  const std::vector<std::uint64_t> none(width_, 0);
  intern(none);
}

std::uint64_t BarrierSets::slot_of(Words set) const {
  std::uint64_t hash = 0;
  for (const std::uint64_t word : set) hash = hash_combine(hash, word);
  for (;; hash = mix64(hash + 1)) {
    const auto found = ids_.find(hash);
    if (found == ids_.end() || std::ranges::equal((*this)[found->second], set)) return hash;
  }
}

std::uint32_t BarrierSets::find(Words set) const {
  const auto found = ids_.find(slot_of(set));
  return found == ids_.end() ? kUnknown : found->second;
}

std::uint32_t BarrierSets::intern(Words set) {
  const auto [at, fresh] = ids_.try_emplace(slot_of(set), static_cast<std::uint32_t>(ids_.size()));
  if (fresh) words_.insert(words_.end(), set.begin(), set.end());
  return at->second;
}

}  // namespace tessera
