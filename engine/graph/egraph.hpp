// One rank's part of the e-graph: symbols, e-nodes, e-classes and their data, threaded together. No phase logic lives
// here (that is partition/'s); what is here keeps lists and masks right while rows come and go.
// Between iterations: every row's children and class are leaders, no two live rows have one key, every leader's lists
// hold exactly this rank's rows of the class and its parents (and dead rows, which walkers skip).
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/cache_padded.hpp"
#include "engine/base/growing_array.hpp"
#include "engine/graph/class_table.hpp"
#include "engine/graph/data_table.hpp"
#include "engine/graph/node_table.hpp"
#include "engine/language/language.hpp"
#include "engine/language/symbol_table.hpp"

namespace tessera {

class EGraph {
 public:
  // `shards`: a power of two. `has_ghosts`: there are other ranks. The language and the symbols outlive the e-graph.
  EGraph(const Language& language, SymbolTable& symbols, std::uint32_t shards, bool has_ghosts)
      : language_(language), symbols_(symbols), nodes(shards), classes(shards, has_ghosts), touched(shards) {}

  [[nodiscard]] const Language& language() const { return language_; }
  [[nodiscard]] SymbolTable& symbols() { return symbols_; }
  [[nodiscard]] const SymbolTable& symbols() const { return symbols_; }
  [[nodiscard]] std::uint32_t shards() const { return nodes.shards(); }

  [[nodiscard]] std::uint32_t arity(RowId row) const { return symbols_[nodes[row].symbol].arity; }
  [[nodiscard]] static std::uint64_t mask_bit(OperatorId op) { return std::uint64_t{1} << (op.value & 63); }

  // Puts a row at the head of its class's member list, an entry at the head of a class's parent list. By whoever writes
  // the row; several threads may add to one list while nobody walks it. (The order within a list shows in no result.)
  void link_member(ClassId cls, RowId row) {
    nodes[row].next_member = put_first(classes[cls].first_member, row.value + 1);
  }
  void link_parent(ClassId kid, Edge edge) {
    nodes.next_parent(edge) = put_first(classes[kid].first_edge, edge.value + 1) - 1;  // 0 - 1 is kEnd
  }
  [[nodiscard]] Edge first_parent(ClassId kid) const {
    const std::uint32_t first = classes[kid].first_edge;
    return Edge{first == 0 ? Edge::kEnd : first - 1};
  }

  // Calls visit(RowId) for every live row of this rank, in the order of ids.
  template <class Visit>
  void for_each_row(Visit&& visit) const {
    nodes.ids().for_each([&](std::uint32_t id) {
      if (nodes.is_live(RowId(id))) visit(RowId(id));
    });
  }
  // Calls visit(RowId) for every live row of the class on this rank. visit must not change the list.
  template <class Visit>
  void for_each_member(ClassId cls, Visit&& visit) const {
    for (std::uint32_t at = classes[cls].first_member; at != 0;) {
      const RowId row(at - 1);
      at = nodes[row].next_member;
      if (nodes.is_live(row)) visit(row);
    }
  }
  // Calls visit(RowId, child position) for every live entry of the class's parent list on this rank.
  template <class Visit>
  void for_each_parent(ClassId kid, Visit&& visit) const {
    for (Edge edge = first_parent(kid); !edge.is_end();) {
      const Edge current = edge;
      edge = nodes.next(edge);
      const RowId row = nodes.edge_row(current);
      if (nodes.is_live(row)) visit(row, nodes.edge_position(current));
    }
  }

  // Records that a row became new in this iteration; by whoever writes the row, under the acting shard's number.
  void touch(RowId row, std::uint32_t acting_shard) {
    Row& r = nodes[row];
    if (r.stamp == iteration) return;
    r.stamp = iteration;
    touched[acting_shard].push_back(row);
  }

 private:
  // What was first before.
  std::uint32_t put_first(std::uint32_t& first, std::uint32_t entry) const {
    if (shards() > 1) return std::atomic_ref(first).exchange(entry, std::memory_order_relaxed);
    return std::exchange(first, entry);
  }

  const Language& language_;
  SymbolTable& symbols_;

 public:
  NodeTable nodes;
  ClassTable classes;
  DataTable data;
  std::uint32_t iteration = 0;  // the one under way; the start expression is iteration 0
  // Rows that became new in this iteration, by acting shard; may hold rows that died since. Cleared when the next
  // begins.
  std::vector<CachePadded<GrowingArray<RowId>>> touched;
};

}  // namespace tessera
