// Costs and programs are those of a naive search in the order of costs, on any number of ranks, threads and shards,
// with barriers and without; and rows are evaluated few times, as often in every layout.
#include "partition/extraction.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bitset>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "engine/base/hash.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kInfinite = Language::kInfiniteCost;

// Operators cost from 1 to 64, as `seed` has it, or all 1 if it is 0; `d` can never be extracted.
class UnevenLanguage final : public TermLanguage {
 public:
  explicit UnevenLanguage(std::uint64_t seed) : seed_(seed) {}
  [[nodiscard]] std::uint64_t cost(const Symbol& symbol, DataView, std::span<const DataView>) const override {
    if (symbol.name.text() == "d") return kInfinite;
    return seed_ == 0 ? 1 : hash_combine(seed_, hash_string(symbol.name.text())) % 64 + 1;
  }

 private:
  std::uint64_t seed_;
};

struct Layout {
  int ranks = 1;
  int threads = 1;
  std::uint32_t shards = 1;
};

constexpr std::array<Layout, 7> kLayouts = {
    {{1, 1, 1}, {1, 1, 8}, {1, 4, 8}, {1, 2, 16}, {2, 1, 1}, {3, 2, 4}, {4, 1, 2}}};

std::string text_of(const Layout& layout) {
  return std::to_string(layout.ranks) + " ranks, " + std::to_string(layout.threads) + " threads, " +
         std::to_string(layout.shards) + " shards";
}

struct NaiveRow {
  std::uint64_t cls;  // GlobalId::value
  std::vector<std::uint64_t> kids;
  std::uint64_t own;
  std::uint64_t key;
  std::string symbol;
};

struct Outcome {
  std::vector<std::uint64_t> costs;  // of the start expression's nodes
  std::string program;
  std::string failure;
  std::uint64_t evaluations = 0;
  std::vector<NaiveRow> rows;
  std::vector<std::uint64_t> classes;  // of the start expression's nodes
  std::vector<std::uint64_t> roots;
  std::vector<std::uint64_t> barriers;  // of those
};

std::string line_of(const std::string& symbol, const std::vector<std::uint32_t>& kids) {
  std::string line = symbol;
  for (const std::uint32_t kid : kids) line += " #" + std::to_string(kid);
  return line + "\n";
}

std::string program_text(const Expression& program, const SymbolTable& symbols) {
  std::string text;
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    const auto& [symbol, kids] = program[i];
    text += line_of(std::string(symbols[symbol].name.text()), {kids.begin(), kids.end()});
  }
  for (const std::uint32_t root : program.roots) text += "root #" + std::to_string(root) + "\n";
  return text;
}

void gather_rows(Partition& partition, std::vector<NaiveRow>& rows) {
  const EGraph& graph = partition.graph;
  graph.for_each_row([&](RowId row) {
    const SymbolId id = graph.nodes[row].symbol;
    const Symbol& symbol = graph.symbols()[id];
    NaiveRow naive{partition.global(ClassId(graph.nodes[row].class_id)).value,
                   {},
                   graph.language().cost(symbol, {}, {}),
                   graph.symbols().hash(id),
                   std::string(symbol.name.text())};
    for (std::uint32_t k = 0; k < symbol.arity; ++k) {
      const NamedClass kid = partition.named(ClassId(graph.nodes.kid(row, symbol.arity, k)));
      naive.kids.push_back(kid.id.value);
      naive.key = hash_combine(naive.key, kid.name);
    }
    rows.push_back(std::move(naive));
  });
}

// `rules_text`: or the name of a set that is shipped. Every so many of the start expression's nodes are barriers, the
// first always; 0: none.
Outcome outcome(const std::string& rules_text, const Language& language, int iterations, std::size_t barrier_every,
                const Layout& layout) {
  Outcome result;
  std::mutex mutex;
  const auto on_rank = [&](Exchange& exchange) {
    SymbolTable symbols;
    const RuleSet rules = rules_text.find('(') == std::string::npos
                              ? load_rules(rules_text, language, symbols, {})
                              : parse_rules(rules_text, "test.rules", language, symbols, {});
    SearchOptions options;
    options.partition.threads = layout.threads;
    options.partition.shards = layout.shards;
    Search search(exchange, language, symbols, rules.rules, options);
    const std::vector<NamedClass> classes = search.start(rules.start);
    for (int i = 0; i < iterations; ++i) search.iterate();
    std::vector<NamedClass> roots;
    for (const std::uint32_t root : rules.start.roots) roots.push_back(classes[root]);
    std::vector<NamedClass> barriers;
    for (std::size_t i = 0; barrier_every != 0 && i < classes.size(); i += barrier_every)
      barriers.push_back(classes[i]);
    Extraction extraction(search.partition(), barriers);
    extraction.run();
    const std::vector<std::uint64_t> costs = extraction.costs(classes);
    std::string failure;
    Extracted extracted;
    try {
      extracted = extraction.extract(roots);
    } catch (const Error& error) {
      failure = error.message();
    }
    const std::vector<GlobalId> leaders = search.partition().leaders(classes);
    const std::scoped_lock lock(mutex);
    result.evaluations += extraction.evaluations();
    gather_rows(search.partition(), result.rows);
    if (exchange.rank() != 0) {
      EXPECT_TRUE(extracted.program.empty());
      return;
    }
    result.costs = costs;
    result.failure = failure;
    result.program = program_text(extracted.program, symbols);
    for (const GlobalId leader : leaders) result.classes.push_back(leader.value);
    for (const std::uint32_t root : rules.start.roots) result.roots.push_back(leaders[root].value);
    for (std::size_t i = 0; i < barriers.size(); ++i) result.barriers.push_back(leaders[barrier_every * i].value);
  };
  if (layout.ranks == 1) {
    SoloExchange exchange;
    on_rank(exchange);
  } else {
    LocalWorld(layout.ranks).run(on_rank);
  }
  return result;
}

// Of all rows whose children are settled, the cheapest settles its class: one after the other, as Knuth has it.
class NaiveExtraction {
 public:
  explicit NaiveExtraction(const Outcome& graph) {
    for (std::size_t i = 0; i < graph.barriers.size(); ++i) barrier_of_[graph.barriers[i]] = i;
    std::multimap<std::uint64_t, const NaiveRow*> parents;
    std::map<const NaiveRow*, std::size_t> waiting;
    for (const NaiveRow& row : graph.rows) {
      for (const std::uint64_t kid : row.kids) parents.emplace(kid, &row);
      waiting[&row] = row.kids.size();
      if (row.kids.empty()) offer(row);
    }
    while (!offers_.empty()) {
      const Settled best = offers_.begin()->second;
      offers_.erase(offers_.begin());
      if (!settled_.try_emplace(best.row->cls, best).second) continue;
      const auto [begin, end] = parents.equal_range(best.row->cls);
      for (auto at = begin; at != end; ++at)
        if (--waiting[at->second] == 0) offer(*at->second);
    }
  }

  [[nodiscard]] std::uint64_t cost(std::uint64_t cls) const { return settled_.at(cls).total; }
  [[nodiscard]] std::string program(const std::vector<std::uint64_t>& roots) {
    for (const std::uint64_t root : roots) text_roots_ += "root #" + std::to_string(print(root)) + "\n";
    return text_ + text_roots_;
  }

 private:
  using BarrierSet = std::bitset<64>;
  struct Settled {
    const NaiveRow* row;
    std::uint64_t total;
    std::uint64_t local;
    BarrierSet set;
  };

  void offer(const NaiveRow& row) {
    if (row.own == kInfinite) return;
    Settled made{&row, 0, row.own, {}};
    for (const std::uint64_t kid : row.kids) {
      const Settled& below = settled_.at(kid);
      made.set |= below.set;
      if (const auto barrier = barrier_of_.find(kid); barrier != barrier_of_.end())
        made.set.set(barrier->second);
      else
        made.local += below.local;
    }
    made.total = made.local;
    for (const auto& [cls, barrier] : barrier_of_)
      if (made.set.test(barrier)) made.total += settled_.at(cls).local;
    offers_.emplace(std::pair(made.total, row.key), made);
  }

  std::uint32_t print(std::uint64_t cls) {
    if (const auto known = printed_.find(cls); known != printed_.end()) return known->second;
    const NaiveRow& row = *settled_.at(cls).row;
    std::vector<std::uint32_t> kids;
    for (const std::uint64_t kid : row.kids) kids.push_back(print(kid));
    text_ += line_of(row.symbol, kids);
    const auto number = static_cast<std::uint32_t>(printed_.size());
    printed_.emplace(cls, number);
    return number;
  }

  std::map<std::uint64_t, std::size_t> barrier_of_;
  std::map<std::uint64_t, Settled> settled_;
  std::multimap<std::pair<std::uint64_t, std::uint64_t>, Settled> offers_;  // by total and key
  std::map<std::uint64_t, std::uint32_t> printed_;
  std::string text_;
  std::string text_roots_;
};

void expect_naive(const std::string& rules, int iterations, std::size_t barrier_every, std::uint64_t seed) {
  const UnevenLanguage language(seed);
  std::optional<Outcome> first;
  for (const Layout& layout : kLayouts) {
    Outcome found = outcome(rules, language, iterations, barrier_every, layout);
    EXPECT_EQ(found.failure, "") << text_of(layout);
    if (!first) {
      NaiveExtraction naive(found);
      for (std::size_t i = 0; i < found.classes.size(); ++i)
        EXPECT_EQ(found.costs[i], naive.cost(found.classes[i])) << "node " << i << " of the start expression";
      EXPECT_EQ(found.program, naive.program(found.roots));
      // Every row can be extracted, and with barriers none is looked at twice.
      EXPECT_GE(found.evaluations, found.rows.size());
      EXPECT_LE(found.evaluations, barrier_every != 0 ? found.rows.size() : found.rows.size() * 3 / 2);
      first = std::move(found);
      continue;
    }
    EXPECT_EQ(found.costs, first->costs) << text_of(layout);
    EXPECT_EQ(found.program, first->program) << text_of(layout);
    EXPECT_EQ(found.evaluations, first->evaluations) << text_of(layout);
    EXPECT_EQ(found.rows.size(), first->rows.size()) << text_of(layout);
  }
}

constexpr int kMathIterations = 9;  // 28,303 e-nodes in 12,445 e-classes

TEST(Extraction, IsTheNaiveOneOnEveryLayout) {
  for (const std::uint64_t seed : {1, 2}) expect_naive("math", kMathIterations, 0, seed);
}

TEST(Extraction, WithBarriersIsTheNaiveOneOnEveryLayout) {
  for (const std::uint64_t seed : {1, 2}) expect_naive("math", kMathIterations, 3, seed);
}

// Of 10 numbers in all orders: a class for each subset, all e-nodes of a size cost the same, and are more than one
// thread takes.
TEST(Extraction, WithLargeRoundsIsTheNaiveOneOnEveryLayout) {
  std::string start = "10";
  for (int i = 9; i > 0; --i) start = "(+ " + std::to_string(i) + " " + start + ")";
  const std::string sums =
      "(rewrite swap (+ ?a ?b) (+ ?b ?a))\n(rewrite regroup (+ ?a (+ ?b ?c)) (+ (+ ?a ?b) ?c))\n(start " + start + ")";
  for (const std::size_t barrier_every : {0, 3}) expect_naive(sums, 6, barrier_every, 0);
}

// d(d(… a)) with as many d as `depth`, each of which is found to be f(x, x).
std::string doubling(int depth, const std::string& more_rules) {
  std::string start = "a";
  for (int i = 0; i < depth; ++i) start = "(d " + start + ")";
  return "(start " + start + ")\n(rewrite double (d ?x) (f ?x ?x))\n" + more_rules;
}

TEST(Extraction, WhatIsTooMuchToCountIsStillTheSmallestProgram) {
  constexpr int kDepth = 160;
  const std::string text = doubling(kDepth, "(rewrite wrap (f ?x ?y) (g (f ?x ?y)))\n");
  const UnevenLanguage language(1);
  std::string expected = "a\n";
  for (int i = 0; i < kDepth; ++i)
    expected += line_of("f", {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i)});
  expected += "root #" + std::to_string(kDepth) + "\n";
  for (const std::size_t barrier_every : {0, 3, 1000}) {
    for (const Layout& layout : kLayouts) {
      const Outcome found = outcome(text, language, 3, barrier_every, layout);
      EXPECT_EQ(found.failure, "") << text_of(layout);
      EXPECT_EQ(found.program, expected) << text_of(layout);
      // A barrier at every third node keeps sums small.
      EXPECT_EQ(found.costs.back() == kInfinite - 1, barrier_every != 3)
          << text_of(layout) << ": " << found.costs.back();
    }
  }
}

TEST(Extraction, ARootThatCannotBeExtractedIsNamedOnAllRanks) {
  const UnevenLanguage language(1);
  for (const Layout& layout : kLayouts) {
    const Outcome found = outcome("(start a (d (g a)) (g (d a)))\n", language, 1, 0, layout);
    EXPECT_EQ(found.failure, "root 2 has no program that can be extracted") << text_of(layout);
    ASSERT_EQ(found.costs.size(), 5U) << text_of(layout);
    EXPECT_LE(found.costs[0], 64U) << text_of(layout);
    EXPECT_EQ(found.costs.back(), kInfinite) << text_of(layout);
  }
}

}  // namespace
}  // namespace tessera
