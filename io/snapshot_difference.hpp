// What two snapshots differ in: e-classes and e-nodes, by operator; rules; how far they are. For that, something must
// tell that an e-class of one is an e-class of the other. Within one search it is the class's name (class_table.hpp),
// which it keeps until it is merged with an older one; between searches, whose names have nothing to do with each
// other, it is the class's lowest term (digest.hpp). An e-node is the same if its operator, its children and its class
// are. Two snapshots with no difference go on to the same result.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/snapshot.hpp"

namespace tessera {

enum class ClassIdentity : std::uint8_t { kName, kLowestTerm };

struct Tally {
  std::uint64_t both = 0;
  std::uint64_t only_first = 0;
  std::uint64_t only_second = 0;
  [[nodiscard]] bool is_same() const { return only_first == 0 && only_second == 0; }
};

struct SnapshotDifference {
  std::array<Snapshot, 2> snapshots;  // without columns and symbols
  std::array<std::string, 2> digests;
  ClassIdentity identity = ClassIdentity::kName;
  Tally classes;
  Tally nodes;
  std::map<std::string, Tally> operators;  // e-nodes by the operator's name
  std::vector<std::string> differences;    // in words, what is not the same; empty: nothing
};

// Reads one file after the other; of each it keeps some 16 bytes an e-node. `identity`: by default the name if both are
// of one search (equal digests of rules and input). One rank, by itself. Throws Error(kInput).
[[nodiscard]] SnapshotDifference compare_snapshots(const std::string& first, const std::string& second,
                                                   std::optional<ClassIdentity> identity = {});

// A whole snapshot, checked, with every index within its bounds. One rank, by itself. Throws Error(kInput).
[[nodiscard]] Snapshot read_whole_snapshot(const std::string& path);

}  // namespace tessera
