// The digest of a search's state as columns, level by level of the terms' heights as digest.cpp does it.
#include <algorithm>
#include <utility>

#include "engine/base/check.hpp"
#include "partition/digest.hpp"
#include "partition/search_state.hpp"

namespace tessera {
namespace {

class StateTerms {
 public:
  explicit StateTerms(const SearchState& whole) : state_(whole), share_(whole.share) {
    CHECK(share_.row_symbol.size() == share_.sizes.rows);
    child_begin_ = child_begins(whole);
    for (const Symbol& symbol : whole.symbols) symbol_hash_.push_back(symbol.hash());
    hash_.assign(share_.sizes.classes, kUnknown);
  }

  void run() {
    list_parents();
    std::vector<std::uint64_t> frontier;
    std::vector<std::uint32_t> waiting(share_.sizes.rows);
    for (std::uint64_t row = 0; row < share_.sizes.rows; ++row) {
      waiting[row] = arity(row);
      if (waiting[row] == 0) frontier.push_back(row);
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> level;  // e-class, hash
    while (!frontier.empty()) {
      level.clear();
      for (const std::uint64_t row : frontier)
        if (hash_[share_.row_class[row]] == kUnknown) level.emplace_back(share_.row_class[row], row_hash(row));
      frontier.clear();
      std::ranges::sort(level);
      for (const auto& [cls, hash] : level) {
        if (hash_[cls] != kUnknown) continue;  // a lower hash of this level
        hash_[cls] = hash;
        for (std::uint64_t i = parents_begin_[cls]; i < parents_begin_[cls + 1]; ++i)
          if (--waiting[parents_[i]] == 0) frontier.push_back(parents_[i]);
      }
    }
  }

  [[nodiscard]] std::string digest() const {
    DigestSum sum;
    for (std::uint64_t row = 0; row < share_.sizes.rows; ++row) sum.add(row_hash(row), hash_[share_.row_class[row]]);
    return sum.text();
  }
  [[nodiscard]] std::vector<std::uint64_t> take() { return std::move(hash_); }

 private:
  static constexpr std::uint64_t kUnknown = 0;

  [[nodiscard]] std::uint32_t arity(std::uint64_t row) const { return state_.symbols[share_.row_symbol[row]].arity; }

  // For each e-class the rows that have it as a child, once for each time they do.
  void list_parents() {
    parents_begin_.assign(share_.sizes.classes + 1, 0);
    for (const std::uint64_t cls : share_.child) ++parents_begin_[cls + 1];
    for (std::size_t i = 1; i < parents_begin_.size(); ++i) parents_begin_[i] += parents_begin_[i - 1];
    parents_.resize(share_.child.size());
    std::vector<std::uint64_t> at(parents_begin_.begin(), parents_begin_.end() - 1);
    for (std::uint64_t row = 0; row < share_.sizes.rows; ++row)
      for (std::uint64_t k = 0; k < arity(row); ++k) parents_[at[share_.child[child_begin_[row] + k]]++] = row;
  }

  [[nodiscard]] std::uint64_t row_hash(std::uint64_t row) const {
    std::uint64_t hash = symbol_hash_[share_.row_symbol[row]];
    for (std::uint64_t k = 0; k < arity(row); ++k)
      hash = hash_combine(hash, hash_[share_.child[child_begin_[row] + k]]);
    return hash | 1;  // never kUnknown
  }

  const SearchState& state_;
  const GraphShare& share_;
  std::vector<std::uint64_t> child_begin_;  // by row
  std::vector<std::uint64_t> symbol_hash_;
  std::vector<std::uint64_t> hash_;           // by e-class
  std::vector<std::uint64_t> parents_begin_;  // by e-class, into parents_
  std::vector<std::uint64_t> parents_;        // rows
};

}  // namespace

std::string digest(const SearchState& whole) {
  StateTerms terms(whole);
  terms.run();
  return terms.digest();
}

std::vector<std::uint64_t> lowest_terms(const SearchState& whole) {
  StateTerms terms(whole);
  terms.run();
  return terms.take();
}

}  // namespace tessera
