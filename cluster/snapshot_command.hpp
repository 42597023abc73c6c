// `tessera snapshot inspect|verify|diff|export`: what a snapshot is of, whether it is whole, how two differ, and its
// e-graph for other programs.
#pragma once

#include "cluster/options.hpp"

namespace tessera {

// On one rank. Prints to standard output, or exports to a file. Returns the exit code: of diff 1 when there are
// differences. Throws Error(kInput) when a file is not a whole snapshot.
[[nodiscard]] int look_at_snapshot(const Options& options);

}  // namespace tessera
