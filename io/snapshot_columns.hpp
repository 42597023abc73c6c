// The columns of a snapshot: which dataset holds which part of a share. One list for writing and reading.
#pragma once

#include "partition/search_state.hpp"

namespace tessera {

inline constexpr const char* kHeaderDataset = "/header";
inline constexpr const char* kSymbolsDataset = "/symbols";

// Calls visit(dataset, column, this rank's range, length over all ranks) for every column, always in this order.
// `Share`: GraphShare or const GraphShare. A column's element type is that of its dataset.
template <class Share, class Visit>
void for_each_column(Share& share, Visit&& visit) {
  const GraphSizes& sizes = share.sizes;
  visit("/classes/name", share.class_name, share.classes, sizes.classes);
  visit("/classes/value", share.class_value, share.classes, sizes.classes);
  visit("/classes/data_stamp", share.class_data_stamp, share.classes, sizes.classes);
  visit("/values/begin", share.value_begin, share.values, sizes.values);
  visit("/values/word", share.word, share.words, sizes.words);
  visit("/rows/symbol", share.row_symbol, share.rows, sizes.rows);
  visit("/rows/class", share.row_class, share.rows, sizes.rows);
  visit("/rows/stamp", share.row_stamp, share.rows, sizes.rows);
  visit("/rows/child_begin", share.row_child_begin, share.rows, sizes.rows);
  visit("/rows/child", share.child, share.children, sizes.children);
}

}  // namespace tessera
