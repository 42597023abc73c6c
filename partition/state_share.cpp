#include <algorithm>

#include "engine/base/error.hpp"
#include "partition/search_state.hpp"

namespace tessera {
namespace {

// By symbol; a column may hold more than there are.
std::uint64_t arity_of(const SearchState& state, std::uint64_t symbol) {
  return symbol < state.symbols.size() ? state.symbols[symbol].arity : 0;
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInput, "the saved search is not well-formed: " + what);
}

void check_below(const NarrowColumn& column, std::uint64_t bound, const char* what) {
  for (const std::uint64_t value : column)
    if (value >= bound) refuse(std::string(what) + " " + std::to_string(value) + " is out of range");
}

}  // namespace

ShareRange even_share(std::uint64_t total, int rank, int ranks) {
  __extension__ using Wide = unsigned __int128;
  const auto cut = [&](int at) {
    return static_cast<std::uint64_t>(Wide{total} * static_cast<unsigned>(at) / static_cast<unsigned>(ranks));
  };
  return {cut(rank), cut(rank + 1)};
}

int even_owner(std::uint64_t position, std::uint64_t total, int ranks) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<int>(((Wide{position} + 1) * static_cast<unsigned>(ranks) - 1) / total);
}

void own_everything(GraphShare& share) {
  const GraphSizes& sizes = share.sizes;
  share.classes = {0, sizes.classes};
  share.values = {0, sizes.values};
  share.words = {0, sizes.words};
  share.rows = {0, sizes.rows};
  share.children = {0, sizes.children};
}

void keep_even_share(SearchState& whole, int rank, int ranks) {
  GraphShare& share = whole.share;
  const GraphSizes& sizes = share.sizes;
  share.classes = even_share(sizes.classes, rank, ranks);
  share.values = even_share(sizes.values, rank, ranks);
  share.rows = even_share(sizes.rows, rank, ranks);
  const auto word_at = [&](std::uint64_t value) {
    return value < share.value_begin.size() ? share.value_begin[value] : sizes.words;
  };
  share.words = {word_at(share.values.begin), word_at(share.values.end)};
  const std::vector<std::uint64_t> begins = child_begins(whole);
  const auto child_at = [&](std::uint64_t row) {
    return row == sizes.rows ? sizes.children : std::min(begins[row], sizes.children);
  };
  share.children = {child_at(share.rows.begin), child_at(share.rows.end)};
  const auto keep = [](NarrowColumn& column, const ShareRange& range) { column.keep(range.begin, range.end); };
  keep(share.class_name, share.classes);
  if (share.has_data()) {
    keep(share.class_value, share.classes);
    keep(share.class_data_stamp, share.classes);
  }
  keep(share.value_begin, share.values);
  share.word = {share.word.begin() + static_cast<std::ptrdiff_t>(share.words.begin),
                share.word.begin() + static_cast<std::ptrdiff_t>(share.words.end)};
  keep(share.row_symbol, share.rows);
  keep(share.row_class, share.rows);
  keep(share.row_stamp, share.rows);
  keep(share.child, share.children);
}

std::vector<std::uint64_t> child_begins(const SearchState& whole) {
  std::vector<std::uint64_t> begins;
  begins.reserve(whole.share.row_symbol.size() + 1);
  std::uint64_t at = 0;
  for (const std::uint64_t symbol : whole.share.row_symbol) {
    begins.push_back(at);
    at += arity_of(whole, symbol);
  }
  begins.push_back(at);
  return begins;
}

std::uint64_t count_children(const SearchState& state) {
  std::uint64_t count = 0;
  for (const std::uint64_t symbol : state.share.row_symbol) count += arity_of(state, symbol);
  return count;
}

void check_indices(const SearchState& whole) {
  const GraphShare& share = whole.share;
  check_below(share.row_class, share.sizes.classes, "e-class");
  check_below(share.child, share.sizes.classes, "e-class");
  for (const std::uint64_t root : whole.roots)
    if (root >= share.sizes.classes) refuse("root e-class " + std::to_string(root) + " is out of range");
  for (const std::uint64_t value : share.class_value)
    if (value > share.sizes.values) refuse("e-class data is out of range");
  std::uint64_t last = 0;
  for (const std::uint64_t begin : share.value_begin) {
    if (begin < last || begin > share.sizes.words) refuse("e-class data overlaps");
    last = begin;
  }
  for (const std::uint64_t symbol : share.row_symbol)
    if (symbol >= whole.symbols.size()) refuse("an operator is out of range");
  if (count_children(whole) != share.sizes.children) refuse("the e-nodes' children do not add up");
}

}  // namespace tessera
