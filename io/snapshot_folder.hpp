// A folder of snapshots: one file an iteration, the newest few kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

struct SnapshotFile {
  std::string path;
  std::uint32_t iteration = 0;
};

// "FOLDER/snapshot-000012.h5"
[[nodiscard]] std::string snapshot_path(const std::string& folder, std::uint32_t iteration);

// What is there, the newest (the highest iteration) first. A folder that cannot be read has none.
[[nodiscard]] std::vector<SnapshotFile> list_snapshots(const std::string& folder);

// Removes all but the newest `keep`; what cannot be removed stays.
void remove_old_snapshots(const std::string& folder, std::size_t keep);

// Removes what writers that were killed have left behind.
void remove_unfinished_snapshots(const std::string& folder);

}  // namespace tessera
