// Matching as a whole: nothing is found twice, shared lists are gone through once, long lists are split, and the order
// of the joins changes the work but not the matches.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/match_wire.hpp"
#include "partition/search.hpp"
#include "partition/statistics.hpp"

namespace tessera {
namespace {

constexpr const char* kRules =
    "(rewrite swap (f ?a ?b) (f ?b ?a))\n(rewrite left (f ?a (f ?b ?c)) (f (f ?a ?b) ?c))\n"
    "(start (f a (f b (f c (f d (f e (f g h)))))))\n";

MatchResult match(Search& search, std::span<const RulePlan> plans, bool from_scratch) {
  const std::vector<char> active(plans.size(), 1);
  const std::vector<std::uint64_t> store_limit(plans.size(), ~std::uint64_t{0});
  std::vector<std::uint32_t> seen;
  for (const RuleSchedule& rule : search.scheduler().rules()) seen.push_back(from_scratch ? 0 : rule.seen);
  return run_match_phase(search.partition(), {plans, active, seen, store_limit, {}});
}

struct Fixture {
  TermLanguage language;
  SymbolTable symbols;
  RuleSet set;
  std::vector<RulePlan> plans;
  explicit Fixture(const std::string& text) : set(parse_rules(text, "test.rules", language, symbols, {})) {
    for (const Rule& rule : set.rules) plans.push_back(compile(rule, symbols));
  }
};

TEST(Matching, NothingIsNewOnceEverythingWasFoundAndAllIsFoundFromScratch) {
  for (const int ranks : {1, 3}) {
    LocalWorld(ranks).run([&](Exchange& exchange) {
      Fixture f(kRules);
      Search search(exchange, f.language, f.symbols, f.set.rules, {});
      search.start(f.set.start);
      EXPECT_EQ(search.run(), StopReason::kSaturated);
      const MatchResult again = match(search, f.plans, false);
      EXPECT_EQ(again.matches, (std::vector<std::uint64_t>{0, 0}));
      const MatchResult scratch = match(search, f.plans, true);
      EXPECT_EQ(scratch.matches[0], search.enodes() - 7) << "every row but the seven leaves";
    });
  }
}

// Leaves on rank 1, all other e-nodes on rank 0.
class LeavesApart final : public Placement {
 public:
  [[nodiscard]] int home(std::uint64_t /*symbol*/, std::span<const NamedClass> kids) const override {
    return kids.empty() ? 1 : 0;
  }
  [[nodiscard]] bool wants_loads(std::uint64_t /*rows*/) const override { return false; }
  void set_loads(std::uint32_t /*iteration*/, std::span<const std::uint64_t> /*loads*/) override {}
};

TEST(Matching, APartialMatchDoesNotReturnToTheRankThatSentItOn) {
  constexpr std::uint64_t kParents = 50;  // too few for a crowd
  std::string text = "(rewrite grow hub (q c))\n(rewrite pair (k ?b (q ?x)) (r ?b ?x))\n(start c";
  for (std::uint64_t i = 0; i < kParents; ++i) text += " (k b" + std::to_string(i) + " hub)";
  LocalWorld(2).run([&](Exchange& exchange) {
    Fixture f(text + ")\n");
    SearchOptions options;
    options.partition.own_placement = [](int) { return std::make_unique<LeavesApart>(); };
    Search search(exchange, f.language, f.symbols, f.set.rules, options);
    search.start(f.set.start);
    search.iterate();  // hub, which lives on rank 1, has got a member on rank 0, where its parents are
    const std::uint64_t before = exchange.traffic().bytes_sent;
    const MatchResult found = match(search, f.plans, true);
    const std::uint64_t sent = exchange.traffic().bytes_sent - before;
    EXPECT_EQ(found.matches[1], kParents) << "each once, though rank 0 need not wait for hub's home";
    if (exchange.rank() == 0)
      EXPECT_GT(sent, kParents * sizeof(MatchHeader)) << "there might be other members";
    else
      EXPECT_LT(sent, kParents * sizeof(MatchHeader)) << "nothing comes back";
  });
}

TEST(Matching, AJoinInAnotherOrderFindsTheSame) {
  LocalWorld(1).run([&](Exchange& exchange) {
    Fixture f(
        "(rewrite three (f (g ?a) (h ?a ?b)) ?b)\n"
        "(start (f (g a) (h a b)) (f (g b) (h a b)) (g c) (g d) (f (g c) (h c c)))\n");
    Search search(exchange, f.language, f.symbols, f.set.rules, {});
    search.start(f.set.start);
    GraphStatistics statistics = count_statistics(search.partition(), f.plans);
    EXPECT_EQ(statistics.rows, search.enodes());
    EXPECT_EQ(statistics.classes, search.eclasses());
    const OperatorId g = f.symbols.intern_operator(Name("g"));
    const OperatorId h = f.symbols.intern_operator(Name("h"));
    EXPECT_EQ(statistics.rows_of_operator[g.value], 4U);
    EXPECT_EQ(statistics.rows_of_operator[h.value], 2U);
    std::vector<OperatorId> second;
    for (const bool many_g : {true, false}) {
      statistics.rows_of_operator[g.value] = many_g ? 1000 : 1;
      statistics.rows_of_operator[h.value] = many_g ? 1 : 1000;
      statistics.parents_over_edges.clear();
      statistics.members_over_edges.clear();
      replan(f.plans[0], f.symbols, statistics);
      second.push_back(f.plans[0].variants[0].steps[1].op);
      EXPECT_EQ(match(search, f.plans, true).matches, std::vector<std::uint64_t>{2});
    }
    EXPECT_EQ(second, (std::vector<OperatorId>{h, g}));
  });
}

// (f hub ni) and as many (f mi ni): an average class has one parent, an average edge leads to the hub every other time.
// Enough of them that threads share the counting, and few enough that the hub's list is walked to its end.
TEST(Matching, FanOutsAreAveragesOverEdges) {
  constexpr int kPairs = 4000;
  std::string text = "(rewrite pair (p (f ?a ?b) (f ?a ?c)) (f ?b ?c))\n(start";
  for (int i = 0; i < kPairs; ++i) {
    const std::string n = std::to_string(i);
    text += " (f hub n" + n + ") (f m" + n + " n" + n + ")";
  }
  text += ")\n";
  struct Layout {
    int ranks;
    int threads;
  };
  for (const Layout layout : {Layout{1, 1}, {1, 3}, {2, 1}, {2, 2}, {3, 1}}) {
    LocalWorld(layout.ranks).run([&](Exchange& exchange) {
      Fixture f(text);
      SearchOptions options;
      options.partition.threads = layout.threads;
      options.partition.shards = layout.threads == 1 ? 1 : 4;
      Search search(exchange, f.language, f.symbols, f.set.rules, options);
      search.start(f.set.start);
      const GraphStatistics statistics = count_statistics(search.partition(), f.plans);
      const OperatorId op = f.symbols.intern_operator(Name("f"));
      EXPECT_EQ(statistics.rows, 4U * kPairs + 1);  // two of f a pair, m and n, and the hub
      EXPECT_EQ(statistics.rows_of_operator[op.value], 2U * kPairs);
      const GraphStatistics::Fanout through_first = statistics.parents(op, 0, SymbolId());
      const GraphStatistics::Fanout through_second = statistics.parents(op, 1, SymbolId());
      EXPECT_GT(through_first.fitting, kPairs / 5.0) << "half the edges lead to the hub";
      EXPECT_LT(through_first.fitting, kPairs * 1.0);
      EXPECT_GT(through_second.fitting, 0.5);
      EXPECT_LT(through_second.fitting, 6.0) << "two parents each";
      // From a new f of the pair, the way up to p is the one to take: not to all that share ?a.
      replan(f.plans[0], f.symbols, statistics);
      for (const std::size_t start : {1U, 2U})
        EXPECT_EQ(f.plans[0].variants[start].steps[1].op, f.symbols.intern_operator(Name("p")));
    });
  }
}

TEST(Matching, RulesThatBeginAlikeCostNoMoreThanOne) {
  const std::string one = "(rewrite r1 (f ?a (f ?b ?c)) (f (f ?a ?b) ?c))\n";
  const std::string two = one + "(rewrite r2 (f ?x (f ?y ?z)) (f (f ?x ?y) ?z))\n";
  std::vector<std::uint64_t> visited;
  for (const std::string& rules : {one, two}) {
    LocalWorld(1).run([&](Exchange& exchange) {
      Fixture f(rules + "(start (f a (f b (f c (f d e)))))\n");
      Search search(exchange, f.language, f.symbols, f.set.rules, {});
      search.start(f.set.start);
      search.run();
      visited.push_back(match(search, f.plans, true).visited);
    });
  }
  EXPECT_EQ(visited[0], visited[1]);
}

// A rule about the parents of a hub, and so many of them to start from.
std::string parents_of_a_hub(std::size_t count) {
  std::string text = "(rewrite through-hub (f (hub ?x) ?y) (g ?x ?y))\n(start";
  for (std::size_t i = 0; i < count; ++i) text += "\n(f (hub a) n" + std::to_string(i) + ")";
  return text + ")\n";
}

TEST(Matching, ALongListIsSplit) {
  constexpr int kParents = 6000;
  const std::string text = parents_of_a_hub(kParents);
  LocalWorld(1).run([&](Exchange& exchange) {
    Fixture f(text);
    SearchOptions options;
    options.partition.threads = 4;
    options.partition.shards = 4;
    Search search(exchange, f.language, f.symbols, f.set.rules, options);
    search.start(f.set.start);
    EXPECT_EQ(match(search, f.plans, true).matches, std::vector<std::uint64_t>{kParents});
    // From the hub's only row up to all its parents, as old rows.
    EGraph& graph = search.partition().graph;
    const OperatorId hub = f.symbols.intern_operator(Name("hub"));
    std::vector<RowId> start;
    const ShardedIds& ids = graph.nodes.ids();
    for (std::uint32_t s = 0; s < ids.shards(); ++s)
      for (std::uint32_t at = 0; at < ids.used(s); ++at)
        if (graph.symbols().op(graph.nodes[RowId(ids.id(s, at))].symbol) == hub) start.emplace_back(ids.id(s, at));
    ASSERT_EQ(start.size(), 1U);
    graph.nodes[start.front()].stamp = 1;  // new, its parents old
    const std::vector<ProgramEntry> entries = {{0, 1}};
    const MatchProgram program = compile_program(f.plans, entries);
    const std::vector<RunningProgram> running = {{&program, 1, {}, {}, 0, 0}};
    const std::vector<std::uint64_t> limit = {~std::uint64_t{0}};
    MatchOutput out(1, program.walks.size(), program.branch_count);
    Matcher matcher(graph, f.plans, running, limit, nullptr, true, 0, out);
    matcher.start(0, start, false);
    std::uint64_t left = 0;
    for (const LongWalk& rest : out.long_walks) left += rest.rows->count;
    EXPECT_EQ(out.count[0] + left, static_cast<std::uint64_t>(kParents));
    EXPECT_LE(out.count[0], 4096U) << "one task does not keep a long list for itself";
    MatchOutput other(1, program.walks.size(), program.branch_count);
    Matcher helper(graph, f.plans, running, limit, nullptr, true, 0, other);
    for (const LongWalk& rest : out.long_walks) helper.resume(rest, 0, rest.rows->count);
    EXPECT_EQ(other.count[0], left);
  });
}

// Several threads share start rows first, then the walks from there by list: neither a list that 5,000 rows lead to nor
// one of 5,000 rows may cost or give more than it does to one thread.
TEST(Matching, ThreadsShareListsWithoutWalkingThemTwice) {
  constexpr int kRows = 5000;
  std::string text = "(rewrite down (f (hub ?x) ?y) (g ?x ?y))\n(rewrite known (p ?x ?y (f ?x ?y)) (q ?x ?y))\n(start";
  for (int i = 0; i < kRows; ++i) {
    const std::string n = " n" + std::to_string(i % 70) + " m" + std::to_string(i);
    text += "\n(p" + n + " (f" + n + ")) (f (hub a) m" + std::to_string(i) + ")";
  }
  text += ")\n";
  std::vector<std::uint64_t> visited;
  for (const int threads : {1, 2, 4}) {
    LocalWorld(1).run([&](Exchange& exchange) {
      Fixture f(text);
      SearchOptions options;
      options.partition.threads = threads;
      options.partition.shards = static_cast<std::uint32_t>(threads);
      Search search(exchange, f.language, f.symbols, f.set.rules, options);
      search.start(f.set.start);
      const MatchResult found = match(search, f.plans, true);
      EXPECT_EQ(found.matches, (std::vector<std::uint64_t>{kRows, kRows})) << threads << " threads";
      std::uint64_t stored = 0;
      for (const MatchOutput& out : found.outputs) stored += out.slots[0].size() / f.plans[0].slot_count;
      EXPECT_EQ(stored, static_cast<std::uint64_t>(kRows));
      visited.push_back(found.visited);
    });
  }
  EXPECT_EQ(visited[1], visited[0]);
  EXPECT_EQ(visited[2], visited[0]);
}

// More walks into one list than one thread takes at a time: they are dealt out in parts, each walk to one of them.
TEST(Matching, WalksIntoOneListAreDealtOutOnce) {
  constexpr std::size_t kParents = 140000;
  const std::string text = parents_of_a_hub(kParents);
  LocalWorld(1).run([&](Exchange& exchange) {
    Fixture f(text);
    SearchOptions options;
    options.partition.threads = 2;
    options.partition.shards = 2;
    Search search(exchange, f.language, f.symbols, f.set.rules, options);
    search.start(f.set.start);
    const MatchResult found = match(search, f.plans, true);
    EXPECT_EQ(found.matches, std::vector<std::uint64_t>{kParents});
    const std::size_t slots = f.plans[0].slot_count;
    std::vector<std::vector<std::uint32_t>> matches;
    for (const MatchOutput& out : found.outputs)
      for (std::size_t at = 0; at < out.slots[0].size(); at += slots)
        matches.emplace_back(out.slots[0].begin() + at, out.slots[0].begin() + at + slots);
    std::ranges::sort(matches);
    EXPECT_EQ(matches.size(), kParents);
    EXPECT_EQ(std::ranges::adjacent_find(matches), matches.end()) << "a match is there twice";
  });
}

}  // namespace
}  // namespace tessera
