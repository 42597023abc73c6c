// Operators and symbols. A symbol is an operator together with its static attributes and arity: what an e-node is,
// apart from its children. `(access-slice ?a 0 0 64)` is the symbol access-slice[0, 0, 64] with one child. One table a
// rank. Ids are dense and must be the same on all ranks: intern either while all ranks read the same input in the same
// order, or through partition/'s agreement on new symbols. Reading is safe from many threads while nobody interns.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/hash_index.hpp"
#include "engine/base/ids.hpp"
#include "engine/language/name.hpp"
#include "engine/language/value.hpp"

namespace tessera {

struct Symbol {
  OperatorId op;
  Name name;  // of the operator
  std::uint32_t arity = 0;
  std::vector<Value> attributes;

  [[nodiscard]] std::uint64_t hash() const;  // of the content; the same on all ranks and in all runs
  friend bool operator==(const Symbol& a, const Symbol& b) = default;
};

class SymbolTable {
 public:
  OperatorId intern_operator(Name name);
  [[nodiscard]] std::optional<OperatorId> find_operator(Name name) const;
  [[nodiscard]] Name operator_name(OperatorId op) const { return operators_[op.value]; }
  [[nodiscard]] std::size_t operator_count() const { return operators_.size(); }

  SymbolId intern(Name op, std::span<const Value> attributes, std::uint32_t arity);
  SymbolId intern(OperatorId op, std::span<const Value> attributes, std::uint32_t arity);
  [[nodiscard]] std::optional<SymbolId> find(OperatorId op, std::span<const Value> attributes,
                                             std::uint32_t arity) const;

  [[nodiscard]] const Symbol& operator[](SymbolId id) const { return symbols_[id.value]; }
  [[nodiscard]] std::size_t size() const { return symbols_.size(); }
  // The hot columns, indexed by SymbolId: see the table's header. Invalidated by interning.
  [[nodiscard]] OperatorId op(SymbolId id) const { return op_of_[id.value]; }
  [[nodiscard]] std::uint64_t hash(SymbolId id) const { return hash_of_[id.value]; }

 private:
  [[nodiscard]] bool is(SymbolId id, OperatorId op, std::span<const Value> attributes, std::uint32_t arity) const;
  [[nodiscard]] static std::uint64_t content_hash(Name op, std::span<const Value> attributes, std::uint32_t arity);

  std::vector<Name> operators_;
  std::unordered_map<std::uint32_t, OperatorId> operator_of_name_;  // by Name::index
  std::deque<Symbol> symbols_;
  std::vector<OperatorId> op_of_;
  std::vector<std::uint64_t> hash_of_;
  HashIndex<SymbolId> by_hash_;
};

}  // namespace tessera
