#include "engine/language/expression_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "engine/language/term_language.hpp"
#include "tests/engine/language/toy_language.hpp"

namespace tessera {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::ToyLanguage;

// Equal as programs: the same symbols and sharing from the roots down, whatever the indices. One symbol table.
bool same_program(const Expression& a, const Expression& b) {
  if (a.roots.size() != b.roots.size()) return false;
  // Both are hash-consed: a merged copy gives equal nodes equal indices.
  Expression merged;
  const auto copy = [&merged](const Expression& from) {
    std::vector<std::uint32_t> moved;
    for (std::uint32_t i = 0; i < from.size(); ++i) {
      std::vector<std::uint32_t> kids;
      for (const std::uint32_t kid : from[i].kids) kids.push_back(moved[kid]);
      moved.push_back(merged.add(from[i].symbol, kids));
    }
    std::vector<std::uint32_t> roots;
    for (const std::uint32_t root : from.roots) roots.push_back(moved[root]);
    return roots;
  };
  return copy(a) == copy(b);
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  return longest;
}

class ToyText : public ::testing::Test {
 protected:
  Expression parse(const std::string& text) { return parse_expression(text, "p.glenside", language_, symbols_); }
  std::string print(const Expression& e) { return print_expression(e, symbols_, language_); }

  std::string error_of(const std::string& text) {
    try {
      (void)parse(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_GT(error.where().line, 0) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "no error for: " << text;
    return {};
  }

  void expect_round_trip(const std::string& text) {
    const Expression e = parse(text);
    const std::string printed = print(e);
    const Expression again = parse(printed);
    EXPECT_TRUE(same_program(e, again)) << printed;
    EXPECT_EQ(print(again), printed);
  }

  ToyLanguage language_;
  SymbolTable symbols_;
};

class TermText : public ::testing::Test {
 protected:
  Expression parse(const std::string& text) { return parse_expression(text, "t", language_, symbols_); }
  std::string print(const Expression& e) { return print_expression(e, symbols_, language_); }
  SymbolId symbol(const std::string& name, std::uint32_t arity) { return symbols_.intern(Name(name), {}, arity); }

  TermLanguage language_;
  SymbolTable symbols_;
};

TEST_F(TermText, ReadsAnySymbolAndSharesEqualTerms) {
  const Expression e = parse("(Add (Mul -1 x) (Mul -1 x)) ; a comment\n 3.5");
  ASSERT_EQ(e.size(), 5U);  // -1, x, Mul, Add, 3.5
  ASSERT_EQ(e.roots.size(), 2U);
  const Symbol& add = symbols_[e[e.roots[0]].symbol];
  EXPECT_EQ(add.name, Name("Add"));
  EXPECT_EQ(add.arity, 2U);
  EXPECT_TRUE(add.attributes.empty());
  EXPECT_EQ(symbols_[e[e.roots[1]].symbol].name, Name("3.5"));
  EXPECT_EQ(language_.cost(add, {}, {}), 1U);
  EXPECT_FALSE(language_.has_data());
}

TEST_F(TermText, LetNamesSharedTermsInOrder) {
  const Expression e = parse("(let ((a (f x)) (b (g a a))) (h a b) b)");
  EXPECT_TRUE(same_program(e, parse("(h (f x) (g (f x) (f x))) (g (f x) (f x))")));
  // A let inside a term has one body, and its names end with it.
  EXPECT_TRUE(same_program(parse("(f (let ((a (g))) a) (let ((a (h))) a))"), parse("(f (g) (h))")));
  EXPECT_THROW((void)parse("(f (let ((a (g))) a a))"), Error);
}

TEST_F(TermText, PrintsSharingByNameAndLeavesInPlace) {
  EXPECT_EQ(print(parse("(f x x)")), "(f x x)\n");
  EXPECT_EQ(print(parse("(f (g x) (g x))")), "(let ((t0 (g x)))\n  (f t0 t0))\n");
  EXPECT_EQ(print(parse("(f (g x)) (g x)")), "(let ((t0 (g x)))\n  (f t0)\n  t0)\n");
  EXPECT_EQ(print(parse("(f t0 (g x) (g x))")), "(let ((t1 (g x)))\n  (f t0 t1 t1))\n");
  EXPECT_EQ(print(parse("a b")), "a\nb\n");
  EXPECT_EQ(print(Expression()), "");
}

TEST_F(TermText, OddNamesAreQuotedAndReadBack) {
  Expression e;
  std::vector<std::uint32_t> leaves;
  for (const char* name : {"", "a b", "?x", "let", "\"", "(", "-1"}) leaves.push_back(e.add(symbol(name, 0), {}));
  const std::uint32_t let = e.add(symbol("let", 7), leaves);
  e.roots = {e.add(symbol("with space", 1), std::array{let})};
  EXPECT_TRUE(same_program(e, parse(print(e)))) << print(e);
}

TEST_F(TermText, TheBytesDependOnTheStructureOnly) {
  // The same program built in two orders.
  Expression a;
  const auto ax = a.add(symbol("x", 0), {});
  const auto ag = a.add(symbol("g", 1), std::array{ax});
  const auto ah = a.add(symbol("h", 1), std::array{ax});
  a.roots = {a.add(symbol("f", 4), std::array{ah, ag, ag, ah})};
  Expression b;
  (void)b.add(symbol("unused", 0), {});
  const auto bx = b.add(symbol("x", 0), {});
  const auto bh = b.add(symbol("h", 1), std::array{bx});
  const auto bg = b.add(symbol("g", 1), std::array{bx});
  b.roots = {b.add(symbol("f", 4), std::array{bh, bg, bg, bh})};
  EXPECT_EQ(print(a), print(b));
  EXPECT_EQ(print(a), "(let ((t0 (h x))\n      (t1 (g x)))\n  (f t0 t1 t1 t0))\n");
}

TEST_F(TermText, DepthOfAHundredThousandPrintsInLinearSizeAndReadsBack) {
  Expression e;
  std::uint32_t node = e.add(symbol("x", 0), {});
  for (int i = 0; i < 100'000; ++i)
    node = e.add(symbol(i % 2 == 0 ? "f" : "a-longer-operator-name", 1), std::array{node});
  e.roots = {node};
  const std::string text = print(e);
  EXPECT_LT(text.size(), 100'000U * 50);
  EXPECT_LE(longest_line(text), 120U);
  EXPECT_TRUE(same_program(e, parse(text)));
}

TEST_F(TermText, ADagIsNeverExpanded) {
  Expression e;
  std::uint32_t node = e.add(symbol("x", 0), {});
  for (int i = 0; i < 1000; ++i) node = e.add(symbol("f", 2), std::array{node, node});  // 2^1000 as a tree
  e.roots = {node};
  const std::string text = print(e);
  EXPECT_LT(text.size(), 40'000U);
  EXPECT_TRUE(same_program(e, parse(text)));
}

TEST_F(TermText, DeepTermsAreReadWithoutRecursion) {
  std::string text;
  for (int i = 0; i < 9'000; ++i) text += "(f ";
  text += "x" + std::string(9'000, ')');
  EXPECT_EQ(parse(text).size(), 9'001U);
}

TEST_F(TermText, RandomProgramsReadBack) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Expression e;
    const auto count = 1 + random() % 60;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::vector<std::uint32_t> kids;
      const std::uint32_t arity = i == 0 ? 0 : static_cast<std::uint32_t>(random() % 4);
      for (std::uint32_t k = 0; k < arity; ++k) kids.push_back(static_cast<std::uint32_t>(random() % e.size()));
      const std::string name = std::string(1 + random() % 30, static_cast<char>('a' + random() % 4));
      (void)e.add(symbol(name, arity), kids);
    }
    const auto roots = 1 + random() % 3;
    for (std::uint32_t r = 0; r < roots; ++r) e.roots.push_back(static_cast<std::uint32_t>(random() % e.size()));
    const std::string text = print(e);
    const Expression again = parse(text);
    EXPECT_EQ(print(again), text);
    EXPECT_LE(longest_line(text), 120U) << text;
    // What the roots do not reach is not printed: compare with a second reading.
    EXPECT_TRUE(same_program(again, parse(print(again))));
    ASSERT_EQ(again.roots.size(), e.roots.size());
    for (std::size_t r = 0; r < e.roots.size(); ++r) {
      EXPECT_EQ(again[again.roots[r]].symbol, e[e.roots[r]].symbol);
    }
  }
}

TEST_F(TermText, RefusesBadLets) {
  const auto error = [&](const std::string& text) -> std::string {
    try {
      (void)parse(text);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(error(""), AllOf(HasSubstr("t:1:1"), HasSubstr("expected a term, found the end")));
  EXPECT_THAT(error("(let ((a (f)) (a (g))) a)"), AllOf(HasSubstr("t:1:16"), HasSubstr("already bound at t:1:8")));
  EXPECT_THAT(error("(let ((a (f))) (let ((a (g))) a))"), HasSubstr("already bound"));
  EXPECT_THAT(error("(f a (let ((a (g))) a))"), HasSubstr("already a leaf of the program at t:1:4"));
  EXPECT_THAT(error("(let ((a (f a))) a)"), HasSubstr("already a leaf"));
  EXPECT_THAT(error("(f (let ((a (g))) a) a)"), AllOf(HasSubstr("t:1:22"), HasSubstr("out of scope")));
  EXPECT_THAT(error("(let ((?a (f))) x)"), HasSubstr("found the variable ?a"));
  EXPECT_THAT(error("(let ((1 (f))) x)"), HasSubstr("found the number 1"));
  EXPECT_THAT(error("(let ((a)) a)"), HasSubstr("expected a binding (NAME TERM), found (a)"));
  EXPECT_THAT(error("(let (a) a)"), HasSubstr("expected a binding"));
  EXPECT_THAT(error("(let ((a (f))))"), HasSubstr("expected a body"));
  EXPECT_THAT(error("(let)"), HasSubstr("expected (let ((NAME TERM) ...) BODY)"));
  EXPECT_THAT(error("(let x y)"), HasSubstr("expected (let ((NAME TERM) ...) BODY)"));
  EXPECT_THAT(error("(f ?x)"), AllOf(HasSubstr("t:1:4"), HasSubstr("variable ?x")));
  EXPECT_THAT(error("((f) x)"), HasSubstr("expected an operator's name"));
  EXPECT_THAT(error("(f ())"), HasSubstr("found ()"));
}

TEST_F(ToyText, ReadsEveryKindOfAttribute) {
  for (const char* text :
       {"(access-slice (access x 1) 0 0 -64)", "(access-transpose x (list 2 0 1))",
        "(compute dot-product (access x 2))", "(access-reshape x (access-shape (shape 2) (shape 12)))",
        "(access-reshape x (access-shape (shape) (shape 24)))", "(access-literal (literal 1.5))",
        "(access-literal (literal 1e-320))", "(constant-tensor (literal 0) (shape 3 3))",
        "(systolic-array 64 32 (access x 1) (access y 0))",
        "(relay-operator-call relay-max-pool2d x (shape 3 3) 1 (literal 2))", "(relay-operator-call relay-add x y)",
        "(relay-operator-call relay-pad x 1 nchw)", "(construct-tuple)", "(construct-tuple x x y)",
        "(access-tensor \"t 1\")", "(compute \"5\" x)"}) {
    expect_round_trip(text);
  }
  const Expression e = parse("(access-slice x 1 0 64)");
  const Symbol& slice = symbols_[e[e.roots[0]].symbol];
  ASSERT_EQ(slice.attributes.size(), 3U);
  EXPECT_EQ(slice.attributes[2], Value::integer(64));
  EXPECT_EQ(slice.arity, 1U);
  EXPECT_TRUE(same_program(parse("(access-literal 1.5)"), parse("(access-literal (literal 1.5))")));
  EXPECT_TRUE(same_program(parse("x"), parse("(access-tensor x)")));
}

TEST_F(ToyText, PrintsInTheOrderOfTheSignature) {
  EXPECT_EQ(print(parse("(systolic-array 64 32 x (access y 0))")),
            "(systolic-array 64 32 (access-tensor x) (access (access-tensor y) 0))\n");
}

TEST_F(ToyText, LongProgramsAreBroken) {
  std::string text = "x";
  for (int i = 0; i < 60; ++i) text = "(access-pair (access-slice " + text + " 1 0 6400000) (access-slice y 0 0 4))";
  text +=
      "(constant-tensor 0 (shape 1000000000000000000 1000000000000000001 1000000000000000002 1000000000000000003 "
      "1000000000000000004 1000000000000000005 1000000000000000006 1000000000000000007))";
  expect_round_trip(text);
  EXPECT_LE(longest_line(print(parse(text))), 120U);
}

TEST_F(ToyText, EvaluatesStaticFunctionsWhileReading) {
  EXPECT_TRUE(same_program(parse("(access-reshape (access x 1) (get-access-shape (access x 2)))"),
                           parse("(access-reshape (access x 1) (access-shape (shape 2 3) (shape 4)))")));
  EXPECT_TRUE(same_program(parse("(access-reshape x (access-shape (slice-shape (shape-of x) 1) (shape (dim x 0))))"),
                           parse("(access-reshape x (access-shape (shape 3 4) (shape 2)))")));
  EXPECT_TRUE(same_program(parse("(access-slice x 1 (- 3 1) (* 2 (dim x 1)))"), parse("(access-slice x 1 2 6)")));
  EXPECT_TRUE(same_program(parse("(let ((a (access x 1))) (access-reshape a (get-access-shape a)))"),
                           parse("(access-reshape (access x 1) (access-shape (shape 2) (shape 3 4)))")));
  EXPECT_TRUE(same_program(parse("(relay-operator-call relay-softmax x (- 2 1))"),
                           parse("(relay-operator-call relay-softmax x 1)")));
}

TEST_F(ToyText, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(
      error_of("(access x 1)\n (access-slise x 0 0 1)"),
      AllOf(HasSubstr("p.glenside:2:3"), HasSubstr("'access-slise'"), HasSubstr("did you mean 'access-slice'?")));
  EXPECT_THAT(error_of("(access X 1)"), AllOf(HasSubstr("p.glenside:1:9"), HasSubstr("did you mean 'x'?")));
  EXPECT_THAT(error_of("(access 3 1)"), HasSubstr("expected a term, found '3'"));
  EXPECT_THAT(error_of("(access-slice x 0 0)"), AllOf(HasSubstr("expected (access-slice TERM INTEGER INTEGER INTEGER)"),
                                                      HasSubstr("found (access-slice x 0 0)")));
  EXPECT_THAT(error_of("(access x 1 2)"), AllOf(HasSubstr("p.glenside:1:13"), HasSubstr("expected ')'")));
  EXPECT_THAT(error_of("(access x y)"), AllOf(HasSubstr("expected an integer"), HasSubstr("found 'y'")));
  EXPECT_THAT(error_of("(access x 1.5)"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("(access x 99999999999999999999)"), HasSubstr("does not fit"));
  EXPECT_THAT(error_of("(access x (shape 1))"), HasSubstr("expected an integer, found (shape 1)"));
  EXPECT_THAT(error_of("(access x ?k)"), HasSubstr("found the variable ?k"));
  EXPECT_THAT(error_of("(compute 5 x)"), HasSubstr("expected a name, found '5'"));
  EXPECT_THAT(error_of("(access-transpose x (shape 1 0))"), HasSubstr("expected a list"));
  EXPECT_THAT(error_of("(access-literal abc)"), HasSubstr("expected a number, found 'abc'"));
  EXPECT_THAT(error_of("(access-literal (literal))"), HasSubstr("expected (literal NUMBER)"));
  EXPECT_THAT(error_of("(constant-tensor 0 (shape 1 2 3 4 5 6 7 8 9 10 11 12 13))"), HasSubstr("at most 12"));
  EXPECT_THAT(error_of("(access-reshape x (access-shape (shape 1)))"), HasSubstr("expects 2 arguments, found 1"));
  EXPECT_THAT(error_of("(get-access-shape x)"), HasSubstr("computes an attribute, expected a term here"));
  EXPECT_THAT(error_of("(access x (dim x 7))"), AllOf(HasSubstr("p.glenside:1:11"), HasSubstr("out of range")));
  EXPECT_THAT(error_of("(access x (dim))"), HasSubstr("expects a term to ask of"));
  EXPECT_THAT(error_of("(access x (/ 1 0))"), HasSubstr("division by zero"));
  EXPECT_THAT(error_of("(access x (frobnicate 1))"), AllOf(HasSubstr("unknown function"), HasSubstr("ceil-div")));
  EXPECT_THAT(error_of("(access x (get-access-shape x))"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("(relay-operator-call relay-add x 1 y)"), HasSubstr("terms stand before attributes"));
  EXPECT_THAT(error_of("(relay-operator-call relay-add nchw y)"), HasSubstr("terms stand before attributes"));
}

TEST_F(ToyText, ShapeErrorsNameThePlace) {
  EXPECT_THAT(error_of("(access\n  (access-reshape x (access-shape (shape 5) (shape 5))) 1)"),
              AllOf(HasSubstr("p.glenside:2:3"), HasSubstr("changes the number of elements")));
}

TEST_F(ToyText, NestedStaticFunctionsAreBounded) {
  std::string text = "x";
  for (int i = 0; i < 40; ++i) text = "(access-reshape x (get-access-shape " + text + "))";
  EXPECT_THAT(error_of(text), HasSubstr("nested more than 16 deep"));
  std::string number = "1";
  for (int i = 0; i < 200; ++i) number = "(+ 0 " + number + ")";
  EXPECT_THAT(error_of("(access x " + number + ")"), HasSubstr("nested more than 64 deep"));
}

TEST_F(ToyText, WhatNoRootNeedsIsLeftOut) {
  EXPECT_EQ(parse("(let ((unused (access y 1))) (access x (- (dim (access y 0) 0) 2)))").size(), 2U);
}

}  // namespace
}  // namespace tessera
