#include "io/egraph_json_graph.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <numeric>

#include "engine/base/hash.hpp"
#include "engine/base/hash_index.hpp"
#include "engine/graph/limits.hpp"

namespace tessera {

std::pair<std::uint32_t, bool> EgraphBuilder::node_index(const std::string& id) {
  const XXH128_hash_t hash = XXH3_128bits(id.data(), id.size());
  const auto [it, is_new] =
      nodes_.try_emplace(IdHash{hash.low64, hash.high64}, static_cast<std::uint32_t>(class_of_node_.size()));
  if (is_new) class_of_node_.push_back(kNone);
  return {it->second, is_new};
}

bool EgraphBuilder::begin_node(const std::string& id) {
  const auto [index, is_new] = node_index(id);
  if (!is_new && promised_.erase(index) == 0) return false;
  id_ = id;
  index_ = index;
  begin_ = children_.size();
  return true;
}

void EgraphBuilder::add_child(const std::string& id) {
  const auto [index, is_new] = node_index(id);
  if (is_new) promised_.emplace(index, Promise{id, fmt::format("/nodes/{}/children/{}", id_, child_count())});
  children_.push_back(index);
}

bool EgraphBuilder::end_node(const std::string& op, const std::string& cls, bool is_subsumed) {
  const std::size_t arity = child_count();
  if (arity > kMaxArity) return false;
  const auto [symbol, is_new] =
      symbol_of_.try_emplace({op, static_cast<std::uint32_t>(arity)}, static_cast<std::uint32_t>(symbols_.size()));
  if (is_new) symbols_.push_back({OperatorId(), Name(op), static_cast<std::uint32_t>(arity), {}});
  class_of_node_[index_] = classes_.try_emplace(cls, static_cast<std::uint32_t>(classes_.size())).first->second;
  row_symbol_.push_back(symbol->second);
  row_class_.push_back(class_of_node_[index_]);
  child_begin_.push_back(begin_);
  begin_ = children_.size();
  ++result_.nodes;
  if (is_subsumed) ++result_.subsumed;
  return true;
}

EgraphFile EgraphBuilder::finish(const std::function<void(std::vector<Symbol>&)>& set_attributes,
                                 const RefuseAt& refuse) {
  if (row_symbol_.empty()) refuse("/nodes", "found no node, expected at least one");
  resolve(refuse);
  set_attributes(symbols_);
  unite_equal_symbols();
  close();
  fill_state();
  return std::move(result_);
}

// Children become e-classes.
void EgraphBuilder::resolve(const RefuseAt& refuse) {
  if (!promised_.empty()) {
    const Promise& first = promised_.begin()->second;
    refuse(first.path, "found '" + first.id + "', which is no node of this file");
  }
  for (std::uint32_t& child : children_) child = class_of_node_[child];
  for (std::size_t i = 0; i < roots_.size(); ++i) {
    const auto found = classes_.find(roots_[i]);
    if (found == classes_.end())
      refuse("/root_eclasses/" + std::to_string(i), "found '" + roots_[i] + "', which is no e-class of this file");
    result_.state.roots.push_back(found->second);
  }
}

void EgraphBuilder::unite_equal_symbols() {
  HashIndex<std::uint32_t> by_hash;
  std::vector<std::uint32_t> first(symbols_.size());
  for (std::uint32_t s = 0; s < symbols_.size(); ++s) {
    const auto is_equal = [&](std::uint32_t other) { return symbols_[other] == symbols_[s]; };
    first[s] = by_hash.find_or_add(symbols_[s].hash(), s, is_equal).first;
  }
  for (std::uint32_t& symbol : row_symbol_) symbol = first[symbol];
}

std::uint32_t EgraphBuilder::find(std::uint32_t cls) {
  while (leader_[cls] != cls) cls = leader_[cls] = leader_[leader_[cls]];
  return cls;
}

std::span<const std::uint32_t> EgraphBuilder::kids(std::uint32_t row) const {
  return std::span(children_).subspan(child_begin_[row], symbols_[row_symbol_[row]].arity);
}

void EgraphBuilder::close() {
  leader_.resize(classes_.size());
  std::iota(leader_.begin(), leader_.end(), 0U);
  const auto hash = [this](std::uint32_t row) {
    std::uint64_t result = row_symbol_[row];
    for (const std::uint32_t kid : kids(row)) result = hash_combine(result, kid);
    return static_cast<std::size_t>(mix64(result));
  };
  const auto equal = [this](std::uint32_t a, std::uint32_t b) {
    return row_symbol_[a] == row_symbol_[b] && std::ranges::equal(kids(a), kids(b));
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (std::uint32_t& child : children_) child = find(child);
    kept_.clear();
    boost::unordered_flat_set<std::uint32_t, decltype(hash), decltype(equal)> rows(row_symbol_.size(), hash, equal);
    for (std::uint32_t row = 0; row < row_symbol_.size(); ++row) {
      const auto [first, is_new] = rows.insert(row);
      if (is_new) {
        kept_.push_back(row);
        continue;
      }
      const std::uint32_t a = find(row_class_[*first]);
      const std::uint32_t b = find(row_class_[row]);
      if (a == b) continue;
      leader_[std::max(a, b)] = std::min(a, b);
      ++result_.merged_classes;
      changed = true;
    }
  }
  result_.repeated = row_symbol_.size() - kept_.size();
}

void EgraphBuilder::fill_state() {
  SearchState& state = result_.state;
  GraphShare& share = state.share;
  std::vector<std::uint64_t> position(leader_.size());
  for (std::uint32_t cls = 0; cls < leader_.size(); ++cls) {
    if (find(cls) != cls) continue;
    position[cls] = share.class_name.size();
    // Of iteration 0, and the first of the file is the oldest.
    share.class_name.push_back(share.class_name.size() + 1);
  }
  for (std::uint64_t& root : state.roots) root = position[find(static_cast<std::uint32_t>(root))];
  std::uint64_t digest = hash_combine(kept_.size(), share.class_name.size());
  for (const std::uint32_t row : kept_) {
    share.row_symbol.push_back(row_symbol_[row]);
    share.row_stamp.push_back(0);
    share.row_class.push_back(position[find(row_class_[row])]);
    digest = hash_combine(digest, symbols_[row_symbol_[row]].hash());
    digest = hash_combine(digest, share.row_class.back());
    for (const std::uint32_t kid : kids(row)) {
      share.child.push_back(position[find(kid)]);
      digest = hash_combine(digest, share.child.back());
    }
  }
  for (const std::uint64_t root : state.roots) digest = hash_combine(digest, root);
  share.sizes = {share.class_name.size(), 0, 0, kept_.size(), share.child.size()};
  own_everything(share);
  state.symbols = std::move(symbols_);
  result_.digest = fmt::format("{:016x}", digest);
}

}  // namespace tessera
