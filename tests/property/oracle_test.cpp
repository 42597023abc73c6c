// The oracle on whole rule sets: the arithmetic benchmark's published counts, and matching against its definition.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "engine/language/symbol_table.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "tests/property/engine_under_test.hpp"
#include "tests/property/naive_egraph.hpp"
#include "tests/property/random_rules.hpp"

namespace tessera::oracle {
namespace {

TEST(Oracle, CountsMathAsEggDoes) {
  const TermLanguage language;
  OracleLimits limits;
  limits.iterations = 8;
  limits.enodes = limits.matches = SIZE_MAX;
  const History history = oracle_history({shipped_rules("math"), &language}, limits);
  ASSERT_EQ(history.counts.size(), 9U);
  for (std::size_t i = 0; i < history.counts.size(); ++i) {
    EXPECT_EQ(history.counts[i].enodes, math_counts()[i].enodes) << "iteration " << i;
    EXPECT_EQ(history.counts[i].eclasses, math_counts()[i].eclasses) << "iteration " << i;
  }
  EXPECT_FALSE(history.saturated);
}

// The e-class of a pattern's term under an assignment of all variables, if the e-graph has all its e-nodes.
std::optional<NaiveClass> instance(const NaiveEGraph& graph, const SymbolTable& symbols, const Pattern& pattern,
                                   const std::vector<NaiveClass>& assignment) {
  std::vector<NaiveClass> classes;
  for (const PatternTerm& term : pattern.terms) {
    if (term.is_variable) {
      classes.push_back(assignment[term.variable]);
      continue;
    }
    std::vector<NaiveClass> kids;
    for (const std::uint32_t kid : term.kids) kids.push_back(classes[kid]);
    const auto symbol = symbols.find(term.op, {}, static_cast<std::uint32_t>(kids.size()));
    if (!symbol) return std::nullopt;
    const auto found = graph.lookup(*symbol, kids);
    if (!found) return std::nullopt;
    classes.push_back(*found);
  }
  return classes.back();
}

// A match is an assignment of e-classes to variables under which the left side is in the e-graph: try all assignments.
RC_GTEST_PROP(OracleProperty, MatchesAreAllAssignmentsWhoseInstanceExists, ()) {
  RandomOptions options;
  options.attributes = false;
  const RandomSearch search = *random_search(options);
  const PropertyLanguage language;
  SymbolTable symbols;
  const RuleSet rules = parse_rules(search.text(), "random", language, symbols, {});
  NaiveEGraph graph(symbols, language);
  graph.add(rules.start);
  graph.rebuild();
  for (int iteration = 0; iteration < 4 && graph.eclass_count() <= 25; ++iteration) {
    const std::vector<NaiveClass> classes = graph.classes();
    for (const Rule& rule : rules.rules) {
      std::size_t expected = 0;
      const std::size_t variables = rule.variables.size();
      if (variables > 3) continue;
      std::vector<std::size_t> digits(variables, 0);  // counts through all assignments
      for (bool more = true; more;) {
        std::vector<NaiveClass> assignment;
        for (const std::size_t digit : digits) assignment.push_back(classes[digit]);
        if (instance(graph, symbols, rule.left, assignment)) ++expected;
        more = false;
        for (std::size_t& digit : digits) {
          if (++digit < classes.size()) {
            more = true;
            break;
          }
          digit = 0;
        }
      }
      RC_ASSERT(graph.match(rule).size() == expected);
    }
    if (graph.iterate(rules.rules, 500).refused) break;
    graph.check();
  }
}

// After an iteration every match of the graph before it holds: both sides are there, in one e-class. And once
// saturated, another iteration changes nothing.
RC_GTEST_PROP(OracleProperty, AnIterationMakesBothSidesEqual, ()) {
  RandomOptions options;
  options.attributes = false;
  const RandomSearch search = *random_search(options);
  const PropertyLanguage language;
  SymbolTable symbols;
  const RuleSet rules = parse_rules(search.text(), "random", language, symbols, {});
  NaiveEGraph graph(symbols, language);
  graph.add(rules.start);
  graph.rebuild();
  for (int iteration = 0; iteration < 6 && graph.enode_count() <= 300; ++iteration) {
    std::vector<std::vector<NaiveMatch>> matches;
    for (const Rule& rule : rules.rules) matches.push_back(graph.match(rule));
    const std::uint64_t digest = graph.digest();
    const NaiveIteration done = graph.iterate(rules.rules, 500);
    if (done.refused) break;
    graph.check();
    RC_ASSERT(done.changed == (graph.digest() != digest));
    for (std::size_t r = 0; r < matches.size(); ++r) {
      RC_ASSERT(done.matches[r] == matches[r].size());
      for (const NaiveMatch& match : matches[r]) {
        std::vector<NaiveClass> assignment;
        for (const NaiveBinding& binding : match.substitution) assignment.push_back(graph.find(binding.eclass.value()));
        const auto left = instance(graph, symbols, rules.rules[r].left, assignment);
        const auto right = instance(graph, symbols, rules.rules[r].right, assignment);
        RC_ASSERT(left.has_value());
        RC_ASSERT(right.has_value());
        RC_ASSERT(*left == *right);
        RC_ASSERT(*left == graph.find(match.root));
      }
    }
    if (!done.changed) break;
  }
}

// Which rule comes first must not matter; nor may it when rules ask for e-class data that changes.
void expect_order_does_not_matter(const RandomSearch& search, const Language& language) {
  RandomSearch reversed = search;
  std::reverse(reversed.rules.begin(), reversed.rules.end());
  std::reverse(reversed.start.begin(), reversed.start.end());
  OracleLimits limits;
  limits.enodes = limits.matches = 300;
  limits.partition_size = 100'000;
  History forward = oracle_history({search.text(), &language}, limits);
  History backward = oracle_history({reversed.text(), &language}, limits);
  for (IterationCounts& counts : backward.counts) {
    std::reverse(counts.matches.begin(), counts.matches.end());
    std::reverse(counts.new_matches.begin(), counts.new_matches.end());
  }
  RC_ASSERT(first_difference(forward, backward) == "");
}

RC_GTEST_PROP(OracleProperty, TheOrderOfRulesAndStartTermsDoesNotMatter, ()) {
  expect_order_does_not_matter(*random_search(), PropertyLanguage());
}

RC_GTEST_PROP(OracleProperty, TheOrderDoesNotMatterToDataEither, ()) {
  RandomOptions options;
  options.data = true;
  expect_order_does_not_matter(*random_search(options), DataPropertyLanguage());
}

TEST(OracleData, IsTheLeastFixpointAndConditionsSeeItChange) {
  // g(f(a)) has depth 3 until it is b: then p(…) gets depth 2 and the rule for it applies.
  const DataPropertyLanguage language;
  const std::string text =
      "(start (p (g (f a)) d))\n"
      "(rewrite merge (g (f ?x)) b)\n"
      "(rewrite shallow (p ?x ?y) c :when (<= (depth ?x) 1))\n"
      "(rewrite proved (p ?x ?y) ?y :when (fact ?x 0))\n";
  OracleLimits limits;
  limits.partition_size = 1000;
  const History history = oracle_history({text, &language}, limits);
  ASSERT_EQ(history.counts.size(), 4U);
  EXPECT_EQ(history.counts[1].matches, (std::vector<std::size_t>{1, 0, 0}));  // f(a) proves a's fact, g shifts it
  EXPECT_EQ(history.counts[2].matches, (std::vector<std::size_t>{1, 1, 0}));
  EXPECT_EQ(history.counts[2].new_matches, (std::vector<std::size_t>{0, 1, 0}));
  EXPECT_TRUE(history.saturated);
  EXPECT_EQ(history.partition, "(f a)\n  (f a)\na\n  a\nb\n  (g (f a))\n  b\nc\n  (p b d)\n  c\nd\n  d\n");
}

// --- the harness ---

// An engine that answers what it was told to.
class Parrot : public EngineUnderTest {
 public:
  explicit Parrot(History answer) : answer_(std::move(answer)) {}
  [[nodiscard]] std::string name() const override { return "parrot"; }
  History run(const SearchInput&, int) override { return answer_; }

 private:
  History answer_;
};

class Harness : public ::testing::Test {
 protected:
  // Start: a, f(a): 2. After one iteration: g(f(a)) in f(a)'s e-class; after two nothing changes.
  const PropertyLanguage language_;
  const SearchInput input_{"(start (f a))\n(rewrite r0 (f ?x) (g (f ?x)))\n", &language_};
  History good_ = oracle_history(input_, {});
  [[nodiscard]] std::string compare(const History& history) const {
    Parrot parrot(history);
    return compare_with_oracle(parrot, input_, {});
  }
};

TEST_F(Harness, AcceptsTheTruth) {
  ASSERT_EQ(good_.counts.size(), 3U);
  EXPECT_TRUE(good_.saturated);
  EXPECT_EQ(compare(good_), "");
  History early = good_;  // semi-naive engines may know that nothing new can match
  early.counts.pop_back();
  EXPECT_EQ(compare(early), "");
}

TEST_F(Harness, ReportsTheFirstDifferenceWithTheInput) {
  History wrong = good_;
  wrong.counts[1].enodes = 4;
  const std::string report = compare(wrong);
  EXPECT_NE(report.find("parrot: after iteration 1: e-nodes, e-classes: expected [3 2], found [4 2]"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find(input_.text), std::string::npos);
}

TEST_F(Harness, ReportsMatches) {
  History wrong = good_;
  wrong.counts[2].matches = {7};
  EXPECT_NE(compare(wrong).find("matches per rule: expected [1], found [7]"), std::string::npos) << compare(wrong);
  wrong.counts[2].matches.clear();  // not counted: not compared
  EXPECT_EQ(compare(wrong), "");
  wrong.counts[2].new_matches.clear();
  for (std::size_t found = 0; found < 3; ++found) {  // the match of iteration 2 is an old one: 0 or 1 are right
    wrong.counts[2].found_matches = {found};
    EXPECT_EQ(compare(wrong).empty(), found < 2) << compare(wrong);
  }
  wrong.counts[2].found_matches = {1};
  wrong.counts[1].found_matches = {0};
  EXPECT_NE(compare(wrong).find("expected between [1] and [1], found [0]"), std::string::npos) << compare(wrong);
  wrong.counts[1].found_matches.clear();
  EXPECT_EQ(compare(wrong), "");
}

TEST_F(Harness, ReportsAWrongEnd) {
  History wrong = good_;
  wrong.saturated = false;
  EXPECT_NE(compare(wrong).find("does not see that it is saturated"), std::string::npos);
  wrong.counts.pop_back();
  EXPECT_NE(compare(wrong).find("did not say saturated"), std::string::npos);
  wrong.saturated = true;
  wrong.counts.pop_back();
  EXPECT_NE(compare(wrong).find("still changes"), std::string::npos) << compare(wrong);
  wrong.counts.clear();
  EXPECT_NE(compare(wrong).find("no counts"), std::string::npos);
}

}  // namespace
}  // namespace tessera::oracle
