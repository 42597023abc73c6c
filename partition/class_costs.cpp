// What a row costs, and which row is its class's cheapest. The rounds are in class_cost_rounds.cpp.
#include "partition/class_costs.hpp"

#include <algorithm>
#include <bit>

namespace tessera {
namespace {

constexpr std::uint64_t kInfinite = Language::kInfiniteCost;

class CheckedSum {
 public:
  explicit CheckedSum(std::uint64_t first) : sum_(first) {}
  void add(std::uint64_t more) { over_ = __builtin_add_overflow(sum_, more, &sum_) || over_; }
  // The sum if it is below `limit`, or else what is to stand for it.
  [[nodiscard]] std::uint64_t below(std::uint64_t limit, std::uint64_t otherwise) const {
    return over_ || sum_ >= limit ? otherwise : sum_;
  }

 private:
  std::uint64_t sum_;
  bool over_ = false;
};

}  // namespace

ClassCosts::ClassCosts(Partition& partition, std::span<const GlobalId> barriers)
    : partition_(partition),
      graph_(partition.graph),
      barriers_(barriers.begin(), barriers.end()),
      barrier_cost_(barriers.size(), kInfinite),
      sets_(barriers.size()),
      total_(graph_.classes.bound(), kInfinite),
      state_(total_.size(), 0),
      waiting_(graph_.nodes.ids().bound(), 0),
      shards_(graph_.shards()),
      news_(partition.ranks()) {
  if (!has_barriers()) return;
  resting_.resize(total_.size());
  barrier_index_.assign(total_.size(), kNoBarrier);
  // Barriers that were merged into one class share its cost; the class has the index of the last of them.
  for (std::uint32_t i = 0; i < barriers_.size(); ++i) {
    const ClassId here = partition_.find_local(barriers_[i]);
    if (!here.is_none()) barrier_index_[here.value] = i;
  }
}

std::uint64_t ClassCosts::of(ClassId cls) const {
  const std::uint64_t total = total_[cls.value];
  return total < kTooMuch || total == kInfinite ? total : kInfinite - 1;
}

std::uint64_t ClassCosts::own_cost(RowId row, std::uint32_t arity, Scratch& scratch) const {
  const auto data_of = [&](ClassId cls) {
    const DataId id = graph_.classes[cls].data;
    return id.is_none() ? DataView{} : graph_.data[id];
  };
  const Row& r = graph_.nodes[row];
  scratch.data.assign(arity, DataView{});
  DataView self;
  if (graph_.language().has_data()) {
    self = data_of(ClassId(r.class_id));
    for (std::uint32_t k = 0; k < arity; ++k) scratch.data[k] = data_of(ClassId(graph_.nodes.kid(row, arity, k)));
  }
  const std::uint64_t own = graph_.language().cost(graph_.symbols()[r.symbol], self, scratch.data);
  CHECK(own != 0);
  return own;
}

std::uint64_t ClassCosts::total_of(RowId row, Scratch& scratch) const {
  const std::uint32_t arity = graph_.arity(row);
  const std::uint64_t own = own_cost(row, arity, scratch);
  if (own == kInfinite) return kInfinite;
  CheckedSum sum(own);
  std::uint64_t dearest = 0;
  for (std::uint32_t k = 0; k < arity; ++k) {
    const std::uint64_t kid = total_[graph_.nodes.kid(row, arity, k)];
    sum.add(kid);
    dearest = std::max(dearest, kid);
  }
  return sum.below(kTooMuch, std::max(kTooMuch, dearest + 1));
}

std::uint64_t ClassCosts::total_with_barriers(RowId row, Scratch& scratch, Resting& resting) const {
  const std::uint32_t arity = graph_.arity(row);
  const std::uint64_t own = own_cost(row, arity, scratch);
  if (own == kInfinite) return kInfinite;
  CheckedSum local(own);
  std::uint64_t dearest = 0;
  scratch.set.assign(sets_.width(), 0);
  for (std::uint32_t k = 0; k < arity; ++k) {
    const ClassId kid(graph_.nodes.kid(row, arity, k));
    dearest = std::max(dearest, total_[kid.value]);
    const Resting& below = resting_[kid.value];
    if (const std::uint32_t barrier = barrier_of(kid); barrier != kNoBarrier)
      scratch.set[barrier / 64] |= std::uint64_t{1} << (barrier % 64);
    else
      local.add(below.local);
    if (below.set == BarrierSets::kEmpty) continue;
    const BarrierSets::Words words = sets_[below.set];
    for (std::size_t w = 0; w < words.size(); ++w) scratch.set[w] |= words[w];
  }
  resting.local = local.below(kTooMuch, kTooMuch);
  resting.key = key_of(row);
  resting.set = sets_.find(scratch.set);
  CheckedSum sum(resting.local);
  sum.add(set_cost(scratch.set));
  return sum.below(kTooMuch, std::max(kTooMuch, dearest + 1));
}

std::uint64_t ClassCosts::set_cost(BarrierSets::Words set) const {
  CheckedSum sum(0);
  for (std::size_t w = 0; w < set.size(); ++w)
    for (std::uint64_t rest = set[w]; rest != 0; rest &= rest - 1) {
      const std::uint64_t cost = barrier_cost_[w * 64 + static_cast<std::size_t>(std::countr_zero(rest))];
      DCHECK(cost != kInfinite);
      sum.add(cost);
    }
  return sum.below(kTooMuch, kTooMuch);
}

std::uint64_t ClassCosts::key_of(RowId row) const {
  const std::uint32_t arity = graph_.arity(row);
  std::uint64_t key = graph_.symbols().hash(graph_.nodes[row].symbol);
  for (std::uint32_t k = 0; k < arity; ++k)
    key = hash_combine(key, graph_.classes[ClassId(graph_.nodes.kid(row, arity, k))].name);
  return key;
}

std::optional<ClassCosts::Choice> ClassCosts::cheapest_row(ClassId cls) const {
  std::optional<Choice> best;
  const std::uint64_t total = total_[cls.value];
  if (total == kInfinite) return best;
  Scratch scratch;
  Resting resting;
  graph_.for_each_member(cls, [&](RowId row) {
    if (waiting_[row.value] != 0) return;
    if ((has_barriers() ? total_with_barriers(row, scratch, resting) : total_of(row, scratch)) != total) return;
    if (const std::uint64_t key = key_of(row); !best || key < best->key) best = {key, row};
  });
  return best;
}

}  // namespace tessera
