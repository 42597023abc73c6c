// The digest of an e-graph: `math` after some iterations; one and two threads, two ranks. All must tell the same.
#include <map>

#include "bench/graphs.hpp"
#include "partition/digest.hpp"

namespace tessera::bench {
namespace {

void digest_of_math(benchmark::State& state) {
  static std::map<std::int64_t, std::string> first;  // by iterations: what the first benchmark found
  std::uint64_t enodes = 0;
  for (auto _ : state) {
    std::string found;
    const double seconds = on_ranks(state.range(2), [&](Exchange& exchange) {
      SearchOptions options = search_options(state.range(1));
      options.iteration_limit = static_cast<std::uint64_t>(state.range(0));
      TermSearch math(exchange, "math", options);
      math.search.run();
      const Stopwatch watch;
      const std::string text = digest(math.search.partition());
      const double elapsed = watch.seconds();
      if (exchange.rank() == 0) {
        found = text;
        enodes = math.search.enodes();
      }
      return elapsed;
    });
    state.SetIterationTime(seconds);
    const std::string& expected = first.emplace(state.range(0), found).first->second;
    if (found != expected || found.size() != 32) {
      std::string message = "digest: found ";
      message.append(found).append(", expected ").append(expected);
      state.SkipWithError(message.c_str());
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(enodes));
  state.counters["e-nodes"] = static_cast<double>(enodes);
}

BENCHMARK(digest_of_math)
    ->ArgNames({"iterations", "threads", "ranks"})
    ->ArgsProduct({{8, 10}, {1}, {1, 2}})
    ->Args({8, 2, 1})
    ->Args({10, 2, 1})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera::bench
