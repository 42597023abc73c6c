// The empty form of a snapshot: an HDF5 file with room for the seal, all datasets in place and nothing in them. Rank 0
// makes it and tells the others where datasets lie; what goes into them is then written by all without HDF5, so that it
// can be written beside a search that goes on (io/snapshot_write.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/snapshot.hpp"

namespace tessera {

struct SnapshotLayout {
  std::vector<SealedDataset> datasets;  // in order of creation: /header, /symbols, the columns; without checksums
  std::uint64_t file_bytes = 0;
};

// Collective; the same on every rank. `header_bytes`, `symbols_bytes`: the texts' lengths. Makes the file.
// Throws Error(kResource) on all ranks; a file may then be left behind. `state`: columns are as wide on every rank.
[[nodiscard]] SnapshotLayout lay_out_snapshot(const std::string& file, std::uint64_t header_bytes,
                                              std::uint64_t symbols_bytes, const SearchState& state,
                                              Exchange& exchange);

// Runs work(); if it fails on any rank, all ranks throw Error(kResource). Collective.
template <class Work>
void on_all_ranks(Exchange& exchange, Work&& work) {
  std::string failure;
  try {
    work();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  agree_on_failure(exchange, failure, static_cast<int>(ErrorCode::kResource));
}

// Throws Error(kResource) "cannot `what` 'path': …" with what errno says.
[[noreturn]] void refuse_file(const std::string& what, const std::string& path);

}  // namespace tessera
