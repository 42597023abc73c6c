// Extraction against the oracle: when every operator costs 1, the cheapest program of an e-class is its smallest term.
// The extracted program must have that cost, lie in the root's e-class, and be the same text in every layout.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/rule/rule_parser.hpp"
#include "partition/extraction.hpp"
#include "partition/local_exchange.hpp"
#include "tests/property/random_rules.hpp"
#include "tests/property/search_engine.hpp"

namespace tessera::oracle {
namespace {

struct RankResult {
  SymbolTable symbols;
  std::vector<ForeignRow> rows;
  std::vector<NamedClass> roots;
  std::vector<std::uint64_t> costs;
  Extracted extracted;
};

void run_rank(Exchange& exchange, const Layout& layout, const SearchInput& input, int iterations, RankResult& result) {
  const RuleSet rules = parse_rules(input.text, "search", *input.language, result.symbols, {});
  SearchOptions options;
  options.partition.shards = layout.shards;
  options.partition.placement = {layout.placement, 1};
  options.partition.threads = layout.threads;
  Search search(exchange, *input.language, result.symbols, rules.rules, options);
  const std::vector<NamedClass> classes = search.start(rules.start);
  for (int i = 0; i < iterations; ++i) search.iterate();
  result.rows = live_rows(search.partition());
  for (const std::uint32_t root : rules.start.roots) result.roots.push_back(classes.at(root));
  Extraction extraction(search.partition(), {});
  extraction.run();
  result.costs = extraction.costs(result.roots);
  result.extracted = extraction.extract(result.roots);
}

// Texts of all nodes would be exponential in shared programs; one line a node is not.
std::string program_text(const Expression& program, const SymbolTable& symbols) {
  std::string text;
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    text += std::to_string(i) + ": " + std::string(symbols[program[i].symbol].name.text());
    for (const std::uint32_t kid : program[i].kids) text += " #" + std::to_string(kid);
    for (const Value& value : symbols[program[i].symbol].attributes) text += " " + value.to_string();
    text += "\n";
  }
  for (const std::uint32_t root : program.roots) text += "root #" + std::to_string(root) + "\n";
  return text;
}

// The number of nodes of the tree that a node of the program stands for, which is its cost; saturates.
std::vector<std::uint64_t> tree_sizes(const Expression& program) {
  std::vector<std::uint64_t> sizes;
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    std::uint64_t size = 1;
    for (const std::uint32_t kid : program[i].kids) {
      size += std::min(sizes[kid], std::numeric_limits<std::uint64_t>::max() - size);
    }
    sizes.push_back(size);
  }
  return sizes;
}

// Throws std::runtime_error with the layout and what is wrong.
void expect_smallest(const std::string& text, const Language& language) {
  const SearchInput input{text, &language};
  const int iterations = static_cast<int>(oracle_history(input, {}).counts.size()) - 1;
  std::string first_program;
  for (const Layout& layout : {Layout{1, 1, 1}, Layout{1, 2, 4}, Layout{2, 1, 1}, Layout{3, 1, 4}, Layout{4, 1, 1}}) {
    const auto require = [&](bool condition, const std::string& what) {
      if (!condition) throw std::runtime_error(layout_name(layout) + ": " + what);
    };
    std::vector<RankResult> results(static_cast<std::size_t>(layout.ranks));
    LocalWorld(layout.ranks).run([&](Exchange& exchange) {
      run_rank(exchange, layout, input, iterations, results[static_cast<std::size_t>(exchange.rank())]);
    });
    RankResult& root_rank = results[0];
    NaiveEGraph graph(root_rank.symbols, language);
    std::vector<ForeignRow> rows;
    for (const RankResult& result : results) {
      rows.insert(rows.end(), result.rows.begin(), result.rows.end());
      require(result.costs == root_rank.costs, "ranks disagree on costs");
    }
    graph.adopt(rows);
    const std::size_t enodes = graph.enode_count();

    // start() names the classes as they were then; where a root is now, its term says.
    const Expression start = parse_rules(text, "start", language, root_rank.symbols, {}).start;
    const std::vector<NaiveClass> roots = graph.add(start);
    const Expression& program = root_rank.extracted.program;
    const std::vector<NaiveClass> found = graph.add(program);
    require(graph.enode_count() == enodes, "the program has e-nodes that the e-graph has not");
    require(found == roots, "the program is not in the roots' e-classes");
    require(root_rank.costs == root_rank.extracted.costs, "extract() and costs() disagree");
    const std::vector<std::uint64_t> sizes = tree_sizes(program);
    for (std::size_t r = 0; r < roots.size(); ++r) {
      require(root_rank.costs.at(r) == graph.smallest_size(roots[r]), "the cost is not the smallest");
      require(root_rank.costs.at(r) == sizes.at(program.roots.at(r)), "the program has another cost than the root");
    }
    const std::string printed = program_text(program, root_rank.symbols);
    if (first_program.empty()) first_program = printed;
    require(printed == first_program, "expected\n" + first_program + "found\n" + printed);
  }
}

RC_GTEST_PROP(RandomExtraction, IsTheSmallestTermOfTheRootsClass, ()) {
  expect_smallest((*random_search()).text(), PropertyLanguage());
}

RC_GTEST_PROP(RandomExtraction, WithData, ()) { expect_smallest((*random_search()).text(), DataPropertyLanguage()); }

// The home of a class that lost knows its leader; the leader's home need not know the loser.
TEST(KnownExtraction, RootsOfMergedClasses) {
  expect_smallest("(start (f (f a)))\n(rewrite r0 (f a) a)\n", PropertyLanguage());
}

}  // namespace
}  // namespace tessera::oracle
