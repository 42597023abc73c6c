// The published rewrites compute the same on both sides, wherever their conditions let them apply.
#include <gmock/gmock.h>

#include <set>

#include "engine/language/expression_text.hpp"
#include "engine/rule/rule_parser.hpp"
#include "tests/engine/tensor/rule_application.hpp"

namespace tessera {
namespace {

class GlensideSoundness : public ::testing::Test {
 protected:
  GlensideSoundness() {
    // Tensors t0 to t9.
    for (const std::vector<std::int64_t>& dims : std::vector<std::vector<std::int64_t>>{
             {3, 4}, {5, 4}, {2, 3, 4}, {6, 2, 4}, {4}, {8, 4}, {3, 6}, {5, 6}, {6, 4}, {4, 4}}) {
      test_.tensor(dims);
    }
  }
  // Applies the rules to the programs, and what comes of them, and says how often which rule applied.
  void run(const std::string& rules, const std::vector<std::string>& programs, int rounds) {
    const RuleSet set = load_rules(rules, test_.language, test_.symbols, {{{4, 3}}});
    for (const std::string& text : programs) {
      SCOPED_TRACE(text);
      test_.program() = parse_expression(text, "test", test_.language, test_.symbols);
      EXPECT_THAT(test_.run(set.rules, rounds, 40), ::testing::IsEmpty());
    }
    for (const Rule& rule : set.rules) {
      const std::string name = rule.name.substr(0, rule.name.find('['));
      EXPECT_GE(test_.applied[name], 1U) << name << " never applied";
    }
  }

  // A dot product of the two operands.
  static std::string dot(const std::string& a, const std::string& b) {
    return "(compute dot-product (access-cartesian-product " + a + " " + b + "))";
  }
  static std::vector<std::string> programs() {
    const std::string slice_of_pad = "(access-slice (access-pad (access t0 1) zero-padding 1 0 2) 1 0 4)";
    return {
        dot("(access t0 1)", "(access t1 1)"),
        dot("t4", "(access t0 1)"),
        dot("(access t5 1)", "(access t0 1)"),
        // Reshapes of equal items, and of items that a reshape made equal.
        dot("(access-reshape (access t2 2) (access-shape (shape 6) (shape 2 2)))",
            "(access-reshape (access t1 1) (access-shape (shape 5 1) (shape 2 2)))"),
        dot("(access-reshape (access t2 1) (access-shape (shape 2) (shape 4 3)))",
            "(access-reshape (access t2 1) (access-shape (shape 1 2) (shape 4 3)))"),
        // A reshape that breaks up the tuple axis.
        "(compute dot-product (access-reshape (access t3 1) (access-shape (shape 6) (shape 4 2))))",
        "(compute dot-product (access-reshape (access t3 1) (access-shape (shape 2 3) (shape 2 2 2))))",
        // Concatenations along shape axes, item axes, the tuple axis.
        dot("(access (access-concatenate t0 t1 0) 1)", "(access t5 1)"),
        dot("(access t0 1)", "(access (access-concatenate t1 t5 0) 1)"),
        dot("(access-concatenate (access t0 1) (access t1 1) 0)", "(access t5 1)"),
        dot("(access t2 2)", "(access-concatenate (access t1 1) (access t5 1) 0)"),
        dot("(access-concatenate (access t0 1) (access t6 1) 1)", "(access-concatenate (access t1 1) (access t7 1) 1)"),
        dot("(access-concatenate (access t0 1) (access t6 1) 1)", "(access-concatenate (access t7 1) (access t1 1) 1)"),
        "(compute dot-product (access-concatenate (access-pair (access t0 1) (access t0 1)) "
        "(access-pair (access t6 1) (access t6 1)) 2))",
        "(compute dot-product (access-concatenate (access t3 1) (access t3 1) 1))",
        "(compute dot-product (access-concatenate (access t3 1) (access t3 1) 0))",
        "(compute dot-product (access-concatenate (access t3 1) (access t3 1) 2))",
        // Slices and pads.
        "(access-pad (access-slice t6 1 1 5) zero-padding 0 1 2)",
        "(access-pad (access-slice t6 1 1 5) zero-padding 1 1 2)",
        dot("(access-slice (access t8 1) 0 1 4)", "(access t0 1)"),
        dot("(access t0 1)", "(access-slice (access t8 1) 0 1 4)"),
        dot("(access-slice (access t6 1) 1 1 4)", "(access-slice (access t7 1) 1 1 4)"),
        dot("(access-slice (access t6 1) 1 1 4)", "(access-slice (access t7 1) 1 2 5)"),
        dot(slice_of_pad, "(access-slice (access-pad (access t1 1) zero-padding 1 0 2) 1 0 4)"),
        "(compute dot-product (access-slice (access-cartesian-product (access t0 1) (access t1 1)) 1 1 3))",
        "(compute dot-product (access-slice (access-cartesian-product (access t0 1) (access t1 1)) 2 0 1))",
        "(compute dot-product (access-slice (access-cartesian-product (access t0 1) (access t1 1)) 3 0 3))",
        "(compute dot-product (access-slice (access-cartesian-product (access-pad (access t0 1) zero-padding 1 1 2) "
        "(access-pad (access t1 1) zero-padding 1 1 2)) 3 1 5))",
        "(access-slice t6 1 0 4)",
        "(access-slice t8 0 0 6)",
        "(access-slice (access-pad t6 zero-padding 1 0 6) 1 0 8)",
        "(access-slice (access-concatenate t8 t8 0) 0 0 9)",
        "(construct-tuple t0 t1)",
        "t4",
    };
  }

  RuleApplication test_{7};
};

TEST_F(GlensideSoundness, SliceOnce) { run("glenside", programs(), 2); }

TEST_F(GlensideSoundness, DivideInto) { run("glenside-divide", programs(), 2); }

TEST_F(GlensideSoundness, BothStrategiesHaveTheTwelveRewrites) {
  const RuleParameters arrays{{{64, 64}}};
  std::set<std::string> bubbling;
  for (const Rule& rule : load_rules("glenside-bubbling", test_.language, test_.symbols, arrays).rules) {
    bubbling.insert(rule.name);
  }
  EXPECT_EQ(bubbling.size(), 17U);
  for (const char* strategy : {"glenside", "glenside-divide"}) {
    std::set<std::string> names;
    for (const Rule& rule : load_rules(strategy, test_.language, test_.symbols, arrays).rules) names.insert(rule.name);
    EXPECT_TRUE(std::ranges::includes(names, bubbling)) << strategy;
    EXPECT_TRUE(names.contains("slice-concatenate-accesses-axis-0[64x64]")) << strategy;
    EXPECT_TRUE(names.contains("slice-concatenate-accesses-axis-1[64x64]")) << strategy;
  }
}

// Two tiles at once of what the published rule gives at once: the whole left-nested concatenation.
TEST_F(GlensideSoundness, DivideIntoReachesTheLeftNestedConcatenation) {
  const RuleSet set = load_rules("glenside-divide", test_.language, test_.symbols, {{{4, 2}}});
  test_.program() = parse_expression("t5", "test", test_.language, test_.symbols);  // [][8 4], four tiles of two
  std::vector<Rule> divide;
  for (const Rule& rule : set.rules) {
    if (rule.name.starts_with("slice-concatenate-accesses-axis-0")) divide.push_back(rule);
  }
  ASSERT_EQ(divide.size(), 2U);
  EXPECT_THAT(test_.run(divide, 4, 40), ::testing::IsEmpty());
  EXPECT_GE(test_.applied["slice-concatenate-accesses-axis-0"], 1U);
  EXPECT_GE(test_.applied["slice-concatenate-accesses-axis-0-next"], 2U);
}

}  // namespace
}  // namespace tessera
