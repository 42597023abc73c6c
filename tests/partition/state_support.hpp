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

}  // namespace tessera
