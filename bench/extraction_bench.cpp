// Extraction: costs to their fixpoint and the cheapest program. Of `math`, where most e-classes have many e-nodes, and
// of MobileNet v1 blocked for a 64x64 array, where programs are large and shared.
#include <map>

#include "bench/graphs.hpp"

namespace tessera::bench {
namespace {

struct Result {
  double seconds = 0;
  std::uint64_t cost = 0;  // of all roots
  std::uint64_t enodes = 0;
  std::uint64_t program = 0;  // nodes
  std::uint64_t evaluations = 0;
};

std::uint64_t sum_of(const std::vector<std::uint64_t>& costs) {
  std::uint64_t sum = 0;
  for (const std::uint64_t cost : costs) sum += cost;
  return sum;
}

void finish(benchmark::State& state, const Result& result) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(result.enodes));
  state.counters["e-nodes"] = static_cast<double>(result.enodes);
  state.counters["cost"] = static_cast<double>(result.cost);
  state.counters["program"] = static_cast<double>(result.program);
}

void extract_math(benchmark::State& state) {
  static std::map<std::int64_t, std::uint64_t> first;  // cost by iterations, as the first benchmark found it
  Result result;
  for (auto _ : state) {
    state.SetIterationTime(on_ranks(state.range(1), [&](Exchange& exchange) {
      SearchOptions options = search_options(state.range(2));
      options.iteration_limit = static_cast<std::uint64_t>(state.range(0));
      TermSearch math(exchange, "math", options);
      math.search.run();
      const Stopwatch watch;
      Extraction extraction(math.search.partition(), {});
      extraction.run();
      const Extracted extracted = extraction.extract(math.classes());
      const double elapsed = watch.seconds();
      if (exchange.rank() == 0)
        result = {elapsed, sum_of(extracted.costs), math.search.enodes(), extracted.program.size()};
      std::uint64_t evaluations = extraction.evaluations();
      if (exchange.size() > 1) exchange.all_reduce(std::span(&evaluations, 1), Reduction::kSum);
      if (exchange.rank() == 0) result.evaluations = evaluations;
      return elapsed;
    }));
    const std::uint64_t expected = first.emplace(state.range(0), result.cost).first->second;
    if (!expect_count(state, "cost", result.cost, expected)) break;
  }
  finish(state, result);
  state.counters["evaluations"] = static_cast<double>(result.evaluations);
}

void extract_blocking(benchmark::State& state, const char* network, std::uint64_t layers) {
  Result result;
  for (auto _ : state) {
    bool blocked = false;
    std::uint64_t found = 0;
    state.SetIterationTime(on_ranks(state.range(0), [&](Exchange& exchange) {
      LayerSearch search(exchange, network_named(network), "blocking", {{64, 64}}, search_options(1));
      search.search->run();
      const Stopwatch watch;
      const Extracted extracted = search.extract();
      const double elapsed = watch.seconds();
      if (exchange.rank() == 0) {
        blocked = search.on_arrays(extracted.program);
        found = search.model.network.layers.size();
        result = {elapsed, sum_of(extracted.costs), search.search->enodes(), extracted.program.size()};
      }
      return elapsed;
    }));
    if (!expect_count(state, "layers", found, layers)) break;
    if (!expect_count(state, "programs on arrays", blocked ? 1 : 0, 1)) break;
  }
  finish(state, result);
}

BENCHMARK(extract_math)
    ->ArgNames({"iterations", "ranks", "threads"})
    ->ArgsProduct({{8, 10}, {1, 2}, {1}})
    ->Args({10, 1, 2})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(extract_blocking, small_mobilenet, "mobilenet-v1:0.25:32", 28)
    ->ArgName("ranks")
    ->Arg(1)
    ->Arg(2)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(extract_blocking, mobilenet, "mobilenet-v1", 28)
    ->ArgNames({"ranks", "full"})
    ->Args({1, 1})
    ->Args({2, 1})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera::bench
