// Which rank an e-node lives on: a policy behind one interface. All ranks keep one of their own and must be told the
// same, for it has to be the same function everywhere, and for as long as the e-node exists.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "partition/global_id.hpp"

namespace tessera {

class Placement {
 public:
  virtual ~Placement() = default;
  // `symbol`: the symbol's content hash. `kids`: canonical; of a name only the class's birth counts.
  [[nodiscard]] virtual int home(std::uint64_t symbol, std::span<const NamedClass> kids) const = 0;
  // Whether the placement wants to know the loads before an iteration: `rows` are those of all ranks together.
  [[nodiscard]] virtual bool wants_loads(std::uint64_t rows) const = 0;
  // What it then is told, the same on all ranks: live rows by rank, and the iteration that is about to begin.
  virtual void set_loads(std::uint32_t iteration, std::span<const std::uint64_t> loads) = 0;
};

enum class PlacementPolicy : std::uint8_t {
  kHash,       // spreads e-nodes evenly, whatever their neighbourhood
  kNeighbour,  // puts an e-node where its youngest child is, as far as loads allow
};

struct PlacementOptions {
  PlacementPolicy policy = PlacementPolicy::kNeighbour;
  // kNeighbour: rows that each rank should have, on average, before neighbourhood counts. Fewer make a rank's growth a
  // matter of luck (measured over 8 seeds of the hash, a network's e-graph on 8 ranks, most rows of a rank over the
  // mean: 1.09 to 1.34 with 256, 1.05 to 1.11 with 1,024).
  std::uint64_t spread_rows = 1024;
};

[[nodiscard]] std::unique_ptr<Placement> make_placement(const PlacementOptions& options, int ranks);

}  // namespace tessera
