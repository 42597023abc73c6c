// Whole searches, nothing verified: the arithmetic benchmark of the egg and egglog projects, sums in every order,
// MobileNet v1 blocked onto a 64x64 array (search and extraction), its first convolution under the published rules with
// both slicing strategies, and the small blocking sweep. The workloads in full are for `bench/workload.sh`.
#include "bench/graphs.hpp"
#include "bench/workload_networks.hpp"
#include "io/glenside_reader.hpp"

namespace tessera::bench {
namespace {

struct Counts {
  std::uint64_t enodes = 0;
  std::uint64_t eclasses = 0;
};

void count(benchmark::State& state, Search& search) {
  state.counters["e-nodes"] = static_cast<double>(search.enodes());
  state.counters["e-nodes/s"] =
      benchmark::Counter(static_cast<double>(search.enodes()), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes/e-node"] =
      static_cast<double>(search.partition().table_bytes()) / static_cast<double>(search.enodes());
}

void saturate(benchmark::State& state, const char* rules, std::int64_t threads, std::int64_t iterations,
              Counts expected) {
  for (auto _ : state) {
    SoloExchange exchange;
    SearchOptions options = search_options(threads);
    options.iteration_limit = static_cast<std::uint64_t>(iterations);
    TermSearch run(exchange, rules, options);
    run.search.run();
    state.PauseTiming();
    count(state, run.search);
    const bool right = expect_count(state, "e-nodes", run.search.enodes(), expected.enodes) &&
                       expect_count(state, "e-classes", run.search.eclasses(), expected.eclasses);
    state.ResumeTiming();
    if (!right) break;
  }
}

// Counts as egg has them.
void math(benchmark::State& state) {
  const Counts expected = state.range(0) == 8 ? Counts{8113, 3576} : Counts{1'047'896, 443'832};
  saturate(state, "math", state.range(1), state.range(0), expected);
}
void assoc10(benchmark::State& state) { saturate(state, "assoc10", state.range(0), 0, {57'012, 1'023}); }

void search_layers(benchmark::State& state, const LayerSearch::NetworkMaker& network, const char* rules,
                   const std::vector<ArraySize>& arrays, std::int64_t threads, bool extract) {
  for (auto _ : state) {
    SoloExchange exchange;
    LayerSearch run(exchange, network, rules, arrays, search_options(threads));
    const StopReason reason = run.search->run();
    const Expression program = extract ? run.extract().program : Expression();
    state.PauseTiming();
    count(state, *run.search);
    const bool right = expect_count(state, "saturated", reason == StopReason::kSaturated ? 1 : 0, 1) &&
                       (!extract || expect_count(state, "programs on arrays", run.on_arrays(program) ? 1 : 0, 1));
    state.ResumeTiming();
    if (!right) break;
  }
}

LayerSearch::NetworkMaker program_named(const std::string& name) {
  return [name](SymbolTable& symbols, TensorLanguage& language) {
    return read_glenside(workload_program(name), name, symbols, language);
  };
}

void mobilenet_blocking(benchmark::State& state) {
  search_layers(state, network_named("mobilenet-v1"), "blocking", {{64, 64}}, state.range(0), true);
}
void blocking_sweep_small(benchmark::State& state) {
  search_layers(state, program_named("blocking-sweep-small"), "blocking", {{8, 8}, {16, 16}, {32, 32}}, state.range(0),
                true);
}

// The published rules never saturate here: a fixed number of iterations.
void first_convolution(benchmark::State& state, const char* rules) {
  std::uint64_t enodes = 0;
  for (auto _ : state) {
    SoloExchange exchange;
    SearchOptions options = search_options(state.range(1));
    options.iteration_limit = static_cast<std::uint64_t>(state.range(0));
    LayerSearch run(exchange, program_named("mobilenet-first-convolution"), rules, {{64, 64}}, options);
    const StopReason reason = run.search->run();
    state.PauseTiming();
    count(state, *run.search);
    if (enodes == 0) enodes = run.search->enodes();
    const bool right = expect_count(state, "not saturated", reason == StopReason::kIterations ? 1 : 0, 1) &&
                       expect_count(state, "e-nodes, every time", run.search->enodes(), enodes);
    state.ResumeTiming();
    if (!right) break;
  }
}

void by_threads(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
}
void by_iterations(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"iterations", "threads"})->Unit(benchmark::kMillisecond)->UseRealTime();
}
BENCHMARK(math)->Apply(by_iterations)->ArgsProduct({{8, 11}, {1, 2}});
BENCHMARK(assoc10)->Apply(by_threads);
BENCHMARK(mobilenet_blocking)->Apply(by_threads);
BENCHMARK(blocking_sweep_small)->Apply(by_threads);
BENCHMARK_CAPTURE(first_convolution, slice_once, "glenside")->Apply(by_iterations)->ArgsProduct({{7, 10}, {1, 2}});
BENCHMARK_CAPTURE(first_convolution, divide_into, "glenside-divide")
    ->Apply(by_iterations)
    ->ArgsProduct({{7, 10}, {1, 2}});

}  // namespace
}  // namespace tessera::bench
