// The rebuild phase restores congruence after a merge: rows of classes that lost are relabelled, rows that had them as
// children are re-keyed (canonicalized before they are put anywhere), moved to the rank and shard where the new key
// lives, and where two rows meet there, one dies and their classes are to be united. One call does one round; the
// caller merges what a round found and goes on until a round finds nothing (egg's deferred rebuilding, made of
// supersteps).
#pragma once

#include <vector>

#include "partition/merge_phase.hpp"

namespace tessera {

struct RebuildResult {
  std::vector<UnionRequest> unions;  // classes that congruence found equal; local ids
  std::uint64_t rekeyed = 0;         // rows re-keyed here
  std::uint64_t moved = 0;           // of them, rows sent to other ranks
};

// Collective.
RebuildResult run_rebuild_round(Partition& partition, const std::vector<Loser>& losers);

}  // namespace tessera
