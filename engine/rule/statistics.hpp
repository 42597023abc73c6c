// What the planner knows of the e-graph when it orders the atoms of a left side: how many e-nodes there are, of each
// operator and of each symbol that a pattern names, and in how many e-classes each operator occurs. Fan-outs follow:
// members of an operator per class, entries of a parent list per class. Everything here is a count over all ranks, so
// the plans made of it are the same on any number of ranks, threads and shards.
#pragma once

#include <cstdint>
#include <map>
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
  // Entries of a member list, of a parent list.
  [[nodiscard]] double members_per_class() const {
    return known() ? static_cast<double>(rows) / static_cast<double>(classes) : kAssumedMembers;
  }
  [[nodiscard]] double parents_per_class() const {
    return known() ? static_cast<double>(edges) / static_cast<double>(classes) : kAssumedParents;
  }

 private:
  // Before anything was counted: a class has few members, but may have many parents.
  static constexpr double kAssumedRows = 200;
  static constexpr double kAssumedClasses = 1000;
  static constexpr double kAssumedShare = 0.2;
  static constexpr double kAssumedMembers = 2;
  static constexpr double kAssumedParents = 4;
};

}  // namespace tessera
