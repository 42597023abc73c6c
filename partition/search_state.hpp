// Everything that the rest of a search depends on, as plain records: what a snapshot holds. A rank exports its own
// share; the shares together are columns over all e-nodes and e-classes, in which an e-class is its position (no rank,
// no local id). So the columns can be cut anywhere and dealt out to any number of ranks: an e-class lives where its
// position falls, rows go to the homes that Placement gives them there, and ghosts, subscriptions, lists, masks and
// hashcons are built anew by the engine's own means. Not kept, because no result depends on it: the order of lists and
// of local ids, dead rows, e-classes that lost, traffic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "partition/narrow_column.hpp"
#include "partition/search.hpp"

namespace tessera {

// The columns of a table, cut into one contiguous range a rank.
struct ShareRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size() const { return end - begin; }
};

// An even deal of `total` positions, and whose a position is.
[[nodiscard]] ShareRange even_share(std::uint64_t total, int rank, int ranks);
[[nodiscard]] int even_owner(std::uint64_t position, std::uint64_t total, int ranks);

// How long the columns are over all ranks.
struct GraphSizes {
  std::uint64_t classes = 0;
  std::uint64_t values = 0;  // pieces of e-class data; one may occur several times
  std::uint64_t words = 0;   // of all values
  std::uint64_t rows = 0;
  std::uint64_t children = 0;  // of all rows
  friend bool operator==(const GraphSizes&, const GraphSizes&) = default;
};

// A rank's ranges of the columns. All positions are over all ranks. Each column is as wide as on every other rank.
struct GraphShare {
  static constexpr std::uint64_t kNoValue = 0;

  GraphSizes sizes;
  ShareRange classes;
  ShareRange values;
  ShareRange words;
  ShareRange rows;
  ShareRange children;

  NarrowColumn class_name;        // the structural name that decides leaders (class_table.hpp)
  NarrowColumn class_value;       // position of the e-class data, plus one; kNoValue: not known yet
  NarrowColumn class_data_stamp;  // iteration in which known data last changed; 0: never
  NarrowColumn value_begin;       // position of the value's first word; it ends where the next begins
  std::vector<std::int64_t> word;
  NarrowColumn row_symbol;  // index into SearchState::symbols
  NarrowColumn row_class;
  NarrowColumn row_stamp;  // iteration in which the e-node last became new
  NarrowColumn child;      // e-classes: those of a row, as many as its symbol's arity, after those of the row before

  // Where nothing is known of any e-class, the columns that would say so are empty.
  [[nodiscard]] bool has_data() const { return sizes.values != 0; }
};

// The columns of rows, in their order.
enum class RowColumn : std::uint8_t { kSymbol, kClass, kStamp, kChild };
inline constexpr std::size_t kRowColumns = 4;

// A share whose columns are whole owns all positions.
void own_everything(GraphShare& share);

struct RuleState {
  std::string name;
  std::uint32_t seen = 0;
  std::uint32_t aside_until = 0;
  std::uint32_t times_aside = 0;
  friend bool operator==(const RuleState&, const RuleState&) = default;
};

struct SearchState {
  // The same on every rank.
  std::uint32_t iteration = 0;
  double seconds = 0;  // used by the search so far
  std::vector<RuleState> rules;
  // Per rule in the order of `rules`. Times and counts of single ranks are of all ranks together: summed, but phases
  // and whole iterations are the slowest rank's.
  std::vector<IterationRecord> iterations;
  std::vector<Symbol> symbols;       // `op` is not meaningful
  std::vector<std::uint64_t> roots;  // e-classes
  // How far a program of several runs is, in the terms of whoever runs it; empty: one run is all.
  std::vector<std::uint64_t> progress;
  // This rank's.
  GraphShare share;
};

// Of a state whose share is the whole: what one rank of so many owns of it (positions that a column holds must be in
// order there).
void keep_even_share(SearchState& whole, int rank, int ranks);
// Whether every index stays within its bounds. Throws Error(kInput) if not.
void check_indices(const SearchState& whole);
// For each row the position of its first child, and where the last one's end; symbols that are not there have none.
[[nodiscard]] std::vector<std::uint64_t> child_begins(const SearchState& whole);
// How many children the rows of this rank have.
[[nodiscard]] std::uint64_t count_children(const SearchState& state);

// Collective. Between iterations. `roots`: the same on every rank.
[[nodiscard]] SearchState export_state(Search& search, std::span<const NamedClass> roots);
// The same by any one thread, beside what reads the e-graph: from its begin to its end nothing may change that (match
// phases, extraction and digest do not).
class LateExport {
 public:
  // Where the column's next so many bytes are to be put, before there is a next call for this column.
  using Room = std::function<std::byte*(RowColumn column, std::size_t bytes)>;

  // Collective.
  LateExport(Search& search, std::span<const NamedClass> roots);
  LateExport(const LateExport&) = delete;
  LateExport& operator=(const LateExport&) = delete;
  ~LateExport();

  // Once, one of the two. All of it; of a rank alone, by any thread.
  [[nodiscard]] SearchState whole();
  // All but the columns of rows, which have their widths and no elements. Collective; of a rank alone, any thread may
  // ask.
  [[nodiscard]] SearchState all_but_rows();
  // Then these columns of this rank, in order, piece by piece: that takes little memory. Not collective.
  void rows(const Room& room);

 private:
  std::unique_ptr<class StateCopy> copy_;
};

// Collective. Into a search that was constructed but not started; `state.share` holds the even shares of this rank
// (words: those of its values; children: those of its rows). Rules are matched by name: one that the state does not
// know starts as if it had never run. Returns the roots, on every rank. Throws Error(kInput) on all ranks if the state
// is not well-formed.
[[nodiscard]] std::vector<NamedClass> import_state(Search& search, SearchState state);

}  // namespace tessera
