// The match phase, over all rows: one operator, a tower of operators, patterns in which a variable occurs twice (within
// one e-node, and across two: a join), and parents of a hub class. Each over one and two threads and two ranks.
#include "bench/graphs.hpp"

namespace tessera::bench {
namespace {

struct Shape {
  const char* rules;
  void (*build)(TermGraph&, std::uint64_t size);
  std::uint64_t (*expected)(std::uint64_t size);  // matches
};

std::uint64_t all(std::uint64_t size) { return size; }

// size rows f(x_i, x_j)
void build_pairs(TermGraph& graph, std::uint64_t size) {
  const std::vector<std::uint32_t> x = graph.add_leaves(size);
  for (std::uint64_t i = 0; i < size; ++i) graph.add("f", {x[i], x[(i * 7 + 1) % size]});
}

// Every second row f(x_i, x_i).
void build_half_equal(TermGraph& graph, std::uint64_t size) {
  const std::vector<std::uint32_t> x = graph.add_leaves(size);
  for (std::uint64_t i = 0; i < size; ++i) graph.add("f", {x[i], x[i % 2 == 0 ? i : i - 1]});
}

// Towers s(s(s(s(x_i)))), a quarter as many as there are s.
void build_towers(TermGraph& graph, std::uint64_t size) {
  for (const std::uint32_t x : graph.add_leaves(size / 4)) graph.add_chain("s", 4, x);
}

// sum(mul(a_i, b), mul(a_j, c)): i = j in every second of size/2 sums.
void build_sums(TermGraph& graph, std::uint64_t size) {
  const std::vector<std::uint32_t> x = graph.add_leaves(size / 2);
  const std::uint32_t b = graph.add("b");
  const std::uint32_t c = graph.add("c");
  for (std::uint64_t i = 0; i < size / 2; ++i)
    graph.add("sum", {graph.add("mul", {x[i], b}), graph.add("mul", {x[i % 2 == 0 ? i : i - 1], c})});
}

// size parents g(h, x_i) of one class.
void build_hub(TermGraph& graph, std::uint64_t size) {
  const std::uint32_t hub = graph.add("h");
  for (const std::uint32_t x : graph.add_leaves(size)) graph.add("g", {hub, x});
}

constexpr Shape kShallow = {"(rewrite r (f ?a ?b) ?a)", build_pairs, all};
constexpr Shape kDeep = {"(rewrite r (s (s (s (s ?a)))) ?a)", build_towers,
                         [](std::uint64_t size) { return size / 4; }};
constexpr Shape kNonLinear = {"(rewrite r (f ?a ?a) ?a)", build_half_equal,
                              [](std::uint64_t size) { return size / 2; }};
constexpr Shape kJoin = {"(rewrite r (sum (mul ?a ?b) (mul ?a ?c)) ?a)", build_sums,
                         [](std::uint64_t size) { return size / 4; }};
constexpr Shape kHub = {"(rewrite r (g (h) ?a) ?a)", build_hub, all};

void match(benchmark::State& state, const Shape& shape) {
  const auto size = static_cast<std::uint64_t>(state.range(0));
  const std::uint64_t expected = shape.expected(size);
  std::uint64_t visited = 0;
  for (auto _ : state) {
    std::uint64_t found = 0;
    const double seconds = on_ranks(state.range(2), [&](Exchange& exchange) {
      TermGraph graph(exchange, state.range(1), shape.rules);
      shape.build(graph, size);
      graph.insert();
      graph.barrier();
      const Stopwatch watch;
      const MatchResult result = graph.match();
      const double elapsed = watch.seconds();
      if (exchange.rank() == 0) {
        found = result.matches[0];
        visited = result.visited;
      }
      return elapsed;
    });
    state.SetIterationTime(seconds);
    if (!expect_count(state, "matches", found, expected)) break;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(expected));
  state.counters["matches"] = static_cast<double>(expected);
  state.counters["rows visited"] = static_cast<double>(visited);  // by rank 0
}

void layouts(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"size", "threads", "ranks"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t size : {1 << 12, 1 << 18})
    benchmark->Args({size, 1, 1})->Args({size, 2, 1})->Args({size, 1, 2});
}
BENCHMARK_CAPTURE(match, shallow, kShallow)->Apply(layouts);
BENCHMARK_CAPTURE(match, deep, kDeep)->Apply(layouts);
BENCHMARK_CAPTURE(match, non_linear, kNonLinear)->Apply(layouts);
BENCHMARK_CAPTURE(match, join, kJoin)->Apply(layouts);
BENCHMARK_CAPTURE(match, hub, kHub)->Apply(layouts);

}  // namespace
}  // namespace tessera::bench
