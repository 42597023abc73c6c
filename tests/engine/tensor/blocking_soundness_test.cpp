// Every rule of `blocking` computes the same on both sides, for random layers and random arrays, ragged in every way.
#include <gmock/gmock.h>

#include <set>

#include "engine/rule/rule_parser.hpp"
#include "tests/engine/tensor/rule_application.hpp"

namespace tessera {
namespace {

constexpr int kCases = 60;  // of each kind
constexpr int kRounds = 12;
constexpr std::size_t kLimit = 12;  // applications of a rule to one layer

// Conv2d with random extents: `groups` and channels as given.
Conv2d random_convolution(RuleApplication& test, std::int64_t in, std::int64_t out, std::int64_t groups) {
  Conv2d c;
  c.n = test.between(1, 2);
  c.channels_in = in;
  c.channels_out = out;
  c.groups = groups;
  c.kernel_h = test.between(1, 3);
  c.kernel_w = test.between(1, 3);
  c.height = test.between(c.kernel_h, 5);
  c.width = test.between(c.kernel_w, 5);
  c.stride_h = test.between(1, 2);
  c.stride_w = test.between(1, 2);
  c.pad_top = test.between(0, 1);
  c.pad_right = test.between(0, 1);
  return c;
}

class BlockingSoundness : public ::testing::Test {
 protected:
  std::vector<Rule> rules() {
    const RuleParameters arrays{
        {{test_.between(1, 12), test_.between(1, 8)}, {test_.between(1, 24), test_.between(1, 8)}}};
    return load_rules("blocking", test_.language, test_.symbols, arrays).rules;
  }
  RuleApplication::Node convolution(const Conv2d& c) {
    const auto data = test_.tensor({c.n, c.channels_in, c.height, c.width});
    const auto weights = test_.tensor({c.channels_out, c.channels_in / c.groups, c.kernel_h, c.kernel_w});
    return lower_conv2d(test_.symbols, test_.program(), data, weights, c).compute;
  }
  // The pair under a dot product, the other way round, under a dot product.
  void reversed(RuleApplication::Node compute) {
    Expression& program = test_.program();
    const ExpressionNode product = program[compute];
    const ExpressionNode pair = program[product.kids.at(0)];
    const auto other = program.add(pair.symbol, std::vector{pair.kids.at(1), pair.kids.at(0)});
    program.add(product.symbol, std::vector{other});
  }
  RuleApplication::Node add(std::string_view op, std::vector<Value> attributes,
                            std::vector<RuleApplication::Node> kids) {
    return test_.program().add(test_.symbols.intern(Name(op), attributes, static_cast<std::uint32_t>(kids.size())),
                               kids);
  }
  RuleApplication::Node access(RuleApplication::Node a, std::int64_t split) {
    return add("access", {Value::integer(split)}, {a});
  }
  void product(RuleApplication::Node a, RuleApplication::Node b) {
    add("compute", {Value::name(Name("dot-product"))}, {add("access-cartesian-product", {}, {a, b})});
  }
  void run() { EXPECT_THAT(test_.run(rules(), kRounds, kLimit), ::testing::IsEmpty()); }
  void expect_applied(const std::vector<std::string>& names) {
    for (const std::string& name : names) EXPECT_GE(test_.applied[name], 10U) << name;
  }

  RuleApplication test_{20240611};
};

TEST_F(BlockingSoundness, OrdinaryConvolutions) {
  for (int i = 0; i < kCases; ++i) {
    convolution(random_convolution(test_, test_.between(1, 6), test_.between(1, 9), 1));
    run();
  }
  expect_applied({"flatten-both", "swap-operands", "tile", "tile-pad-contraction", "tile-pad-stationary",
                  "tile-pad-both", "split-columns-of-whole", "split-columns", "split-contraction-of-whole",
                  "split-contraction-of-columns", "split-contraction", "map"});
}

TEST_F(BlockingSoundness, DenseLayers) {
  for (int i = 0; i < kCases; ++i) {
    const std::int64_t k = test_.between(1, 40);
    lower_dense(test_.symbols, test_.program(), test_.tensor({test_.between(1, 3), k}),
                test_.tensor({test_.between(1, 30), k}));
    run();
  }
  expect_applied({"swap-operands", "tile-pad-both", "split-columns", "split-contraction", "map"});
}

TEST_F(BlockingSoundness, ProductsOfAnyShape) {
  for (int i = 0; i < kCases; ++i) {
    const std::int64_t k = test_.between(1, 6);
    const std::int64_t l = test_.between(1, 3);
    const auto flat = access(test_.tensor({test_.between(1, 5), k}), 1);
    const auto deep = access(test_.tensor({test_.between(1, 3), test_.between(1, 4), k}), 2);
    const auto item = test_.tensor({k});
    product(flat, deep);
    product(deep, flat);
    product(item, flat);
    product(deep, item);
    product(item, item);
    product(access(test_.tensor({2, k, l}), 1), access(test_.tensor({3, k, l}), 1));
    product(access(test_.tensor({3, 2}), 2), access(test_.tensor({4}), 1));
    run();
  }
  expect_applied({"flatten-both", "flatten-left", "flatten-right"});
}

TEST_F(BlockingSoundness, DepthwiseConvolutions) {
  for (int i = 0; i < kCases; ++i) {
    const std::int64_t channels = test_.between(2, 9);
    const auto compute = convolution(random_convolution(test_, channels, channels, channels));
    if (i % 2 == 0) reversed(compute);
    run();
  }
  expect_applied(
      {"weights-first", "pack-all", "pack-evenly", "pack-with-rest", "split-batch", "product-of-batch", "map"});
}

TEST_F(BlockingSoundness, GroupedConvolutions) {
  for (int i = 0; i < kCases; ++i) {
    const std::int64_t groups = test_.between(2, 4);
    const auto compute =
        convolution(random_convolution(test_, groups * test_.between(1, 3), groups * test_.between(1, 3), groups));
    if (test_.between(0, 1) == 0) reversed(compute);
    run();
  }
  expect_applied({"batch", "batch-in-order", "split-batch", "product-of-batch", "map"});
}

// The test of the test: rules that are wrong in small ways are seen to be.
TEST_F(BlockingSoundness, WrongRulesAreCaught) {
  const auto problems = [&](const std::string& text) {
    product(access(test_.tensor({3, 4}), 1), access(test_.tensor({3, 4}), 1));
    const std::string rule =
        "(language tensor) (rewrite wrong (compute dot-product (access-cartesian-product ?a ?b)) " + text + ")";
    return test_.run(parse_rules(rule, "test", test_.language, test_.symbols, {}).rules, 1, 1);
  };
  EXPECT_THAT(problems("(compute dot-product (access-cartesian-product ?b ?a))"),
              ::testing::ElementsAre(::testing::HasSubstr("the sides differ")));
  EXPECT_THAT(problems("(compute dot-product (access-cartesian-product ?b (access-slice ?a 0 0 2)))"),
              ::testing::Contains(::testing::HasSubstr("the sides are [3 3][] int64 and [3 2][] int64")));
  EXPECT_THAT(
      problems("(compute dot-product (access-cartesian-product (access-slice ?a 1 0 3) (access-slice ?b 1 0 3)))"),
      ::testing::ElementsAre(::testing::HasSubstr("the sides differ")));
  EXPECT_THAT(problems("(compute dot-product (access-cartesian-product (access-pad ?a zero-padding 1 2 0) "
                       "(access-pad ?b zero-padding 1 2 0)))"),
              ::testing::IsEmpty());
}

TEST_F(BlockingSoundness, EveryRuleIsCoveredAbove) {
  const std::set<std::string> covered{"flatten-both",
                                      "flatten-left",
                                      "flatten-right",
                                      "swap-operands",
                                      "tile",
                                      "tile-pad-contraction",
                                      "tile-pad-stationary",
                                      "tile-pad-both",
                                      "split-columns-of-whole",
                                      "split-columns",
                                      "split-contraction-of-whole",
                                      "split-contraction-of-columns",
                                      "split-contraction",
                                      "map",
                                      "weights-first",
                                      "pack-all",
                                      "pack-evenly",
                                      "pack-with-rest",
                                      "batch",
                                      "batch-in-order",
                                      "split-batch",
                                      "product-of-batch"};
  std::set<std::string> names;
  for (const Rule& rule : rules()) names.insert(rule.name.substr(0, rule.name.find('[')));
  EXPECT_EQ(names, covered);
}

}  // namespace
}  // namespace tessera
