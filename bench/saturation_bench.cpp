// Whole searches on one rank, by threads: the arithmetic benchmark of the egg and egglog projects, sums in every order,
// and MobileNet v1 blocked onto a 64x64 array (search and extraction, nothing verified).
#include <benchmark/benchmark.h>

#include "cluster/model_search.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "io/builtin_networks.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

SearchOptions with_threads(std::int64_t threads) {
  SearchOptions options;
  options.partition.threads = static_cast<int>(threads);
  options.partition.shards = threads == 1 ? 1 : 8;
  return options;
}

void saturate(benchmark::State& state, const char* rules, std::uint64_t iterations) {
  std::uint64_t enodes = 0;
  for (auto _ : state) {
    SoloExchange exchange;
    const TermLanguage language;
    SymbolTable symbols;
    const RuleSet set = load_rules(rules, language, symbols, {});
    SearchOptions options = with_threads(state.range(0));
    options.iteration_limit = iterations;
    Search search(exchange, language, symbols, set.rules, options);
    search.start(set.start);
    search.run();
    enodes = search.enodes();
  }
  state.counters["e-nodes"] = static_cast<double>(enodes);
}

void math(benchmark::State& state) { saturate(state, "math", 11); }
void assoc10(benchmark::State& state) { saturate(state, "assoc10", 0); }

void mobilenet_blocking(benchmark::State& state) {
  std::uint64_t enodes = 0;
  for (auto _ : state) {
    SoloExchange exchange;
    SymbolTable symbols;
    TensorLanguage language;
    const ModelSearch model =
        plan_model_search(find_network("mobilenet-v1", symbols, language), Scope::kLayer, symbols, language);
    const RuleSet set = load_rules("blocking", language, symbols, {{{64, 64}}});
    Search search(exchange, language, symbols, set.rules, with_threads(state.range(0)));
    const std::vector<NamedClass> classes = search.start(model.start);
    search.run();
    std::vector<NamedClass> roots;
    for (const std::uint32_t root : model.start.roots) roots.push_back(classes[root]);
    Extraction extraction(search.partition(), {});
    extraction.run();
    benchmark::DoNotOptimize(extraction.extract(roots).program.size());
    enodes = search.enodes();
  }
  state.counters["e-nodes"] = static_cast<double>(enodes);
}

BENCHMARK(math)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(assoc10)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(mobilenet_blocking)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace tessera
