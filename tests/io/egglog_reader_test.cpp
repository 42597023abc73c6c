// The egglog reader by itself: what a program becomes, and what is refused, where and why.
#include "io/egglog_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/rule/rule_parser.hpp"

namespace tessera {
namespace {

using ::testing::HasSubstr;
using Kind = EgglogCommand::Kind;

const char* const kMath = "(datatype Math (Num i64) (Var String) (Add Math Math) (Mul Math Math))\n";

// What the reader says of a text that starts with kMath; "" if it is read.
std::string refusal(const std::string& text) {
  SymbolTable symbols;
  try {
    (void)parse_egglog(kMath + text, "t.egg", symbols);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
}

TEST(EgglogReader, Declarations) {
  SymbolTable symbols;
  const EgglogProgram program = parse_egglog(
      "(sort A) (datatype B (X A i64 B String :cost 7)) (constructor Y () A :cost 3) (constructor Z (A) A)", "t.egg",
      symbols);
  const EgglogLanguage& language = program.language;
  ASSERT_EQ(language.constructors().size(), 3U);
  EXPECT_EQ(language.signature_text(0), "(X A i64 B String)");
  EXPECT_EQ(language.constructors()[0].children(), 2U);
  EXPECT_EQ(language.sort_name(language.constructors()[1].result), "A");
  const auto cost = [&](const char* name, std::vector<Value> attributes, std::uint32_t arity) {
    return language.cost(symbols[symbols.intern(Name(name), attributes, arity)], {}, {});
  };
  // As egglog: the constructor's cost, and 1 for each primitive argument.
  EXPECT_EQ(cost("X", {Value::integer(1), Value::name(Name("s"))}, 2), 9U);
  EXPECT_EQ(cost("Y", {}, 0), 3U);
  EXPECT_EQ(cost("Z", {}, 1), 1U);
  EXPECT_TRUE(program.commands.empty());
}

TEST(EgglogReader, CommandsInOrder) {
  SymbolTable symbols;
  const EgglogProgram program = parse_egglog(std::string(kMath) +
                                                 "(let one (Num 1)) (let n (+ 1 (* 2 3))) (Add one (Num n))\n"
                                                 "(rewrite (Add a b) (Add b a)) (run 5) (birewrite (Add a a) (Mul a "
                                                 "(Num 2))) (run)\n(run-schedule (repeat 3 (run)) (saturate (run)))"
                                                 "(print-size) (print-size Mul) (extract one) (check (= one one))",
                                             "t.egg", symbols);
  ASSERT_EQ(program.commands.size(), 9U);
  EXPECT_EQ(program.commands[0].kind, Kind::kInsert);
  EXPECT_EQ(program.commands[0].roots.size(), 2U);  // what follows one another is inserted together
  EXPECT_EQ(program.commands[1].kind, Kind::kRun);
  EXPECT_EQ(program.commands[1].iterations, 5U);
  EXPECT_EQ(program.commands[1].rules, 1U);
  EXPECT_EQ(program.commands[2].iterations, 1U);
  EXPECT_EQ(program.commands[2].rules, 3U);
  EXPECT_EQ(program.commands[3].iterations, 3U);
  EXPECT_EQ(program.commands[4].iterations, ~std::uint64_t{0});
  EXPECT_EQ(program.commands[5].kind, Kind::kPrintSizes);
  EXPECT_EQ(program.commands[6].kind, Kind::kPrintSize);
  EXPECT_EQ(program.commands[6].constructor, 3U);
  EXPECT_EQ(program.commands[7].kind, Kind::kExtract);
  EXPECT_EQ(program.commands[8].kind, Kind::kCheck);
  EXPECT_EQ(program.commands[8].facts.size(), 1U);
  EXPECT_EQ(egglog_text(program.terms, program.commands[0].roots[1], symbols, program.language, 10),
            "(Add (Num 1) (Num 7))");
  EXPECT_EQ(egglog_text(program.terms, program.commands[0].roots[1], symbols, program.language, 2), std::nullopt);
  ASSERT_EQ(program.rules.size(), 3U);
  EXPECT_EQ(program.rules[0].name, "t.egg:3[(Add a b) => (Add b a)]");
  EXPECT_EQ(program.rules[2].name, "t.egg:3-reverse[(Mul a (Num 2)) => (Add a a)]");
}

TEST(EgglogReader, StringsPrintAsTheyAreRead) {
  SymbolTable symbols;
  const EgglogProgram program = parse_egglog(std::string(kMath) + R"((Var "a \"b\" \\ \n\t é"))", "t.egg", symbols);
  EXPECT_EQ(egglog_text(program.terms, 0, symbols, program.language, 10), R"((Var "a \"b\" \\ \n\t é"))");
}

TEST(EgglogReader, FactsBecomeLetsConditionsAndSharedClasses) {
  SymbolTable symbols;
  const EgglogProgram program =
      parse_egglog(std::string(kMath) +
                       "(rewrite (Add x (Num i)) (Num k) :when ((= k (+ i j)) (= x (Num j)) (< j 5) (!= x (Num 0))))",
                   "t.egg", symbols);
  const Rule& rule = program.rules.at(0);
  EXPECT_EQ(rule.lets.size(), 1U);
  EXPECT_EQ(rule.conditions.size(), 2U);  // (< j 5), and that k can be computed
  EXPECT_EQ(rule.distinct.size(), 1U);
  EXPECT_EQ(rule.given_variables.size(), 1U);
  EXPECT_EQ(rule.given.roots.size(), 1U);
  EXPECT_EQ(rule.left.terms.size(), 4U);  // x, (Num j) in x's class, (Num i), the root
  EXPECT_EQ(rule.left.terms[1].class_of, 0U);
}

TEST(EgglogReader, ManyRulesOnALineHaveNamesOfTheirOwn) {
  SymbolTable symbols;
  const std::string rewrite = "(rewrite (Add a b) (Add b a))";
  const EgglogProgram program = parse_egglog(kMath + rewrite + rewrite, "t.egg", symbols);
  ASSERT_EQ(program.rules.size(), 2U);
  EXPECT_EQ(program.rules[1].name, program.rules[0].name + " (2)");
}

struct Refused {
  const char* text;
  const char* place;
  const char* message;
};

TEST(EgglogReader, RefusesWithPlaceAndExpectation) {
  const std::vector<Refused> cases = {
      // form
      {"(Num 1", "t.egg:2:1", "never closed"},
      {"5", "t.egg:2:1", "found '5'"},
      {"()", "t.egg:2:1", "found ()"},
      {"((Num 1))", "t.egg:2:1", "expected (datatype"},
      {"(Nun 1)", "t.egg:2:1", "unknown command or constructor 'Nun'"},
      // not in the subset
      {"(ruleset r)", "t.egg:2:1", "(ruleset …) is not supported"},
      {"(union (Num 1) (Num 2))", "t.egg:2:1", "(union …) is not supported"},
      {"(function f (Math) i64)", "t.egg:2:1", "(function …) is not supported"},
      {"(push)", "t.egg:2:1", "(push …) is not supported"},
      {"(rewrite (Add a b) a :subsume)", "t.egg:2:22", ":subsume"},
      {"(rewrite (Add a b) a :ruleset r)", "t.egg:2:22", "expected :when"},
      {"(run r 3)", "t.egg:2:8", "rulesets"},
      {"(run 3 :until (= 1 1))", "t.egg:2:8", ":until"},
      {"(run-schedule (repeat 2 (run r)))", "t.egg:2:15", "(repeat N (run))"},
      {"(extract (Num 1) 3)", "t.egg:2:1", "variants"},
      {"(sort V (Vec Math))", "t.egg:2:1", "containers"},
      {"(datatype F (Flt f64))", "t.egg:2:18", "unknown sort 'f64'"},
      {"(Num 1.5)", "t.egg:2:6", "other numbers"},
      {"(Num true)", "t.egg:2:6", "bool"},
      {"(rewrite a (Num 1))", "t.egg:2:10", "found 'a'"},
      {"(birewrite (Add a (Num 0)) a)", "t.egg:2:28", "both sides of a birewrite"},
      // declarations
      {"(datatype Math)", "t.egg:2:11", "already declared at t.egg:1:11"},
      {"(sort i64)", "t.egg:2:7", "built in"},
      {"(constructor Add (Math) Math)", "t.egg:2:14", "already declared at t.egg:1:40"},
      {"(constructor A (Maths) Math)", "t.egg:2:17", "unknown sort 'Maths'"},
      {"(constructor A () i64)", "t.egg:2:19", "expected a declared sort"},
      {"(constructor check () Math)", "t.egg:2:14", "a meaning of its own"},
      {"(constructor + () Math)", "t.egg:2:14", "a meaning of its own"},
      {"(constructor A () Math :cost 0)", "t.egg:2:30", "a positive integer"},
      {"(constructor A () Math :cost)", "t.egg:2:24", "a positive integer"},
      {"(constructor A () Math :unextractable)", "t.egg:2:24", "expected :cost"},
      {"(constructor W (i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) Math)", "t.egg:2:14",
       "at most 16"},
      {"(let x (Num 1))\n(let x (Num 2))", "t.egg:3:6", "already defined at t.egg:2:6"},
      {"(let Num (Num 1))", "t.egg:2:6", "is a constructor"},
      // sorts and arity
      {"(Add (Num 1))", "t.egg:2:1", "expected (Add Math Math), found 1 argument"},
      {"(Num \"a\")", "t.egg:2:6", "expected i64, found the string \"a\" of sort String"},
      {"(Var 1)", "t.egg:2:6", "expected String"},
      {"(Add (Num 1) 2)", "t.egg:2:14", "expected Math, found '2' of sort i64"},
      {"(Num (+ 1))", "t.egg:2:6", "expected (+ i64 i64)"},
      {"(Num (/ 1 0))", "t.egg:2:6", "has no value"},
      {"(Num (+ 9223372036854775807 1))", "t.egg:2:6", "overflows"},
      {"(Num 9223372036854775808)", "t.egg:2:6", "64 bits"},
      {"(Num Num)", "t.egg:2:6", "in parentheses"},
      {"(Add (Num 1) x)", "t.egg:2:14", "unknown name 'x'"},
      {"(sort S) (constructor MakeS () S) (rewrite (Num i) (MakeS))", "t.egg:2:52", "expected Math"},
      {"(rewrite (Add a (Num a)) a)", "t.egg:2:22", "expected i64, found 'a' of sort Math"},
      {"(extract 3)", "t.egg:2:10", "declared sort"},
      {"(print-size Foo)", "t.egg:2:13", "a declared constructor"},
      {"(run -1)", "t.egg:2:6", "number of iterations"},
      // variables
      {"(rewrite (Add a b) (Add a c))", "t.egg:2:27", "'c' is not bound"},
      {"(rewrite (Num i) (Num (+ i j)))", "t.egg:2:28", "'j' is not bound"},
      {"(rewrite (Num i) (Num i) :when ((< i j)))", "t.egg:2:38", "'j' is not bound"},
      {"(rewrite (Num (+ i 1)) (Num 1))", "t.egg:2:18", "'i' is not bound"},
      {"(rewrite (Add a b) a :when ((!= a c)))", "t.egg:2:35", "'c' is not bound"},
      {"(rewrite (Add a b) a :when ((= c d)))", "t.egg:2:29", "cannot tell the sort"},
      {"(rewrite (Add a b) (Add a _))", "t.egg:2:27", "'_'"},
      // facts
      {"(rewrite (Add a b) a :when (= a b))", "t.egg:2:29", "expected a fact"},
      {"(rewrite (Add a b) a :when ((= a)))", "t.egg:2:29", "expected (= A B)"},
      {"(rewrite (Add a b) a :when ((= a 1)))", "t.egg:2:29", "one of sort Math and one of sort i64"},
      {"(rewrite (Add a b) a :when ((< a b)))", "t.egg:2:32", "expected i64"},
      {"(rewrite (Add a b) a :when ((+ 1 2)))", "t.egg:2:29", "expected a fact"},
      {"(rewrite (Add a b) a :when ((Num i)))", "t.egg:2:29", "shares no e-class"},
      {"(rewrite (Add a b) a :when ((= 1 2)))", "t.egg:2:32", "never holds"},
      {"(rewrite (Add (= a b) b) a)", "t.egg:2:15", "facts stand in"},
      {"(check)", "t.egg:2:1", "(check FACT …)"},
      {"(check x)", "t.egg:2:8", "expected a fact"},
      // other formats, other files
      {"(start (Num 1))", "t.egg:2:1", ".rules file"},
      {"(rewrite commute (Add ?a ?b) (Add ?b ?a))", "t.egg:2:10", ".rules file"},
      {"(include \"no-such-file.egg\")", "t.egg:2:10", "cannot find the file"},
      {"(include file.egg)", "t.egg:2:1", "(include \"FILE\")"},
  };
  for (const Refused& c : cases) {
    const std::string said = refusal(c.text);
    EXPECT_THAT(said, ::testing::StartsWith(std::string(c.place) + ": ")) << c.text;
    EXPECT_THAT(said, HasSubstr(c.message)) << c.text;
  }
}

TEST(EgglogReader, RefusesWhatIsTooLarge) {
  std::string wide = "(let t0 (Num 0))\n";
  for (int i = 1; i <= 60; ++i)
    wide += "(let t" + std::to_string(i) + " (Add t" + std::to_string(i - 1) + " t" + std::to_string(i - 1) + "))\n";
  EXPECT_EQ(refusal(wide), "");                              // 2^60 terms, shared
  EXPECT_EQ(refusal(wide + "(rewrite (Add a b) t60)"), "");  // so in a right side
  EXPECT_THAT(refusal(wide + "(rewrite (Add a t60) a)"), HasSubstr("at most 48 constructors"));
  EXPECT_EQ(refusal(wide + "(check (= t60 t59))"), "");
  std::string deep;
  std::string closing;
  for (int i = 0; i < 1001; ++i) {
    deep += "(Add (Num 1) ";
    closing += ")";
  }
  EXPECT_THAT(refusal(deep + "(Num 2)" + closing), HasSubstr("nested more than 1000 deep"));
  EXPECT_THAT(refusal("(rewrite (Num 1) " + deep + "(Num 2)" + closing + ")"), HasSubstr("nested more than"));
  std::string long_side = "(Num 1)";
  for (int i = 0; i < 600; ++i) long_side = "(Add (Num " + std::to_string(i) + ") " + long_side + ")";
  EXPECT_THAT(refusal("(rewrite (Num 1) " + long_side + ")"), HasSubstr("at most 1000 terms"));
}

TEST(EgglogReader, RulesFilesPointToTheOtherFormat) {
  SymbolTable symbols;
  const EgglogLanguage language;
  try {
    (void)parse_rules(kMath, "t.rules", language, symbols, {});
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(".egg file"));
  }
}

}  // namespace
}  // namespace tessera
