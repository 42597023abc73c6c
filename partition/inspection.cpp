#include "partition/inspection.hpp"

#include <algorithm>

namespace tessera {
namespace {

// The leader of the node's class if this rank has the node.
GlobalId find_here(Partition& partition, SymbolId symbol, const std::vector<GlobalId>& kids) {
  const EGraph& graph = partition.graph;
  std::vector<std::uint32_t> local;
  for (const GlobalId kid : kids) {
    const ClassId id = partition.find_local(kid);
    if (id.is_none()) return {};  // a row here would have made a ghost of it
    local.push_back(id.value);
  }
  const RowId row = graph.nodes.find(NodeTable::hash_key(symbol, local), symbol, local);
  return row.is_none() ? GlobalId() : partition.global(ClassId(graph.nodes[row].class_id));
}

}  // namespace

std::vector<GlobalId> find_terms(Partition& partition, const Expression& terms) {
  std::vector<std::uint32_t> height(terms.size(), 0);
  std::uint32_t tallest = 0;
  for (std::uint32_t i = 0; i < terms.size(); ++i) {
    for (const std::uint32_t kid : terms[i].kids) height[i] = std::max(height[i], height[kid] + 1);
    tallest = std::max(tallest, height[i]);
  }
  std::vector<std::vector<std::uint32_t>> levels(tallest + 1);
  for (std::uint32_t i = 0; i < terms.size(); ++i) levels[height[i]].push_back(i);

  std::vector<GlobalId> found(terms.size());
  std::vector<GlobalId> kids;
  std::vector<std::uint64_t> values;
  for (const std::vector<std::uint32_t>& level : levels) {
    values.clear();
    for (const std::uint32_t i : level) {
      kids.clear();
      for (const std::uint32_t kid : terms[i].kids) kids.push_back(found[kid]);
      const bool all_there = std::ranges::none_of(kids, [](GlobalId id) { return id.is_none(); });
      values.push_back((all_there ? find_here(partition, terms[i].symbol, kids) : GlobalId()).value);
    }
    // Only the home may know the node, and "none" is the largest value.
    if (!partition.alone() && !values.empty()) partition.exchange.all_reduce(values, Reduction::kMin);
    for (std::size_t i = 0; i < level.size(); ++i) found[level[i]].value = values[i];
  }
  std::vector<GlobalId> result;
  for (const std::uint32_t root : terms.roots) result.push_back(found[root]);
  return result;
}

std::vector<std::uint64_t> count_by_operator(Partition& partition) {
  const EGraph& graph = partition.graph;
  std::vector<std::uint64_t> counts(graph.symbols().operator_count(), 0);
  graph.for_each_row([&](RowId row) { ++counts[graph.symbols().op(graph.nodes[row].symbol).value]; });
  if (!partition.alone() && !counts.empty()) partition.exchange.all_reduce(counts, Reduction::kSum);
  return counts;
}

}  // namespace tessera
