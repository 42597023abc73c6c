// The columns of a snapshot: which dataset holds which part of a share. One list for writing and reading.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "partition/search_state.hpp"

namespace tessera {

inline constexpr const char* kHeaderDataset = "/header";
inline constexpr const char* kSymbolsDataset = "/symbols";
inline constexpr std::array<const char*, kRowColumns> kRowDatasets = {"/rows/symbol", "/rows/class", "/rows/stamp",
                                                                      "/rows/child"};
inline constexpr const char* kChildDataset = kRowDatasets[static_cast<std::size_t>(RowColumn::kChild)];

// What a column is to HDF5: integers of so many bytes each.
struct ElementType {
  unsigned bytes = 1;
  bool is_signed = false;
};
[[nodiscard]] inline ElementType element_type(const NarrowColumn& column) { return {column.width(), false}; }
[[nodiscard]] inline ElementType element_type(const std::vector<std::int64_t>&) { return {sizeof(std::int64_t), true}; }

[[nodiscard]] inline std::span<const std::byte> bytes_of(const NarrowColumn& column) { return column.bytes(); }
[[nodiscard]] inline std::span<const std::byte> bytes_of(const std::vector<std::int64_t>& column) {
  return std::as_bytes(std::span(column));
}
[[nodiscard]] inline std::uint64_t memory_of(const NarrowColumn& column) { return column.memory_bytes(); }
[[nodiscard]] inline std::uint64_t memory_of(const std::vector<std::int64_t>& column) {
  return column.capacity() * sizeof column[0];
}

// Calls visit(dataset, column, this rank's range, length over all ranks) for every column, always in this order.
// `Share`: GraphShare or const GraphShare. A column's element type is that of its dataset.
template <class Share, class Visit>
void for_each_column(Share& share, Visit&& visit) {
  const GraphSizes& sizes = share.sizes;
  const ShareRange described = share.has_data() ? share.classes : ShareRange{};
  const std::uint64_t all_described = share.has_data() ? sizes.classes : 0;
  visit("/classes/name", share.class_name, share.classes, sizes.classes);
  visit("/classes/value", share.class_value, described, all_described);
  visit("/classes/data_stamp", share.class_data_stamp, described, all_described);
  visit("/values/begin", share.value_begin, share.values, sizes.values);
  visit("/values/word", share.word, share.words, sizes.words);
  visit(kRowDatasets[0], share.row_symbol, share.rows, sizes.rows);
  visit(kRowDatasets[1], share.row_class, share.rows, sizes.rows);
  visit(kRowDatasets[2], share.row_stamp, share.rows, sizes.rows);
  visit(kRowDatasets[3], share.child, share.children, sizes.children);
}

}  // namespace tessera
