// A program as a DAG of symbols: what readers produce, what extraction returns, what interpreters run.
// Nodes are hash-consed and stand children first, so an index order is a topological order.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/hash_index.hpp"
#include "engine/base/ids.hpp"
#include "engine/language/symbol_table.hpp"

namespace tessera {

struct ExpressionNode {
  SymbolId symbol;
  boost::container::small_vector<std::uint32_t, 4> kids;  // indices of earlier nodes
  friend bool operator==(const ExpressionNode&, const ExpressionNode&) = default;
};

class Expression {
 public:
  // Returns the index of the node, which is an old one if an equal node exists. Kids must be smaller indices.
  std::uint32_t add(SymbolId symbol, std::span<const std::uint32_t> kids);

  [[nodiscard]] const ExpressionNode& operator[](std::uint32_t index) const { return nodes_[index]; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] bool empty() const { return nodes_.empty(); }

  std::vector<std::uint32_t> roots;  // the program's results, in the order of the source

 private:
  std::vector<ExpressionNode> nodes_;
  HashIndex<std::uint32_t> index_of_;
};

}  // namespace tessera
