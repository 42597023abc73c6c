#include "partition/statistics.hpp"

#include <bit>
#include <vector>

#include "engine/base/sorted.hpp"

namespace tessera {

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
  std::vector<std::uint64_t> rows_of_symbol(graph.symbols().size(), 0);
  for (std::uint32_t shard = 0; shard < graph.shards(); ++shard) {
    const ShardedIds& ids = graph.nodes.ids();
    for (std::uint32_t at = 0; at < ids.used(shard); ++at) {
      const SymbolId symbol = graph.nodes[RowId(ids.id(shard, at))].symbol;
      if (!symbol.is_none()) ++rows_of_symbol[symbol.value];
    }
  }
  std::vector<std::uint64_t> classes_of_bit(64, 0);
  std::uint64_t classes = 0;
  for (std::uint32_t shard = 0; shard < graph.shards(); ++shard) {
    const ShardedIds& ids = graph.classes.ids();
    for (std::uint32_t at = 0; at < ids.used(shard); ++at) {
      const ClassId cls(ids.id(shard, at));
      if (!graph.classes.is_leader(cls) || partition.is_ghost(cls)) continue;
      ++classes;
      for (std::uint64_t mask = graph.classes[cls].mask; mask != 0; mask &= mask - 1)
        ++classes_of_bit[static_cast<std::size_t>(std::countr_zero(mask))];
    }
  }
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
  for (const SymbolId symbol : symbols) counts.push_back(rows_of_symbol[symbol.value]);
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
  for (const SymbolId symbol : symbols) result.rows_of_symbol[symbol] = counts[at++];
  return result;
}

}  // namespace tessera
