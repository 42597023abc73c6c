// Supersteps: the exchange itself (an all-to-all and a reduction, by bytes), and what the search adds to it when there
// is nothing to do. In-process ranks; under mpirun idle_superstep tells the same.
#include "bench/idle.hpp"
#include "partition/mailbox.hpp"

namespace tessera::bench {
namespace {

constexpr int kSteps = 32;

// kSteps supersteps with `size` bytes to every rank, and a reduction after each.
void supersteps(benchmark::State& state) {
  const std::int64_t ranks = state.range(1);
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    std::uint64_t received = 0;
    const double seconds = on_ranks(ranks, [&](Exchange& exchange) {
      const std::vector<Bytes> outgoing(static_cast<std::size_t>(ranks), Bytes(bytes));
      Inbox inbox;
      std::uint64_t total = 0;
      const Stopwatch watch;
      for (int step = 0; step < kSteps; ++step) {
        exchange.all_to_all(outgoing, inbox);
        total += inbox.bytes.size();
        std::uint64_t busy = 1;
        exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
        benchmark::DoNotOptimize(busy);
      }
      const double elapsed = watch.seconds();
      if (exchange.rank() == 0) received = total;
      return elapsed;
    });
    state.SetIterationTime(seconds);
    if (!expect_count(state, "bytes received", received, bytes * static_cast<std::uint64_t>(ranks * kSteps))) break;
  }
  state.SetItemsProcessed(state.iterations() * kSteps);
  state.SetBytesProcessed(state.iterations() * kSteps * state.range(0) * ranks);
}
BENCHMARK(supersteps)
    ->ArgNames({"size", "ranks"})
    ->ArgsProduct({{0, 4096, 1 << 20}, {1, 2, 4}})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

enum class What : std::uint8_t { kIterations, kRawExchange };
constexpr int kIdleIterations = 128;

// Iterations of a saturated search, or the exchanges of as many.
void idle(benchmark::State& state, What what) {
  IdleTraffic traffic;
  for (auto _ : state) {
    const double seconds = on_ranks(state.range(1), [&](Exchange& exchange) {
      IdleSearch search(exchange, state.range(0));
      if (exchange.rank() == 0) traffic = search.traffic();
      return what == What::kIterations ? search.iterate(kIdleIterations) : search.raw(kIdleIterations);
    });
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(state.iterations() * kIdleIterations);
  state.counters["exchanges"] = static_cast<double>(traffic.exchanges);
  state.counters["reductions"] = static_cast<double>(traffic.reductions);
  state.counters["bytes"] = static_cast<double>(traffic.bytes);
  state.counters["supersteps"] = static_cast<double>(traffic.supersteps);
}

void layouts(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"threads", "ranks"})->Args({1, 1})->Args({2, 1})->Args({1, 2})->Args({1, 4});
  benchmark->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(4);
}
BENCHMARK_CAPTURE(idle, iteration, What::kIterations)->Apply(layouts);
BENCHMARK_CAPTURE(idle, raw_exchange, What::kRawExchange)->Apply(layouts);

}  // namespace
}  // namespace tessera::bench
