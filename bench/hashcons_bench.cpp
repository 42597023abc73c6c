// The hashcons by itself: e-nodes put into an empty table, and looked up in a full one, found and not found. What apply
// and rebuild do for every request. One shard, as one thread's work is.
#include <random>

#include "bench/graphs.hpp"
#include "engine/graph/node_table.hpp"

namespace tessera::bench {
namespace {

constexpr std::uint32_t kSymbols = 16;

struct Key {
  SymbolId symbol;
  std::array<std::uint32_t, 2> kids;
  std::uint64_t hash;
};

// Different keys, in no order: symbol i mod 16, children of which the first alone tells keys apart.
std::vector<Key> make_keys(std::uint32_t count, std::uint32_t first) {
  std::vector<Key> keys(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Key& key = keys[i];
    key.symbol = SymbolId(i % kSymbols);
    key.kids = {first + i, i / 2};
    key.hash = NodeTable::hash_key(key.symbol, key.kids);
  }
  std::shuffle(keys.begin(), keys.end(), std::mt19937(first));
  return keys;
}

std::uint64_t insert_all(NodeTable& table, const std::vector<Key>& keys) {
  const std::array<std::size_t, 1> rows = {keys.size()};
  const std::array<std::size_t, 1> wide = {0};
  table.reserve(rows, wide);
  std::uint64_t made = 0;
  for (const Key& key : keys) {
    const HashconsSlot slot = table.look_up(0, key.hash, key.symbol, key.kids);
    if (!slot.row.is_none()) continue;
    table.insert(0, slot, key.symbol, key.kids, ClassId(0), 1);
    ++made;
  }
  return made;
}

void hashcons_insert(benchmark::State& state) {
  const std::vector<Key> keys = make_keys(static_cast<std::uint32_t>(state.range(0)), 0);
  std::size_t bytes = 0;
  for (auto _ : state) {
    NodeTable table(1);
    if (!expect_count(state, "e-nodes made", insert_all(table, keys), keys.size())) break;
    bytes = table.bytes();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["bytes/e-node"] = static_cast<double>(bytes) / static_cast<double>(keys.size());
}

// `first`: of the keys looked up; equal to that of the keys inserted: all are found; else none.
void look_up(benchmark::State& state, bool present) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  NodeTable table(1);
  insert_all(table, make_keys(count, 0));
  const std::vector<Key> keys = make_keys(count, present ? 0 : count);
  for (auto _ : state) {
    std::uint64_t found = 0;
    for (const Key& key : keys) found += table.find(key.hash, key.symbol, key.kids).is_none() ? 0 : 1;
    if (!expect_count(state, "e-nodes found", found, present ? count : 0)) break;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
void hashcons_look_up_present(benchmark::State& state) { look_up(state, true); }
void hashcons_look_up_absent(benchmark::State& state) { look_up(state, false); }

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("size")->Arg(1 << 13)->Arg(1 << 16)->Arg(1 << 21)->Unit(benchmark::kMicrosecond);
}
BENCHMARK(hashcons_insert)->Apply(sizes);
BENCHMARK(hashcons_look_up_present)->Apply(sizes);
BENCHMARK(hashcons_look_up_absent)->Apply(sizes);

}  // namespace
}  // namespace tessera::bench
