// Counts against other engines: on the arithmetic benchmark (24 rewrites, 7 start terms, every rule in every iteration)
// egg's e-nodes and e-classes iteration by iteration, and on sums of ten numbers the closed forms.
#include <gtest/gtest.h>

#include <array>
#include <utility>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

struct Counts {
  std::uint64_t enodes;
  std::uint64_t eclasses;
  friend bool operator==(const Counts&, const Counts&) = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << counts.enodes << " e-nodes in " << counts.eclasses << " e-classes";
}

// egg 0.11, from the start expression on.
constexpr std::array<Counts, 12> kMathOfEgg = {{{35, 35},
                                                {69, 50},
                                                {118, 71},
                                                {208, 116},
                                                {389, 197},
                                                {784, 361},
                                                {1576, 666},
                                                {3160, 1347},
                                                {8113, 3576},
                                                {28303, 12445},
                                                {136446, 58464},
                                                {1047896, 443832}}};

#ifdef NDEBUG
constexpr std::size_t kLastIteration = 11;
#else
constexpr std::size_t kLastIteration = 9;  // internal checks and sanitizers make a million e-nodes too slow
#endif

struct History {
  std::vector<Counts> counts;  // from the start expression on
  StopReason stop = StopReason::kSaturated;
};

History history_of(Exchange& exchange, const char* set, std::uint64_t iterations) {
  const TermLanguage language;
  SymbolTable symbols;
  const RuleSet rules = load_rules(set, language, symbols, {});
  SearchOptions options;
  options.iteration_limit = iterations;
  Search search(exchange, language, symbols, rules.rules, options);
  search.start(rules.start);
  History history;
  history.counts.push_back({search.enodes(), search.eclasses()});
  history.stop = search.run([&](const IterationRecord& record) {
    history.counts.push_back({record.enodes, record.eclasses});
  });
  return history;
}

TEST(SearchCounts, MathAsEggOnOneRank) {
  SoloExchange exchange;
  const History history = history_of(exchange, "math", kLastIteration);
  EXPECT_EQ(history.stop, StopReason::kIterations);
  ASSERT_EQ(history.counts.size(), kLastIteration + 1);
  for (std::size_t i = 0; i <= kLastIteration; ++i) EXPECT_EQ(history.counts[i], kMathOfEgg[i]) << "iteration " << i;
}

class SearchCountsOnRanks : public ::testing::TestWithParam<int> {};

TEST_P(SearchCountsOnRanks, MathAsEgg) {
  constexpr std::size_t kLast = 9;
  LocalWorld(GetParam()).run([](Exchange& exchange) {
    const History history = history_of(exchange, "math", kLast);
    ASSERT_EQ(history.counts.size(), kLast + 1);
    for (std::size_t i = 0; i <= kLast; ++i)
      EXPECT_EQ(history.counts[i], kMathOfEgg[i]) << "iteration " << i << ", rank " << exchange.rank();
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, SearchCountsOnRanks, ::testing::Values(2, 3, 4));

// Sums of ten numbers: one e-class for each nonempty subset; as e-nodes ten leaves and, for each subset, every split of
// it into two nonempty ones: 3^10 - 2^11 + 1.
void expect_all_sums(Exchange& exchange) {
  const History history = history_of(exchange, "assoc10", 0);
  EXPECT_EQ(history.stop, StopReason::kSaturated);
  ASSERT_FALSE(history.counts.empty());
  EXPECT_EQ(history.counts.back(), (Counts{57012, 1023}));
  // Complete after iteration 9 (index 0 is the start); the tenth finds that nothing is new.
  ASSERT_EQ(history.counts.size(), 11U);
  EXPECT_NE(history.counts[8], (Counts{57012, 1023}));
  EXPECT_EQ(history.counts[9], (Counts{57012, 1023}));
}

TEST(SearchCounts, SumsSaturate) {
  SoloExchange exchange;
  expect_all_sums(exchange);
}

TEST(SearchCounts, SumsSaturateOnThreeRanks) { LocalWorld(3).run(expect_all_sums); }

}  // namespace
}  // namespace tessera
