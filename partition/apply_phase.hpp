// The apply phase: builds the right sides of the iteration's matches, bottom-up, a level of the right sides a wave, all
// rules together; the root of a right side is inserted straight into the class it joins. Matches are taken in slices,
// so that the memory of pending requests is bounded whatever a rule found. What turns out equal is collected, not
// merged.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "partition/match_phase.hpp"
#include "partition/merge_phase.hpp"

namespace tessera {

struct ApplyResult {
  std::vector<UnionRequest> unions;     // this rank's
  std::vector<Loser> united;            // classes of this rank already put under others of it
  std::vector<std::uint64_t> asserted;  // per rule, over all ranks: applications that said something new
  std::vector<double> seconds;   // per rule, this rank: building requests; inserting, shared out by requests made
  MadeRows made;                 // this rank's, if the language has data
  std::uint64_t rows_made = 0;   // this rank
  std::uint32_t supersteps = 0;  // waves of the tallest right side applied
  bool stopped = false;          // before all matches were applied, because there was no room on some rank
};

// Collective. `apply[r]`: whether rule r's matches are applied. graph.iteration is the iteration under way.
// `room()` is asked before every slice, by all ranks as often, for the bytes of memory that may still be taken; if on
// any rank that is nothing, or no more than its tables take at once if they must grow, what is left is not applied. The
// e-graph is whole then, but what it holds depends on where that was. Throws Error(kInput) on all ranks when a computed
// attribute cannot be evaluated (names rule and reason).
ApplyResult run_apply_phase(
    Partition& partition, std::span<const RulePlan> plans, std::span<const char> apply, MatchResult& matches,
    const std::function<std::size_t()>& room = [] { return ~std::size_t{0}; });

// Collective. Inserts a start expression; returns, on every rank, the class of each of its nodes.
std::vector<NamedClass> insert_expression(Partition& partition, const Expression& expression);

// Interns symbols that only some ranks know, in an order that no schedule can change. Collective.
void agree_on_symbols(Partition& partition, std::span<const Symbol> wanted);

}  // namespace tessera
