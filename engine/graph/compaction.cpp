#include "engine/graph/compaction.hpp"

#include <algorithm>

namespace tessera {
namespace {

constexpr std::size_t kFewestDead = 1024;
constexpr std::uint32_t kAhead = 16;  // rows, whose classes are fetched

void empty_lists(EGraph& graph, std::uint32_t shard) {
  graph.classes.for_each_of(shard, [&](ClassId cls) {
    graph.classes[cls].first_member = 0;
    graph.classes[cls].first_edge = 0;
  });
}

// Puts the shard's live rows into the lists of their classes and children.
void fill_lists(EGraph& graph, std::uint32_t shard) {
  const ShardedIds& ids = graph.nodes.ids();
  const std::uint32_t used = ids.used(shard);
  for (std::uint32_t at = 0; at < used; ++at) {
    if (at + kAhead < used) {
      const Row& ahead = graph.nodes[RowId(ids.id(shard, at + kAhead))];
      graph.classes.prefetch(ahead.class_id);
      for (const std::uint32_t kid : ahead.kids) graph.classes.prefetch(kid);  // or whatever else: none is harmful
    }
    const RowId row(ids.id(shard, at));
    if (!graph.nodes.is_live(row)) continue;
    graph.link_member(ClassId(graph.nodes[row].class_id), row);
    const std::uint32_t arity = graph.arity(row);
    for (std::uint32_t k = 0; k < arity; ++k)
      graph.link_parent(ClassId(graph.nodes.kid(row, arity, k)), graph.nodes.edge(row, arity, k));
  }
}

}  // namespace

bool compact_if_worthwhile(EGraph& graph, Workers& workers) {
  const std::size_t dead = graph.nodes.dead_count();
  if (dead < kFewestDead || dead * 2 < graph.nodes.live_count()) return false;
  workers.for_each(graph.shards(), true, [&](std::size_t shard) {
    empty_lists(graph, static_cast<std::uint32_t>(shard));
    GrowingArray<RowId>& touched = graph.touched[shard];
    const auto* const end =
        std::remove_if(touched.begin(), touched.end(), [&](RowId row) { return !graph.nodes.is_live(row); });
    touched.resize(static_cast<std::size_t>(end - touched.begin()));
  });
  workers.for_each(graph.shards(), true,
                   [&](std::size_t shard) { fill_lists(graph, static_cast<std::uint32_t>(shard)); });
  workers.for_each(graph.shards(), true,
                   [&](std::size_t shard) { graph.nodes.free_dead_rows(static_cast<std::uint32_t>(shard)); });
  return true;
}

}  // namespace tessera
