// Ranks' shares of a search's state put together as a snapshot does, and dealt out again; and a state that was exported
// piece by piece. Header only: the tests of several folders use it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "partition/search_state.hpp"

namespace tessera {

// One share that is the whole.
inline SearchState join_states(const std::vector<SearchState>& shares) {
  SearchState whole = shares.front();
  GraphShare& all = whole.share;
  const auto append = [](NarrowColumn& column, const NarrowColumn& more) { column.append(more); };
  for (std::size_t r = 1; r < shares.size(); ++r) {
    const GraphShare& share = shares[r].share;
    append(all.class_name, share.class_name);
    append(all.class_value, share.class_value);
    append(all.class_data_stamp, share.class_data_stamp);
    append(all.value_begin, share.value_begin);
    all.word.insert(all.word.end(), share.word.begin(), share.word.end());
    append(all.row_symbol, share.row_symbol);
    append(all.row_class, share.row_class);
    append(all.row_stamp, share.row_stamp);
    append(all.child, share.child);
  }
  own_everything(all);
  return whole;
}

inline SearchState cut_state(const SearchState& whole, int rank, int ranks) {
  SearchState state = whole;
  keep_even_share(state, rank, ranks);
  return state;
}

inline bool has_same_columns(const SearchState& one, const SearchState& other) {
  std::vector<std::vector<std::uint64_t>> columns;
  for (const GraphShare* share : {&one.share, &other.share})
    for (const NarrowColumn* column :
         {&share->class_name, &share->class_value, &share->class_data_stamp, &share->value_begin, &share->row_symbol,
          &share->row_class, &share->row_stamp, &share->child})
      columns.push_back(column->values());
  return std::equal(columns.begin(), columns.begin() + std::ssize(columns) / 2,
                    columns.begin() + std::ssize(columns) / 2, columns.end()) &&
         one.share.word == other.share.word && one.share.sizes == other.share.sizes && one.roots == other.roots;
}

// What LateExport makes, as a state whose columns are whole.
inline SearchState export_late(Search& search, std::span<const NamedClass> roots) {
  LateExport late(search, roots);
  SearchState state = late.all_but_rows();
  GraphShare& share = state.share;
  const std::array<NarrowColumn*, kRowColumns> columns = {&share.row_symbol, &share.row_class, &share.row_stamp,
                                                          &share.child};
  std::array<std::vector<std::byte>, kRowColumns> bytes;
  late.rows([&](RowColumn column, std::size_t more) {
    std::vector<std::byte>& of_column = bytes[static_cast<std::size_t>(column)];
    of_column.resize(of_column.size() + more);
    return of_column.data() + (of_column.size() - more);
  });
  for (std::size_t c = 0; c < kRowColumns; ++c) {
    const unsigned width = columns[c]->width();
    columns[c]->set_size(bytes[c].size() / width, width);
    columns[c]->with_elements(
        [&](auto* elements) { std::ranges::copy(bytes[c], reinterpret_cast<std::byte*>(elements)); });
  }
  return state;
}

}  // namespace tessera
