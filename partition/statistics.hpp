// Counts, over all ranks, what the planner wants to know (engine/rule/statistics.hpp). One pass over this rank's rows
// and classes, walks around at most 128 sampled rows an operator, and one reduction of some numbers an operator: to be
// done when the e-graph has grown fourfold, not every iteration.
#pragma once

#include <span>

#include "engine/rule/plan.hpp"
#include "partition/partition.hpp"

namespace tessera {

// Collective. Counts the operators that the plans' left sides name; between iterations, when classes are canonical.
[[nodiscard]] GraphStatistics count_statistics(Partition& partition, std::span<const RulePlan> plans);

}  // namespace tessera
