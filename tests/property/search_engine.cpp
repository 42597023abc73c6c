#include "tests/property/search_engine.hpp"

#include <memory>
#include <stdexcept>

#include "engine/rule/rule_parser.hpp"
#include "partition/digest.hpp"
#include "partition/local_exchange.hpp"
#include "tests/partition/state_support.hpp"

namespace tessera::oracle {

namespace {

struct RankResult {
  SymbolTable symbols;
  History history;
  std::vector<ForeignRow> rows;
};

// Which part of a search: from its start, or from a state; and where its state is kept at the end.
struct Leg {
  int iterations = 0;
  const SearchState* from = nullptr;
  SearchState* to = nullptr;
};

void run_rank(Exchange& exchange, const Layout& layout, const SearchInput& input, const Leg& leg, RankResult& result) {
  const RuleSet rules = parse_rules(input.text, "search", *input.language, result.symbols, {});
  SearchOptions options;
  options.partition.shards = layout.shards;
  options.partition.threads = layout.threads;
  options.partition.placement = {layout.placement, 1};
  options.partition.least_crowd = layout.least_crowd;
  Search search(exchange, *input.language, result.symbols, rules.rules, options);
  History& history = result.history;
  if (leg.from == nullptr) {
    search.start(rules.start);
    history.counts.push_back({search.enodes(), search.eclasses(), {}, {}, {}});
  } else {
    static_cast<void>(import_state(search, cut_state(*leg.from, exchange.rank(), exchange.size())));
    static_cast<void>(search.invariants_hold());
  }
  for (int i = 0; i < leg.iterations; ++i) {
    const IterationRecord& record = search.iterate();
    IterationCounts counts{record.enodes, record.eclasses, {}, {}, {}};
    for (const RuleRecord& rule : record.rules) counts.found_matches.push_back(rule.matches);
    history.counts.push_back(std::move(counts));
    history.saturated = !record.changed;
  }
  history.digest = digest(search.partition());
  result.rows = live_rows(search.partition());
  if (leg.to != nullptr) *leg.to = export_state(search, {});
}

}  // namespace

std::string layout_name(const Layout& layout) {
  return "r" + std::to_string(layout.ranks) + "t" + std::to_string(layout.threads) + "s" +
         std::to_string(layout.shards) + (layout.placement == PlacementPolicy::kHash ? "hash" : "") +
         (layout.least_crowd == Layout().least_crowd ? "" : "c" + std::to_string(layout.least_crowd));
}

std::vector<ForeignRow> live_rows(Partition& partition) {
  std::vector<ForeignRow> rows;
  const EGraph& graph = partition.graph;
  const ShardedIds& ids = graph.nodes.ids();
  for (std::uint32_t shard = 0; shard < ids.shards(); ++shard) {
    for (std::uint32_t at = 0; at < ids.used(shard); ++at) {
      const RowId id(ids.id(shard, at));
      if (!graph.nodes.is_live(id)) continue;
      ForeignRow row{graph.nodes[id].symbol, {}, partition.global(ClassId(graph.nodes[id].class_id)).value};
      const std::uint32_t arity = graph.arity(id);
      for (std::uint32_t k = 0; k < arity; ++k) {
        row.kids.push_back(partition.global(ClassId(graph.nodes.kid(id, arity, k))).value);
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

History SearchEngine::run(const SearchInput& input, int iterations) {
  Leg leg{iterations, nullptr, nullptr};
  History before;
  SearchState state;
  if (before_) {
    std::vector<RankResult> results(static_cast<std::size_t>(before_->ranks));
    std::vector<SearchState> shares(results.size());
    LocalWorld(before_->ranks).run([&](Exchange& exchange) {
      const auto rank = static_cast<std::size_t>(exchange.rank());
      run_rank(exchange, *before_, input, {iterations / 2, nullptr, &shares[rank]}, results[rank]);
    });
    before = std::move(results[0].history);
    state = join_states(shares);
    leg = {iterations - iterations / 2, &state, nullptr};
  }
  std::vector<RankResult> results(static_cast<std::size_t>(layout_.ranks));
  LocalWorld(layout_.ranks).run([&](Exchange& exchange) {
    run_rank(exchange, layout_, input, leg, results[static_cast<std::size_t>(exchange.rank())]);
  });
  for (RankResult& result : results)
    result.history.counts.insert(result.history.counts.begin(), before.counts.begin(), before.counts.end());
  RankResult& first = results[0];
  std::vector<ForeignRow> rows;
  for (const RankResult& result : results) {
    const std::string difference = first_difference(first.history, result.history);
    if (!difference.empty()) throw std::logic_error(name() + ": ranks do not agree: " + difference);
    rows.insert(rows.end(), result.rows.begin(), result.rows.end());
    // Rows are compared by symbol ids, which must mean the same everywhere.
    if (result.symbols.size() != first.symbols.size()) throw std::logic_error(name() + ": symbol tables differ");
    for (std::uint32_t s = 0; s < first.symbols.size(); ++s) {
      if (result.symbols.hash(SymbolId(s)) != first.symbols.hash(SymbolId(s))) {
        throw std::logic_error(name() + ": symbol tables differ");
      }
    }
  }
  NaiveEGraph graph(first.symbols, *input.language);
  graph.adopt(rows);
  graph.check();
  const IterationCounts& last = first.history.counts.back();
  if (graph.enode_count() != last.enodes || graph.eclass_count() != last.eclasses) {
    throw std::logic_error(name() + ": says " + std::to_string(last.enodes) + " e-nodes and " +
                           std::to_string(last.eclasses) + " e-classes, has " + std::to_string(graph.enode_count()) +
                           " and " + std::to_string(graph.eclass_count()));
  }
  History history = std::move(first.history);
  if (partition_size_ > 0 && graph.partition_size() <= partition_size_) history.partition = graph.partition_text();
  return history;
}

}  // namespace tessera::oracle
