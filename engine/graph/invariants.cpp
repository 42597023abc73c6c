#include "engine/graph/invariants.hpp"

#include <array>
#include <vector>

#include "engine/base/check.hpp"

namespace tessera {

void check_invariants(const EGraph& graph, bool alone) {
  const ShardedIds& rows = graph.nodes.ids();
  std::size_t live_rows = 0;
  std::size_t positions = 0;
  std::array<std::uint32_t, kMaxArity> kids;
  for (std::uint32_t shard = 0; shard < rows.shards(); ++shard) {
    for (std::uint32_t at = 0; at < rows.used(shard); ++at) {
      const RowId row(rows.id(shard, at));
      if (!graph.nodes.is_live(row)) continue;
      ++live_rows;
      const SymbolId symbol = graph.nodes[row].symbol;
      const std::uint32_t arity = graph.arity(row);
      positions += arity;
      const ClassId cls(graph.nodes[row].class_id);
      CHECK(graph.classes.is_leader(cls));
      CHECK((graph.classes[cls].mask & EGraph::mask_bit(graph.symbols().op(symbol))) != 0);
      for (std::uint32_t k = 0; k < arity; ++k) {
        kids[k] = graph.nodes.kid(row, arity, k);
        CHECK(graph.classes.is_leader(ClassId(kids[k])));
      }
      const std::span key(kids.data(), arity);
      CHECK(graph.nodes.find(NodeTable::hash_key(symbol, key), symbol, key) == row);  // there, and no other before it
      CHECK(graph.nodes[row].stamp <= graph.iteration);
    }
  }
  CHECK(live_rows == graph.nodes.live_count());
  CHECK(positions == graph.nodes.live_children());
  std::size_t member_entries = 0;
  std::size_t parent_entries = 0;
  graph.classes.for_each([&](ClassId cls) {
    if (!graph.classes.is_leader(cls)) {
      CHECK(graph.classes[cls].first_member == 0 && graph.classes[cls].first_edge == 0);
      return;
    }
    std::size_t members = 0;
    graph.for_each_member(cls, [&](RowId row) {
      CHECK(graph.nodes[row].class_id == cls.value);
      ++members;
    });
    graph.for_each_parent(cls, [&](RowId row, std::uint32_t position) {
      CHECK(graph.nodes.kid(row, graph.arity(row), position) == cls.value);
      ++parent_entries;
    });
    member_entries += members;
    if (alone) CHECK(members > 0);
  });
  // Entries are right one by one (above) and, by these sums, complete and not doubled.
  CHECK(member_entries == live_rows);
  CHECK(parent_entries == positions);
}

}  // namespace tessera
