// What must hold of one rank's e-graph between iterations. Checked after every iteration in debug builds, and by tests;
// the cost is a few passes over all tables.
#pragma once

#include "engine/graph/egraph.hpp"

namespace tessera {

// CHECKs, aborting with the broken condition:
// - every child and class of a live row is a leader;
// - every live row is in the hashcons under its key, and no two rows have one key;
// - every leader's member list holds exactly this rank's live rows of the class, each once;
// - every leader's parent list holds exactly one entry for each child position that refers to it;
// - live list entries = live rows + live child positions;
// - a class's operator mask covers its rows' operators;
// - a class that leads has a row somewhere: here, if the rank is `alone`.
void check_invariants(const EGraph& graph, bool alone);

}  // namespace tessera
