#include "engine/rule/plan.hpp"

#include <gtest/gtest.h>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"

namespace tessera {
namespace {

struct Planned {
  SymbolTable symbols;
  TermLanguage language;
  RuleSet set;
  RulePlan plan;
  explicit Planned(const std::string& rule) : set(parse_rules(rule, "test.rules", language, symbols, {})) {
    plan = compile(set.rules.front(), symbols);
  }
};

TEST(Plan, HasAVariantForEveryOperatorOfTheLeftSide) {
  const Planned p("(rewrite distribute (Mul ?a (Add ?b ?c)) (Add (Mul ?a ?b) (Mul ?a ?c)))");
  ASSERT_EQ(p.plan.variants.size(), 2U);
  // From the product down into the sum, and from the sum up into the product.
  const std::vector<Step>& down = p.plan.variants[0].steps;
  ASSERT_EQ(down.size(), 2U);
  EXPECT_EQ(down[0].kind, Step::Kind::kScan);
  EXPECT_EQ(down[0].age, Age::kNew);
  EXPECT_EQ(down[1].kind, Step::Kind::kMembers);
  EXPECT_EQ(down[1].age, Age::kAny);
  const std::vector<Step>& up = p.plan.variants[1].steps;
  EXPECT_EQ(up[1].kind, Step::Kind::kParents);
  EXPECT_EQ(up[1].via, 1U);
  EXPECT_EQ(up[1].age, Age::kOld) << "a match of two new rows belongs to the first variant";
}

TEST(Plan, ComparesARepeatedVariable) {
  const Planned p("(rewrite cancel (Sub ?a ?a) 0)");
  const Step& step = p.plan.variants[0].steps[0];
  ASSERT_EQ(step.kids.size(), 2U);
  EXPECT_TRUE(step.kids[0].bind);
  EXPECT_FALSE(step.kids[1].bind);
  EXPECT_EQ(step.kids[0].slot, step.kids[1].slot);
}

TEST(Plan, BuildsRightSidesBottomUp) {
  const Planned p("(rewrite distribute (Mul ?a (Add ?b ?c)) (Add (Mul ?a ?b) (Mul ?a ?c)))");
  ASSERT_EQ(p.plan.builds.size(), 3U);
  EXPECT_EQ(p.plan.builds[0].height, 0U);
  EXPECT_EQ(p.plan.builds[1].height, 0U);
  EXPECT_EQ(p.plan.builds[2].height, 1U);
  EXPECT_FALSE(p.plan.builds[2].kids[0].is_slot);
  EXPECT_EQ(p.plan.height, 2U);
}

TEST(Plan, ABareVariableStartsFromClassesAndARightSideVariableBuildsNothing) {
  const Planned any("(rewrite any ?a (Add ?a 0))");
  ASSERT_EQ(any.plan.variants.size(), 1U);
  EXPECT_EQ(any.plan.variants[0].steps[0].kind, Step::Kind::kClasses);
  const Planned zero("(rewrite zero (Add ?a 0) ?a)");
  EXPECT_TRUE(zero.plan.builds.empty());
  EXPECT_TRUE(zero.plan.right_root.is_slot);
}

TEST(Plan, WhatAPartialMatchCarriesIsWhatIsBound) {
  const Planned p("(rewrite r (f (g ?a) (g ?b)) ?a)");
  for (const Variant& variant : p.plan.variants) {
    EXPECT_TRUE(variant.bound_before[0].empty());
    for (std::size_t s = 1; s < variant.steps.size(); ++s) {
      const std::vector<std::uint32_t>& bound = variant.bound_before[s];
      EXPECT_NE(std::find(bound.begin(), bound.end(), variant.steps[s].from), bound.end());
    }
  }
}

}  // namespace
}  // namespace tessera
