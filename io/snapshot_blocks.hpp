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

struct DealtBlocks {
  std::vector<BlockRun> runs;                  // this rank's, by dataset; what it has got from others at the end
  std::vector<std::vector<std::byte>> joined;  // blocks that were put together here
};

// `parts`: one for each dataset, in the same order on every rank; the ranks' parts, in any order, make up the datasets,
// and outlive the result. A block that is cut off by its dataset's end goes to rank 0. Collective: one superstep.
[[nodiscard]] DealtBlocks deal_blocks(Exchange& exchange, std::span<const DatasetPart> parts);

}  // namespace tessera
