#include "engine/graph/compaction.hpp"

#include <gtest/gtest.h>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

// Sums in every order: most rows die by congruence. 608 e-nodes of 63 e-classes remain of 6 summands, 57,012 of ten.
constexpr const char* kSums = R"(
(rewrite commute (Add ?a ?b) (Add ?b ?a))
(rewrite associate (Add ?a (Add ?b ?c)) (Add (Add ?a ?b) ?c))
(start (Add 1 (Add 2 (Add 3 (Add 4 (Add 5 (Add 6 (Add 7 (Add 8 9)))))))))
)";

TEST(Compaction, KeepsDeadRowsFewAndTheGraphWhole) {
  for (const int ranks : {1, 2}) {
    for (const std::uint32_t shards : {1U, 4U}) {
      LocalWorld world(ranks);
      world.run([&](Exchange& exchange) {
        const TermLanguage language;
        SymbolTable symbols;
        const RuleSet set = parse_rules(kSums, "sums.rules", language, symbols, {});
        SearchOptions options;
        options.partition.shards = shards;
        Search search(exchange, language, symbols, set.rules, options);
        search.start(set.start);
        const StopReason reason = search.run([&](const IterationRecord&) {
          const NodeTable& nodes = search.partition().graph.nodes;
          EXPECT_TRUE(search.invariants_hold());
          EXPECT_TRUE(nodes.dead_count() < 1024 || nodes.dead_count() * 2 < nodes.live_count());
        });
        EXPECT_EQ(reason, StopReason::kSaturated);
        EXPECT_EQ(search.enodes(), 18'669U);  // 3^9 - 2^10 + 1 ordered splits of nine summands, and nine numbers
        EXPECT_EQ(search.eclasses(), 511U);
      });
    }
  }
}

}  // namespace
}  // namespace tessera
