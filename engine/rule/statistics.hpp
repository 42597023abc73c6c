// What the planner knows of the e-graph when it orders the atoms of a left side: how many e-nodes there are, of each
// operator and of each symbol that a pattern names, and in how many e-classes each operator occurs. Fan-outs follow:
// members of an operator per class, entries of a parent list per class. Everything here is agreed on by all ranks, so
// they make the same plans.
// A join reaches a class through an edge, and a class with n parents is reached n times as often as one with a single
// parent: what a walk meets is E[n^2]/E[n], not E[n]. Averages over classes miss hubs by orders of magnitude; so
// fan-outs are averages over a sample of edges.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"

namespace tessera {

struct GraphStatistics {
  std::uint64_t rows = 0;                            // e-nodes
  std::uint64_t classes = 0;                         // e-classes
  std::uint64_t edges = 0;                           // child positions of all e-nodes: entries of parent lists
  std::vector<std::uint64_t> rows_of_operator;       // by OperatorId
  std::map<SymbolId, std::uint64_t> rows_of_symbol;  // only those that patterns name
  std::vector<std::uint64_t> classes_of_bit;         // by operator mask bit: classes that hold such an operator

  struct Fanout {
    double entries = 0;  // of the list: rows visited
    double fitting = 0;  // of them, those of the operator (at the child position)
  };
  // Averages over sampled edges, where there were any: the parent list of the child at this position of a row of the
  // operator; the member list of a child of any row.
  std::map<std::pair<OperatorId, std::uint32_t>, Fanout> parents_over_edges;
  std::map<OperatorId, Fanout> members_over_edges;

  // Whether anything was counted; a planner without counts assumes all operators alike.
  [[nodiscard]] bool known() const { return classes != 0; }

  // E-nodes of the operator, or of the symbol if it is one that was counted.
  [[nodiscard]] double rows_with(OperatorId op, SymbolId symbol) const {
    if (const auto it = rows_of_symbol.find(symbol); !symbol.is_none() && it != rows_of_symbol.end())
      return static_cast<double>(it->second);
    if (!known()) return kAssumedRows;
    return op.value < rows_of_operator.size() ? static_cast<double>(rows_of_operator[op.value]) : 0;
  }
  [[nodiscard]] double class_count() const { return known() ? static_cast<double>(classes) : kAssumedClasses; }
  // The share of e-classes that a look at the operator mask does not rule out.
  [[nodiscard]] double share_with(OperatorId op) const {
    if (!known() || classes_of_bit.empty()) return kAssumedShare;
    return static_cast<double>(classes_of_bit[op.value & 63U]) / static_cast<double>(classes);
  }
  // What walking from a class to its members of an operator, or to its parents of an operator by a child position,
  // meets; a symbol's share of its operator's rows is taken of what fits.
  [[nodiscard]] Fanout members(OperatorId op, SymbolId symbol) const {
    if (const auto it = members_over_edges.find(op); it != members_over_edges.end())
      return of_symbol(it->second, op, symbol);
    const double entries = known() ? static_cast<double>(rows) / static_cast<double>(classes) : kAssumedMembers;
    return {share_with(op) * entries, rows_with(op, symbol) / class_count()};
  }
  [[nodiscard]] Fanout parents(OperatorId op, std::uint32_t position, SymbolId symbol) const {
    if (const auto it = parents_over_edges.find({op, position}); it != parents_over_edges.end())
      return of_symbol(it->second, op, symbol);
    const double entries = known() ? static_cast<double>(edges) / static_cast<double>(classes) : kAssumedParents;
    return {entries, rows_with(op, symbol) / class_count()};
  }

 private:
  [[nodiscard]] Fanout of_symbol(Fanout fanout, OperatorId op, SymbolId symbol) const {
    const double all = rows_with(op, SymbolId());
    if (!symbol.is_none() && all > 0) fanout.fitting *= rows_with(op, symbol) / all;
    return fanout;
  }
  // Before anything was counted: a class has few members, but may have many parents.
  static constexpr double kAssumedRows = 200;
  static constexpr double kAssumedClasses = 1000;
  static constexpr double kAssumedShare = 0.2;
  static constexpr double kAssumedMembers = 2;
  static constexpr double kAssumedParents = 4;
};

}  // namespace tessera
