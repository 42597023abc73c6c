// What `--explain-plan` prints: each rule's plan, step by step, with what the planner expected of each step and what
// came of it, over all ranks. Counts are summed over the iterations since the plan was made.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "partition/match_phase.hpp"

namespace tessera {

class PlanReport {
 public:
  // Adds an iteration's counts; `plans` are those it ran with.
  void add(const MatchResult& matches);
  // Plans have changed: counts begin anew, from this iteration on.
  void restart(std::uint32_t iteration);
  // Collective; the text is the same on all ranks.
  [[nodiscard]] std::string text(Partition& partition, std::span<const RulePlan> plans) const;

 private:
  std::vector<StepCounts> counts_;  // ordered by rule, variant, step
  std::uint32_t since_ = 1;
};

}  // namespace tessera
