// Dense against sparse supersteps under real MPI: exchange_ways [BYTES] prints, for several numbers of peers to whom
// every rank sends so many bytes (default 4096), microseconds a superstep either way: medians over batches of the two
// in turn. Shows from how many ranks on, and up to how many peers, sparse ones are worth it on the machine at hand
// (kSparseFromRanks, cluster/exchange_way.hpp). A program of its own for the reason given in idle_superstep.cpp.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "bench/graphs.hpp"
#include "cluster/mpi_exchange.hpp"
#include "cluster/mpi_session.hpp"

namespace tessera::bench {
namespace {

constexpr int kBatches = 31;
constexpr int kSupersteps = 200;  // a batch
constexpr std::size_t kMostBytes = std::size_t{64} << 20;

constexpr const char* kUsage =
    "usage: exchange_ways [BYTES]\n"
    "Times supersteps in which every rank sends BYTES to some peers, dense and sparse; to be run under mpirun.\n";

// Seconds of a batch of supersteps with `bytes` for each of the next `peers` ranks.
double batch(MpiExchange& exchange, std::size_t peers, std::size_t bytes) {
  const auto ranks = static_cast<std::size_t>(exchange.size());
  std::vector<Bytes> outgoing(ranks);
  for (std::size_t p = 1; p <= peers; ++p)
    outgoing[(static_cast<std::size_t>(exchange.rank()) + p) % ranks].resize(bytes);
  Inbox inbox;
  exchange.all_to_all(outgoing, inbox);  // all ranks begin together, with buffers that are large enough
  const Stopwatch watch;
  for (int step = 0; step < kSupersteps; ++step) exchange.all_to_all(outgoing, inbox);
  return watch.seconds();
}

double median(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int measure(MPI_Comm world, std::size_t bytes) {
  MpiExchange dense(world, ExchangeWay::kDense);
  MpiExchange sparse(world, ExchangeWay::kSparse);
  const auto others = static_cast<std::size_t>(dense.size()) - 1;
  for (std::size_t peers = 0; peers <= others;
       peers = peers == 0 ? 1 : std::max(peers + 1, std::min(4 * peers, others))) {
    std::vector<double> of_dense;
    std::vector<double> of_sparse;
    for (int i = -1; i < kBatches; ++i) {  // the first one warms up
      const double first = batch(i % 2 == 0 ? dense : sparse, peers, bytes);
      const double second = batch(i % 2 == 0 ? sparse : dense, peers, bytes);
      if (i < 0) continue;
      of_dense.push_back(i % 2 == 0 ? first : second);
      of_sparse.push_back(i % 2 == 0 ? second : first);
    }
    constexpr double kMicroseconds = 1e6 / kSupersteps;
    const double dense_us = median(of_dense) * kMicroseconds;
    const double sparse_us = median(of_sparse) * kMicroseconds;
    if (dense.rank() == 0)
      std::printf(
          "{\"ranks\": %d, \"peers\": %zu, \"bytes\": %zu, \"dense_us\": %.3f, \"sparse_us\": %.3f, "
          "\"sparse_over_dense\": %.3f}\n",
          dense.size(), peers, bytes, dense_us, sparse_us, sparse_us / dense_us);
  }
  return 0;
}

int run(int argc, char** argv) {
  MpiSession session(argc, argv, MpiSession::Start::kAlways);
  std::size_t bytes = 4096;
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    if (session.rank() == 0) std::fputs(kUsage, stdout);
    return 0;
  }
  bool good = argc <= 2;
  if (argc == 2) {
    const char* end = argv[1] + std::strlen(argv[1]);
    const auto [stop, error] = std::from_chars(argv[1], end, bytes);
    good = error == std::errc() && stop == end && bytes <= kMostBytes;
  }
  if (!good) {
    if (session.rank() == 0) std::fputs(kUsage, stderr);
    return 2;
  }
  return session.run([&] { return measure(session.mpi(), bytes); });
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  try {
    return tessera::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "exchange_ways: %s\n", error.what());
    return tessera::exit_code_of(error);
  }
}
