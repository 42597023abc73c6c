// The match phase: every active rule's new matches, found over the frozen e-graph. All rules advance together: each
// rank walks its own rows in parallel tasks; partial matches whose next step lies on other ranks travel there, first to
// the home of the class they must enter, which sends them to the ranks that hold fitting rows. A match stays on the
// rank where it was completed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/matcher.hpp"
#include "partition/inserter.hpp"
#include "partition/partition.hpp"

namespace tessera {

struct MatchResult {
  std::vector<MatchOutput> outputs;    // by task; apply reads the slots
  std::vector<ForeignClass> foreign;   // what foreign handles in the slots mean
  std::vector<std::uint64_t> matches;  // per rule, over all ranks
  std::vector<double> seconds;         // per rule, this rank
  std::uint64_t visited = 0;           // rows looked at, this rank
  std::uint32_t supersteps = 0;        // steps of the longest active plan: the same on any number of ranks
};

struct MatchRequest {
  std::span<const RulePlan> plans;
  std::span<const char> active;                // per rule: takes part in this iteration
  std::span<const std::uint32_t> seen;         // per rule: rows with a stamp below are old
  std::span<const std::uint64_t> store_limit;  // per rule: matches beyond are counted only
  std::span<const std::uint32_t>
      class_data_stamp;  // by class id: iteration in which e-class data last changed; may be empty
  // Per rule: the leaders that its given variables stand for, complete if the rule is active. Empty: no rule has any.
  std::span<const std::vector<GlobalId>> given = {};
};

// Collective. `graph.iteration` is still the iteration before; rows touched in it are in graph.touched.
MatchResult run_match_phase(Partition& partition, const MatchRequest& request);

}  // namespace tessera
