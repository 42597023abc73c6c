// In which order the atoms of a left side are joined, and how each is reached. A join order is a path through the
// pattern: from the start atom, each next atom by the members of its class, by the parents of one of its children, or,
// when all its children are bound, by a look-up in the hashcons. The planner takes the order with the least estimated
// number of rows visited, found by depth-first search with the best so far as bound (patterns are small), the fan-outs
// taken as averages (over edges: rule/statistics.hpp) and independent, as System R did (Selinger et al., SIGMOD 1979).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/rule/plan.hpp"

namespace tessera {

// An operator of a left side, as the planner sees it.
struct Atom {
  OperatorId op;
  SymbolId symbol;  // none: attributes are variables
  std::uint32_t class_slot = 0;
  std::vector<std::uint32_t> kid_slots;
  std::uint32_t constants = 0;  // attributes that must have a value, where the symbol is not fixed
};

struct Access {
  std::uint32_t atom = 0;
  Step::Kind kind = Step::Kind::kScan;
  std::uint32_t via = 0;  // kParents: child position
  double visited_per_start = 1;
  double bindings_per_start = 1;
};

// All atoms, `start` first; each is reached from what the ones before it bind. The atoms form a connected pattern.
[[nodiscard]] std::vector<Access> order_atoms(std::span<const Atom> atoms, std::uint32_t start,
                                              const GraphStatistics& statistics);

}  // namespace tessera
