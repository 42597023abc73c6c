#include "engine/rule/value_functions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/rule/attribute_parser.hpp"
#include "tests/engine/language/toy_language.hpp"

namespace tessera {
namespace {

using ::testing::HasSubstr;
using testing::ToyLanguage;

// ?n = 10, ?s = (shape 2 3 4), ?name = dot-product; ?a is a class with the data [2 3][4].
class TestValues : public AttributeScope, public MatchValues {
 public:
  explicit TestValues(const Sexpr& text) : text_(text) {}

  AttributeExpression variable(SexprId node) override {
    AttributeExpression e;
    e.kind = AttributeExpression::Kind::kVariable;
    const std::map<std::string, VariableIndex, std::less<>> known = {{"?n", 0}, {"?s", 1}, {"?name", 2}};
    e.variable = known.find(text_.text(node))->second;
    e.where = text_.where(node);
    return e;
  }
  VariableIndex class_argument(SexprId, std::string_view) override { return 3; }

  [[nodiscard]] Value attribute(VariableIndex v) const override {
    if (v == 0) return Value::integer(10);
    if (v == 1) return Value::shape(std::vector<std::int64_t>{2, 3, 4});
    return Value::name(Name("dot-product"));
  }
  [[nodiscard]] DataView data(VariableIndex) const override { return data_; }
  [[nodiscard]] const Language& language() const override { return language_; }

 private:
  const Sexpr& text_;
  ToyLanguage language_;
  DataWords data_ = {2, 2, 3, 4};
};

AttributeExpression expression_of(const std::string& text) {
  const Sexpr sexpr(text, "e");
  TestValues values(sexpr);
  const ToyLanguage language;
  return AttributeParser(sexpr, language, values).parse(sexpr.forms().at(0));
}

std::string value_of(const std::string& text) {
  const Sexpr empty("", "e");
  const AttributeExpression e = expression_of(text);
  const std::string value = evaluate(e, TestValues(empty)).to_string();
  // What the static check allows includes what comes out.
  const std::vector<KindSet> kinds = {kind_set(ValueKind::kInt), kind_set(ValueKind::kShape),
                                      kind_set(ValueKind::kName)};
  EXPECT_NE(check_kinds(e, kinds) & kind_set(evaluate(e, TestValues(empty)).kind), 0) << text;
  return value;
}

std::string error_of(const std::string& text) {
  try {
    return value_of(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_GT(error.where().line, 0) << error.what();
    return error.what();
  }
}

bool holds_text(const std::string& text) {
  const Sexpr empty("", "e");
  return holds(expression_of(text), TestValues(empty));
}

TEST(ValueFunctions, Integers) {
  EXPECT_EQ(value_of("(+ 1 2 ?n)"), "13");
  EXPECT_EQ(value_of("(- 3 ?n)"), "-7");
  EXPECT_EQ(value_of("(- ?n)"), "-10");
  EXPECT_EQ(value_of("(* 2 3 4)"), "24");
  EXPECT_EQ(value_of("(min 3 1 2)"), "1");
  EXPECT_EQ(value_of("(max 3 1 2)"), "3");
  EXPECT_EQ(value_of("(round-up ?n 4)"), "12");
  EXPECT_EQ(value_of("(round-up 8 4)"), "8");
  EXPECT_EQ(value_of("(round-up -3 4)"), "0");
}

TEST(ValueFunctions, DivisionRoundsDownAndCeilDivUp) {
  const auto all = [](const std::string& a, const std::string& b) {
    return value_of("(/ " + a + " " + b + ")") + " " + value_of("(ceil-div " + a + " " + b + ")") + " " +
           value_of("(% " + a + " " + b + ")");
  };
  EXPECT_EQ(all("7", "2"), "3 4 1");
  EXPECT_EQ(all("-7", "2"), "-4 -3 1");
  EXPECT_EQ(all("7", "-2"), "-4 -3 -1");
  EXPECT_EQ(all("-7", "-2"), "3 4 -1");
  EXPECT_EQ(all("6", "3"), "2 2 0");
  EXPECT_EQ(all("6", "-1"), "-6 -6 0");
}

TEST(ValueFunctions, QuotientRoundsTowardsZero) {
  const auto both = [](const std::string& a, const std::string& b) {
    return value_of("(quotient " + a + " " + b + ")") + " " + value_of("(remainder " + a + " " + b + ")");
  };
  EXPECT_EQ(both("7", "2"), "3 1");
  EXPECT_EQ(both("-7", "2"), "-3 -1");
  EXPECT_EQ(both("7", "-2"), "-3 1");
  EXPECT_EQ(both("-7", "-2"), "3 -1");
  EXPECT_EQ(both("6", "-1"), "-6 0");
  EXPECT_EQ(value_of("(remainder -9223372036854775808 -1)"), "0");
  EXPECT_THAT(error_of("(quotient -9223372036854775808 -1)"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(quotient 1 0)"), HasSubstr("division by zero"));
  EXPECT_THAT(error_of("(remainder 1 0)"), HasSubstr("division by zero"));
}

TEST(ValueFunctions, OverflowIsAnErrorNeverAWrap) {
  const std::string max = "9223372036854775807";
  const std::string min = "-9223372036854775808";
  EXPECT_THAT(error_of("(+ " + max + " 1)"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(- " + min + " 1)"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(- " + min + ")"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(* " + max + " 2)"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(/ " + min + " -1)"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(ceil-div " + min + " -1)"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(round-up " + max + " 2)"), HasSubstr("overflow"));
  EXPECT_THAT(error_of("(product (shape " + max + " 2))"), HasSubstr("overflow"));
  EXPECT_EQ(value_of("(% " + min + " -1)"), "0");
  EXPECT_EQ(value_of("(divides -1 " + min + ")"), "1");
}

TEST(ValueFunctions, ComparisonsAndLogic) {
  EXPECT_EQ(value_of("(= ?name dot-product)"), "1");
  EXPECT_EQ(value_of("(= ?s (shape 2 3 4))"), "1");
  EXPECT_EQ(value_of("(= (shape 1) (list 1))"), "0");
  EXPECT_EQ(value_of("(!= 1 2)"), "1");
  EXPECT_EQ(value_of("(< 1 1)"), "0");
  EXPECT_EQ(value_of("(<= 1 1)"), "1");
  EXPECT_EQ(value_of("(> 2 1)"), "1");
  EXPECT_EQ(value_of("(>= 0 1)"), "0");
  EXPECT_EQ(value_of("(and 1 2)"), "1");
  EXPECT_EQ(value_of("(and 1 0 (/ 1 0))"), "0");
  EXPECT_EQ(value_of("(or 0 3 (/ 1 0))"), "1");
  EXPECT_EQ(value_of("(or 0)"), "0");
  EXPECT_EQ(value_of("(not 0)"), "1");
  EXPECT_EQ(value_of("(divides 5 ?n)"), "1");
  EXPECT_EQ(value_of("(divides 3 ?n)"), "0");
  EXPECT_EQ(value_of("(if (< ?n 20) small (/ 1 0))"), "small");
}

TEST(ValueFunctions, Shapes) {
  EXPECT_EQ(value_of("(shape 1 (+ 1 ?n))"), "(shape 1 11)");
  EXPECT_EQ(value_of("(list ?n)"), "(list 10)");
  EXPECT_EQ(value_of("(access-shape (shape ?n 1) (shape (- ?n 3)))"), "(access-shape (shape 10 1) (shape 7))");
  EXPECT_EQ(value_of("(shape-part (get-access-shape ?a))"), "(shape 2 3)");
  EXPECT_EQ(value_of("(item-part (get-access-shape ?a))"), "(shape 4)");
  EXPECT_EQ(value_of("(concat ?s (shape) (shape 5))"), "(shape 2 3 4 5)");
  EXPECT_EQ(value_of("(concat (list 1) (list 2))"), "(list 1 2)");
  EXPECT_EQ(value_of("(at ?s 2)"), "4");
  EXPECT_EQ(value_of("(at (get-access-shape ?a) 2)"), "4");
  EXPECT_EQ(value_of("(length ?s)"), "3");
  EXPECT_EQ(value_of("(product ?s)"), "24");
  EXPECT_EQ(value_of("(product (shape))"), "1");
  EXPECT_EQ(value_of("(with-at ?s 0 ?n)"), "(shape 10 3 4)");
  EXPECT_EQ(value_of("(with-at (get-access-shape ?a) 2 9)"), "(access-shape (shape 2 3) (shape 9))");
  EXPECT_EQ(value_of("(slice-shape ?s 1)"), "(shape 3 4)");
  EXPECT_EQ(value_of("(slice-shape ?s 3)"), "(shape)");
  EXPECT_EQ(value_of("(shape-insert-axis ?s 1)"), "(shape 2 1 3 4)");
  EXPECT_EQ(value_of("(shape-insert-axis ?s 3)"), "(shape 2 3 4 1)");
  EXPECT_EQ(value_of("(shape-remove-axis ?s 1)"), "(shape 2 4)");
  EXPECT_EQ(value_of("(swap (list 0 1 2) 0 2)"), "(list 2 1 0)");
  EXPECT_EQ(value_of("(literal 0.5)"), "(literal 0.5)");
  EXPECT_EQ(value_of("(dim ?a 1)"), "3");
}

TEST(ValueFunctions, EqualShapesAreEqualHoweverMade) {
  EXPECT_EQ(value_of("(= (shape-remove-axis (shape 7 8) 0) (shape 8))"), "1");
  EXPECT_EQ(value_of("(= (slice-shape (shape 7 8) 2) (shape))"), "1");
}

TEST(ValueFunctions, WrongKindsAndRangesAreErrorsWithAPlace) {
  for (const char* text : {"(at ?s 3)", "(at ?s -1)", "(with-at ?s 3 1)", "(slice-shape ?s 4)", "(slice-shape ?s -1)",
                           "(shape-insert-axis ?s 4)", "(shape-remove-axis ?s 3)", "(swap ?s 0 3)"}) {
    EXPECT_THAT(error_of(text), HasSubstr("out of range")) << text;
  }
  EXPECT_THAT(error_of("(dim ?a 9)"), AllOf(HasSubstr("e:1:1"), HasSubstr("axis 9 is out of range")));
  EXPECT_THAT(error_of("(+ 1 (/ ?n 0))"),
              AllOf(HasSubstr("e:1:6"), HasSubstr("in (/ …)"), HasSubstr("division by zero")));
  EXPECT_THAT(error_of("(% 1 0)"), HasSubstr("division by zero"));
  EXPECT_THAT(error_of("(divides 0 1)"), HasSubstr("division by zero"));
  EXPECT_THAT(error_of("(round-up 1 0)"), HasSubstr("positive"));
  EXPECT_THAT(error_of("(+ ?s 1)"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("(at ?n 1)"), HasSubstr("wrong kind"));
  EXPECT_THAT(error_of("(shape-part ?s)"), HasSubstr("wrong kind"));
  EXPECT_THAT(error_of("(concat ?s (list 1))"), HasSubstr("only shapes or only lists"));
  EXPECT_THAT(error_of("(access-shape ?s (list 1))"), HasSubstr("wrong kind"));
  EXPECT_THAT(error_of("(concat ?s ?s ?s ?s ?s)"), HasSubstr("more extents"));
  EXPECT_THAT(error_of("(access-shape (concat ?s ?s ?s) (concat ?s ?s))"), HasSubstr("more extents"));
  EXPECT_THAT(error_of("(shape-insert-axis (concat ?s ?s ?s ?s) 0)"), HasSubstr("more extents"));
}

TEST(ValueFunctions, AFailingConditionIsFalse) {
  EXPECT_TRUE(holds_text("(divides 2 (dim ?a 0))"));
  EXPECT_FALSE(holds_text("(divides 3 (dim ?a 0))"));
  EXPECT_FALSE(holds_text("(= (dim ?a 9) 1)"));
  EXPECT_FALSE(holds_text("(not (= (dim ?a 9) 1))"));
  EXPECT_FALSE(holds_text("(= (/ 1 0) 1)"));
  EXPECT_FALSE(holds_text("?name"));
  const Sexpr empty("", "e");
  const TestValues values(empty);
  EXPECT_TRUE(holds(std::span<const AttributeExpression>(), values));
  const std::vector both = {expression_of("1"), expression_of("(= ?n 11)")};
  EXPECT_FALSE(holds(both, values));
  EXPECT_TRUE(holds(std::span(both).first(1), values));
}

TEST(ValueFunctions, ConstantsFoldWhereTheyCertainlyHaveAValue) {
  const auto folded = [](const std::string& text, bool strict = true) {
    AttributeExpression e = expression_of(text);
    fold_constants(e, strict);
    return e;
  };
  EXPECT_EQ(folded("(+ 1 (* 2 3))").constant, Value::integer(7));
  EXPECT_EQ(folded("(if (= 1 1) 5 (/ 1 0))").constant, Value::integer(5));
  EXPECT_EQ(folded("(if (= 1 1) (+ ?n 1) 2)").function, ValueFunction::kAdd);
  EXPECT_EQ(folded("(and 0 ?n)").constant, Value::integer(0));
  EXPECT_EQ(folded("(or 0 2)").constant, Value::integer(1));
  const AttributeExpression sum = folded("(+ ?n (* 2 3))");
  EXPECT_EQ(sum.kind, AttributeExpression::Kind::kCall);
  EXPECT_EQ(sum.arguments[1].constant, Value::integer(6));
  EXPECT_THROW((void)folded("(+ ?n (/ 1 0))"), Error);
  EXPECT_NO_THROW((void)folded("(+ ?n (/ 1 0))", false));
  EXPECT_NO_THROW((void)folded("(if ?n (/ 1 0) 2)"));
  EXPECT_NO_THROW((void)folded("(and ?n (/ 1 0))"));
  EXPECT_THROW((void)folded("(and 1 (/ 1 0))"), Error);
}

TEST(ValueFunctions, EveryFunctionIsFoundByItsName) {
  for (const char* name : {"+", "ceil-div", "shape-insert-axis", "if", "item-part"}) {
    const ValueFunctionInfo* info = find_value_function(name);
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(value_function_name(info->function), name);
    EXPECT_THAT(list_value_functions(), HasSubstr(name));
  }
  EXPECT_EQ(find_value_function("dim"), nullptr);
  EXPECT_EQ(describe_kinds(kind_set(ValueKind::kShape) | kind_set(ValueKind::kList)), "a shape or a list");
}

}  // namespace
}  // namespace tessera
