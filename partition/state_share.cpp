#include "engine/base/error.hpp"
#include "partition/search_state.hpp"

namespace tessera {
namespace {

template <class T>
void keep(std::vector<T>& column, const ShareRange& range) {
  column = std::vector<T>(column.begin() + static_cast<std::ptrdiff_t>(range.begin),
                          column.begin() + static_cast<std::ptrdiff_t>(range.end));
}

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInput, "the saved search is not well-formed: " + what);
}

void check_below(const std::vector<std::uint64_t>& column, std::uint64_t bound, const char* what) {
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

void keep_even_share(GraphShare& whole, int rank, int ranks) {
  const GraphSizes& sizes = whole.sizes;
  whole.classes = even_share(sizes.classes, rank, ranks);
  whole.values = even_share(sizes.values, rank, ranks);
  whole.rows = even_share(sizes.rows, rank, ranks);
  const auto at = [](const std::vector<std::uint64_t>& begins, std::uint64_t i, std::uint64_t end) {
    return i < begins.size() ? begins[i] : end;
  };
  whole.words = {at(whole.value_begin, whole.values.begin, sizes.words),
                 at(whole.value_begin, whole.values.end, sizes.words)};
  whole.children = {at(whole.row_child_begin, whole.rows.begin, sizes.children),
                    at(whole.row_child_begin, whole.rows.end, sizes.children)};
  keep(whole.class_name, whole.classes);
  keep(whole.class_value, whole.classes);
  keep(whole.class_data_stamp, whole.classes);
  keep(whole.value_begin, whole.values);
  keep(whole.word, whole.words);
  keep(whole.row_symbol, whole.rows);
  keep(whole.row_class, whole.rows);
  keep(whole.row_stamp, whole.rows);
  keep(whole.row_child_begin, whole.rows);
  keep(whole.child, whole.children);
}

void check_indices(const SearchState& whole) {
  const GraphShare& share = whole.share;
  check_below(share.row_class, share.sizes.classes, "e-class");
  check_below(share.child, share.sizes.classes, "e-class");
  check_below(whole.roots, share.sizes.classes, "root e-class");
  for (const std::uint64_t value : share.class_value)
    if (value != GraphShare::kNoValue && value >= share.sizes.values) refuse("e-class data is out of range");
  std::uint64_t last = 0;
  for (const std::uint64_t begin : share.value_begin) {
    if (begin < last || begin > share.sizes.words) refuse("e-class data overlaps");
    last = begin;
  }
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < share.row_symbol.size(); ++i) {
    if (share.row_symbol[i] >= whole.symbols.size()) refuse("an operator is out of range");
    if (share.row_child_begin[i] != at) refuse("an e-node's children are not where the one before it ends");
    at += whole.symbols[share.row_symbol[i]].arity;
  }
  if (at != share.sizes.children) refuse("the e-nodes' children do not add up");
}

}  // namespace tessera
