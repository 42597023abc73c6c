#include "engine/language/symbol_table.hpp"

#include <algorithm>

#include "engine/base/check.hpp"
#include "engine/base/hash.hpp"

namespace tessera {

std::uint64_t SymbolTable::content_hash(Name op, std::span<const Value> attributes, std::uint32_t arity) {
  std::uint64_t hash = hash_combine(op.hash(), arity);
  for (const Value& attribute : attributes) hash = hash_combine(hash, attribute.hash());
  return hash;
}

std::uint64_t Symbol::hash() const {
  std::uint64_t hash = hash_combine(name.hash(), arity);
  for (const Value& attribute : attributes) hash = hash_combine(hash, attribute.hash());
  return hash;
}

OperatorId SymbolTable::intern_operator(Name name) {
  const auto next = OperatorId(static_cast<std::uint32_t>(operators_.size()));
  const auto [place, added] = operator_of_name_.try_emplace(name.index(), next);
  if (added) operators_.push_back(name);
  return place->second;
}

std::optional<OperatorId> SymbolTable::find_operator(Name name) const {
  const auto found = operator_of_name_.find(name.index());
  if (found == operator_of_name_.end()) return std::nullopt;
  return found->second;
}

SymbolId SymbolTable::intern(Name op, std::span<const Value> attributes, std::uint32_t arity) {
  return intern(intern_operator(op), attributes, arity);
}

SymbolId SymbolTable::intern(OperatorId op, std::span<const Value> attributes, std::uint32_t arity) {
  CHECK(op.value < operators_.size());
  const Name name = operators_[op.value];
  const std::uint64_t hash = content_hash(name, attributes, arity);
  const auto next = SymbolId(static_cast<std::uint32_t>(symbols_.size()));
  CHECK(!next.is_none());
  const auto [id, is_new] =
      by_hash_.find_or_add(hash, next, [&](SymbolId other) { return is(other, op, attributes, arity); });
  if (!is_new) return id;
  symbols_.push_back({op, name, arity, {attributes.begin(), attributes.end()}});
  op_of_.push_back(op);
  hash_of_.push_back(hash);
  return id;
}

std::optional<SymbolId> SymbolTable::find(OperatorId op, std::span<const Value> attributes, std::uint32_t arity) const {
  CHECK(op.value < operators_.size());
  return by_hash_.find(content_hash(operators_[op.value], attributes, arity),
                       [&](SymbolId other) { return is(other, op, attributes, arity); });
}

bool SymbolTable::is(SymbolId id, OperatorId op, std::span<const Value> attributes, std::uint32_t arity) const {
  const Symbol& symbol = symbols_[id.value];
  return symbol.op == op && symbol.arity == arity && std::ranges::equal(symbol.attributes, attributes);
}

}  // namespace tessera
