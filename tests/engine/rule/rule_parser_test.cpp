#include "engine/rule/rule_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "engine/language/term_language.hpp"
#include "engine/rule/value_functions.hpp"
#include "engine/rules/builtin_rules.hpp"
#include "tests/engine/language/toy_language.hpp"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ToyLanguage;

class RuleParser : public ::testing::Test {
 protected:
  RuleSet parse(const std::string& text) { return parse_rules(text, "r.rules", language_, symbols_, parameters_); }

  Rule rule(const std::string& text) {
    RuleSet set = parse(text);
    EXPECT_EQ(set.rules.size(), 1U);
    return std::move(set.rules.at(0));
  }

  std::string text_of(const Rule& r) { return to_string(r, symbols_, &language_); }

  std::string error_of(const std::string& text) {
    try {
      (void)parse(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_GT(error.where().line, 0) << error.what();
      return error.what();
    }
    return "no error for: " + text;
  }

  ToyLanguage language_;
  SymbolTable symbols_;
  RuleParameters parameters_;
};

std::vector<std::string> names_of(const RuleSet& set) {
  std::vector<std::string> names;
  for (const Rule& rule : set.rules) names.push_back(rule.name);
  return names;
}

TEST_F(RuleParser, ReadsPatternsChildrenFirst) {
  const Rule r = rule(
      "(rewrite slice-dot\n (compute dot-product (access-slice ?a ?axis ?low ?high))\n"
      " (access-slice (compute dot-product ?a) (+ ?axis 1) ?low ?high))");
  EXPECT_EQ(r.name, "slice-dot");
  EXPECT_EQ(r.where.to_string(), "r.rules:1:1");
  ASSERT_EQ(r.left.terms.size(), 3U);
  EXPECT_TRUE(r.left.terms[0].is_variable);
  const PatternTerm& slice = r.left.terms[1];
  EXPECT_EQ(symbols_.operator_name(slice.op), Name("access-slice"));
  EXPECT_THAT(slice.kids, ElementsAre(0U));
  ASSERT_EQ(slice.attributes.size(), 3U);
  EXPECT_EQ(slice.attributes[0].kind, AttributeExpression::Kind::kVariable);
  const PatternTerm& root = r.left.terms[r.left.root()];
  EXPECT_EQ(root.attributes[0].constant, Value::name(Name("dot-product")));
  EXPECT_EQ(root.where.to_string(), "r.rules:2:2");
  const AttributeExpression& axis = r.right.terms[r.right.root()].attributes[0];
  EXPECT_EQ(axis.function, ValueFunction::kAdd);
  EXPECT_EQ(r.variables[axis.arguments[0].variable].name, "?axis");
  ASSERT_EQ(r.variables.size(), 4U);
  EXPECT_EQ(r.variables[0].name, "?a");
  EXPECT_EQ(r.variables[0].kind, VariableKind::kClass);
  EXPECT_EQ(r.variables[1].kind, VariableKind::kAttribute);
}

TEST_F(RuleParser, ReadsConditionsLetsLimitAndPinInAnyOrder) {
  const Rule r = rule(
      "(rewrite pad ?a (access-slice ?a 0 0 ?to) :pin :when (< (dim ?a 0) ?to) (divides 2 ?half)\n"
      "  :limit 100 :let ((?to (round-up (dim ?a 0) 64)) (?half (/ ?to 2))))");
  EXPECT_TRUE(r.pinned);
  EXPECT_EQ(r.match_limit, 100U);
  ASSERT_EQ(r.lets.size(), 2U);
  ASSERT_EQ(r.conditions.size(), 2U);
  EXPECT_TRUE(r.left.terms[0].is_variable);
  ASSERT_EQ(r.variables.size(), 3U);
  EXPECT_EQ(r.variables[1].kind, VariableKind::kLet);
  EXPECT_EQ(r.variables[2].let, 1U);
  const AttributeExpression& dim = r.conditions[0].arguments[0];
  EXPECT_EQ(dim.function, ValueFunction::kAccessor);
  EXPECT_EQ(dim.accessor, language_.accessor("dim"));
  EXPECT_EQ(dim.class_variable, 0U);
  EXPECT_EQ(dim.arguments.size(), 1U);
  EXPECT_EQ(r.conditions[0].where.to_string(), "r.rules:1:54");
}

TEST_F(RuleParser, LetsAreComputedOnDemandOncePerMatch) {
  const Rule r = rule("(rewrite r ?a ?a :let ((?n (dim ?a 0)) (?m (+ ?n 1)) (?bad (dim ?a 7))) :when (= ?m 6))");
  class Values : public RuleValues {
   public:
    using RuleValues::RuleValues;
    [[nodiscard]] DataView data(VariableIndex) const override {
      ++reads;
      return words;
    }
    DataWords words = {0, 5};
    mutable int reads = 0;

   protected:
    [[nodiscard]] Value bound(VariableIndex) const override { return {}; }
  };
  Values values(r, language_);
  EXPECT_TRUE(holds(r.conditions, values));
  EXPECT_TRUE(holds(r.conditions, values));
  EXPECT_EQ(values.reads, 1);
  EXPECT_EQ(values.attribute(2), Value::integer(6));
  EXPECT_THROW((void)values.attribute(3), Error);
  values.words[1] = 8;
  values.next_match();
  EXPECT_FALSE(holds(r.conditions, values));
}

TEST_F(RuleParser, AcceptsPublishedPatterns) {
  const RuleSet set = parse(
      "(rewrite flatten-unflatten ?a (access-reshape ?a (get-access-shape ?a)))\n"
      "(rewrite reshape-compute (compute dot-product (access-reshape ?a ?s))\n"
      "  (access-reshape (compute dot-product ?a) (access-shape (shape-part ?s) (shape))))\n"
      "(rewrite systolic (compute dot-product (access-pair ?a ?b))\n"
      "  (systolic-array (dim ?a 0) (dim ?b 1) ?a (access (access-transpose ?b (list 1 0)) 0)))\n"
      "(rewrite name-variable (access-tensor ?t) (access-tensor ?t))\n"
      "(rewrite opaque (relay-operator-call relay-softmax ?x 1) (relay-operator-call relay-softmax ?x (+ (dim ?x 0) "
      "0)))\n"
      "(rewrite keep (access ?a ?k) ?a :when (= ?k 0))\n");
  EXPECT_EQ(set.rules.size(), 6U);
  EXPECT_EQ(set.rules[0].right.terms.back().attributes[0].function, ValueFunction::kAccessor);
  EXPECT_TRUE(set.rules[5].right.terms[0].is_variable);
}

TEST_F(RuleParser, ConstantsFold) {
  const Rule r = rule("(rewrite r (access ?a (+ 1 1)) (access ?a (* 2 (- 5 3))) :when (= 1 1) (< 2 1) (= (/ 1 0) 1))");
  EXPECT_EQ(r.left.terms[1].attributes[0].constant, Value::integer(2));
  EXPECT_EQ(r.right.terms[1].attributes[0].constant, Value::integer(4));
  ASSERT_EQ(r.conditions.size(), 2U);  // what is always true is dropped, what never is stays
  EXPECT_EQ(r.conditions[0].constant, Value::integer(0));
}

TEST_F(RuleParser, BirewriteMakesTwoRules) {
  const RuleSet set =
      parse("(birewrite commute (access-pair ?a (access ?b ?k)) (access-pair (access ?b ?k) ?a) :pin :when (= ?k 1))");
  EXPECT_THAT(names_of(set), ElementsAre("commute", "commute-reverse"));
  EXPECT_EQ(to_string(set.rules[0].left, set.rules[0], symbols_, &language_), "(access-pair ?a (access ?b ?k))");
  EXPECT_EQ(to_string(set.rules[1].left, set.rules[1], symbols_, &language_), "(access-pair (access ?b ?k) ?a)");
  for (const Rule& r : set.rules) {
    EXPECT_TRUE(r.pinned);
    EXPECT_EQ(r.conditions.size(), 1U);
    EXPECT_EQ(r.where.to_string(), "r.rules:1:1");
  }
}

TEST_F(RuleParser, ForEachArrayMakesTheRulesOncePerArray) {
  parameters_.arrays = {{64, 32}, {8, 8}, {64, 32}};
  const RuleSet set = parse(
      "(for-each-array (?R ?C)\n"
      "  (rewrite map (access-pair ?a ?b) (systolic-array ?R ?C ?a ?b) :when (= (dim ?a 0) ?R) (<= ?C 8))\n"
      "  (birewrite cut (access-slice ?a 0 0 ?R) (access-slice ?a 0 0 (* 1 ?R))))");
  EXPECT_THAT(names_of(set), ElementsAre("map[64x32]", "cut[64x32]", "cut-reverse[64x32]", "map[8x8]", "cut[8x8]",
                                         "cut-reverse[8x8]"));
  const PatternTerm& call = set.rules[0].right.terms.back();
  EXPECT_EQ(call.attributes[0].constant, Value::integer(64));
  EXPECT_EQ(call.attributes[1].constant, Value::integer(32));
  EXPECT_EQ(set.rules[0].conditions.size(), 2U);  // (<= 32 8) never holds
  EXPECT_EQ(set.rules[3].conditions.size(), 1U);  // (<= 8 8) always does
  EXPECT_EQ(set.rules[3].variables.size(), 2U);
}

TEST_F(RuleParser, ForEachArrayWithoutArraysIsStillChecked) {
  EXPECT_TRUE(parse("(for-each-array (?R ?C) (rewrite a (access ?a ?R) ?a))").rules.empty());
  EXPECT_THAT(error_of("(for-each-array (?R ?C) (rewrite a (access ?a ?R) ?b))"), HasSubstr("?b"));
  parameters_.arrays = {{0, 64}};
  EXPECT_THROW((void)parse("(rewrite a (access ?a 1) ?a)"), Error);
}

TEST_F(RuleParser, StartTermsUseEarlierLets) {
  const RuleSet set =
      parse("(let p (access x 1))\n(let q (access-pair p p))\n(start q (compute dot-product q))\n(start p)");
  EXPECT_EQ(set.name, "r");
  EXPECT_EQ(set.start.size(), 4U);
  EXPECT_EQ(set.start.roots.size(), 3U);
  EXPECT_THAT(error_of("(start p)\n(let p x)"), HasSubstr("r.rules:1:8"));
  EXPECT_THAT(error_of("(let p x)\n(let p y)"), HasSubstr("already bound at r.rules:1:6"));
  EXPECT_THAT(error_of("(let p)"), HasSubstr("expected (let NAME TERM)"));
  EXPECT_THAT(error_of("(start)"), HasSubstr("expected (start TERM ...)"));
  EXPECT_THAT(error_of("(start (access-reshape x (access-shape (shape) (shape 9))))"), HasSubstr("number of elements"));
}

TEST_F(RuleParser, PrintsARuleThatReadsBack) {
  for (const char* text : {"(rewrite a (access-slice ?a ?axis 0 64) (access-slice ?a (+ ?axis 1) 0 (dim ?a 0)) :when "
                           "(divides 64 (dim ?a 0)) "
                           ":limit 7 :pin)",
                           "(rewrite b ?a (access ?a ?k) :let ((?k (length (shape-of ?a)))) :when (= ?k 2))",
                           "(rewrite c (compute dot-product (access-tensor x)) (systolic-array 1 2 (access-tensor y) "
                           "(construct-tuple)))"}) {
    const std::string printed = text_of(rule(text));
    EXPECT_EQ(text_of(rule(printed)), printed);
    EXPECT_EQ(printed, text);
  }
  const Rule r = rule("(rewrite d (compute dot-product ?a) ?a)");
  EXPECT_EQ(to_string(r, symbols_), "(rewrite d (compute ?a dot-product) ?a)");
}

TEST_F(RuleParser, UnboundVariablesAreRefused) {
  const std::string message = error_of("(rewrite bad (access ?a ?k)\n  (access-slice ?a ?k 0 ?high))");
  EXPECT_THAT(message, AllOf(HasSubstr("r.rules:2:25"), HasSubstr("'bad'"), HasSubstr("?high is not bound"),
                             HasSubstr("?a (an e-class), ?k (an attribute)")));
  EXPECT_THAT(error_of("(rewrite bad x (access ?b 1))"),
              AllOf(HasSubstr("?b is not bound"), HasSubstr("bound are none")));
  EXPECT_THAT(error_of("(rewrite bad ?a ?a :when (= ?n 1))"), HasSubstr("?n is not bound"));
  EXPECT_THAT(error_of("(rewrite bad ?a ?a :when (= (dim ?b 0) 1))"), HasSubstr("?b is not bound"));
  EXPECT_THAT(error_of("(rewrite bad ?a ?a :let ((?n ?m) (?m 1)))"), HasSubstr("?m is not bound"));
  EXPECT_THAT(error_of("(birewrite two (access ?a ?k) ?a)"),
              AllOf(HasSubstr("'two-reverse'"), HasSubstr("?k is not bound")));
}

TEST_F(RuleParser, AVariableIsAClassOrAnAttributeNeverBoth) {
  EXPECT_THAT(error_of("(rewrite mix (access ?a ?a) ?a)"),
              AllOf(HasSubstr("r.rules:1:25"), HasSubstr("stands for an attribute here"),
                    HasSubstr("an e-class at r.rules:1:22")));
  EXPECT_THAT(error_of("(rewrite mix (access ?a ?k) ?k)"), HasSubstr("stands for an e-class here"));
  EXPECT_THAT(error_of("(rewrite mix ?a ?a :when (= ?a 1))"), HasSubstr("stands for an attribute here"));
  EXPECT_THAT(error_of("(rewrite mix (access ?a ?k) ?a :when (= (dim ?k 0) 1))"),
              HasSubstr("stands for an e-class here"));
  EXPECT_THAT(error_of("(rewrite mix ?a ?n :let ((?n 1)))"),
              HasSubstr("an attribute computed by :let at r.rules:1:27"));
}

TEST_F(RuleParser, KindsOfAttributesAreChecked) {
  EXPECT_THAT(error_of("(rewrite k (access-reshape ?a ?s) (access ?a ?s))"),
              AllOf(HasSubstr("expected an integer"), HasSubstr("'?s', which is an access shape since r.rules:1:31")));
  EXPECT_THAT(error_of("(rewrite k (access (access-reshape ?a ?s) ?s) ?a)"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("(rewrite k (compute ?op ?a) ?a :when (< ?op 1))"),
              AllOf(HasSubstr("argument 1 of '<'"), HasSubstr("expected an integer, found a name")));
  EXPECT_THAT(error_of("(rewrite k ?a ?a :when (+ 1 foo))"), HasSubstr("found foo, a name"));
  EXPECT_THAT(error_of("(rewrite k ?a ?a :when (shape 1))"), HasSubstr("expected a condition"));
  EXPECT_THAT(error_of("(rewrite k ?a (access ?a (shape (dim ?a 0))))"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("(rewrite k ?a (access ?a ?n) :let ((?n (list 1))))"), HasSubstr("which is a list"));
  EXPECT_THAT(error_of("(rewrite k ?a (access ?a (/ 1 0)))"), AllOf(HasSubstr("'k'"), HasSubstr("division by zero")));
  EXPECT_THAT(error_of("(rewrite k ?a (access-transpose ?a (concat (list 1) (shape 1))))"), HasSubstr("only"));
}

TEST_F(RuleParser, LeftSidesTakeNoComputedAttributes) {
  EXPECT_THAT(error_of("(rewrite l (access ?a (+ ?k 1)) ?a)"), HasSubstr("must be a constant or a ?variable"));
  EXPECT_THAT(error_of("(rewrite l (access ?a (dim ?a 0)) ?a)"), HasSubstr("cannot be used on the left side"));
  EXPECT_THAT(error_of("(rewrite l (access-reshape ?a (access-shape ?s ?i)) ?a)"),
              HasSubstr("constant or a ?variable"));
}

TEST_F(RuleParser, UnknownThingsAreNamedWithTheirPlace) {
  EXPECT_THAT(error_of("(rewrite u (access-slise ?a 0 0 1) ?a)"),
              AllOf(HasSubstr("r.rules:1:13"), HasSubstr("did you mean 'access-slice'?")));
  EXPECT_THAT(error_of("(rewrite u (access X 1) x)"), HasSubstr("did you mean 'x'?"));
  EXPECT_THAT(error_of("(rewrite u ?a ?a :when (dimm ?a 0))"),
              AllOf(HasSubstr("unknown function 'dimm'"), HasSubstr("ceil-div")));
  EXPECT_THAT(error_of("(rewrite u (access ?a) ?a)"), HasSubstr("expected (access TERM INTEGER), found (access ?a)"));
  EXPECT_THAT(error_of("(rewrite u (access ?a 1 2) ?a)"), HasSubstr("expected ')'"));
  EXPECT_THAT(error_of("(rewrite u (?f ?a) ?a)"), HasSubstr("expected an operator's name"));
  EXPECT_THAT(error_of("(rewrite u () ?a)"), HasSubstr("found ()"));
  EXPECT_THAT(error_of("(rewrite u (let ((a x)) a) x)"), HasSubstr("patterns have no let"));
  EXPECT_THAT(error_of("(rewrite u ? x)"), HasSubstr("name after '?'"));
  EXPECT_THAT(error_of("(rewrite u ?a (get-access-shape ?a))"), HasSubstr("computes an attribute"));
  EXPECT_THAT(error_of("(rewrite u ?a ?a :when (dim x 0))"), HasSubstr("must be a ?variable"));
  EXPECT_THAT(error_of("(rewrite u ?a ?a :when (dim ?a 1 2 3 4 5))"),
              HasSubstr("expects 0 to 4 after the term arguments"));
  EXPECT_THAT(error_of("(rewrite u ?a ?a :when (% 1))"), HasSubstr("'%' expects 2 arguments, found 1"));
}

TEST_F(RuleParser, BadFormsAndOptionsAreRefused) {
  EXPECT_THAT(error_of(""), HasSubstr("r.rules:1:1"));
  EXPECT_THAT(error_of("; nothing"), HasSubstr("expected a rule or a start term"));
  EXPECT_THAT(error_of("(rewrite a ?a)"), HasSubstr("expected (rewrite NAME LEFT RIGHT"));
  EXPECT_THAT(error_of("(rewrite (a) ?a ?a)"), HasSubstr("expected the rule's name"));
  EXPECT_THAT(error_of("(rewrite ?a ?a ?a)"), HasSubstr("expected the rule's name"));
  EXPECT_THAT(error_of("(rewrites a ?a ?a)"), HasSubstr("expected (rewrite …)"));
  EXPECT_THAT(error_of("rewrite"), HasSubstr("found 'rewrite'"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :if 1)"), AllOf(HasSubstr("r.rules:1:18"), HasSubstr("expected :when, :let")));
  EXPECT_THAT(error_of("(rewrite a ?a ?a 1)"), HasSubstr("expected :when, :let"));
  EXPECT_THAT(error_of("(rewrite a ?a :pin)"), HasSubstr("after both sides"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :when)"), HasSubstr("at least one condition"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :when :pin)"), HasSubstr("at least one condition"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :limit)"), HasSubstr("expected a number after :limit"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :limit 0)"), HasSubstr("positive"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :limit many)"), HasSubstr("expected an integer"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :let (?x 1))"), HasSubstr("expected (?x EXPRESSION)"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :let ())"), HasSubstr("at least one"));
  EXPECT_THAT(error_of("(rewrite a ?a ?a :let ((?a 1)))"), HasSubstr("?a is already bound at r.rules:1:12"));
  EXPECT_THAT(error_of("(rewrite a ?a x)\n(rewrite a ?a y)"),
              AllOf(HasSubstr("r.rules:2:1"), HasSubstr("already taken at r.rules:1:1")));
  EXPECT_THAT(error_of("(for-each-array (?R) (rewrite a ?a ?a))"),
              HasSubstr("expected (for-each-array (?ROWS ?COLUMNS)"));
  EXPECT_THAT(error_of("(for-each-array (?R ?R) (rewrite a ?a ?a))"), HasSubstr("expected (for-each-array"));
  EXPECT_THAT(error_of("(for-each-array (?R ?C) (start x))"), HasSubstr("in for-each-array"));
  EXPECT_THAT(error_of("(language term)"), AllOf(HasSubstr("r.rules:1:11"), HasSubstr("expected 'toy'")));
  EXPECT_THAT(error_of("(rewrite a (access ?a 1) ?a"), HasSubstr("never closed"));
  EXPECT_THAT(error_of(std::string(10'000'000, '(')), HasSubstr("10000 deep"));
}

TEST_F(RuleParser, DeepPatternsAreRefused) {
  std::string deep = "?a";
  for (int i = 0; i < 2000; ++i) deep = "(access " + deep + " 1)";
  EXPECT_THAT(error_of("(rewrite a " + deep + " ?a)"), HasSubstr("more than 1000 deep"));
}

TEST_F(RuleParser, DamagedTextsAreReadOrRefusedNeverWorse) {
  const std::string good =
      "(language toy) (let p (access x 1))\n"
      "(rewrite a (access-slice ?a ?axis 0 64) (access-slice ?a (+ ?axis 1) 0 ?n) :when (divides 64 (dim ?a 0))\n"
      "  :limit 7 :pin :let ((?n (if (< ?axis 1) (at (shape 1 2) 1) (- 9223372036854775807)))))\n"
      "(for-each-array (?R ?C) (birewrite b (access-pair ?a ?b) (access-pair ?b ?a) :when (= ?R ?C)))\n"
      "(start (relay-operator-call \"pad\" p 1 nchw) (access-reshape p (get-access-shape p)))";
  EXPECT_NO_THROW((void)parse(good));
  std::mt19937 random(11);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, 1 + random() % 9);
          break;
        case 1:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
          break;
        case 2:
          text[at] = "()?\":;x19- \n"[random() % 12];
          break;
        default:
          text[at] = static_cast<char>(random() % 256);
      }
      if (text.empty()) text = "(";
    }
    try {
      (void)parse(text);
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.code(), ErrorCode::kInput) << text;
      ASSERT_GT(error.where().line, 0) << error.what() << "\n" << text;
    }
  }
  EXPECT_GT(refused, 10'000);
}

class RuleFiles : public RuleParser {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("tessera-rules-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_ / "sub");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  RuleSet load(const std::string& file) { return load_rules(file, language_, symbols_, parameters_); }
  std::string load_error(const std::string& file) {
    try {
      (void)load(file);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder_;
};

TEST_F(RuleFiles, IncludesAreRelativeAndReadOnce) {
  write("sub/leaf.rules", "(rewrite leaf ?a x)\n(let p (access x 1))");
  write("sub/b.rules", "(include \"leaf.rules\")\n(rewrite b ?a y)");
  const std::string main =
      write("main.rules", "(language toy)\n(include \"sub/b.rules\")\n(include \"sub/leaf.rules\")\n(start p)");
  const RuleSet set = load(main);
  EXPECT_EQ(set.name, "main");
  EXPECT_THAT(names_of(set), ElementsAre("leaf", "b"));
  EXPECT_EQ(set.start.roots.size(), 1U);
}

TEST_F(RuleFiles, CyclesAndMissingFilesAreRefused) {
  write("a.rules", "(include \"sub/b.rules\")");
  write("sub/b.rules", "\n(include \"../a.rules\")");
  EXPECT_THAT(load_error((folder_ / "a.rules").string()), AllOf(HasSubstr("b.rules:2:10"), HasSubstr("cycle")));
  const std::string self = write("self.rules", "(include \"self.rules\")");
  EXPECT_THAT(load_error(self), HasSubstr("cycle"));
  const std::string missing = write("missing.rules", "(include \"nowhere.rules\")");
  EXPECT_THAT(load_error(missing),
              AllOf(HasSubstr("missing.rules:1:10"), HasSubstr("cannot find the file"), HasSubstr("nowhere.rules")));
  EXPECT_THAT(load_error(write("form.rules", "(include nowhere)")), HasSubstr("expected (include \"FILE\")"));
  EXPECT_THAT(load_error((folder_ / "none.rules").string()),
              AllOf(HasSubstr("there is no rules file"), HasSubstr("math")));
  EXPECT_THAT(load_error(folder_.string()), HasSubstr("there is no rules file"));
}

TEST_F(RuleFiles, ErrorsInIncludedFilesNameThatFile) {
  write("sub/bad.rules", "(rewrite bad ?a\n ?b)");
  EXPECT_THAT(load_error(write("main.rules", "(include \"sub/bad.rules\")")), HasSubstr("bad.rules:2:2"));
  write("sub/other.rules", "(rewrite same ?a x)");
  EXPECT_THAT(load_error(write("twice.rules", "(rewrite same ?a y)(include \"sub/other.rules\")")),
              AllOf(HasSubstr("other.rules:1:1"), HasSubstr("already taken at"), HasSubstr("twice.rules:1:1")));
}

TEST(BuiltinRules, AreTheFilesOfTheFolder) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(TESSERA_SOURCE_DIR) + "/engine/rules")) {
    if (entry.path().extension() != ".rules") continue;
    const std::string name = entry.path().stem().string();
    files.insert(name);
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    EXPECT_EQ(builtin_rules(name), text) << name;
  }
  const auto& names = builtin_rule_names();
  EXPECT_EQ(files, std::set<std::string>(names.begin(), names.end()));
  EXPECT_TRUE(files.contains("math"));
  EXPECT_EQ(builtin_rules("no-such-rules"), std::nullopt);
}

TEST(BuiltinRules, MathHas24RewritesAnd35StartNodes) {
  const TermLanguage language;
  SymbolTable symbols;
  const RuleSet set = load_rules("math", language, symbols, {});
  EXPECT_EQ(set.name, "math");
  EXPECT_EQ(set.rules.size(), 24U);
  EXPECT_EQ(set.start.roots.size(), 7U);
  EXPECT_EQ(set.start.size(), 35U);
  for (const Rule& rule : set.rules) {
    EXPECT_TRUE(rule.conditions.empty());
    for (const Variable& variable : rule.variables) EXPECT_EQ(variable.kind, VariableKind::kClass);
  }
}

TEST(BuiltinRules, Assoc10AddsUpTenNumbers) {
  const TermLanguage language;
  SymbolTable symbols;
  const RuleSet set = load_rules("assoc10", language, symbols, {});
  EXPECT_EQ(set.rules.size(), 2U);
  EXPECT_EQ(set.start.size(), 19U);
}

TEST(BuiltinRules, CanBeIncluded) {
  const TermLanguage language;
  SymbolTable symbols;
  const RuleSet set =
      parse_rules("(include \"math.rules\")(rewrite more (F ?a) ?a)", "mine.rules", language, symbols, {});
  EXPECT_EQ(set.rules.size(), 25U);
  EXPECT_EQ(set.name, "mine");
}

}  // namespace
}  // namespace tessera
