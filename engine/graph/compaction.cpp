#include "engine/graph/compaction.hpp"

#include <algorithm>

namespace tessera {
namespace {

constexpr std::size_t kFewestDead = 1024;

void clean_members(EGraph& graph, ClassRecord& record) {
  std::uint32_t* link = &record.first_member;
  while (*link != 0) {
    Row& row = graph.nodes[RowId(*link - 1)];
    if (row.symbol.is_none())
      *link = row.next_member;
    else
      link = &row.next_member;
  }
}

void clean_parents(EGraph& graph, ClassId cls) {
  Edge last;
  for (Edge edge = graph.first_parent(cls); !edge.is_end();) {
    const Edge current = edge;
    edge = graph.nodes.next(edge);
    if (!graph.nodes.is_live(graph.nodes.edge_row(current))) continue;
    if (last.is_end())
      graph.classes[cls].first_edge = current.value + 1;
    else
      graph.nodes.next_parent(last) = current.value;
    last = current;
  }
  if (last.is_end())
    graph.classes[cls].first_edge = 0;
  else
    graph.nodes.next_parent(last) = Edge::kEnd;
}

}  // namespace

bool compact_if_worthwhile(EGraph& graph, Workers& workers) {
  const std::size_t dead = graph.nodes.dead_count();
  if (dead < kFewestDead || dead * 2 < graph.nodes.live_count()) return false;
  // A class's lists are written by the owner of the class's shard, whichever shards the rows are of: each link field
  // belongs to one list.
  workers.for_each(graph.shards(), true, [&](std::size_t shard) {
    const auto s = static_cast<std::uint32_t>(shard);
    graph.classes.for_each_of(s, [&](ClassId cls) {
      if (!graph.classes.is_leader(cls)) return;
      clean_members(graph, graph.classes[cls]);
      clean_parents(graph, cls);
    });
    std::erase_if(graph.touched[s], [&](RowId row) { return !graph.nodes.is_live(row); });
  });
  workers.for_each(graph.shards(), true,
                   [&](std::size_t shard) { graph.nodes.free_dead_rows(static_cast<std::uint32_t>(shard)); });
  return true;
}

}  // namespace tessera
