// Extraction: the cheapest program of the roots' classes. Costs rise from the leaves to a fixpoint: every row offers
// its class the sum of its own and its children's costs, at the class's home the least offer wins (ties by structure,
// never by id), and what changed is sent to the ranks that hold ghosts. Sharing: the cost of a *barrier* class (an
// original network's layer) is counted once, however often a program uses it: a class's cost is its local cost, down to
// the nearest barriers, and the set of barriers it rests on, whose local costs are added once each. Below a barrier,
// costs are those of a tree. (Between greedy tree extraction and the exact problem, which is NP-hard: see Goharshady,
// Lam and Parreaux, OOPSLA 2024.)
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/language/expression.hpp"
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
  // Collective. `barriers`: the same list on every rank.
  Extraction(Partition& partition, std::span<const NamedClass> barriers);

  // Collective. Computes the best row of every class.
  void run();
  // Collective; after run(). Per class, its cost.
  [[nodiscard]] std::vector<std::uint64_t> costs(std::span<const NamedClass> classes);
  // Collective; after run(). Throws Error(kInput) on all ranks when a root cannot be extracted.
  [[nodiscard]] Extracted extract(std::span<const NamedClass> roots);

 private:
  static constexpr std::uint32_t kNoBarrier = 0xffffffffU;
  using BarrierSet = std::vector<std::uint64_t>;  // bits; empty: none

  struct Best {
    std::uint64_t total = Language::kInfiniteCost;  // local + the local costs of all barriers in the set
    std::uint64_t local = Language::kInfiniteCost;
    std::uint64_t key = ~std::uint64_t{0};  // structural, for ties
    std::uint32_t set = 0;                  // id of the barrier set
    std::uint32_t rank = 0;                 // who holds the row
    std::uint32_t row = 0;
  };
  struct Offer {  // followed by set_words words
    GlobalId cls;
    std::uint64_t total;
    std::uint64_t local;
    std::uint64_t key;
    std::uint32_t rank;
    std::uint32_t row;
    std::uint64_t set_words;
  };

  void relax();
  [[nodiscard]] bool evaluate(RowId row, Best& offer);
  bool accept(ClassId cls, const Best& offer);  // owned classes
  void changed(ClassId cls);
  void put_offer(Outbox& outbox, int to, GlobalId cls, const Best& best);
  Best take_offer(MessageReader& reader, GlobalId& cls);
  std::uint32_t intern(const BarrierSet& set);
  [[nodiscard]] std::uint32_t barrier_of(ClassId cls) const;
  [[nodiscard]] std::uint64_t set_cost(const BarrierSet& set) const;
  void publish_barrier_costs();

  Partition& partition_;
  EGraph& graph_;
  std::vector<GlobalId> barriers_;            // leaders
  std::vector<std::uint32_t> barrier_index_;  // by class id; empty when there are no barriers
  std::vector<std::uint64_t> barrier_cost_;   // local costs, the same on every rank between rounds
  std::vector<BarrierSet> sets_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> set_ids_;
  std::vector<Best> best_;  // by class id
  std::vector<RowId> queue_;
  std::vector<ClassId> news_;  // owned classes to publish
};

}  // namespace tessera
