// The engine against the oracle: e-nodes, e-classes and matches after every iteration, on random rules and on the
// arithmetic benchmark, for several numbers of ranks, threads and shards. A failure prints the smallest rules file
// found; RC_PARAMS="reproduce=…" repeats it and RC_PARAMS="max_success=10000" looks longer.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "engine/language/term_language.hpp"
#include "tests/property/engine_under_test.hpp"
#include "tests/property/random_rules.hpp"
#include "tests/property/search_engine.hpp"

namespace tessera::oracle {
namespace {

constexpr std::uint64_t kPartitionSize = 50'000;

class MathSearch : public ::testing::TestWithParam<Layout> {};

TEST_P(MathSearch, CountsAsEggDoes) {
  const TermLanguage language;
  SearchEngine engine(GetParam());
  const History history = engine.run({shipped_rules("math"), &language}, 9);
  ASSERT_EQ(history.counts.size(), 10U);
  for (std::size_t i = 0; i < history.counts.size(); ++i) {
    EXPECT_EQ(history.counts[i].enodes, math_counts()[i].enodes) << "iteration " << i;
    EXPECT_EQ(history.counts[i].eclasses, math_counts()[i].eclasses) << "iteration " << i;
  }
}

TEST_P(MathSearch, MatchesAsTheOracleDoes) {
  const TermLanguage language;
  SearchEngine engine(GetParam());
  OracleLimits limits;
  limits.iterations = 7;
  limits.enodes = limits.matches = SIZE_MAX;
  const std::string report = compare_with_oracle(engine, {shipped_rules("math"), &language}, limits);
  EXPECT_EQ(report.substr(0, report.find('\n')), "");
}

INSTANTIATE_TEST_SUITE_P(Layouts, MathSearch,
                         ::testing::Values(Layout{1, 1, 1}, Layout{1, 1, 4}, Layout{1, 2, 16}, Layout{2, 1, 1},
                                           Layout{2, 2, 4}, Layout{3, 1, 1}, Layout{3, 1, 4}, Layout{4, 1, 1},
                                           Layout{4, 2, 4}, Layout{3, 2, 4, PlacementPolicy::kHash},
                                           Layout{3, 1, 1, PlacementPolicy::kHash, 1},
                                           Layout{4, 2, 4, PlacementPolicy::kNeighbour, 3}),
                         [](const auto& instance) { return layout_name(instance.param); });

void expect_same(const RandomSearch& search, const Language& language, const std::vector<Layout>& layouts) {
  const std::string text = search.text();
  const SearchInput input{text, &language};
  OracleLimits limits;
  limits.partition_size = kPartitionSize;
  const History expected = oracle_history(input, limits);
  const int iterations = static_cast<int>(expected.counts.size()) - 1;
  RC_CLASSIFY(expected.saturated, "saturated");
  RC_CLASSIFY(iterations > 2, "more than two iterations");
  History first;
  for (const Layout& layout : layouts) {
    SearchEngine engine(layout, kPartitionSize);
    const History found = engine.run(input, iterations);
    std::string difference = first_difference(expected, found);
    if (difference.empty() && !first.counts.empty()) difference = first_difference(first, found);
    if (!difference.empty()) RC_FAIL(engine.name() + ": " + difference);
    if (first.counts.empty()) first = found;
  }
}

RC_GTEST_PROP(RandomSearch, OneRank, ()) {
  expect_same(*random_search(), PropertyLanguage(), {{1, 1, 1}, {1, 1, 4}, {1, 2, 16}});
}

RC_GTEST_PROP(RandomSearch, SeveralRanks, ()) {
  expect_same(*random_search(), PropertyLanguage(),
              {{2, 1, 1}, {3, 1, 4}, {4, 1, 1}, {4, 2, 4}, {3, 1, 4, PlacementPolicy::kHash}});
}

// Plain terms of at most two children: what is left when attributes and wide e-nodes are not to blame.
RC_GTEST_PROP(RandomSearch, PlainTerms, ()) {
  RandomOptions options;
  options.attributes = false;
  options.wide = false;
  expect_same(*random_search(options), PropertyLanguage(), {{1, 1, 1}, {2, 1, 4}, {3, 1, 1}});
}

// Conditions on e-class data that become true, or false, long after the e-nodes they speak of were made.
RC_GTEST_PROP(RandomSearch, ConditionsOnData, ()) {
  RandomOptions options;
  options.data = true;
  expect_same(*random_search(options), DataPropertyLanguage(), {{1, 1, 1}, {1, 2, 4}, {2, 1, 1}, {3, 1, 4}});
}

// Partial matches that stay and have rows sent for, whether many want them or not.
RC_GTEST_PROP(RandomSearch, Crowds, ()) {
  RandomOptions options;
  options.data = true;
  expect_same(*random_search(options), DataPropertyLanguage(),
              {{2, 1, 1, PlacementPolicy::kHash, 1},
               {3, 2, 4, PlacementPolicy::kNeighbour, 1},
               {4, 1, 1, PlacementPolicy::kHash, 2}});
}

// Half the iterations in one layout, the rest in another, by way of the search's state.
RC_GTEST_PROP(RandomSearch, TakenUpInAnotherLayout, ()) {
  RandomOptions options;
  options.data = true;
  const DataPropertyLanguage language;
  const std::string text = (*random_search(options)).text();
  const SearchInput input{text, &language};
  OracleLimits limits;
  limits.partition_size = kPartitionSize;
  const int iterations = static_cast<int>(oracle_history(input, limits).counts.size()) - 1;
  const History expected = SearchEngine({1, 1, 1}, kPartitionSize).run(input, iterations);
  const std::vector<std::pair<Layout, Layout>> pairs = {
      {{1, 1, 1}, {3, 1, 4}}, {{2, 1, 4}, {1, 2, 16}}, {{4, 1, 1}, {2, 2, 1}}};
  for (const auto& pair : pairs) {
    SearchEngine engine(pair.second, kPartitionSize, pair.first);
    const History found = engine.run(input, iterations);
    const std::string difference = first_difference(expected, found);
    if (!difference.empty()) RC_FAIL(engine.name() + ": " + difference);
    RC_ASSERT(found.digest == expected.digest);
  }
}

// Counterexamples that were found, kept.
struct Known {
  const char* what;
  const char* text;
};

class KnownSearch : public ::testing::TestWithParam<Known> {};

TEST_P(KnownSearch, EqualsTheOracleInAllLayouts) {
  const DataPropertyLanguage language;
  const std::string text = GetParam().text;
  OracleLimits limits;
  limits.partition_size = kPartitionSize;
  for (const Layout& layout : {Layout{1, 1, 1}, Layout{1, 2, 4}, Layout{2, 1, 1}, Layout{3, 1, 4}, Layout{4, 1, 1}}) {
    SearchEngine engine(layout, kPartitionSize);
    EXPECT_EQ(compare_with_oracle(engine, {text, &language}, limits), "");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Found, KnownSearch,
    ::testing::Values(Known{"DataOfAMergedClassReachesItsGhosts",
                            "(start (k (i b 0) a 0 0))\n(rewrite r0 ?x (i ?x 0) :when (<= (depth ?x) 2))\n"},
                      Known{"DataOfAMergedClassReachesItsGhostsParents",
                            "(start (m (i a 0) (i b 0)))\n(start (m b c))\n"
                            "(rewrite r0 (m (i ?x 0) ?y) ?x :when (fact ?y 2))\n(rewrite r1 (i ?x 0) ?x)\n"},
                      Known{"DataThatChangesLateMakesAConditionTrue",
                            "(start (r a c a))\n(rewrite r0 (r a a ?u) (r a ?u ?u))\n(rewrite r1 (r a a ?u) a)\n"
                            "(rewrite r2 (r a ?y ?z) (m ?y (r a (r a a ?y) (f a))) :when (fact ?y 2))\n"}),
    [](const auto& instance) { return std::string(instance.param.what); });

}  // namespace
}  // namespace tessera::oracle
