// Snapshots: a search's whole state as one HDF5 file, written by all ranks together, independent of how many they are,
// and read by any other number. Columns are datasets; what is small (schedule, records, options, symbols) is JSON text.
// Layout and versions: io/SNAPSHOT_FORMAT.md. Writing: io/snapshot_write.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/snapshot_seal.hpp"
#include "partition/search_state.hpp"

namespace tessera {

// What a snapshot says of its search beside the state.
struct SnapshotOrigin {
  std::string program;                 // "tessera 0.1.0"
  std::vector<std::string> arguments;  // the command line, without the program's name
  std::string model;                   // as the report names it
  std::string model_digest;            // of what is searched: start terms and tensors
  std::string rules_digest;            // of the rules, without limits and pins
  std::uint64_t enodes = 0;
  std::uint64_t eclasses = 0;
};

struct Snapshot {
  SnapshotOrigin origin;
  SearchState state;
};

// Collective. Checks the file, and gives each rank its even share. Throws Error(kInput) on all ranks.
[[nodiscard]] Snapshot read_snapshot(const std::string& path, Exchange& exchange);

// Checks the whole file, and reads what is not columns: `state.share` holds the sizes only. One rank, by itself.
[[nodiscard]] Snapshot read_snapshot_summary(const std::string& path);

// The command line that began the search, from a file or the newest snapshot of a folder whose header is whole; the
// rest of the file is not looked at. One rank, by itself. Throws Error(kInput).
[[nodiscard]] std::vector<std::string> snapshot_arguments(const std::string& file_or_folder);

// --- the JSON texts within, for io/ itself ---
[[nodiscard]] std::string snapshot_header_json(const SnapshotOrigin& origin, const SearchState& state);
// Fills everything but the symbols and the share's columns. Throws Error(kInput).
void parse_snapshot_header(const std::string& text, const std::string& file, Snapshot& snapshot);
[[nodiscard]] std::string symbols_text(const std::vector<Symbol>& symbols);  // a JSON object a line
[[nodiscard]] std::vector<Symbol> parse_symbols(const std::string& text, const std::string& file);

}  // namespace tessera
