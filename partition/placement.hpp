// Which rank an e-node lives on: a policy behind one function, so that a locality-aware one can replace it. It must be
// the same function of the same arguments on all ranks.
#pragma once

#include <cstdint>
#include <span>

#include "engine/base/hash.hpp"
#include "partition/global_id.hpp"

namespace tessera {

class Placement {
 public:
  virtual ~Placement() = default;
  // `symbol`: the symbol's content hash. `kids`: canonical.
  [[nodiscard]] virtual int home(std::uint64_t symbol, std::span<const GlobalId> kids, int ranks) const = 0;
};

// Spreads nodes evenly, whatever their neighbourhood.
class HashPlacement final : public Placement {
 public:
  [[nodiscard]] int home(std::uint64_t symbol, std::span<const GlobalId> kids, int ranks) const override {
    std::uint64_t h = symbol;
    for (const GlobalId kid : kids) h = hash_combine(h, kid.value);
    // The high half of a product maps evenly onto 0 … ranks-1 (Lemire's multiply-shift).
    return static_cast<int>((h >> 32) * static_cast<std::uint64_t>(ranks) >> 32);
  }
};

}  // namespace tessera
