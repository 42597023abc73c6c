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

}  // namespace
}  // namespace tessera
