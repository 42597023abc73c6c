// The apply phase: right sides built from matches already found. All new (every node of the right side is made), all
// known (every node is found, and the match says nothing new), and tall (a wave a level).
#include "bench/graphs.hpp"

namespace tessera::bench {
namespace {

struct Shape {
  const char* rules;
  bool known;               // the right sides are in the e-graph already
  std::uint64_t rows_made;  // a match
};

// Over size e-nodes f(x_i, x_(i+1)), x in a ring.
constexpr Shape kNew = {"(rewrite r (f ?a ?b) (g (h ?b) ?a))", false, 2};
constexpr Shape kKnown = {"(rewrite r (f ?a ?b) (f ?a ?b))", true, 0};
constexpr Shape kTall = {"(rewrite r (f ?a ?b) (s (t (s (t (g ?a ?b))))))", false, 5};

void apply(benchmark::State& state, const Shape& shape) {
  const auto size = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    std::uint64_t asserted = 0;
    std::uint64_t made = 0;
    const double seconds = on_ranks(state.range(2), [&](Exchange& exchange) {
      TermGraph graph(exchange, state.range(1), shape.rules);
      const std::vector<std::uint32_t> x = graph.add_leaves(size);
      for (std::uint64_t i = 0; i < size; ++i) graph.add("f", {x[i], x[(i + 1) % size]});
      graph.insert();
      const std::uint64_t before = graph.enodes();
      MatchResult matches = graph.match();
      graph.barrier();
      const Stopwatch watch;
      const ApplyResult result = graph.apply(matches);
      const double elapsed = watch.seconds();
      const std::uint64_t after = graph.enodes();
      if (exchange.rank() == 0) {
        asserted = result.asserted[0];
        made = after - before;
      }
      return elapsed;
    });
    state.SetIterationTime(seconds);
    if (!expect_count(state, "e-nodes made", made, size * shape.rows_made)) break;
    if (!expect_count(state, "applications that said something new", asserted, shape.known ? 0 : size)) break;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));  // matches applied
  state.counters["e-nodes made"] = static_cast<double>(size * shape.rows_made);
}

void layouts(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"size", "threads", "ranks"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t size : {1 << 12, 1 << 17})
    benchmark->Args({size, 1, 1})->Args({size, 2, 1})->Args({size, 1, 2});
}
BENCHMARK_CAPTURE(apply, new_nodes, kNew)->Apply(layouts);
BENCHMARK_CAPTURE(apply, known_nodes, kKnown)->Apply(layouts);
BENCHMARK_CAPTURE(apply, tall, kTall)->Apply(layouts);

}  // namespace
}  // namespace tessera::bench
