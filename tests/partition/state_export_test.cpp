#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"
#include "tests/partition/state_support.hpp"

namespace tessera {
namespace {

// A copy is begun before each iteration and ended before the e-graph changes: what is copied is what was there.
void copy_while_matching(int threads) {
  LocalWorld(1).run([threads](Exchange& exchange) {
    const TermLanguage language;
    SymbolTable symbols;
    const RuleSet set = parse_rules(R"(
      (birewrite associate (Add ?a (Add ?b ?c)) (Add (Add ?a ?b) ?c))
      (rewrite commute (Add ?a ?b) (Add ?b ?a))
      (start (Add 1 (Add 2 (Add 3 (Add 4 (Add 5 (Add 6 (Add 7 8))))))))
    )",
                                    "sums.rules", language, symbols, {});
    Search* running = nullptr;
    std::vector<NamedClass> roots;
    SearchState there;
    SearchState copy;
    std::thread copying;
    int copies = 0;
    SearchOptions options;
    options.partition.threads = threads;
    const auto end_copy = [&] {
      if (!copying.joinable()) return;
      copying.join();
      EXPECT_TRUE(has_same_columns(copy, there));
      EXPECT_EQ(copy.share.rows.size(), running->enodes());
      ++copies;
    };
    options.interrupt = [&]() -> std::optional<StopReason> {
      end_copy();
      there = export_state(*running, roots);
      copying = std::thread([&copy, late = std::make_shared<LateExport>(*running, roots)] { copy = late->whole(); });
      return std::nullopt;
    };
    options.before_change = end_copy;
    Search search(exchange, language, symbols, set.rules, options);
    running = &search;
    roots = search.start(set.start);
    EXPECT_EQ(search.run_for(5), StopReason::kIterations);
    EXPECT_EQ(copies, 5);
    search.insert(set.start);
    EXPECT_EQ(copies, 6) << "of where the run ended, made before anything was inserted";
    EXPECT_EQ(search.run(), StopReason::kSaturated);
    end_copy();
    EXPECT_GT(search.enodes(), 1000U);
  });
}

TEST(StateExport, AThreadCopiesWhileTheSearchMatches) { copy_while_matching(1); }
TEST(StateExport, AThreadCopiesWhileOthersMatch) { copy_while_matching(2); }

}  // namespace
}  // namespace tessera
