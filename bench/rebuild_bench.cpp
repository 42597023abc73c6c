// Congruence closure after a merge: two towers s(s(…a)) and s(s(…b)) when a = b (a round a level, one row each: what a
// round costs), and hubs g(h1, x_i), g(h2, x_i) when h1 = h2 (one round, as many congruences as the hub has parents).
#include "bench/graphs.hpp"

namespace tessera::bench {
namespace {

struct Shape {
  // Returns the nodes to unite.
  std::pair<std::uint32_t, std::uint32_t> (*build)(TermGraph&, std::uint64_t size);
  std::uint64_t (*enodes)(std::uint64_t size);  // that are left
  std::uint64_t (*eclasses)(std::uint64_t size);
};

std::pair<std::uint32_t, std::uint32_t> build_chains(TermGraph& graph, std::uint64_t size) {
  const std::uint32_t a = graph.add("a");
  const std::uint32_t b = graph.add("b");
  graph.add_chain("s", size, a);
  graph.add_chain("s", size, b);
  return {a, b};
}

std::pair<std::uint32_t, std::uint32_t> build_hubs(TermGraph& graph, std::uint64_t size) {
  const std::uint32_t a = graph.add("a");
  const std::uint32_t b = graph.add("b");
  for (const std::uint32_t x : graph.add_leaves(size)) {
    graph.add("g", {a, x});
    graph.add("g", {b, x});
  }
  return {a, b};
}

constexpr Shape kChain = {build_chains, [](std::uint64_t size) { return size + 2; },
                          [](std::uint64_t size) { return size + 1; }};
constexpr Shape kHub = {build_hubs, [](std::uint64_t size) { return 2 * size + 2; },
                        [](std::uint64_t size) { return 2 * size + 1; }};

void rebuild(benchmark::State& state, const Shape& shape) {
  const auto size = static_cast<std::uint64_t>(state.range(0));
  std::uint32_t rounds = 0;
  for (auto _ : state) {
    std::uint64_t enodes = 0;
    std::uint64_t eclasses = 0;
    const double seconds = on_ranks(state.range(2), [&](Exchange& exchange) {
      TermGraph graph(exchange, state.range(1));
      const auto [a, b] = shape.build(graph, size);
      graph.insert();
      std::vector<UnionRequest> unions;
      if (exchange.rank() == 0) unions.push_back(graph.unite(a, b));
      graph.partition.notify_homes();
      ++graph.partition.graph.iteration;
      graph.barrier();
      const Stopwatch watch;
      const std::uint32_t taken = graph.close(unions);
      const double elapsed = watch.seconds();
      const std::uint64_t nodes = graph.enodes();
      const std::uint64_t classes = graph.eclasses();
      if (exchange.rank() == 0) {
        enodes = nodes;
        eclasses = classes;
        rounds = taken;
      }
      return elapsed;
    });
    state.SetIterationTime(seconds);
    if (!expect_count(state, "e-nodes", enodes, shape.enodes(size))) break;
    if (!expect_count(state, "e-classes", eclasses, shape.eclasses(size))) break;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));  // congruences
  state.counters["rounds"] = rounds;
}

void layouts(benchmark::internal::Benchmark* benchmark, std::int64_t large) {
  benchmark->ArgNames({"size", "threads", "ranks"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t size : {std::int64_t{1} << 10, large})
    benchmark->Args({size, 1, 1})->Args({size, 2, 1})->Args({size, 1, 2});
}
BENCHMARK_CAPTURE(rebuild, chain, kChain)->Apply([](auto* benchmark) { layouts(benchmark, 1 << 14); });
BENCHMARK_CAPTURE(rebuild, hub, kHub)->Apply([](auto* benchmark) { layouts(benchmark, 1 << 17); });

}  // namespace
}  // namespace tessera::bench
