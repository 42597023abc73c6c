// What `tessera snapshot` prints: of one snapshot, and of the difference of two. Plain text, the same for the same
// files.
#pragma once

#include <string>

#include "io/snapshot_difference.hpp"

namespace tessera {

// `snapshot`: without columns. `digest`: of its e-graph.
[[nodiscard]] std::string snapshot_summary(const Snapshot& snapshot, const SnapshotSeal& seal,
                                           const std::string& digest);
[[nodiscard]] std::string difference_text(const SnapshotDifference& difference, const std::string& first,
                                          const std::string& second);

}  // namespace tessera
