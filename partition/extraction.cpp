#include "partition/extraction.hpp"

#include <algorithm>
#include <array>

#include "engine/base/error.hpp"
#include "engine/base/sorted.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kInfinite = Language::kInfiniteCost;

std::uint64_t add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kInfinite - 1 : sum;
}

struct Wanted {  // to the class's home, then to the rank that holds the row
  GlobalId cls;
  std::uint64_t row;
};

struct Found {  // to rank 0; followed by arity kids
  GlobalId cls;
  std::uint32_t symbol;
  std::uint32_t arity;
};

struct FoundNode {
  SymbolId symbol;
  std::vector<GlobalId> kids;
};
using FoundNodes = boost::unordered_flat_map<GlobalId, FoundNode, std::hash<GlobalId>>;

// The program below the roots, children first, in the order of a depth-first walk: no id decides anything.
Expression assemble(const FoundNodes& nodes, std::span<const GlobalId> roots) {
  Expression program;
  boost::unordered_flat_map<GlobalId, std::uint32_t, std::hash<GlobalId>> index;
  boost::unordered_flat_map<GlobalId, char, std::hash<GlobalId>> open;
  struct Frame {
    GlobalId cls;
    std::size_t next;
  };
  std::vector<Frame> stack;
  std::vector<std::uint32_t> kids;
  for (const GlobalId root : roots) {
    if (!index.contains(root)) stack.push_back({root, 0});
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const FoundNode& node = nodes.at(frame.cls);
      if (frame.next == 0) CHECK(open.try_emplace(frame.cls, 1).second);  // no class below itself
      while (frame.next < node.kids.size() && index.contains(node.kids[frame.next])) ++frame.next;
      if (frame.next < node.kids.size()) {
        const GlobalId kid = node.kids[frame.next++];
        stack.push_back({kid, 0});
        continue;
      }
      kids.clear();
      for (const GlobalId kid : node.kids) kids.push_back(index.at(kid));
      index.emplace(frame.cls, program.add(node.symbol, kids));
      stack.pop_back();
    }
    program.roots.push_back(index.at(root));
  }
  return program;
}

}  // namespace

Extraction::Extraction(Partition& partition, std::span<const NamedClass> barriers)
    : partition_(partition),
      graph_(partition.graph),
      barrier_cost_(barriers.size(), kInfinite),
      sets_(1),
      best_(graph_.classes.bound()) {
  set_ids_.emplace(0, 0);
  if (barriers.empty()) return;
  barriers_ = partition_.leaders(barriers);
  barrier_index_.assign(best_.size(), kNoBarrier);
  for (std::uint32_t i = 0; i < barriers_.size(); ++i) {
    const ClassId here = partition_.find_local(barriers_[i]);
    if (!here.is_none()) barrier_index_[here.value] = i;
  }
}

std::uint32_t Extraction::barrier_of(ClassId cls) const {
  return barrier_index_.empty() ? kNoBarrier : barrier_index_[cls.value];
}

std::uint32_t Extraction::intern(const BarrierSet& set) {
  std::uint64_t hash = 0;
  bool any = false;
  for (const std::uint64_t word : set) {
    any = any || word != 0;
    hash = hash_combine(hash, word);
  }
  if (!any) return 0;
  const auto [it, fresh] = set_ids_.try_emplace(hash, static_cast<std::uint32_t>(sets_.size()));
  if (fresh) sets_.push_back(set);
  return it->second;
}

std::uint64_t Extraction::set_cost(const BarrierSet& set) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < barrier_cost_.size() && i / 64 < set.size(); ++i)
    if ((set[i / 64] >> (i % 64) & 1) != 0) sum = add(sum, barrier_cost_[i]);
  return sum;
}

bool Extraction::evaluate(RowId row, Best& offer) {
  const SymbolId symbol_id = graph_.nodes[row].symbol;
  const Symbol& symbol = graph_.symbols()[symbol_id];
  const ClassId cls(graph_.nodes[row].class_id);
  std::array<DataView, kMaxArity> data;
  std::uint64_t below = 0;
  std::uint64_t key = graph_.symbols().hash(symbol_id);
  BarrierSet set;
  const std::uint32_t own_barrier = barrier_of(cls);
  for (std::uint32_t k = 0; k < symbol.arity; ++k) {
    const ClassId kid(graph_.nodes.kid(row, symbol.arity, k));
    const Best& best = best_[kid.value];
    if (best.total == kInfinite) return false;
    const std::uint32_t barrier = barrier_of(kid);
    if (barrier == kNoBarrier) below = add(below, best.local);
    if (!barriers_.empty()) {
      const BarrierSet& rests_on = sets_[best.set];
      if (!rests_on.empty() || barrier != kNoBarrier) set.resize((barriers_.size() + 63) / 64, 0);
      for (std::size_t w = 0; w < rests_on.size(); ++w) set[w] |= rests_on[w];
      if (barrier != kNoBarrier) set[barrier / 64] |= std::uint64_t{1} << (barrier % 64);
    }
    const DataId id = graph_.classes[kid].data;
    data[k] = id.is_none() ? DataView{} : graph_.data[id];
    key = hash_combine(key, graph_.classes[kid].name);
  }
  // A barrier may not rest on itself: free references would close a cycle.
  if (own_barrier != kNoBarrier && own_barrier / 64 < set.size() &&
      (set[own_barrier / 64] >> (own_barrier % 64) & 1) != 0)
    return false;
  const DataId self = graph_.classes[cls].data;
  const std::uint64_t own = graph_.language().cost(symbol, self.is_none() ? DataView{} : graph_.data[self],
                                                   std::span(data).first(symbol.arity));
  if (own == kInfinite) return false;
  offer.local = add(own, below);
  offer.set = intern(set);
  offer.total = add(offer.local, set_cost(sets_[offer.set]));
  offer.key = key;
  offer.rank = static_cast<std::uint32_t>(partition_.rank());
  offer.row = row.value;
  return true;
}

void Extraction::changed(ClassId cls) {
  graph_.for_each_parent(cls, [&](RowId row, std::uint32_t) { queue_.push_back(row); });
}

bool Extraction::accept(ClassId cls, const Best& offer) {
  Best& best = best_[cls.value];
  const bool same_row = best.total != kInfinite && best.rank == offer.rank && best.row == offer.row;
  const bool better = offer.total != best.total ? offer.total < best.total : offer.key < best.key;
  if (!better && !same_row) return false;
  const bool visible = offer.total != best.total || offer.local != best.local || offer.set != best.set;
  best = offer;
  return visible;
}

void Extraction::put_offer(Outbox& outbox, int to, GlobalId cls, const Best& best) {
  const BarrierSet& set = sets_[best.set];
  outbox.put(to, Offer{cls, best.total, best.local, best.key, best.rank, best.row, set.size()});
  outbox.put_all(to, std::span<const std::uint64_t>(set));
}

Extraction::Best Extraction::take_offer(MessageReader& reader, GlobalId& cls) {
  const auto offer = reader.take<Offer>();
  BarrierSet set;
  for (std::uint64_t i = 0; i < offer.set_words; ++i) set.push_back(reader.take<std::uint64_t>());
  cls = offer.cls;
  Best best;
  best.total = offer.total;
  best.local = offer.local;
  best.key = offer.key;
  best.set = intern(set);
  best.rank = offer.rank;
  best.row = offer.row;
  return best;
}

void Extraction::relax() {
  Outbox publish(partition_.ranks());
  std::vector<RowId> rows;
  for (;;) {
    while (!queue_.empty()) {
      rows.clear();
      rows.swap(queue_);
      for (const RowId row : rows) {
        Best offer;
        if (!graph_.nodes.is_live(row) || !evaluate(row, offer)) continue;
        const ClassId cls(graph_.nodes[row].class_id);
        if (partition_.is_ghost(cls)) {
          // The home decides; what cannot win there need not be sent.
          const Best& known = best_[cls.value];
          const bool own = known.rank == offer.rank && known.row == offer.row;
          if (own || offer.total < known.total || (offer.total == known.total && offer.key < known.key))
            put_offer(partition_.outbox, partition_.global(cls).home(), partition_.global(cls), offer);
        } else if (accept(cls, offer)) {
          news_.push_back(cls);
          changed(cls);
        }
      }
    }
    if (partition_.alone()) break;
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        GlobalId id;
        const Best offer = take_offer(reader, id);
        if (accept(id.index(), offer)) {
          news_.push_back(id.index());
          changed(id.index());
        }
      }
    });
    sort_unique(news_);
    for (const ClassId cls : news_) {
      const GlobalId id(partition_.rank(), cls);
      partition_.subscribers.for_each(
          cls, [&](const Subscriber& s) { put_offer(publish, static_cast<int>(s.rank), id, best_[cls.value]); });
    }
    news_.clear();
    superstep(partition_.exchange, publish, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        GlobalId id;
        const Best best = take_offer(reader, id);
        const ClassId cls = partition_.find_local(id);
        best_[cls.value] = best;
        changed(cls);
      }
    });
    std::uint64_t busy = queue_.empty() ? 0 : 1;
    partition_.exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
    if (busy == 0) break;
  }
  news_.clear();
}

void Extraction::publish_barrier_costs() {
  std::ranges::fill(barrier_cost_, kInfinite);
  for (std::uint32_t i = 0; i < barriers_.size(); ++i)
    if (barriers_[i].home() == partition_.rank()) barrier_cost_[i] = best_[barriers_[i].index().value].local;
  if (!partition_.alone() && !barrier_cost_.empty()) partition_.exchange.all_reduce(barrier_cost_, Reduction::kMin);
  // Barriers that were merged into one class share its cost; the class has the index of the last of them.
}

void Extraction::run() {
  const auto queue_all = [&] { graph_.for_each_row([this](RowId row) { queue_.push_back(row); }); };
  partition_.exchange.enter_phase(graph_.iteration, "extract");
  queue_all();
  if (barriers_.empty()) {
    relax();
    return;
  }
  // Totals need the barriers' local costs, which need totals: alternate until the costs stand still. What a class is
  // compared by inside one layer hardly depends on the others, so this takes few rounds.
  std::ranges::fill(barrier_cost_, 0);
  constexpr int kMostRounds = 16;
  for (int round = 0; round < kMostRounds; ++round) {
    relax();
    const std::vector<std::uint64_t> before = barrier_cost_;
    publish_barrier_costs();
    if (barrier_cost_ == before) break;
    for (Best& best : best_)
      if (best.total != kInfinite) best.total = add(best.local, set_cost(sets_[best.set]));
    queue_all();
  }
}

std::vector<std::uint64_t> Extraction::costs(std::span<const NamedClass> classes) {
  std::vector<std::uint64_t> result(classes.size(), kInfinite);
  const std::vector<GlobalId> leaders = partition_.leaders(classes);
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (leaders[i].home() == partition_.rank()) result[i] = best_[leaders[i].index().value].total;
  if (!partition_.alone() && !result.empty()) partition_.exchange.all_reduce(result, Reduction::kMin);
  return result;
}

Extracted Extraction::extract(std::span<const NamedClass> roots_in) {
  partition_.exchange.enter_phase(partition_.graph.iteration, "extract");
  Extracted result;
  result.costs = costs(roots_in);
  std::string failure;
  for (std::size_t i = 0; i < roots_in.size(); ++i)
    if (result.costs[i] == kInfinite) failure = "root " + std::to_string(i) + " has no program that can be extracted";
  partition_.agree_on_error(failure);

  const std::vector<GlobalId> roots = partition_.leaders(roots_in);
  FoundNodes found;
  std::vector<GlobalId> frontier;
  boost::unordered_flat_map<GlobalId, char, std::hash<GlobalId>> asked;
  const auto want = [&](GlobalId id) {
    if (asked.try_emplace(id, 1).second) frontier.push_back(id);
  };
  const bool collects = partition_.rank() == 0;
  if (collects)
    for (const GlobalId root : roots) want(root);
  const auto node_of = [&](RowId row, FoundNode& node) {
    node.symbol = graph_.nodes[row].symbol;
    node.kids.clear();
    const std::uint32_t arity = graph_.arity(row);
    for (std::uint32_t k = 0; k < arity; ++k)
      node.kids.push_back(partition_.global(ClassId(graph_.nodes.kid(row, arity, k))));
  };
  if (partition_.alone()) {
    while (!frontier.empty()) {
      const GlobalId id = frontier.back();
      frontier.pop_back();
      FoundNode node;
      node_of(RowId(best_[id.index().value].row), node);
      for (const GlobalId kid : node.kids) want(kid);
      found.emplace(id, std::move(node));
    }
    result.program = assemble(found, roots);
    return result;
  }
  Outbox to_holder(partition_.ranks());
  Outbox to_root(partition_.ranks());
  for (;;) {
    std::uint64_t busy = frontier.empty() ? 0 : 1;
    partition_.exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
    if (busy == 0) break;
    for (const GlobalId id : frontier) partition_.outbox.put(id.home(), Wanted{id, 0});
    frontier.clear();
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto wanted = reader.take<Wanted>();
        const Best& best = best_[wanted.cls.index().value];
        to_holder.put(static_cast<int>(best.rank), Wanted{wanted.cls, best.row});
      }
    });
    superstep(partition_.exchange, to_holder, partition_.inbox, [&](int, MessageReader& reader) {
      FoundNode node;
      while (!reader.done()) {
        const auto wanted = reader.take<Wanted>();
        node_of(RowId(static_cast<std::uint32_t>(wanted.row)), node);
        to_root.put(0, Found{wanted.cls, node.symbol.value, static_cast<std::uint32_t>(node.kids.size())});
        to_root.put_all(0, std::span<const GlobalId>(node.kids));
      }
    });
    superstep(partition_.exchange, to_root, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto item = reader.take<Found>();
        FoundNode node;
        node.symbol = SymbolId(item.symbol);
        for (std::uint32_t k = 0; k < item.arity; ++k) {
          node.kids.push_back(reader.take<GlobalId>());
          want(node.kids.back());
        }
        found.emplace(item.cls, std::move(node));
      }
    });
  }
  if (collects) result.program = assemble(found, roots);
  return result;
}

}  // namespace tessera
