// The seal of a snapshot: a block of text ahead of the HDF5 file proper (HDF5 calls it the user block and skips it)
// that says how long the file is, where each dataset's bytes lie, and the checksum of each, of all bytes that belong to
// no dataset, and of the seal itself. So every byte of the file is accounted for, and a file is known to be whole
// before HDF5, which trusts what it reads, ever looks at it. Format: io/SNAPSHOT_FORMAT.md. Checksums are XXH3 (Collet)
// over blocks of 64 KiB, seeded by the block's number and summed: so any number of ranks can make or check them
// together, whichever bytes each of them holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "partition/exchange.hpp"

namespace tessera {

// Raised when older programs could not read the file any more.
inline constexpr int kSnapshotFormatVersion = 2;
inline constexpr std::size_t kSealBytes = 8192;
inline constexpr std::size_t kChecksumBlock = std::size_t{1} << 16;

struct SealedDataset {
  std::string name;  // "/rows/symbol"
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;
};

struct SnapshotSeal {
  int version = kSnapshotFormatVersion;
  std::uint64_t file_bytes = 0;
  std::uint64_t rest_checksum = 0;      // of what is neither seal nor dataset: HDF5's own structures
  std::vector<SealedDataset> datasets;  // by offset
};

// Always kSealBytes long. Throws Error(kInternal) if the datasets do not fit.
[[nodiscard]] std::string seal_text(const SnapshotSeal& seal);
// Throws Error(kInput) that names `file`: not a snapshot, damaged, a version this program does not know, or datasets
// that lie outside the file or overlap.
[[nodiscard]] SnapshotSeal parse_seal(const std::string& text, const std::string& file);

// What blocks that follow one another add to their dataset's checksum: `bytes` begin with block `first`, and end with a
// whole block or with the dataset.
[[nodiscard]] std::uint64_t blocks_checksum(std::span<const std::byte> bytes, std::uint64_t first);

// The checksum of the file's bytes that are neither seal nor dataset. Throws Error(kResource) if it cannot be read.
[[nodiscard]] std::uint64_t rest_checksum(const std::string& path, const SnapshotSeal& seal);

// Reads the seal and checks the file against it, all ranks together. Collective. Throws Error(kInput), on all ranks,
// naming the file and the dataset.
[[nodiscard]] SnapshotSeal check_snapshot_file(const std::string& path, Exchange& exchange);

// The seal alone, and one dataset's bytes, checked. One rank, by itself. Throw Error(kInput).
[[nodiscard]] SnapshotSeal read_seal(const std::string& path);
[[nodiscard]] std::string read_sealed(const std::string& path, const SnapshotSeal& seal, const std::string& dataset);

// All ranks throw the lowest failing rank's message with this code if any rank has one. Collective.
void agree_on_failure(Exchange& exchange, const std::string& message, int code);

}  // namespace tessera
