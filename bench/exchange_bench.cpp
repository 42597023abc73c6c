// A superstep without work: what the exchange itself costs. In-process ranks; under mpirun the same is seen in a
// report's exchanges and busy seconds.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "partition/local_exchange.hpp"
#include "partition/mailbox.hpp"

namespace tessera {
namespace {

// 64 supersteps with `bytes` to every rank, and a reduction after each.
void supersteps(benchmark::State& state) {
  const auto ranks = static_cast<int>(state.range(0));
  const auto bytes = static_cast<std::size_t>(state.range(1));
  constexpr int kSteps = 64;
  for (auto _ : state) {
    LocalWorld world(ranks);
    world.run([&](Exchange& exchange) {
      const std::vector<std::vector<std::byte>> outgoing(static_cast<std::size_t>(ranks),
                                                         std::vector<std::byte>(bytes));
      Inbox inbox;
      for (int step = 0; step < kSteps; ++step) {
        exchange.all_to_all(outgoing, inbox);
        std::uint64_t busy = 1;
        exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
        benchmark::DoNotOptimize(busy);
      }
    });
  }
  state.SetItemsProcessed(state.iterations() * kSteps);
}

BENCHMARK(supersteps)->ArgNames({"ranks", "bytes"})->ArgsProduct({{1, 2, 4}, {0, 4096}})->UseRealTime();

}  // namespace
}  // namespace tessera
