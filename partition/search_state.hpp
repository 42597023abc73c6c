// Everything that the rest of a search depends on, as plain records: what a snapshot holds. A rank exports its own
// share; the shares together are columns over all e-nodes and e-classes, in which an e-class is its position (no rank,
// no local id). So the columns can be cut anywhere and dealt out to any number of ranks: an e-class lives where its
// position falls, rows go to the homes that Placement gives them there, and ghosts, subscriptions, lists, masks and
// hashcons are built anew by the engine's own means. Not kept, because no result depends on it: the order of lists and
// of local ids, dead rows, e-classes that lost, traffic.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

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

// A rank's ranges of the columns. All positions are over all ranks.
struct GraphShare {
  static constexpr std::uint64_t kNoValue = std::numeric_limits<std::uint64_t>::max();

  GraphSizes sizes;
  ShareRange classes;
  ShareRange values;
  ShareRange words;
  ShareRange rows;
  ShareRange children;

  std::vector<std::uint64_t> class_name;        // the structural name that decides leaders (class_table.hpp)
  std::vector<std::uint64_t> class_value;       // position of the e-class data; kNoValue: not known yet
  std::vector<std::uint32_t> class_data_stamp;  // iteration in which known data last changed; 0: never
  std::vector<std::uint64_t> value_begin;       // position of the value's first word; it ends where the next begins
  std::vector<std::int64_t> word;
  std::vector<std::uint32_t> row_symbol;  // index into SearchState::symbols
  std::vector<std::uint64_t> row_class;
  std::vector<std::uint32_t> row_stamp;        // iteration in which the e-node last became new
  std::vector<std::uint64_t> row_child_begin;  // position of the first child; there are as many as the symbol's arity
  std::vector<std::uint64_t> child;            // e-classes
};

// A share whose columns are whole owns all positions; and what one rank of so many owns of it (positions that a column
// holds must be in order there).
void own_everything(GraphShare& share);
void keep_even_share(GraphShare& whole, int rank, int ranks);

struct SearchState;
// Whether every index of a state whose share is the whole stays within its bounds. Throws Error(kInput) if not.
void check_indices(const SearchState& whole);

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

// Collective. Between iterations. `roots`: the same on every rank.
[[nodiscard]] SearchState export_state(Search& search, std::span<const NamedClass> roots);

// Collective. Into a search that was constructed but not started; `state.share` holds the even shares of this rank
// (words: those of its values; children: those of its rows). Rules are matched by name: one that the state does not
// know starts as if it had never run. Returns the roots, on every rank. Throws Error(kInput) on all ranks if the state
// is not well-formed.
[[nodiscard]] std::vector<NamedClass> import_state(Search& search, SearchState state);

}  // namespace tessera
