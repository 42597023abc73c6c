// `tessera snapshot inspect|verify FILE`: what a snapshot is of, and whether it is whole.
#pragma once

#include "cluster/options.hpp"

namespace tessera {

// On one rank. Prints to standard output. Throws Error(kInput) when the file is not a whole snapshot.
[[nodiscard]] int look_at_snapshot(const Options& options);

}  // namespace tessera
