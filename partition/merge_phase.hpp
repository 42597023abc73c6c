// The merge phase: union requests become leaders. On one rank, a concurrent union-find (Jayanti and Tarjan, PODC 2016,
// with links by name, so the outcome does not depend on the schedule). Over ranks, each unites what it can by itself,
// and then hook-and-jump at the classes' homes (after FastSV, Zhang, Azad and Hu, PP 2020): every request that is left
// asks its classes' homes for their current parents, the parent with the greater name is hooked under the other,
// parents jump to their parents; until no request is open and nothing jumps. No rank ever sees more than its own
// requests and the answers to them. The leader of merged classes is the one with the least name: the oldest.
#pragma once

#include <vector>

#include "partition/inserter.hpp"
#include "partition/partition.hpp"

namespace tessera {

// A class of this rank's table (owned or ghost) that now follows another; its record's parent is the leader's local id.
struct Loser {
  ClassId id;
  std::uint32_t rule = kNoRule;  // one of the rules that asked for it; kNoRule: congruence
};

// E-class data that a leader must join, from a class that lost to it.
struct PendingJoin {
  ClassId leader;  // owned
  DataId data;
  std::uint32_t rule = kNoRule;
};

struct MergeResult {
  std::vector<Loser> losers;
  std::vector<PendingJoin> joins;
};

// Collective. Classes in the requests are local ids that were leaders when the phase began. Ghosts' homes must have
// been notified of all ghosts (Partition::notify_homes).
// `united`: classes that unite_now() has put under others since the last call. Other ranks learn of them now.
MergeResult run_merge_phase(Partition& partition, std::vector<UnionRequest>&& requests,
                            std::vector<Loser>&& united = {});

// Between slices of the apply phase: unites those of the requested classes that both live here at once, so that later
// slices build on leaders and fewer rows have to be re-keyed; takes these requests out. Rows and lists stay as they are
// until the rebuild phase, and other ranks may go on naming a class that lost. Appends to `united`.
void unite_now(Partition& partition, std::vector<UnionRequest>& requests, std::vector<Loser>& united);

}  // namespace tessera
