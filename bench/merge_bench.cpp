// The merge phase: union requests become leaders. Pairs (many small classes), a chain in order (the worst case for
// hooking), a star, and random requests; the concurrent union-find of one rank, and hook-and-jump over in-process
// ranks.
#include <random>

#include "bench/graphs.hpp"

namespace tessera::bench {
namespace {

using Request = std::pair<std::uint32_t, std::uint32_t>;

// Over classes 0 … size-1.
std::vector<Request> pairs(std::uint32_t size) {
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i + 1 < size; i += 2) requests.emplace_back(i, i + 1);
  return requests;
}
std::vector<Request> chain(std::uint32_t size) {
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i + 1 < size; ++i) requests.emplace_back(i, i + 1);
  return requests;
}
std::vector<Request> star(std::uint32_t size) {
  std::vector<Request> requests;
  for (std::uint32_t i = 1; i < size; ++i) requests.emplace_back(0, i);
  return requests;
}
// Twice as many requests as classes; fixed seed.
std::vector<Request> any(std::uint32_t size) {
  std::mt19937 random(1);
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < 2 * size; ++i)
    requests.emplace_back(static_cast<std::uint32_t>(random() % size), static_cast<std::uint32_t>(random() % size));
  return requests;
}

// Classes that are left, by a union-find without any cleverness.
std::uint64_t classes_left(const std::vector<Request>& requests, std::uint32_t size) {
  std::vector<std::uint32_t> parent(size);
  for (std::uint32_t i = 0; i < size; ++i) parent[i] = i;
  const auto find = [&](std::uint32_t at) {
    while (parent[at] != at) at = parent[at] = parent[parent[at]];
    return at;
  };
  std::uint64_t left = size;
  for (const auto& [a, b] : requests) {
    const std::uint32_t x = find(a);
    const std::uint32_t y = find(b);
    if (x == y) continue;
    parent[x] = y;
    --left;
  }
  return left;
}

void merge(benchmark::State& state, std::vector<Request> (*make)(std::uint32_t)) {
  const auto size = static_cast<std::uint32_t>(state.range(0));
  const std::vector<Request> requests = make(size);
  const std::uint64_t expected = classes_left(requests, size);
  std::uint64_t exchanges = 0;
  for (auto _ : state) {
    std::uint64_t left = 0;
    const double seconds = on_ranks(state.range(2), [&](Exchange& exchange) {
      TermGraph graph(exchange, state.range(1));
      graph.add_leaves(size);
      graph.insert();
      const auto ranks = static_cast<std::size_t>(exchange.size());
      std::vector<UnionRequest> mine;  // dealt out among the ranks
      for (std::size_t i = static_cast<std::size_t>(exchange.rank()); i < requests.size(); i += ranks)
        mine.push_back(graph.unite(requests[i].first, requests[i].second));
      graph.partition.notify_homes();
      graph.barrier();
      const std::uint64_t before = exchange.traffic().exchanges;
      const Stopwatch watch;
      benchmark::DoNotOptimize(run_merge_phase(graph.partition, std::move(mine)).losers.size());
      const double elapsed = watch.seconds();
      const std::uint64_t after = exchange.traffic().exchanges;
      const std::uint64_t classes = graph.eclasses();
      if (exchange.rank() == 0) {
        left = classes;
        exchanges = after - before;
      }
      return elapsed;
    });
    state.SetIterationTime(seconds);
    if (!expect_count(state, "classes left", left, expected)) break;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(requests.size()));
  state.counters["exchanges"] = static_cast<double>(exchanges);
}

void layouts(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"size", "threads", "ranks"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t size : {1 << 12, 1 << 17})
    benchmark->Args({size, 1, 1})->Args({size, 2, 1})->Args({size, 1, 2})->Args({size, 1, 4});
}
BENCHMARK_CAPTURE(merge, pairs, pairs)->Apply(layouts);
BENCHMARK_CAPTURE(merge, chain, chain)->Apply(layouts);
BENCHMARK_CAPTURE(merge, star, star)->Apply(layouts);
BENCHMARK_CAPTURE(merge, random, any)->Apply(layouts);

}  // namespace
}  // namespace tessera::bench
