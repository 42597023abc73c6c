// Crowds: partial matches that want one list are divided over the ranks as evenly as the partial matches are or as the
// list's rows are, whichever is better, and the matches are those that are found without crowds.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"
#include "partition/statistics.hpp"

namespace tessera {
namespace {

constexpr std::size_t kNoCrowds = ~std::size_t{0};
constexpr int kRanks = 4;

// All e-nodes of one symbol on the last rank, the others spread.
class Gathered final : public Placement {
 public:
  explicit Gathered(std::uint64_t symbol) : symbol_(symbol) {}
  [[nodiscard]] int home(std::uint64_t symbol, std::span<const NamedClass> kids) const override {
    return symbol == symbol_ ? kRanks - 1 : spread_->home(symbol, kids);
  }
  [[nodiscard]] bool wants_loads(std::uint64_t /*rows*/) const override { return false; }
  void set_loads(std::uint32_t /*iteration*/, std::span<const std::uint64_t> /*loads*/) override {}

 private:
  std::uint64_t symbol_;
  std::unique_ptr<Placement> spread_ = make_placement({PlacementPolicy::kHash}, kRanks);
};

struct Input {
  std::string text;
  int iterations = 0;
  const char* gathered = "";   // an operator without attributes, …
  std::uint32_t arity = 0;     // … of so many children: its e-nodes are on one rank
  const char* looked_up = "";  // an operator that the planner had better look up
};

struct Found {
  std::vector<std::uint64_t> matches;  // of the last rule, by rank
  std::uint64_t bytes = 0;             // sent, all ranks

  [[nodiscard]] std::uint64_t total() const {
    return std::accumulate(matches.begin(), matches.end(), std::uint64_t{0});
  }
  [[nodiscard]] double most_over_mean() const {
    return static_cast<double>(std::ranges::max(matches)) * static_cast<double>(matches.size()) /
           static_cast<double>(total());
  }
};

// Runs the iterations, and then the last rule once more, from scratch.
Found match_last_rule(const Input& input, std::size_t least_crowd, int threads = 1) {
  Found found;
  found.matches.resize(kRanks);
  std::vector<std::uint64_t> bytes(kRanks);
  LocalWorld(kRanks).run([&](Exchange& exchange) {
    const TermLanguage language;
    SymbolTable symbols;
    const RuleSet set = parse_rules(input.text, "test.rules", language, symbols, {});
    SearchOptions options;
    options.partition.least_crowd = least_crowd;
    options.partition.threads = threads;
    options.partition.shards = threads == 1 ? 1 : 4;
    const SymbolId gathered = symbols.intern(Name(input.gathered), {}, input.arity);
    options.partition.own_placement = [&](int) { return std::make_unique<Gathered>(symbols.hash(gathered)); };
    Search search(exchange, language, symbols, set.rules, options);
    search.start(set.start);
    for (int i = 0; i < input.iterations; ++i) search.iterate();
    std::vector<RulePlan> plans;
    plans.push_back(compile(set.rules.back(), symbols));
    if (*input.looked_up != '\0') {
      GraphStatistics statistics = count_statistics(search.partition(), plans);
      const OperatorId op = symbols.intern_operator(Name(input.looked_up));
      statistics.members_over_edges[op] = {1000, 1};
      statistics.parents_over_edges[{op, 0}] = {1000, 1};
      replan(plans[0], symbols, statistics);
      EXPECT_EQ(plans[0].variants[0].steps.back().kind, Step::Kind::kLookup);
    }
    const std::vector<char> active(1, 1);
    const std::vector<std::uint64_t> store_limit(1, ~std::uint64_t{0});
    const std::vector<std::uint32_t> seen(1, 0);
    const std::uint64_t before = exchange.traffic().bytes_sent;
    const MatchResult result = run_match_phase(search.partition(), {plans, active, seen, store_limit, {}});
    const auto rank = static_cast<std::size_t>(exchange.rank());
    bytes[rank] = exchange.traffic().bytes_sent - before;
    for (const MatchOutput& out : result.outputs) found.matches[rank] += out.count[0];
  });
  found.bytes = std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
  return found;
}

std::string start(int count, const std::string& before, const std::string& after) {
  std::string text = "(start";
  for (int i = 0; i < count; ++i) text += " (" + before + std::to_string(i) + after + ")";
  return text + ")\n";
}

constexpr int kParents = 2000;

TEST(MatchCrowds, ManyWhoWantOneClassAreNotTheBurdenOfItsRank) {
  const Input input{start(kParents, "f a", " (h x)") + "(rewrite down (f ?a (h ?x)) (k ?a ?x))\n"};
  const Found travelling = match_last_rule(input, kNoCrowds);
  EXPECT_EQ(travelling.total(), std::uint64_t{kParents});
  EXPECT_EQ(std::ranges::max(travelling.matches), std::uint64_t{kParents}) << "all where the member is";
  for (const int threads : {1, 2}) {
    const Found staying = match_last_rule(input, 64, threads);
    EXPECT_EQ(staying.total(), std::uint64_t{kParents});
    EXPECT_LT(staying.most_over_mean(), 1.3);
    EXPECT_LT(staying.bytes * 20, travelling.bytes);
  }
}

TEST(MatchCrowds, FromOneHubIntoTheNext) {
  const Input input{start(kParents, "f a", " (h (g (e x) y))") +
                    "(rewrite deep (f ?a (h (g (e ?x) ?y))) (k ?a ?x ?y))\n"};
  const Found staying = match_last_rule(input, 64);
  EXPECT_EQ(staying.total(), std::uint64_t{kParents});
  EXPECT_LT(staying.most_over_mean(), 1.3);
}

TEST(MatchCrowds, ManyWhoLookUpOneRow) {
  const Input input{start(kParents, "k (f a", " h) (g h)") + "(rewrite look (k (f ?a ?h) (g ?h)) (r ?a))\n", 0, "", 0,
                    "g"};
  const Found travelling = match_last_rule(input, kNoCrowds);
  EXPECT_EQ(travelling.total(), std::uint64_t{kParents});
  EXPECT_EQ(std::ranges::max(travelling.matches), std::uint64_t{kParents});
  const Found staying = match_last_rule(input, 64);
  EXPECT_EQ(staying.total(), std::uint64_t{kParents});
  EXPECT_LT(staying.most_over_mean(), 1.3);
}

// A class with many members and many parents, after an iteration that has made it one: every parent meets every member.
std::string product(int parents, int members) {
  return start(members, "q a", "") + start(parents, "k b", " hub") +
         "(rewrite unite (q ?x) hub)\n(rewrite product (k ?b (q ?x)) (r ?b ?x))\n";
}

struct Product {
  const char* what;
  int parents;
  int members;
  const char* gathered;
  std::uint32_t arity;
};

class Products : public ::testing::TestWithParam<Product> {};

TEST_P(Products, AreDividedAsTheSideThatIsSpread) {
  const auto [what, parents, members, gathered, arity] = GetParam();
  const Input input{product(parents, members), 1, gathered, arity};
  const std::uint64_t pairs = std::uint64_t{1} * static_cast<unsigned>(parents) * static_cast<unsigned>(members);
  EXPECT_EQ(match_last_rule(input, kNoCrowds).total(), pairs) << what;
  for (const int threads : {1, 2}) {
    const Found found = match_last_rule(input, 32, threads);
    EXPECT_EQ(found.total(), pairs) << what;
    EXPECT_LT(found.most_over_mean(), 1.3) << what;
  }
}

INSTANTIATE_TEST_SUITE_P(MatchCrowds, Products,
                         ::testing::Values(Product{"FewRowsOfOneRankComeAtOnce", 400, 80, "q", 1},
                                           Product{"ManyRowsOfOneRankComeOnDemand", 200, 700, "q", 1},
                                           Product{"PartialMatchesOfOneRankGoToFewRows", 300, 120, "k", 2},
                                           Product{"PartialMatchesOfOneRankGoToManyRows", 120, 700, "k", 2},
                                           Product{"BothSpread", 300, 300, "", 0},
                                           Product{"TooFewOfEachRankMeetAtTheHome", 80, 300, "", 0},
                                           Product{"TooFewOfEachRankAndFewRows", 100, 70, "", 0}),
                         [](const auto& instance) { return std::string(instance.param.what); });

}  // namespace
}  // namespace tessera
