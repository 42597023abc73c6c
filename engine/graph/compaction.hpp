// Dead rows stay in their class's member list and their children's parent lists until something walks these lists to
// clean them. Where many rows die (sums in every order: five die for one that lives), walking past them would cost more
// than the matching itself, and their slots would be lost.
#pragma once

#include "engine/base/workers.hpp"
#include "engine/graph/egraph.hpp"

namespace tessera {

// Drops dead rows from all lists and gives their slots back, if they are more than half as many as the live ones: so
// the cost is paid by the deaths since the last time. The lists are made anew, from the rows in order: to walk them
// takes longer, for each row in a list says only after it was waited for where the next is. Between phases only; ids of
// dead rows held elsewhere (EGraph::touched) are dropped too. Returns whether it was done.
bool compact_if_worthwhile(EGraph& graph, Workers& workers);

}  // namespace tessera
