// Ranks' shares of a search's state put together as a snapshot does, and dealt out again. Header only: the tests of
// several folders use it.
#pragma once

#include <vector>

#include "partition/search_state.hpp"

namespace tessera {

// One share that is the whole.
inline SearchState join_states(const std::vector<SearchState>& shares) {
  SearchState whole = shares.front();
  GraphShare& all = whole.share;
  const GraphSizes& sizes = all.sizes;
  const auto append = [](auto& column, const auto& more) { column.insert(column.end(), more.begin(), more.end()); };
  for (std::size_t r = 1; r < shares.size(); ++r) {
    const GraphShare& share = shares[r].share;
    append(all.class_name, share.class_name);
    append(all.class_value, share.class_value);
    append(all.class_data_stamp, share.class_data_stamp);
    append(all.value_begin, share.value_begin);
    append(all.word, share.word);
    append(all.row_symbol, share.row_symbol);
    append(all.row_class, share.row_class);
    append(all.row_stamp, share.row_stamp);
    append(all.row_child_begin, share.row_child_begin);
    append(all.child, share.child);
  }
  all.classes = {0, sizes.classes};
  all.values = {0, sizes.values};
  all.words = {0, sizes.words};
  all.rows = {0, sizes.rows};
  all.children = {0, sizes.children};
  return whole;
}

inline SearchState cut_state(const SearchState& whole, int rank, int ranks) {
  SearchState state = whole;
  const GraphShare& all = whole.share;
  GraphShare& share = state.share;
  share.classes = even_share(all.sizes.classes, rank, ranks);
  share.values = even_share(all.sizes.values, rank, ranks);
  share.rows = even_share(all.sizes.rows, rank, ranks);
  const auto at = [](const std::vector<std::uint64_t>& begins, std::uint64_t i, std::uint64_t end) {
    return i < begins.size() ? begins[i] : end;
  };
  share.words = {at(all.value_begin, share.values.begin, all.sizes.words),
                 at(all.value_begin, share.values.end, all.sizes.words)};
  share.children = {at(all.row_child_begin, share.rows.begin, all.sizes.children),
                    at(all.row_child_begin, share.rows.end, all.sizes.children)};
  const auto cut = [](auto& column, const ShareRange& range) {
    column.erase(column.begin() + static_cast<std::ptrdiff_t>(range.end), column.end());
    column.erase(column.begin(), column.begin() + static_cast<std::ptrdiff_t>(range.begin));
  };
  cut(share.class_name, share.classes);
  cut(share.class_value, share.classes);
  cut(share.class_data_stamp, share.classes);
  cut(share.value_begin, share.values);
  cut(share.word, share.words);
  cut(share.row_symbol, share.rows);
  cut(share.row_class, share.rows);
  cut(share.row_stamp, share.rows);
  cut(share.row_child_begin, share.rows);
  cut(share.child, share.children);
  return state;
}

}  // namespace tessera
