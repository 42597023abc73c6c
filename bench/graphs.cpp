#include "bench/graphs.hpp"

#include <array>
#include <limits>

#include "engine/language/expression_edit.hpp"
#include "io/builtin_networks.hpp"

namespace tessera::bench {

namespace {

RuleSet term_rules(const std::string& rules, const Language& language, SymbolTable& symbols) {
  if (rules.empty()) return {};
  if (rules.find('(') == std::string::npos) return load_rules(rules, language, symbols, {});
  return parse_rules(rules, "benchmark.rules", language, symbols, {});
}

}  // namespace

PartitionOptions partition_options(std::int64_t threads) {
  PartitionOptions options;
  options.threads = static_cast<int>(threads);
  options.shards = 1;
  while (threads > 1 && options.shards < 4 * threads) options.shards *= 2;
  return options;
}

SearchOptions search_options(std::int64_t threads) {
  SearchOptions options;
  options.partition = partition_options(threads);
  return options;
}

bool expect_count(benchmark::State& state, const char* what, std::uint64_t found, std::uint64_t expected) {
  if (found == expected) return true;
  const std::string message =
      std::string(what) + ": found " + std::to_string(found) + ", expected " + std::to_string(expected);
  state.SkipWithError(message.c_str());
  return false;
}

TermGraph::TermGraph(Exchange& exchange, std::int64_t threads, const std::string& rules)
    : rules_(term_rules(rules, language_, symbols_)),
      partition(exchange, language_, symbols_, partition_options(threads)) {
  for (const Rule& rule : rules_.rules) plans_.push_back(compile(rule, symbols_));
  active_.assign(plans_.size(), 1);
  seen_.assign(plans_.size(), 0);
  no_limit_.assign(plans_.size(), std::numeric_limits<std::uint64_t>::max());
}

std::uint32_t TermGraph::add(const std::string& op, std::initializer_list<std::uint32_t> kids) {
  const std::vector<std::uint32_t> list(kids);
  return expression_.add(symbols_.intern(Name(op), {}, static_cast<std::uint32_t>(list.size())), list);
}

std::uint32_t TermGraph::add_chain(const std::string& op, std::uint64_t length, std::uint32_t base) {
  for (std::uint64_t i = 0; i < length; ++i) base = add(op, {base});
  return base;
}

std::vector<std::uint32_t> TermGraph::add_leaves(std::uint64_t count) {
  std::vector<std::uint32_t> leaves;
  leaves.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) leaves.push_back(add("x" + std::to_string(i)));
  return leaves;
}

void TermGraph::insert() {
  classes = insert_expression(partition, expression_);
  partition.notify_homes();
  partition.push_to_subscribers();
}

MatchResult TermGraph::match() { return run_match_phase(partition, {plans_, active_, seen_, no_limit_, {}}); }

ApplyResult TermGraph::apply(MatchResult& matches) {
  ++partition.graph.iteration;
  for (auto& list : partition.graph.touched) list.clear();
  ApplyResult result = run_apply_phase(partition, plans_, active_, matches);
  partition.notify_homes();
  return result;
}

std::uint32_t TermGraph::close(std::vector<UnionRequest> unions) {
  for (std::uint32_t rounds = 0;; ++rounds) {
    std::uint64_t open = unions.size();
    if (!partition.alone()) partition.exchange.all_reduce(std::span(&open, 1), Reduction::kMax);
    if (open == 0) return rounds;
    const MergeResult merged = run_merge_phase(partition, std::move(unions));
    RebuildResult rebuilt = run_rebuild_round(partition, merged.losers);
    partition.notify_homes();
    unions = std::move(rebuilt.unions);
  }
}

UnionRequest TermGraph::unite(std::uint32_t a, std::uint32_t b) {
  return {partition.local(classes[a]).value, partition.local(classes[b]).value, kNoRule};
}

std::uint64_t TermGraph::sum(std::uint64_t here) {
  if (!partition.alone()) partition.exchange.all_reduce(std::span(&here, 1), Reduction::kSum);
  return here;
}

std::uint64_t TermGraph::enodes() { return sum(partition.graph.nodes.live_count()); }
std::uint64_t TermGraph::eclasses() { return sum(static_cast<std::uint64_t>(partition.owned_classes)); }
void TermGraph::barrier() { static_cast<void>(sum(0)); }

double on_ranks(std::int64_t ranks, const std::function<double(Exchange&)>& body) {
  if (ranks == 1) {
    SoloExchange exchange;
    return body(exchange);
  }
  double result = 0;
  LocalWorld(static_cast<int>(ranks)).run([&](Exchange& exchange) {
    const double mine = body(exchange);
    if (exchange.rank() == 0) result = mine;
  });
  return result;
}

TermSearch::TermSearch(Exchange& exchange, const std::string& rules, const SearchOptions& options)
    : rules_(term_rules(rules, language_, symbols_)),
      search(exchange, language_, symbols_, rules_.rules, options),
      classes_(search.start(rules_.start)) {}

LayerSearch::LayerSearch(Exchange& exchange, const NetworkMaker& network, const std::string& rules,
                         const std::vector<ArraySize>& arrays, const SearchOptions& options)
    : model(plan_model_search(network(symbols, language), Scope::kLayer, symbols, language)) {
  RuleParameters parameters;
  for (const ArraySize& array : arrays) parameters.arrays.emplace_back(array.rows, array.columns);
  rules_ = load_rules(rules, language, symbols, parameters);
  search.emplace(exchange, language, symbols, rules_.rules, options);
  const std::vector<NamedClass> classes = search->start(model.start);
  for (const std::uint32_t root : model.start.roots) roots_.push_back(classes[root]);
}

Extracted LayerSearch::extract() {
  Extraction extraction(search->partition(), {});
  extraction.run();
  return extraction.extract(roots_);
}

bool LayerSearch::on_arrays(const Expression& program) const {
  bool any = false;
  const std::vector<char> used = reachable(program, program.roots);
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    if (used[i] == 0) continue;
    const Symbol& symbol = symbols[program[i].symbol];
    if (symbol.name == Name("systolic-array")) any = true;
    if (symbol.name == Name("compute") && symbol.attributes.at(0).as_name() == Name("dot-product")) return false;
  }
  return any;
}

LayerSearch::NetworkMaker network_named(const std::string& name) {
  return [name](SymbolTable& symbols, TensorLanguage& language) { return find_network(name, symbols, language); };
}

}  // namespace tessera::bench
