// The oracle itself, against cases small enough to work out by hand and against definitions even simpler than it is.
#include "tests/property/naive_egraph.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "engine/language/symbol_table.hpp"
#include "engine/language/term_language.hpp"

namespace tessera::oracle {
namespace {

using ::testing::Test;

// Rules put together by hand, so that these tests need no parser.
class HandRule {
 public:
  HandRule(SymbolTable& symbols, std::string name) : symbols_(symbols) { rule.name = std::move(name); }

  std::uint32_t variable(Pattern& side, const std::string& name) {
    PatternTerm term;
    term.is_variable = true;
    term.variable = index(name, VariableKind::kClass);
    return push(side, term);
  }
  std::uint32_t node(Pattern& side, const std::string& op, std::vector<std::uint32_t> kids = {},
                     std::vector<AttributeExpression> attributes = {}) {
    PatternTerm term;
    term.op = symbols_.intern_operator(Name(op));
    term.kids = std::move(kids);
    term.attributes = std::move(attributes);
    return push(side, term);
  }
  AttributeExpression attribute(const std::string& name) {
    AttributeExpression expression;
    expression.kind = AttributeExpression::Kind::kVariable;
    expression.variable = index(name, VariableKind::kAttribute);
    return expression;
  }
  static AttributeExpression constant(std::int64_t n) {
    AttributeExpression expression;
    expression.constant = Value::integer(n);
    return expression;
  }
  static AttributeExpression call(ValueFunction function, std::vector<AttributeExpression> arguments) {
    AttributeExpression expression;
    expression.kind = AttributeExpression::Kind::kCall;
    expression.function = function;
    expression.arguments = std::move(arguments);
    return expression;
  }

  Rule rule;

 private:
  static std::uint32_t push(Pattern& side, const PatternTerm& term) {
    side.terms.push_back(term);
    return side.root();
  }
  VariableIndex index(const std::string& name, VariableKind kind) {
    for (std::size_t i = 0; i < rule.variables.size(); ++i) {
      if (rule.variables[i].name == name) return static_cast<VariableIndex>(i);
    }
    rule.variables.push_back({name, kind, 0});
    return static_cast<VariableIndex>(rule.variables.size() - 1);
  }
  SymbolTable& symbols_;
};

class NaiveEGraphTest : public Test {
 protected:
  NaiveClass add(const std::string& op, std::initializer_list<NaiveClass> kids = {},
                 std::initializer_list<std::int64_t> attributes = {}) {
    std::vector<Value> values;
    for (const std::int64_t n : attributes) values.push_back(Value::integer(n));
    return graph.add(symbols.intern(Name(op), values, static_cast<std::uint32_t>(kids.size())), kids);
  }
  // Merges, rebuilds and checks the invariants.
  void merge(NaiveClass a, NaiveClass b) {
    graph.merge(a, b);
    graph.rebuild();
    graph.check();
  }
  void expect_counts(std::size_t enodes, std::size_t eclasses) const {
    EXPECT_EQ(graph.enode_count(), enodes);
    EXPECT_EQ(graph.eclass_count(), eclasses);
  }

  SymbolTable symbols;
  const TermLanguage language;
  NaiveEGraph graph{symbols, language};
};

TEST_F(NaiveEGraphTest, AddsAnENodeOnce) {
  const NaiveClass a = add("a");
  EXPECT_EQ(add("a"), a);
  EXPECT_EQ(add("f", {a}), add("f", {a}));
  EXPECT_NE(add("f", {a}), add("f", {a, a}));  // the same name at another arity
  EXPECT_NE(add("i", {a}, {0}), add("i", {a}, {1}));
  expect_counts(5, 5);
}

TEST_F(NaiveEGraphTest, EqualChildrenMakeEqualParents) {
  const NaiveClass a = add("a");
  const NaiveClass b = add("b");
  const NaiveClass fa = add("f", {a});
  const NaiveClass fb = add("f", {b});
  const NaiveClass ga = add("g", {a});
  expect_counts(5, 5);
  merge(a, b);
  EXPECT_EQ(graph.find(fa), graph.find(fb));
  EXPECT_NE(graph.find(fa), graph.find(ga));
  expect_counts(4, 3);  // a b, (f a), (g a)
}

TEST_F(NaiveEGraphTest, CongruenceCascades) {
  NaiveClass left = add("a");
  NaiveClass right = add("b");
  const NaiveClass a = left;
  const NaiveClass b = right;
  for (int i = 0; i < 10; ++i) {
    left = add("f", {left});
    right = add("f", {right});
  }
  expect_counts(22, 22);
  merge(a, b);
  EXPECT_EQ(graph.find(left), graph.find(right));
  expect_counts(12, 11);
}

TEST_F(NaiveEGraphTest, CongruenceNeedsAllChildren) {
  const NaiveClass a = add("a");
  const NaiveClass b = add("b");
  const NaiveClass c = add("c");
  const NaiveClass d = add("d");
  const NaiveClass left = add("p", {a, c});
  const NaiveClass right = add("p", {b, d});
  merge(a, b);
  EXPECT_NE(graph.find(left), graph.find(right));
  merge(c, d);
  EXPECT_EQ(graph.find(left), graph.find(right));
  expect_counts(5, 3);
}

// Nelson and Oppen's example: from f(f(f(a))) = a and f(f(f(f(f(a))))) = a follows f(a) = a.
TEST_F(NaiveEGraphTest, ThreeAndFiveMakeOne) {
  std::vector<NaiveClass> power = {add("a")};
  for (int i = 0; i < 5; ++i) power.push_back(add("f", {power.back()}));
  merge(power[3], power[0]);
  expect_counts(4, 3);
  merge(power[5], power[0]);
  expect_counts(2, 1);
  EXPECT_EQ(graph.partition_text(), "a\n  (f a)\n  a\n");
}

TEST_F(NaiveEGraphTest, SelfLoop) {
  const NaiveClass a = add("a");
  const NaiveClass ffa = add("f", {add("f", {a})});
  merge(add("f", {a}), a);  // then every power of f is a
  EXPECT_EQ(graph.find(ffa), graph.find(a));
  expect_counts(2, 1);
  EXPECT_EQ(graph.smallest_term(ffa), "a");
}

TEST_F(NaiveEGraphTest, AddAfterMergeFindsTheMergedENode) {
  const NaiveClass a = add("a");
  const NaiveClass b = add("b");
  const NaiveClass fa = add("f", {a});
  merge(a, b);
  EXPECT_EQ(add("f", {b}), graph.find(fa));
  expect_counts(3, 2);
}

TEST_F(NaiveEGraphTest, PlusZeroCycle) {
  const NaiveClass x = add("x");
  add("+", {x, add("0")});
  HandRule remove(symbols, "x + 0 => x");
  const std::uint32_t v = remove.variable(remove.rule.left, "?x");
  remove.node(remove.rule.left, "+", {v, remove.node(remove.rule.left, "0")});
  remove.variable(remove.rule.right, "?x");
  HandRule commute(symbols, "x + y => y + x");
  const std::uint32_t l = commute.variable(commute.rule.left, "?x");
  commute.node(commute.rule.left, "+", {l, commute.variable(commute.rule.left, "?y")});
  const std::uint32_t r = commute.variable(commute.rule.right, "?y");
  commute.node(commute.rule.right, "+", {r, commute.variable(commute.rule.right, "?x")});
  const std::vector<Rule> rules = {remove.rule, commute.rule};

  NaiveIteration first = graph.iterate(rules);
  EXPECT_EQ(first.matches, (std::vector<std::size_t>{1, 1}));
  EXPECT_EQ(first.new_matches, first.matches);
  EXPECT_TRUE(first.changed);
  expect_counts(4, 2);
  EXPECT_EQ(graph.partition_text(), "0\n  0\nx\n  (+ 0 x)\n  (+ x 0)\n  x\n");

  NaiveIteration second = graph.iterate(rules);  // x is its own left child now; x + 0 is still one match
  EXPECT_EQ(second.matches, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(second.new_matches, (std::vector<std::size_t>{0, 1}));
  EXPECT_FALSE(second.changed);
  expect_counts(4, 2);
  graph.check();
}

TEST_F(NaiveEGraphTest, NonLinearPatternNeedsTheSameEClass) {
  const NaiveClass a = add("a");
  const NaiveClass b = add("b");
  add("p", {a, a});
  add("p", {a, b});
  HandRule same(symbols, "p(x, x) => x");
  const std::uint32_t v = same.variable(same.rule.left, "?x");
  same.node(same.rule.left, "p", {v, same.variable(same.rule.left, "?x")});
  same.variable(same.rule.right, "?x");
  EXPECT_EQ(graph.match(same.rule).size(), 1U);
  merge(a, b);  // p(a, a) and p(a, b) are one e-node now
  EXPECT_EQ(graph.match(same.rule).size(), 1U);
  const std::vector<Rule> rules = {same.rule};
  EXPECT_EQ(graph.iterate(rules).matches, std::vector<std::size_t>{1});
  expect_counts(3, 1);
}

TEST_F(NaiveEGraphTest, AMatchIsARootAndASubstitution) {
  // One e-node at the root, two in the e-class below it: two matches that differ in ?y, until those are equal.
  const NaiveClass a = add("a");
  const NaiveClass b = add("b");
  const NaiveClass c = add("c");
  const NaiveClass left = add("p", {a, b});
  const NaiveClass right = add("p", {a, c});
  merge(left, right);
  add("f", {left});
  HandRule rule(symbols, "f(p(x, y)) => x");
  const std::uint32_t x = rule.variable(rule.rule.left, "?x");
  const std::uint32_t y = rule.variable(rule.rule.left, "?y");
  rule.node(rule.rule.left, "f", {rule.node(rule.rule.left, "p", {x, y})});
  rule.variable(rule.rule.right, "?x");
  EXPECT_EQ(graph.match(rule.rule).size(), 2U);  // ?y is b or c
  merge(b, c);
  EXPECT_EQ(graph.match(rule.rule).size(), 1U);
}

TEST_F(NaiveEGraphTest, BareVariableOnTheLeftMatchesEveryEClass) {
  add("f", {add("a")});
  HandRule wrap(symbols, "x => g(x)");
  wrap.variable(wrap.rule.left, "?x");
  wrap.node(wrap.rule.right, "g", {wrap.variable(wrap.rule.right, "?x")});
  const std::vector<Rule> rules = {wrap.rule};
  NaiveIteration first = graph.iterate(rules);
  EXPECT_EQ(first.matches, std::vector<std::size_t>{2});
  expect_counts(4, 2);  // g(a) = a, g(f(a)) = f(a)
  EXPECT_FALSE(graph.iterate(rules).changed);

  HandRule collapse(symbols, "x => a");
  collapse.variable(collapse.rule.left, "?x");
  collapse.node(collapse.rule.right, "a");
  const std::vector<Rule> all = {collapse.rule};
  graph.iterate(all);
  expect_counts(3, 1);
  graph.check();
}

TEST_F(NaiveEGraphTest, MatchesAreFoundBeforeAnythingIsApplied) {
  add("a");
  HandRule ab(symbols, "a => b");
  ab.node(ab.rule.left, "a");
  ab.node(ab.rule.right, "b");
  HandRule bc(symbols, "b => c");
  bc.node(bc.rule.left, "b");
  bc.node(bc.rule.right, "c");
  const std::vector<Rule> rules = {ab.rule, bc.rule};
  EXPECT_EQ(graph.iterate(rules).matches, (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(graph.iterate(rules).matches, (std::vector<std::size_t>{1, 1}));
  expect_counts(3, 1);
}

TEST_F(NaiveEGraphTest, AttributesAreMatchedComparedAndComputed) {
  const NaiveClass a = add("a");
  add("k", {a, add("b")}, {2, 2});
  add("k", {a, a}, {2, 3});
  HandRule equal(symbols, "k(x, y, n, n) => i(x, n + 1) when n < 5");
  const std::uint32_t x = equal.variable(equal.rule.left, "?x");
  const std::uint32_t y = equal.variable(equal.rule.left, "?y");
  equal.node(equal.rule.left, "k", {x, y}, {equal.attribute("?n"), equal.attribute("?n")});
  equal.node(equal.rule.right, "i", {equal.variable(equal.rule.right, "?x")},
             {HandRule::call(ValueFunction::kAdd, {equal.attribute("?n"), HandRule::constant(1)})});
  HandRule constant(symbols, "k(x, y, 2, 3) => i(x, 3)");
  const std::uint32_t u = constant.variable(constant.rule.left, "?x");
  const std::uint32_t v = constant.variable(constant.rule.left, "?y");
  constant.node(constant.rule.left, "k", {u, v}, {HandRule::constant(2), HandRule::constant(3)});
  constant.node(constant.rule.right, "i", {constant.variable(constant.rule.right, "?x")}, {HandRule::constant(3)});
  HandRule never = equal;
  never.rule.conditions = {HandRule::call(ValueFunction::kLess, {equal.attribute("?n"), HandRule::constant(2)})};

  const std::vector<Rule> rules = {equal.rule, constant.rule, never.rule};
  EXPECT_EQ(graph.iterate(rules).matches, (std::vector<std::size_t>{1, 1, 0}));
  // i[3](a) was made by both rules: their left sides' e-classes are one now.
  EXPECT_EQ(graph.partition_text(), "(i a 3)\n  (i a 3)\n  (k a a 2 3)\n  (k a b 2 2)\na\n  a\nb\n  b\n");
}

TEST_F(NaiveEGraphTest, TooManyMatchesAreRefusedWithoutAnyEffect) {
  add("f", {add("a")});
  HandRule wrap(symbols, "x => g(x)");
  wrap.variable(wrap.rule.left, "?x");
  wrap.node(wrap.rule.right, "g", {wrap.variable(wrap.rule.right, "?x")});
  const std::vector<Rule> rules = {wrap.rule};
  EXPECT_TRUE(graph.iterate(rules, 1).refused);
  expect_counts(2, 2);
}

TEST_F(NaiveEGraphTest, DigestIgnoresTheOrderOfCreation) {
  const NaiveClass fa = add("f", {add("a")});
  const NaiveClass gb = add("g", {add("b")});
  merge(fa, gb);
  NaiveEGraph other(symbols, language);
  const auto leaf = [&](const char* name) { return other.add(symbols.intern(Name(name), {}, 0), {}); };
  const auto unary = [&](const char* name, NaiveClass kid) {
    return other.add(symbols.intern(Name(name), {}, 1), std::vector<NaiveClass>{kid});
  };
  const NaiveClass gb2 = unary("g", leaf("b"));
  const NaiveClass fa2 = unary("f", leaf("a"));
  other.rebuild();
  EXPECT_NE(graph.digest(), other.digest());
  other.merge(gb2, fa2);
  other.rebuild();
  EXPECT_EQ(graph.digest(), other.digest());
  EXPECT_EQ(graph.partition(), other.partition());
  EXPECT_EQ(graph.partition_text(), "(f a)\n  (f a)\n  (g b)\na\n  a\nb\n  b\n");
}

TEST_F(NaiveEGraphTest, AdoptsRowsAndFindsTheirFaults) {
  const SymbolId a = symbols.intern(Name("a"), {}, 0);
  const SymbolId b = symbols.intern(Name("b"), {}, 0);
  const SymbolId f = symbols.intern(Name("f"), {}, 1);
  const std::uint64_t far = std::uint64_t{3} << 32;
  std::vector<ForeignRow> rows = {{f, {far}, 7}, {a, {}, far}, {b, {}, far}};
  const auto number = graph.adopt(rows);
  graph.check();
  EXPECT_EQ(graph.partition_text(), "(f a)\n  (f a)\na\n  a\n  b\n");
  EXPECT_EQ(graph.smallest_term(number.at(7)), "(f a)");
  EXPECT_EQ(graph.smallest_size(number.at(7)), 2U);

  rows.push_back({f, {far}, 8});  // congruent to the first, in another e-class
  EXPECT_THROW(NaiveEGraph(symbols, language).adopt(rows), std::logic_error);
  rows.back() = {f, {9}, 7};  // an e-class without e-nodes
  EXPECT_THROW(NaiveEGraph(symbols, language).adopt(rows), std::logic_error);
}

TEST_F(NaiveEGraphTest, DigestOfSharedSubtermsNeedsNoTexts) {
  NaiveClass c = add("a");
  for (int i = 0; i < 60; ++i) c = add("p", {c, c});  // as text 2^60 leaves
  const std::uint64_t before = graph.digest();
  add("b");
  EXPECT_NE(graph.digest(), before);
}

// Congruence closure by its definition, a relation on a fixed set of terms closed under the four rules of equality,
// must give the e-graph's partition.
RC_GTEST_PROP(NaiveEGraphProperty, MatchesTheDefinitionOfCongruence, ()) {
  struct Flat {
    std::string op;
    std::vector<std::size_t> kids;
  };
  std::vector<Flat> terms = {{"a", {}}, {"b", {}}, {"c", {}}};
  const int count = *rc::gen::inRange(0, 12);
  const auto any_term = [&] { return *rc::gen::inRange<std::size_t>(0, terms.size()); };
  for (int i = 0; i < count; ++i) {
    Flat term{*rc::gen::element<std::string>("f", "p"), {any_term()}};
    if (term.op == "p") term.kids.push_back(any_term());
    terms.push_back(term);
  }
  const int equations = *rc::gen::inRange(0, 6);

  SymbolTable symbols;
  const TermLanguage language;
  NaiveEGraph graph(symbols, language);
  std::vector<NaiveClass> classes;
  for (const Flat& term : terms) {
    std::vector<NaiveClass> kids;
    for (const std::size_t kid : term.kids) kids.push_back(classes[kid]);
    classes.push_back(graph.add(symbols.intern(Name(term.op), {}, static_cast<std::uint32_t>(kids.size())), kids));
  }
  const std::size_t n = terms.size();
  std::vector<std::vector<char>> equal(n, std::vector<char>(n, 0));
  for (std::size_t i = 0; i < n; ++i) equal[i][i] = 1;
  for (int e = 0; e < equations; ++e) {
    const std::size_t i = any_term();
    const std::size_t j = any_term();
    equal[i][j] = equal[j][i] = 1;
    graph.merge(classes[i], classes[j]);
  }
  graph.rebuild();
  graph.check();
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (equal[i][j]) continue;
        bool follows = terms[i].op == terms[j].op && terms[i].kids.size() == terms[j].kids.size();
        for (std::size_t k = 0; follows && k < terms[i].kids.size(); ++k) {
          follows = equal[terms[i].kids[k]][terms[j].kids[k]] != 0;
        }
        for (std::size_t k = 0; !follows && k < n; ++k) follows = equal[i][k] && equal[k][j];
        if (follows) equal[i][j] = equal[j][i] = 1, changed = true;
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      RC_ASSERT((graph.find(classes[i]) == graph.find(classes[j])) == (equal[i][j] != 0));
    }
  }
}

}  // namespace
}  // namespace tessera::oracle
