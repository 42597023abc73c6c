// Extraction: the cheapest program of the roots' classes. Every row costs its own and its children's costs, a class
// what its cheapest row does (class_costs.hpp); of rows that cost the same the structure decides, never an id, and only
// where it matters: for the classes that the program goes through. Sharing: the cost of a *barrier* class (an original
// network's layer) is counted once, however often a program uses it: a class's cost is its local cost, down to the
// nearest barriers, and the set of barriers it rests on, whose local costs are added once each. Below a barrier, costs
// are those of a tree. (Between greedy tree extraction and the exact problem, which is NP-hard: see Goharshady, Lam and
// Parreaux, OOPSLA 2024.)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/language/expression.hpp"
#include "partition/class_costs.hpp"
#include "partition/partition.hpp"

namespace tessera {

struct Extracted {
  // On rank 0: the program, its roots in the order asked for; empty on the others.
  Expression program;
  // On every rank: per root, the cost of its class; Language::kInfiniteCost: nothing extractable is in it.
  std::vector<std::uint64_t> costs;
};

class Extraction {
 public:
  // Collective. `barriers`: the same list on every rank. The e-graph must not change while this object is used.
  Extraction(Partition& partition, std::span<const NamedClass> barriers);

  // Collective. Computes the cost of every class; once.
  void run();
  // Collective; after run(). Per class, its cost.
  [[nodiscard]] std::vector<std::uint64_t> costs(std::span<const NamedClass> classes);
  // Collective; after run(). Throws Error(kInput) on all ranks when a root cannot be extracted.
  [[nodiscard]] Extracted extract(std::span<const NamedClass> roots);
  // After run(): how often a row of this rank was evaluated.
  [[nodiscard]] std::uint64_t evaluations() const { return class_costs_.evaluations(); }

 private:
  Partition& partition_;
  ClassCosts class_costs_;
};

}  // namespace tessera
