// That the generator of random searches makes what it promises: well-formed text, variety, and shrinking that ends.
#include "tests/property/random_rules.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "engine/language/symbol_table.hpp"
#include "engine/rule/rule_parser.hpp"
#include "tests/property/engine_under_test.hpp"

namespace tessera::oracle {
namespace {

const PropertyLanguage kLanguage;

RuleSet parse(const RandomSearch& search) {
  SymbolTable symbols;
  return parse_rules(search.text(), "random", kLanguage, symbols, {});
}

std::size_t measure(const RandomSearch& search) {
  std::size_t total = 0;
  for (const RandomTerm& term : search.start) total += 10 + term.size();
  for (const RandomRule& rule : search.rules) total += 10 + rule.left.size() + rule.right.size();
  return total;
}

RC_GTEST_PROP(RandomRules, ParseToAsManyRulesAndStartTerms, ()) {
  const RandomSearch search = *random_search();
  const RuleSet rules = parse(search);
  RC_ASSERT(rules.rules.size() == search.rules.size());
  RC_ASSERT(rules.start.roots.size() == search.start.size());
  for (std::size_t i = 0; i < search.rules.size(); ++i) {
    RC_ASSERT(rules.rules[i].left.terms.back().is_variable == search.rules[i].left.is_variable());
    RC_ASSERT(rules.rules[i].conditions.size() == (search.rules[i].condition.empty() ? 0U : 1U));
  }
}

RC_GTEST_PROP(RandomRules, EveryShrinkIsWellFormed, ()) {
  const RandomSearch search = *random_search();
  for (const RandomSearch& smaller : smaller_searches(search)) {
    RC_ASSERT(!smaller.start.empty());
    RC_ASSERT(measure(smaller) <= measure(search));
    for (const RandomRule& rule : smaller.rules) RC_ASSERT(rule.is_bound());
    parse(smaller);  // does not throw
  }
}

// Follows the first shrink that still has the property until there is none.
RandomSearch shrink(RandomSearch search, const std::function<bool(const RandomSearch&)>& property, int& steps) {
  for (bool again = true; again; ++steps) {
    again = false;
    for (RandomSearch& smaller : smaller_searches(search)) {
      if (!property(smaller)) continue;
      search = std::move(smaller);
      again = true;
      break;
    }
  }
  return search;
}

TEST(RandomRules, ShrinkingEndsAtTheSmallestSearch) {
  int steps = 0;
  for (int seed = 0; seed < 50; ++seed) {
    const RandomSearch search = random_search()(rc::Random(static_cast<std::uint64_t>(seed)), 100).value();
    const RandomSearch end = shrink(
        search, [](const RandomSearch&) { return true; }, steps);
    EXPECT_EQ(end.text(), "(start a)\n");
    ASSERT_LT(steps, 50'000);
  }
}

TEST(RandomRules, ShrinkingKeepsWhatMatters) {
  const auto non_linear_collapse = [](const RandomSearch& search) {
    return std::any_of(search.rules.begin(), search.rules.end(), [](const RandomRule& rule) {
      return rule.left.op == "p" && rule.left.kids[0].is_variable() && rule.left.kids[0] == rule.left.kids[1] &&
             rule.right == rule.left.kids[0];
    });
  };
  RandomSearch search = random_search()(rc::Random(7), 100).value();
  const RandomTerm z{"?z", {}, {}};
  search.rules.push_back({{"p", {z, z}, {}}, z, ""});
  int steps = 0;
  EXPECT_EQ(shrink(search, non_linear_collapse, steps).text(), "(start a)\n(rewrite r0 (p ?z ?z) ?z)\n");
}

// One look at what a thousand searches contain: a generator that stops making something would otherwise go unnoticed.
TEST(RandomRules, Variety) {
  std::set<std::string> seen;
  const std::function<void(const RandomTerm&, const std::string&)> look = [&](const RandomTerm& term,
                                                                              const std::string& side) {
    if (!term.is_variable()) seen.insert(side + " " + term.op + std::to_string(term.kids.size()));
    for (const std::string& attribute : term.attributes) {
      seen.insert(side + (attribute[0] == '?' ? " attribute variable" : attribute[0] == '(' ? " computed" : " number"));
    }
    for (const RandomTerm& kid : term.kids) look(kid, side);
  };
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const RandomSearch search = random_search()(rc::Random(seed), static_cast<int>(seed % 100)).value();
    for (const RandomTerm& term : search.start) look(term, "start");
    for (const RandomRule& rule : search.rules) {
      look(rule.left, "left");
      look(rule.right, "right");
      if (rule.left.is_variable()) seen.insert("bare left");
      if (rule.right.is_variable()) seen.insert("bare right");
      if (!rule.condition.empty()) seen.insert("condition");
      if (rule.right.size() > rule.left.size()) seen.insert("grows");
      if (rule.left.text().find('?') == std::string::npos) seen.insert("ground left");
      for (const RandomRule& other : search.rules) {
        if (&rule != &other && rule.left == other.left) seen.insert("same left");
      }
    }
  }
  for (const char* side : {"start", "left", "right"}) {
    for (const char* op :
         {" a0", " b0", " f1", " p2", " t3", " q4", " w7", " r1", " r2", " r3", " i1", " k2", " number"}) {
      EXPECT_TRUE(seen.contains(std::string(side) + op)) << side << op;
    }
  }
  for (const char* what : {"bare left", "bare right", "condition", "grows", "ground left", "same left",
                           "left attribute variable", "right attribute variable", "right computed"}) {
    EXPECT_TRUE(seen.contains(what)) << what;
  }
}

// The searches must be worth running: most of them do something, some saturate, some grow until the cap.
TEST(RandomRules, SearchesDoSomething) {
  int idle = 0;
  int merging = 0;
  int saturated = 0;
  int capped = 0;
  constexpr int kSearches = 300;
  for (std::uint64_t seed = 0; seed < kSearches; ++seed) {
    const RandomSearch search = random_search()(rc::Random(seed), static_cast<int>(seed % 100)).value();
    const std::string text = search.text();
    OracleLimits limits;
    limits.enodes = 300;
    limits.matches = 300;
    const History history = oracle_history({text, &kLanguage}, limits);
    const IterationCounts& last = history.counts.back();
    if (history.saturated && history.counts.size() == 2) ++idle;
    if (last.eclasses < last.enodes) ++merging;
    if (history.saturated && history.counts.size() > 2) ++saturated;
    if (!history.saturated) ++capped;
  }
  std::printf("of %d searches: %d idle, %d saturated, %d reached a limit, %d merged e-classes\n", kSearches, idle,
              saturated, capped, merging);
  EXPECT_LT(idle, kSearches / 2);
  EXPECT_GT(merging, kSearches / 3);
  EXPECT_GT(saturated, kSearches / 20);
  EXPECT_GT(capped, kSearches / 20);
}

}  // namespace
}  // namespace tessera::oracle
