#include "engine/rule/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/match_program.hpp"
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

GraphStatistics counts(SymbolTable& symbols, std::uint64_t classes,
                       const std::vector<std::pair<std::string, std::uint64_t>>& rows) {
  GraphStatistics statistics;
  statistics.classes = classes;
  statistics.rows_of_operator.resize(symbols.operator_count());
  statistics.classes_of_bit.resize(64);
  for (const auto& [name, count] : rows) {
    const OperatorId op = symbols.intern_operator(Name(name));
    statistics.rows_of_operator[op.value] = count;
    statistics.classes_of_bit[op.value & 63U] += std::min(count, classes);
    statistics.rows += count;
    statistics.edges += 2 * count;
  }
  return statistics;
}

TEST(Plan, JoinsTheRarerOperatorFirst) {
  Planned p("(rewrite r (f (g ?a) (h ?b)) ?a)");
  const auto second_step = [&] { return p.plan.variants[0].steps[1].op; };
  const OperatorId g = p.symbols.intern_operator(Name("g"));
  const OperatorId h = p.symbols.intern_operator(Name("h"));
  EXPECT_TRUE(replan(p.plan, p.symbols, counts(p.symbols, 1000, {{"f", 500}, {"g", 3}, {"h", 900}})));
  EXPECT_EQ(second_step(), g);
  EXPECT_TRUE(replan(p.plan, p.symbols, counts(p.symbols, 1000, {{"f", 500}, {"g", 900}, {"h", 3}})));
  EXPECT_EQ(second_step(), h);
  EXPECT_FALSE(replan(p.plan, p.symbols, counts(p.symbols, 2000, {{"f", 900}, {"g", 1800}, {"h", 5}})))
      << "twice the graph, the same proportions";
}

TEST(Plan, AgesFollowTheAtomsNotTheOrderOfTheJoin) {
  Planned p("(rewrite r (f (g ?a) (h ?b)) ?a)");
  for (const std::uint64_t g : {3U, 900U}) {
    replan(p.plan, p.symbols, counts(p.symbols, 1000, {{"f", 500}, {"g", g}, {"h", 903 - g}}));
    ASSERT_EQ(p.plan.variants.size(), 3U);
    std::vector<std::string> start;
    for (const Variant& variant : p.plan.variants) {
      std::string ages(3, '?');
      for (const Step& step : variant.steps) {
        const std::string_view name = p.symbols.operator_name(step.op).text();
        ages[name == "f" ? 0 : name == "g" ? 2 : 1] = step.age == Age::kNew ? 'n' : step.age == Age::kOld ? 'o' : 'a';
      }
      start.push_back(ages);
    }
    EXPECT_EQ(start, (std::vector<std::string>{"naa", "ona", "oon"}));
  }
}

TEST(Plan, LooksUpAnAtomWhoseChildrenAreBound) {
  const Planned p("(rewrite d-sin (Diff ?x (Sin ?x)) (Cos ?x))");
  const Step& up = p.plan.variants[1].steps[1];
  EXPECT_EQ(up.kind, Step::Kind::kLookup);
  EXPECT_EQ(up.age, Age::kOld);
}

TEST(Plan, AChildlessSymbolIsComparedNotWalkedTo) {
  const Planned p("(rewrite zero (Add ?a 0) ?a)");
  EXPECT_EQ(p.plan.variants[0].steps[1].kind, Step::Kind::kGround);
  EXPECT_EQ(p.plan.variants[1].steps[1].kind, Step::Kind::kParents);
}

TEST(Plan, AMatchHoldsOnlyWhatTheRightSideNeeds) {
  const Planned p("(rewrite r (f (g ?a) (h ?b)) ?a)");
  EXPECT_EQ(p.plan.binding_count, 5U);
  EXPECT_EQ(p.plan.slot_count, 2U);  // the root and ?a
  EXPECT_LT(p.plan.root_slot, 2U);
  EXPECT_LT(p.plan.right_root.index, 2U);
}

// Slots of a step's pairs that must differ, in order.
std::vector<std::vector<std::uint32_t>> distinct_of(const Variant& variant) {
  std::vector<std::vector<std::uint32_t>> result;
  for (const Step& step : variant.steps) {
    std::vector<std::uint32_t>& slots = result.emplace_back();
    for (const auto& [a, b] : step.distinct) slots.insert(slots.end(), {a, b});
  }
  return result;
}

TEST(Plan, ComparesClassesThatMustDifferAsSoonAsBothAreBound) {
  SymbolTable symbols;
  const TermLanguage language;
  RuleSet set = parse_rules("(rewrite r (f (g ?a) ?b) ?a)", "test.rules", language, symbols, {});
  Rule& rule = set.rules.front();
  const auto variable = [&](const char* name) {
    return static_cast<VariableIndex>(std::ranges::find(rule.variables, std::string(name), &Variable::name) -
                                      rule.variables.begin());
  };
  Variable given = rule.variables[variable("?a")];
  given.name = "?given";
  rule.variables.push_back(given);
  rule.given_variables = {variable("?given")};
  rule.distinct = {{variable("?a"), variable("?b")}, {variable("?b"), variable("?given")}};
  RulePlan plan = compile(rule, symbols);
  const std::uint32_t a = plan.variable_slot[variable("?a")];
  const std::uint32_t b = plan.variable_slot[variable("?b")];
  const std::uint32_t g = plan.variable_slot[variable("?given")];
  EXPECT_EQ(plan.given_slots, std::vector<std::uint32_t>{g});
  using Slots = std::vector<std::vector<std::uint32_t>>;
  EXPECT_EQ(distinct_of(plan.variants[0]), (Slots{{b, g}, {a, b}}));
  EXPECT_EQ(distinct_of(plan.variants[1]), (Slots{{}, {a, b, b, g}}));
  // What is given is in a register of its own, which never travels.
  const std::vector<ProgramEntry> entries = {{0, 0}, {0, 1}};
  const MatchProgram program = compile_program(std::span(&plan, 1), entries);
  ASSERT_EQ(program.givens.size(), 1U);
  for (const MatchWalk& walk : program.walks)
    for (const Carried& carried : walk.carried) EXPECT_NE(carried.reg, 0U);
  for (const ProgramPath& path : program.paths) EXPECT_EQ(path.places[g].reg, 0U);
}

TEST(Plan, AtomsOfOneClassShareItsSlot) {
  SymbolTable symbols;
  const TermLanguage language;
  // The term (h ?b) is made an atom of the class of (g ?a), and f's second child the variable ?a.
  RuleSet set = parse_rules("(rewrite r (f (g ?a) (h ?b)) ?b)", "test.rules", language, symbols, {});
  Rule& rule = set.rules.front();
  const auto term = [&](const char* op) {
    return static_cast<std::uint32_t>(std::ranges::find_if(rule.left.terms,
                                                           [&](const PatternTerm& t) {
                                                             return !t.is_variable &&
                                                                    symbols.operator_name(t.op).text() == op;
                                                           }) -
                                      rule.left.terms.begin());
  };
  rule.left.terms[term("h")].class_of = term("g");
  rule.left.terms[term("f")].kids[1] = rule.left.terms[term("g")].kids[0];
  RulePlan plan = compile(rule, symbols);
  EXPECT_EQ(plan.term_slot[term("g")], plan.term_slot[term("h")]);
  for (const std::uint64_t count : {3U, 900U}) {
    replan(plan, symbols, counts(symbols, 1000, {{"f", 500}, {"g", count}, {"h", 903 - count}}));
    ASSERT_EQ(plan.variants.size(), 3U);
    for (const Variant& variant : plan.variants) {
      ASSERT_EQ(variant.steps.size(), 3U);
      for (const Step& step : variant.steps) {
        if (step.kind == Step::Kind::kMembers) {
          EXPECT_EQ(step.from, plan.term_slot[term("g")]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tessera
