// Egglog programs, run: what rules with facts find, on 1 to 4 ranks and several shards, when terms and rules come
// between iterations.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "engine/language/expression_edit.hpp"
#include "io/egglog_reader.hpp"
#include "partition/digest.hpp"
#include "partition/inspection.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

struct Layout {
  int ranks;
  std::uint32_t shards;
};
constexpr std::array<Layout, 5> kLayouts = {{{1, 1}, {1, 4}, {2, 1}, {3, 2}, {4, 4}}};

// What a program did: the sizes of all constructors after each run, whether each check held, and the digest.
struct Outcome {
  std::vector<std::vector<std::uint64_t>> sizes;
  std::vector<bool> checks;
  std::string digest;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

bool holds(Search& search, const EgglogProgram& program, const EgglogCommand& check) {
  bool all = check.false_facts.empty();
  for (const EgglogGroundFact& fact : check.facts) {
    Expression terms;
    Substitution copied;
    const std::array<std::uint32_t, 2> roots = {fact.left, fact.right};
    terms.roots = copy_into(terms, program.terms, roots, copied);
    const std::vector<GlobalId> classes = find_terms(search.partition(), terms);
    all = all && !classes[0].is_none() && !classes[1].is_none() && (classes[0] == classes[1]) == fact.equal;
  }
  for (const Rule& query : check.queries) all = search.count_matches(query) != 0 && all;
  return all;
}

Outcome run_on(Exchange& exchange, std::uint32_t shards, const std::string& text) {
  SymbolTable symbols;
  const EgglogProgram program = parse_egglog(text, "t.egg", symbols);
  SearchOptions options;
  options.partition.shards = shards;
  Search search(exchange, program.language, symbols, program.rules, options);
  Outcome outcome;
  bool is_empty = true;
  for (const EgglogCommand& command : program.commands) {
    if (command.kind == EgglogCommand::Kind::kInsert) {
      Expression terms;
      Substitution copied;
      terms.roots = copy_into(terms, program.terms, command.roots, copied);
      (void)(is_empty ? search.start(terms) : search.insert(terms));
      is_empty = false;
    } else if (command.kind == EgglogCommand::Kind::kRun) {
      search.use_rules(command.rules);
      (void)search.run_for(command.iterations);
      const std::vector<std::uint64_t> counts = count_by_operator(search.partition());
      std::vector<std::uint64_t>& sizes = outcome.sizes.emplace_back();
      for (const EgglogConstructor& constructor : program.language.constructors()) {
        const auto op = symbols.find_operator(Name(constructor.name));
        sizes.push_back(op ? counts[op->value] : 0);
      }
    } else if (command.kind == EgglogCommand::Kind::kCheck) {
      const std::uint64_t before = search.enodes();
      outcome.checks.push_back(holds(search, program, command));
      EXPECT_EQ(search.enodes(), before);
    }
    EXPECT_TRUE(search.invariants_hold());
  }
  outcome.digest = digest(search.partition());
  return outcome;
}

// Runs the text on every layout; all must agree.
Outcome run_everywhere(const std::string& text) {
  Outcome first;
  for (const Layout& layout : kLayouts) {
    SCOPED_TRACE(std::to_string(layout.ranks) + " ranks, " + std::to_string(layout.shards) + " shards");
    std::vector<Outcome> outcomes(static_cast<std::size_t>(layout.ranks));
    LocalWorld(layout.ranks).run([&](Exchange& exchange) {
      outcomes[static_cast<std::size_t>(exchange.rank())] = run_on(exchange, layout.shards, text);
    });
    for (const Outcome& outcome : outcomes) {
      if (first.digest.empty()) first = outcome;
      EXPECT_EQ(outcome, first);
    }
  }
  return first;
}

using Sizes = std::vector<std::vector<std::uint64_t>>;

const char* const kNat =
    "(datatype Nat (Z) (S Nat) (Plus Nat Nat) (Times Nat Nat))\n"
    "(rewrite (Plus (S x) y) (S (Plus x y))) (rewrite (Plus (Z) x) x)\n"
    "(rewrite (Times (S x) y) (Plus y (Times x y))) (rewrite (Times (Z) x) (Z))\n";

TEST(EgglogSearch, TermsBetweenRunsEndWhereTermsBeforeThemDo) {
  const std::string two = "(let two (S (S (Z))))";
  const std::string product = "(let four (Times two two))";
  const std::string sum = "(let five (Plus (S (Z)) four))";
  const std::string check = "(check (= five (S (S (S (S (S (Z))))))))(check (!= four five))";
  const Outcome at_once = run_everywhere(kNat + two + product + sum + "(run 50)" + check);
  const Outcome late = run_everywhere(kNat + two + "(run 3)" + product + "(run 1)" + sum + "(run 50)" + check);
  const Outcome very_late = run_everywhere(kNat + two + product + "(run 50)" + sum + "(run 1) (run 49)" + check);
  EXPECT_EQ(at_once.checks, (std::vector<bool>{true, true}));
  EXPECT_EQ(late.checks, at_once.checks);
  EXPECT_EQ(late.digest, at_once.digest);
  EXPECT_EQ(late.sizes.back(), at_once.sizes.back());
  EXPECT_EQ(very_late.digest, at_once.digest);
}

TEST(EgglogSearch, RulesWaitForTheirDeclaration) {
  const Outcome outcome = run_everywhere(
      "(datatype T (A) (B) (F T))(F (A))(run 5)(rewrite (F x) (B))(run 1)(rewrite (B) (F (B)))(run 1)(run 9)");
  EXPECT_EQ(outcome.sizes, (Sizes{{1, 0, 1}, {1, 1, 1}, {1, 1, 2}, {1, 1, 2}}));
}

TEST(EgglogSearch, SeveralTermsOfOneClass) {
  // G needs an F and an H of its argument's class; they meet in the second iteration, by a merge.
  const Outcome outcome = run_everywhere(
      "(datatype T (L i64) (F T) (H T T) (G T) (R T T))\n"
      "(rewrite (F (L 1)) (F (L 2)))\n"
      "(rewrite (F (L 2)) (H (L 3) (L 4)))\n"
      "(rewrite (G x) (R y z) :when ((= x (F y)) (= x (H z _))))\n"
      "(G (F (L 1)))(run 1)(run 1)(run 1)(run 9)");
  EXPECT_EQ(outcome.sizes, (Sizes{{2, 2, 0, 1, 0}, {4, 2, 1, 1, 0}, {4, 2, 1, 1, 2}, {4, 2, 1, 1, 2}}));
}

TEST(EgglogSearch, AtomsThatShareButAVariable) {
  // Who is a grandparent: two Parent terms joined by the one in the middle, both hanging below one root.
  const Outcome outcome = run_everywhere(
      "(datatype T (P String) (Parent T T) (Ask T T) (Grand T T))\n"
      "(rewrite (Ask a c) (Grand a c) :when ((= p (Parent a b)) (= q (Parent b c))))\n"
      "(let a (P \"a\")) (let b (P \"b\")) (let c (P \"c\")) (let d (P \"d\"))\n"
      "(Parent a b)(Parent b c)(Ask a c)(Ask a d)(Ask b d)(run 3)(Parent c d)(run 3)(Ask a b)(run 3)");
  EXPECT_EQ(outcome.sizes, (Sizes{{4, 2, 3, 1}, {4, 3, 3, 2}, {4, 3, 4, 2}}));
}

TEST(EgglogSearch, FactsAreJoinedInAnEGraphThatIsLargeEnoughToPlanFor) {
  // All sums of subsets of eight numbers. Marked: a and b that make up x, where b is a part of y.
  const Outcome outcome = run_everywhere(
      "(datatype E (N i64) (Add E E) (Ask E E) (Mark E E))\n"
      "(rewrite (Add a b) (Add b a))(rewrite (Add a (Add b c)) (Add (Add a b) c))\n"
      "(rewrite (Ask x y) (Mark a b) :when ((= y (Add b c)) (= x (Add a b)) (!= a b) (!= a (N 2))))\n"
      "(Add (N 1) (Add (N 2) (Add (N 3) (Add (N 4) (Add (N 5) (Add (N 6) (Add (N 7) (N 8))))))))(run 20)\n"
      "(let x (Add (N 1) (Add (N 2) (Add (N 3) (N 4)))))\n"
      "(Ask x (Add (N 3) (Add (N 4) (N 5))))(run 5)\n"
      "(Ask (Add (N 2) (N 3)) (Add (N 3) (N 5)))(run 5)\n"
      "(Ask (Add (N 2) (N 3)) (Add (N 2) (N 5)))(run 5)\n"
      "(check (= x (Add a b)) (= x (Add b a)) (= x (Add (N 2) c)) (!= a (N 2)))\n"
      "(check (= x (Add a b)) (= x (Add (N 5) c)))(check (Mark a b) (= x (Add a b)) (!= b (N 3)) (!= b (N 4)))\n"
      "(check (Mark a b) (Add a b) (!= b (N 2)) (!= b (N 3)) (!= b (N 4)) (!= a (Add (N 1) (N 2))))");
  EXPECT_EQ(outcome.sizes, (Sizes{{8, 6050, 0, 0}, {8, 6050, 1, 3}, {8, 6050, 2, 3}, {8, 6050, 3, 4}}));
  EXPECT_EQ(outcome.checks, (std::vector<bool>{true, false, true, false}));
}

TEST(EgglogSearch, EqualVariables) {
  const Outcome outcome = run_everywhere(
      "(datatype T (L i64) (F T T) (Same T))\n"
      "(rewrite (F x y) (Same y) :when ((= x y)))(rewrite (L 1) (L 2))\n"
      "(F (L 1) (L 2)) (F (L 3) (L 4))(run 1)(run 1)(run 5)");
  EXPECT_EQ(outcome.sizes, (Sizes{{4, 2, 0}, {4, 2, 1}, {4, 2, 1}}));
}

TEST(EgglogSearch, DifferentClassesAreLookedAtWhenTheMatchIsFound) {
  // (L 1) and (L 2) differ when F is matched, and become one in the same iteration.
  const Outcome outcome = run_everywhere(
      "(datatype T (L i64) (F T T) (Apart T T))\n"
      "(rewrite (F x y) (Apart x y) :when ((!= x y)))(rewrite (L 1) (L 2))\n"
      "(F (L 1) (L 2)) (F (L 3) (L 3)) (run 5) (F (L 2) (L 1)) (run 5)\n"
      "(check (Apart x x)) (check (Apart x y) (!= x y))");
  EXPECT_EQ(outcome.sizes, (Sizes{{3, 2, 1}, {3, 2, 1}}));
  EXPECT_EQ(outcome.checks, (std::vector<bool>{true, false}));
}

TEST(EgglogSearch, RulesWaitForTheTermsTheyCompareWith) {
  const Outcome outcome = run_everywhere(
      "(datatype T (L i64) (Div T T) (One))\n"
      "(rewrite (Div x x) (One) :when ((!= x (L 0))))\n"
      "(Div (L 7) (L 7)) (run 5) (L 0) (run 5) (Div (L 0) (L 0)) (Div (L 8) (L 8)) (run 5)\n"
      "(check (= (Div (L 8) (L 8)) (One))) (check (= (Div (L 0) (L 0)) (One))) (check (!= (Div (L 0) (L 0)) (One)))");
  EXPECT_EQ(outcome.sizes, (Sizes{{1, 1, 0}, {2, 1, 1}, {3, 3, 1}}));
  EXPECT_EQ(outcome.checks, (std::vector<bool>{true, false, true}));
}

TEST(EgglogSearch, ArithmeticThatFailsIsNoMatch) {
  const Outcome outcome = run_everywhere(
      "(datatype T (L i64) (Div T T) (Q i64))\n"
      "(rewrite (Div (L a) (L b)) (Q c) :when ((= c (/ a b))))\n"
      "(Div (L -7) (L 2)) (Div (L 1) (L 0)) (run 5)\n"
      "(check (= (Div (L -7) (L 2)) (Q -3))) (check (Q i) (< i -3)) (check (= (/ -7 2) -3) (= (% -7 2) -1))\n"
      "(check (= (% 1 2) 0))");
  EXPECT_EQ(outcome.sizes, (Sizes{{4, 2, 1}}));
  EXPECT_EQ(outcome.checks, (std::vector<bool>{true, false, true, false}));
}

TEST(EgglogSearch, ComputedPatternsAndNegativeNumbers) {
  const Outcome outcome = run_everywhere(
      "(datatype T (L i64) (Next T T) (Ok T))\n"
      "(rewrite (Next (L i) (L (+ i 1))) (Ok (L (max i (min -2 5)))))\n"
      "(Next (L -1) (L 0)) (Next (L 3) (L 5)) (run 5)\n"
      "(check (= (Next (L -1) (L 0)) (Ok (L -1)))) (check (Ok (L n)) (= n -1)) (check (Ok (L n)) (!= n -1))");
  EXPECT_EQ(outcome.sizes, (Sizes{{4, 2, 1}}));
  EXPECT_EQ(outcome.checks, (std::vector<bool>{true, true, false}));
}

TEST(EgglogSearch, ChecksInsertNothing) {
  const Outcome outcome = run_everywhere(
      "(datatype T (L i64) (F T))(F (L 1))(check (F (L 2)))(check (= (L 2) (L 2)))(check (!= (L 1) (L 2)))"
      "(check (F x) (= x (L i)))(run 1)");
  EXPECT_EQ(outcome.sizes, (Sizes{{1, 1}}));
  EXPECT_EQ(outcome.checks, (std::vector<bool>{false, false, false, true}));
}

}  // namespace
}  // namespace tessera
