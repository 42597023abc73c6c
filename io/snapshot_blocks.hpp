// Who writes and checks which bytes of a snapshot: datasets are cut into the seal's blocks of 64 KiB, and each block is
// one rank's, whole. A rank keeps the blocks that lie within its own part; of a block that several ranks have parts of,
// one gets all. So checksums need no second look at the file, ranks never write to the same page of it (what network
// file systems keep in step badly), and all that is left to agree on in the end is a sum for each dataset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "partition/exchange.hpp"

namespace tessera {

// What a rank holds of a dataset.
struct DatasetPart {
  std::span<const std::byte> bytes;
  std::uint64_t begin = 0;  // where they belong, in bytes from the dataset's begin
  std::uint64_t total = 0;  // the whole dataset's length
};

// Blocks that follow one another.
struct BlockRun {
  std::size_t dataset = 0;
  std::uint64_t block = 0;           // the first one's number
  std::span<const std::byte> bytes;  // only a dataset's last block may be short
};

// What a rank holds of a block that is not all its own, or that its dataset's end cuts off.
struct BlockPiece {
  std::size_t dataset = 0;
  std::uint64_t begin = 0;  // as DatasetPart's
  std::uint64_t total = 0;
  std::vector<std::byte> bytes;
};

// A block that was put together.
struct JoinedBlock {
  std::size_t dataset = 0;
  std::uint64_t block = 0;
  std::vector<std::byte> bytes;
};

// The whole blocks of a part, which are this rank's, as a view of it; what else there is of it becomes pieces.
[[nodiscard]] BlockRun cut_into_blocks(std::size_t dataset, const DatasetPart& part, std::vector<BlockPiece>& pieces);

// What this rank has got to write of the blocks that the ranks' pieces make up; one that is cut off by its dataset's
// end is rank 0's. Collective: one superstep.
[[nodiscard]] std::vector<JoinedBlock> join_pieces(Exchange& exchange, std::span<const BlockPiece> pieces);

}  // namespace tessera
