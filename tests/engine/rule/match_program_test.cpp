#include "engine/rule/match_program.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"

namespace tessera {
namespace {

struct Compiled {
  SymbolTable symbols;
  TermLanguage language;
  RuleSet set;
  std::vector<RulePlan> plans;
  MatchProgram program;
  explicit Compiled(const std::string& rules) : set(parse_rules(rules, "test.rules", language, symbols, {})) {
    std::vector<ProgramEntry> entries;
    for (const Rule& rule : set.rules) plans.push_back(compile(rule, symbols));
    for (std::uint32_t r = 0; r < plans.size(); ++r)
      for (std::uint32_t v = 0; v < plans[r].variants.size(); ++v) entries.push_back({r, v});
    program = compile_program(plans, entries);
  }
  [[nodiscard]] const ProgramPath& path(std::uint32_t rule, std::uint32_t variant) const {
    return *std::ranges::find_if(program.paths,
                                 [&](const ProgramPath& path) { return path.rule == rule && path.variant == variant; });
  }
};

TEST(MatchProgram, RulesThatBeginAlikeShareTheirWalks) {
  const Compiled c(
      "(rewrite one (Mul ?a (Add ?b ?c)) (Add ?a ?b))\n"
      "(rewrite two (Mul ?x (Add ?y ?z)) (Add ?x ?z))\n"
      "(rewrite three (Mul ?x (Sub ?y ?z)) (Add ?x ?z))");
  const ProgramPath& one = c.path(0, 0);
  const ProgramPath& two = c.path(1, 0);
  const ProgramPath& three = c.path(2, 0);
  ASSERT_EQ(one.stages.size(), 2U);
  EXPECT_EQ(one.stages[1].walk, two.stages[1].walk);
  EXPECT_EQ(one.stages[1].branch, two.stages[1].branch) << "what variables are called does not matter";
  EXPECT_EQ(one.stages[1].walk, three.stages[1].walk) << "one pass over the members serves both operators";
  EXPECT_NE(one.stages[1].branch, three.stages[1].branch);
  EXPECT_EQ(c.program.walk_users[one.stages[1].walk], 3U);
}

TEST(MatchProgram, APatternThatComparesDoesNotHoldUpOneThatDoesNot) {
  const Compiled c(
      "(rewrite one (Sub ?a ?b) (Add ?a ?b))\n"
      "(rewrite two (Sub ?a ?a) 0)");
  EXPECT_EQ(c.path(0, 0).stages[0].walk, c.path(1, 0).stages[0].walk);
  EXPECT_NE(c.path(0, 0).stages[0].branch, c.path(1, 0).stages[0].branch);
}

TEST(MatchProgram, APartialMatchCarriesWhatIsReadLater) {
  const Compiled c("(rewrite r (f (g ?a) (g ?b)) ?b)");
  for (const MatchWalk& walk : c.program.walks) {
    if (walk.kind == Step::Kind::kScan || walk.kind == Step::Kind::kClasses) continue;
    EXPECT_TRUE(std::ranges::any_of(walk.carried,
                                    [&](const Carried& carried) { return carried.reg == walk.from && carried.local; }));
    EXPECT_LE(walk.carried.size(), 4U) << "the root's class, both children and ?b at most";
  }
}

}  // namespace
}  // namespace tessera
