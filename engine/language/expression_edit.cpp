#include "engine/language/expression_edit.hpp"

#include "engine/base/hash.hpp"

namespace tessera {

std::vector<char> reachable(const Expression& expression, std::span<const std::uint32_t> roots,
                            std::span<const std::uint32_t> cut) {
  std::vector<char> reached(expression.size(), 0);
  std::vector<char> closed(expression.size(), 0);
  for (const std::uint32_t c : cut) closed[c] = 1;
  for (const std::uint32_t root : roots) reached[root] = 1;
  for (std::size_t i = expression.size(); i-- > 0;) {  // parents stand after children
    if (reached[i] == 0 || closed[i] != 0) continue;
    for (const std::uint32_t kid : expression[static_cast<std::uint32_t>(i)].kids) reached[kid] = 1;
  }
  return reached;
}

std::vector<std::uint32_t> copy_into(Expression& to, const Expression& from, std::span<const std::uint32_t> roots,
                                     Substitution& substitution) {
  std::vector<std::uint32_t> cut;
  for (const auto& [source, target] : substitution) cut.push_back(source);
  const std::vector<char> reached = reachable(from, roots, cut);
  std::vector<std::uint32_t> kids;
  for (std::uint32_t i = 0; i < from.size(); ++i) {
    if (reached[i] == 0 || substitution.contains(i)) continue;
    kids.clear();
    for (const std::uint32_t kid : from[i].kids) kids.push_back(substitution.at(kid));
    substitution.emplace(i, to.add(from[i].symbol, kids));
  }
  std::vector<std::uint32_t> places;
  for (const std::uint32_t root : roots) places.push_back(substitution.at(root));
  return places;
}

std::vector<DataWords> infer_data(const Expression& expression, const SymbolTable& symbols, const Language& language) {
  std::vector<DataWords> data(expression.size());
  std::vector<DataView> kids;
  for (std::uint32_t i = 0; i < expression.size(); ++i) {
    kids.clear();
    for (const std::uint32_t kid : expression[i].kids) kids.push_back(data[kid]);
    language.make(symbols[expression[i].symbol], kids, data[i]);
  }
  return data;
}

std::uint64_t structural_hash(const Expression& expression, const SymbolTable& symbols) {
  std::vector<std::uint64_t> hash(expression.size());
  for (std::uint32_t i = 0; i < expression.size(); ++i) {
    hash[i] = symbols.hash(expression[i].symbol);
    for (const std::uint32_t kid : expression[i].kids) hash[i] = hash_combine(hash[i], hash[kid]);
  }
  std::uint64_t result = expression.roots.size();
  for (const std::uint32_t root : expression.roots) result = hash_combine(result, hash[root]);
  return result;
}

}  // namespace tessera
