// How messages of a superstep find their receivers under MPI (mpi_exchange.hpp); results are the same either way.
// Dense: every rank tells every other how much is coming, then MPI_Alltoallv: least overhead, but P - 1 messages a rank
// in every superstep, empty or not. Sparse: messages only to ranks that get something, and a barrier: O(peers + log P).
#pragma once

#include <cstdint>

namespace tessera {

enum class ExchangeWay : std::uint8_t { kAuto, kDense, kSparse };

// From how many ranks on kAuto is sparse. A sparse message costs more than a dense one (it is acknowledged, so that its
// sender knows that it was taken), but only those that carry something are sent; on few ranks nearly all do. Under the
// model of bench/scaling and its network, the exchanges of `math` cost as much either way on about 14 ranks at 1
// million e-nodes, 30 at 10 million and 80 at 100 million; 64 lies between the last two.
// bench/exchange_ways measures where it is on a machine at hand.
constexpr int kSparseFromRanks = 64;

// kDense or kSparse; a function of its arguments alone, so that all ranks choose alike.
constexpr ExchangeWay chosen_way(ExchangeWay way, int ranks) {
  if (way != ExchangeWay::kAuto) return way;
  return ranks >= kSparseFromRanks ? ExchangeWay::kSparse : ExchangeWay::kDense;
}

}  // namespace tessera
