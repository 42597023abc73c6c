// The match phase: every active rule's new matches, found over the frozen e-graph. All rules that have seen the same
// iterations run as one program (rule/match_program.hpp). Each rank walks its own rows; its threads take units of start
// rows from one counter until none are left, then the rests of long lists; partial matches whose next step lies on
// other ranks travel there (partition/match_traveller.hpp). A match stays on the rank where it was completed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/matcher.hpp"
#include "partition/inserter.hpp"
#include "partition/partition.hpp"
#include "partition/program_cache.hpp"

namespace tessera {

// What one step of a rule's variant cost and brought, this rank. A step that several rules or variants share counts in
// full for each.
struct StepCounts {
  std::uint32_t rule = 0;
  std::uint32_t variant = 0;
  std::uint32_t stage = 0;  // steps that visit rows, counted from the start
  std::uint32_t users = 0;  // variants that share the walk
  std::uint64_t visited = 0;
  std::uint64_t passed = 0;
};

struct MatchResult {
  std::vector<MatchOutput> outputs;             // by task; apply reads the slots
  ForeignClasses foreign;                       // what foreign handles in the slots mean
  std::vector<std::uint64_t> matches;           // per rule, over all ranks
  std::vector<double> seconds;                  // per rule, this rank: of the threads together, shared out by work
  std::uint64_t visited = 0;                    // rows looked at, this rank
  std::vector<std::uint64_t> visited_by_walk;   // this rank, walks of all programs
  std::vector<std::uint64_t> passed_by_branch;  // this rank, branches of all programs
  std::vector<StepCounts> steps;                // if the request asks for them; the same steps on all ranks
  std::uint32_t supersteps = 0;                 // steps of the longest active plan: the same on any number of ranks
  bool overflowed = false;                      // this rank found more than it was to store: matches are missing
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
  std::size_t store_bytes = ~std::size_t{0};  // this rank's matches may take; beyond, they are counted only
  bool count_steps = false;
  ProgramCache* cache = nullptr;  // programs of these plans; none: they are made for this call
};

// Collective. `graph.iteration` is still the iteration before; rows touched in it are in graph.touched.
MatchResult run_match_phase(Partition& partition, const MatchRequest& request);

}  // namespace tessera
