#include <gtest/gtest.h>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

// The limit is over from the start, so the iteration matches and then has to give its matches up.
TEST(SearchLimits, MatchesGivenUpForMemoryAreNotTakenForSaturation) {
  for (const int ranks : {1, 3}) {
    LocalWorld world(ranks);
    world.run([](Exchange& exchange) {
      const TermLanguage language;
      SymbolTable symbols;
      const RuleSet set = parse_rules("(rewrite commute (Add ?a ?b) (Add ?b ?a)) (start (Add 1 2))", "sum.rules",
                                      language, symbols, {});
      SearchOptions options;
      options.memory_limit_bytes = 1;
      Search search(exchange, language, symbols, set.rules, options);
      search.start(set.start);
      const IterationRecord& record = search.iterate();
      EXPECT_TRUE(record.changed) << "there is more to find";
      EXPECT_EQ(record.rules[0].matches, 0U) << "what is given up is not counted";
      EXPECT_EQ(search.enodes(), 3U);
      EXPECT_EQ(search.run(), StopReason::kMemory);
    });
  }
}

// Rules that double an e-graph: apply takes most of an iteration's memory and time.
constexpr const char* kSums = R"(
  (birewrite associate (Add ?a (Add ?b ?c)) (Add (Add ?a ?b) ?c))
  (rewrite commute (Add ?a ?b) (Add ?b ?a))
  (start (Add 1 (Add 2 (Add 3 (Add 4 (Add 5 (Add 6 (Add 7 (Add 8 (Add 9 (Add 10 (Add 11 (Add 12 13))))))))))))))";

TEST(SearchLimits, AnExplosiveIterationStopsForMemoryBetweenSlices) {
  for (const int ranks : {1, 2}) {
    LocalWorld world(ranks);
    const std::uint64_t before = resident_bytes();
    const std::uint64_t limit = before + (std::uint64_t{48} << 20);
    world.run([&](Exchange& exchange) {
      const TermLanguage language;
      SymbolTable symbols;
      const RuleSet set = parse_rules(kSums, "sums.rules", language, symbols, {});
      SearchOptions options;
      options.memory_limit_bytes = limit;
      Search search(exchange, language, symbols, set.rules, options);
      const std::vector<NamedClass> classes = search.start(set.start);
      EXPECT_EQ(search.run(), StopReason::kMemory);
      EXPECT_TRUE(search.invariants_hold());
      EXPECT_GT(search.enodes(), 1000U) << "what was found stays";
      EXPECT_TRUE(search.iterations().back().changed);
      EXPECT_EQ(search.run(), StopReason::kMemory) << "and stays stopped";
      EXPECT_EQ(classes.size(), 25U);
    });
  }
}

// 4,000 e-nodes of one class and as many pairs as there are of them: 16 million matches, stored they take 128 MB. The
// limit leaves room for what sanitizers keep of the first iteration.
TEST(SearchLimits, MatchesThatDoNotFitStopTheSearchAndAreNotStored) {
  std::string text = "(rewrite same (f ?a) z) (rewrite pair (p (f ?a) (f ?b)) (q ?a ?b)) (start (p z z)";
  for (int i = 0; i < 4000; ++i) text += " (f n" + std::to_string(i) + ")";
  text += ")";
  for (const int ranks : {1, 2}) {
    LocalWorld world(ranks);
    const std::uint64_t before = resident_bytes();
    world.run([&](Exchange& exchange) {
      const TermLanguage language;
      SymbolTable symbols;
      const RuleSet set = parse_rules(text, "pairs.rules", language, symbols, {});
      SearchOptions options;
      options.memory_limit_bytes = before + (std::uint64_t{64} << 20);
      Search search(exchange, language, symbols, set.rules, options);
      search.start(set.start);
      search.iterate();
      const std::uint64_t enodes = search.enodes();
      EXPECT_EQ(search.run(), StopReason::kMemory);
      EXPECT_EQ(search.iterations().size(), 2U);
      EXPECT_EQ(search.enodes(), enodes) << "nothing of what did not fit was applied";
      EXPECT_TRUE(search.invariants_hold());
    });
  }
}

TEST(SearchLimits, RulesWhoseMatchesWereGivenUpStayBehind) {
  SoloExchange exchange;
  const TermLanguage language;
  SymbolTable symbols;
  const RuleSet set = parse_rules(kSums, "sums.rules", language, symbols, {});
  SearchOptions options;
  options.memory_limit_bytes = 1;
  Search search(exchange, language, symbols, set.rules, options);
  search.start(set.start);
  search.iterate();
  for (const RuleSchedule& rule : search.scheduler().rules()) EXPECT_EQ(rule.seen, 0U);
}

}  // namespace
}  // namespace tessera
