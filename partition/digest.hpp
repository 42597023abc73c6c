// A fingerprint of the e-graph that does not depend on ids, ranks, threads, shards or the order of anything: equal
// digests mean equal partitions of equal terms into classes (up to 128-bit hash collisions). Every class is named by
// its lowest term: least height first, then least structural hash. (The design says "smallest terms"; height instead of
// size, because sizes overflow on shared terms and heights need one superstep a level, not one a size.) The digest is
// the sum, over all e-nodes, of a hash of the e-node with its children's and its class's names.
#pragma once

#include <string>

#include "partition/partition.hpp"

namespace tessera {

// Collective; 32 hexadecimal digits, the same on every rank. Rounds: the height of the highest lowest term.
[[nodiscard]] std::string digest(Partition& partition);

}  // namespace tessera
