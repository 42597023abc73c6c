#include "partition/statistics.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <utility>
#include <vector>

#include "engine/base/hash.hpp"
#include "engine/base/sorted.hpp"

namespace tessera {
namespace {

constexpr std::size_t kSamples = 128;         // rows an operator
constexpr std::uint64_t kLongestWalk = 4096;  // entries of a list: of a hub it is enough to know that it is one
constexpr std::uint32_t kPositions = 4;       // child positions looked at
constexpr std::size_t kMaskBits = 64;         // of a class's mask of operators
constexpr std::size_t kFewBlocks = 4;         // of ids; fewer are not worth a second thread

// Rows of one operator, of at most 2^32, each as likely as any other (Vitter's Algorithm R, ACM TOMS 1985, its dice a
// hash).
struct Sample {
  std::uint64_t seen = 0;
  std::vector<RowId> rows;

  void offer(RowId row) {
    const std::uint64_t at = seen < kSamples ? seen : (mix64(seen) >> 32) * (seen + 1) >> 32;
    ++seen;
    if (rows.size() < kSamples)
      rows.push_back(row);
    else if (at < kSamples)
      rows[at] = row;
  }
};

// Of some samples, of rows of one operator each, one: of each as many as it stands for of all rows.
std::vector<RowId> join(std::span<const Sample* const> samples) {
  std::uint64_t all = 0;
  for (const Sample* sample : samples) all += sample->seen;
  std::vector<RowId> rows;
  std::uint64_t before = 0;
  for (const Sample* sample : samples) {
    // What this and those before it stand for, less those before it: so that roundings do not add up.
    const std::uint64_t after = before + sample->seen;
    const std::uint64_t most = std::min<std::uint64_t>(all, kSamples);
    const std::uint64_t count = all == 0 ? 0 : after * most / all - before * most / all;
    rows.insert(
        rows.end(), sample->rows.begin(),
        sample->rows.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(count, sample->rows.size())));
    before = after;
  }
  return rows;
}

struct Tally {
  std::uint64_t entries = 0;
  std::uint64_t fitting = 0;
};

// Walks around the sampled rows' children. Counts are of this rank's rows, and are divided evenly among the ranks.
class EdgeSampler {
 public:
  // `positions[o]`: of operators[o], the child positions to look at. `operators` is sorted.
  EdgeSampler(const Partition& partition, std::span<const OperatorId> operators,
              std::span<const std::uint32_t> positions)
      : graph_(partition.graph), operators_(operators), positions_(positions), samples_(operators.size()) {}

  // Counts rows by symbol, and samples them.
  std::vector<std::uint64_t> count_rows(Workers& workers) {
    struct Part {
      std::vector<std::uint64_t> rows_of_symbol;
      std::vector<Sample> samples;  // as operators
    };
    const ShardedIds& ids = graph_.nodes.ids();
    std::vector<Part> parts(static_cast<std::size_t>(workers.threads()));
    const std::vector<std::uint32_t> sampled = operators_of_symbols();
    workers.for_each(parts.size(), ids.blocks() > kFewBlocks, [&](std::size_t p) {
      std::vector<std::uint64_t> rows_of_symbol(sampled.size(), 0);
      std::vector<Sample> samples(operators_.size());
      for (std::size_t n = ids.blocks() * p / parts.size(); n < ids.blocks() * (p + 1) / parts.size(); ++n) {
        const ShardedIds::Block block = ids.block(n);
        for (RowId row(block.first); row.value < block.first + block.count; ++row.value) {
          const SymbolId symbol = graph_.nodes[row].symbol;
          if (symbol.is_none()) continue;
          ++rows_of_symbol[symbol.value];
          if (const std::uint32_t o = sampled[symbol.value]; o != kNotSampled) samples[o].offer(row);
        }
      }
      parts[p].rows_of_symbol = std::move(rows_of_symbol);
      parts[p].samples = std::move(samples);
    });
    std::vector<const Sample*> of_parts(parts.size());
    for (std::size_t o = 0; o < operators_.size(); ++o) {
      for (std::size_t p = 0; p < parts.size(); ++p) of_parts[p] = &parts[p].samples[o];
      samples_[o] = join(of_parts);
    }
    for (std::size_t p = 1; p < parts.size(); ++p)
      std::ranges::transform(parts[0].rows_of_symbol, parts[p].rows_of_symbol, parts[0].rows_of_symbol.begin(),
                             std::plus<>());
    return std::move(parts[0].rows_of_symbol);
  }

  // Rows sampled of operators[o].
  [[nodiscard]] std::uint64_t samples(std::size_t o) const { return samples_[o].size(); }

  // The members' tally of every operator, then the parents' tallies of its positions, operator by operator.
  [[nodiscard]] std::vector<Tally> walk() const {
    std::vector<Tally> result(operators_.size());
    std::vector<std::uint64_t> members(graph_.symbols().operator_count());
    for (std::size_t o = 0; o < operators_.size(); ++o) {
      for (std::uint32_t p = 0; p < positions_[o]; ++p) {
        std::vector<ClassId> kids;
        for (const RowId row : samples_[o]) kids.emplace_back(graph_.nodes.kid(row, graph_.arity(row), p));
        std::ranges::sort(kids);
        result.emplace_back();
        for (std::size_t at = 0; at < kids.size();) {  // many lead to one hub, whose lists are long
          const ClassId kid = kids[at];
          const std::size_t begin = at;
          while (at < kids.size() && kids[at] == kid) ++at;
          count_parents(kid, operators_[o], p, at - begin, result.back());
          count_members(kid, at - begin, members, result);
        }
      }
    }
    return result;
  }

 private:
  static constexpr std::uint32_t kNotSampled = 0xffffffffU;

  // By symbol, the index of its operator, or kNotSampled. Of an operator of several arities, symbols that have all of
  // its positions are sampled.
  [[nodiscard]] std::vector<std::uint32_t> operators_of_symbols() const {
    std::vector<std::uint32_t> result(graph_.symbols().size(), kNotSampled);
    for (std::uint32_t s = 0; s < result.size(); ++s) {
      const auto at = std::ranges::lower_bound(operators_, graph_.symbols().op(SymbolId(s)));
      if (at == operators_.end() || *at != graph_.symbols().op(SymbolId(s))) continue;
      const auto o = static_cast<std::uint32_t>(at - operators_.begin());
      if (graph_.symbols()[SymbolId(s)].arity >= positions_[o]) result[s] = o;
    }
    return result;
  }

  // `times`: samples that lead to this child.
  void count_parents(ClassId kid, OperatorId op, std::uint32_t position, std::uint64_t times, Tally& tally) const {
    std::uint64_t steps = 0;
    std::uint64_t fitting = 0;
    for (Edge edge = graph_.first_parent(kid); !edge.is_end() && steps < kLongestWalk; edge = graph_.nodes.next(edge)) {
      ++steps;
      const SymbolId symbol = graph_.nodes[graph_.nodes.edge_row(edge)].symbol;
      if (!symbol.is_none() && graph_.symbols().op(symbol) == op && graph_.nodes.edge_position(edge) == position)
        ++fitting;
    }
    tally.entries += steps * times;
    tally.fitting += fitting * times;
  }

  void count_members(ClassId kid, std::uint64_t times, std::vector<std::uint64_t>& of_operator,
                     std::vector<Tally>& result) const {
    std::ranges::fill(of_operator, 0);
    std::uint64_t steps = 0;
    for (std::uint32_t at = graph_.classes[kid].first_member; at != 0 && steps < kLongestWalk;) {
      const Row& row = graph_.nodes[RowId(at - 1)];
      at = row.next_member;
      ++steps;
      if (!row.symbol.is_none()) ++of_operator[graph_.symbols().op(row.symbol).value];
    }
    for (std::size_t o = 0; o < operators_.size(); ++o) {
      Tally& tally = result[o];
      const bool walked = (graph_.classes[kid].mask & EGraph::mask_bit(operators_[o])) != 0;
      tally.entries += walked ? steps * times : 0;
      tally.fitting += of_operator[operators_[o].value] * times;
    }
  }

  const EGraph& graph_;
  std::span<const OperatorId> operators_;
  std::span<const std::uint32_t> positions_;
  std::vector<std::vector<RowId>> samples_;  // as operators
};

// This rank's classes with each bit in their masks, and all.
std::vector<std::uint64_t> count_classes(Partition& partition) {
  const ClassTable& classes = partition.graph.classes;
  std::vector<std::vector<std::uint64_t>> parts(static_cast<std::size_t>(partition.workers.threads()),
                                                std::vector<std::uint64_t>(kMaskBits + 1, 0));
  partition.workers.for_each(parts.size(), classes.ids().blocks() > kFewBlocks, [&](std::size_t part) {
    std::array<std::uint64_t, kMaskBits> with_bit{};
    std::uint64_t all = 0;
    partition.for_each_owned_class(part, parts.size(), [&](ClassId cls) {
      ++all;
      for (std::uint64_t mask = classes[cls].mask; mask != 0; mask &= mask - 1)
        ++with_bit[static_cast<std::size_t>(std::countr_zero(mask))];
    });
    std::ranges::copy(with_bit, parts[part].begin());
    parts[part].back() = all;
  });
  for (std::size_t p = 1; p < parts.size(); ++p)
    std::ranges::transform(parts[0], parts[p], parts[0].begin(), std::plus<>());
  return std::move(parts[0]);
}

}  // namespace

GraphStatistics count_statistics(Partition& partition, std::span<const RulePlan> plans) {
  const EGraph& graph = partition.graph;
  std::vector<OperatorId> operators;
  std::vector<SymbolId> symbols;  // those with attributes: of the others there is one an operator and arity
  for (const RulePlan& plan : plans) {
    for (const Variant& variant : plan.variants) {
      for (const Step& step : variant.steps) {
        if (step.op.is_none()) continue;
        operators.push_back(step.op);
        if (!step.symbol.is_none() && !graph.symbols()[step.symbol].attributes.empty()) symbols.push_back(step.symbol);
      }
    }
  }
  sort_unique(operators);
  sort_unique(symbols);
  std::vector<std::uint32_t> positions(operators.size(), 0);
  for (const RulePlan& plan : plans) {
    for (const Step& step : plan.variants.front().steps) {
      if (step.op.is_none()) continue;
      const auto o = static_cast<std::size_t>(std::ranges::lower_bound(operators, step.op) - operators.begin());
      positions[o] = std::max(positions[o], std::min(step.arity, kPositions));
    }
  }
  EdgeSampler sampler(partition, operators, positions);
  const std::vector<std::uint64_t> rows_of_symbol = sampler.count_rows(partition.workers);
  const std::vector<std::uint64_t> classes_of_bit = count_classes(partition);
  const std::uint64_t classes = classes_of_bit.back();
  std::vector<std::uint64_t> rows_of_operator(graph.symbols().operator_count(), 0);
  std::vector<std::uint64_t> counts = {0, classes, 0};  // rows, classes, edges; then two an operator, one a symbol
  for (std::uint32_t s = 0; s < rows_of_symbol.size(); ++s) {
    counts[0] += rows_of_symbol[s];
    counts[2] += rows_of_symbol[s] * graph.symbols()[SymbolId(s)].arity;
    rows_of_operator[graph.symbols().op(SymbolId(s)).value] += rows_of_symbol[s];
  }
  for (const OperatorId op : operators) {
    counts.push_back(rows_of_operator[op.value]);
    counts.push_back(classes_of_bit[op.value & 63U]);
  }
  for (std::size_t o = 0; o < operators.size(); ++o) counts.push_back(sampler.samples(o));
  for (const SymbolId symbol : symbols) counts.push_back(rows_of_symbol[symbol.value]);
  for (const Tally& tally : sampler.walk()) counts.insert(counts.end(), {tally.entries, tally.fitting});
  partition.exchange.name_step("statistics");
  if (!partition.alone()) partition.exchange.all_reduce(counts, Reduction::kSum);
  GraphStatistics result;
  result.rows = counts[0];
  result.classes = counts[1];
  result.edges = counts[2];
  result.rows_of_operator.resize(rows_of_operator.size());
  result.classes_of_bit.resize(64);
  std::size_t at = 3;
  for (const OperatorId op : operators) {
    result.rows_of_operator[op.value] = counts[at++];
    result.classes_of_bit[op.value & 63U] = counts[at++];
  }
  std::vector<std::uint64_t> samples(operators.size());
  std::uint64_t all_samples = 0;  // of children: what the members' tallies are over
  for (std::size_t o = 0; o < operators.size(); ++o) {
    samples[o] = counts[at++];
    all_samples += samples[o] * positions[o];
  }
  for (const SymbolId symbol : symbols) result.rows_of_symbol[symbol] = counts[at++];
  const auto take_fanout = [&](auto& fanouts, const auto& key, std::uint64_t of) {
    // A list is divided among the ranks, and each rank's samples see that rank's part of it.
    const double scale = of == 0 ? 0 : static_cast<double>(partition.ranks()) / static_cast<double>(of);
    if (of != 0) fanouts[key] = {static_cast<double>(counts[at]) * scale, static_cast<double>(counts[at + 1]) * scale};
    at += 2;
  };
  for (const OperatorId op : operators) take_fanout(result.members_over_edges, op, all_samples);
  for (std::size_t o = 0; o < operators.size(); ++o)
    for (std::uint32_t p = 0; p < positions[o]; ++p)
      take_fanout(result.parents_over_edges, std::pair(operators[o], p), samples[o]);
  return result;
}

}  // namespace tessera
