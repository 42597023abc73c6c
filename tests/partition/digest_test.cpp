// The digest of an e-graph is that of its state as columns, which is computed by other code, and does not depend on
// ranks, threads and shards: of e-graphs that threads share, and of terms higher than a byte can say, in whatever order
// their e-nodes lie.
#include "partition/digest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"
#include "partition/search_state.hpp"
#include "tests/partition/state_support.hpp"

namespace tessera {
namespace {

struct Layout {
  int ranks;
  int threads;
  std::uint32_t shards;
};
constexpr std::array<Layout, 6> kLayouts = {{{1, 1, 1}, {1, 2, 8}, {1, 4, 1}, {2, 1, 1}, {2, 2, 4}, {3, 1, 2}}};

SearchOptions options_of(const Layout& layout, std::uint64_t iterations) {
  SearchOptions options;
  options.partition.threads = layout.threads;
  options.partition.shards = layout.shards;
  options.iteration_limit = iterations;
  return options;
}

void on_ranks(const Layout& layout, const std::function<void(Exchange&)>& run) {
  if (layout.ranks == 1) {
    SoloExchange exchange;
    run(exchange);
  } else {
    LocalWorld(layout.ranks).run(run);
  }
}

// Of the e-graph after so many iterations: the same on every rank, and that of the ranks' states put together.
std::string digest_of(const RuleSet& rules, SymbolTable& symbols, const Layout& layout, std::uint64_t iterations) {
  const TermLanguage language;
  std::vector<SearchState> states(static_cast<std::size_t>(layout.ranks));
  std::vector<std::string> digests(states.size());
  on_ranks(layout, [&](Exchange& exchange) {
    SymbolTable own = symbols;
    Search search(exchange, language, own, rules.rules, options_of(layout, iterations));
    const std::vector<NamedClass> classes = search.start(rules.start);
    search.run();
    const auto rank = static_cast<std::size_t>(exchange.rank());
    digests[rank] = digest(search.partition());
    EXPECT_EQ(digest(search.partition()), digests[rank]);  // it leaves the e-graph as it was
    states[rank] = export_state(search, std::span(classes).first(1));
  });
  for (const std::string& of_rank : digests) EXPECT_EQ(of_rank, digests[0]);
  EXPECT_EQ(digest(join_states(states)), digests[0]);
  return digests[0];
}

void expect_one_digest(const RuleSet& rules, SymbolTable& symbols, std::uint64_t iterations) {
  const std::string first = digest_of(rules, symbols, kLayouts[0], iterations);
  EXPECT_EQ(first.size(), 32U);
  for (const Layout& layout : kLayouts)
    EXPECT_EQ(digest_of(rules, symbols, layout, iterations), first)
        << layout.ranks << " ranks, " << layout.threads << " threads, " << layout.shards << " shards";
}

TEST(Digest, OfMathIsTheSameOnEveryLayout) {
  const TermLanguage language;
  SymbolTable symbols;
  const RuleSet rules = load_rules("math", language, symbols, {});
  expect_one_digest(rules, symbols, 9);
}

// f(f(f( … x))), and beside each link what rules find equal to it.
void expect_one_digest_of_chain(std::uint32_t height) {
  const TermLanguage language;
  SymbolTable symbols;
  RuleSet rules = parse_rules("(rewrite wrap (f ?a) (g ?a ?a))\n(rewrite skip (f (f ?a)) (h ?a))", "chain.rules",
                              language, symbols, {});
  std::uint32_t last = rules.start.add(symbols.intern(Name("x"), {}, 0), {});
  const SymbolId link = symbols.intern(Name("f"), {}, 1);
  for (std::uint32_t i = 0; i < height; ++i) last = rules.start.add(link, std::array<std::uint32_t, 1>{last});
  rules.start.roots.push_back(last);
  expect_one_digest(rules, symbols, 2);
}

TEST(Digest, OfTermsAsHighAsAByteCanSay) {
  for (const std::uint32_t height : {253U, 254U, 255U, 256U}) expect_one_digest_of_chain(height);
}

TEST(Digest, SlowOfHighTerms) { expect_one_digest_of_chain(3000); }

// Links that are made from the outside in: no e-node's children come before it.
TEST(Digest, OfTermsMadeFromTheOutsideIn) {
  const TermLanguage language;
  SymbolTable symbols;
  const RuleSet rules =
      parse_rules("(rewrite deeper (s ?a ?b) (s (f ?a) ?b))\n(rewrite ground (f (f (f ?a))) x)\n(start (s x y))",
                  "in.rules", language, symbols, {});
  expect_one_digest(rules, symbols, 6);
}

TEST(Digest, TellsWhatIsEqualApart) {
  const TermLanguage language;
  std::vector<std::string> digests;
  for (const char* rule : {"(f ?a ?b) (f ?b ?a)", "(f ?a ?b) ?a", "(f ?a ?b) ?b", "(f ?a ?b) (g ?a ?b)"}) {
    SymbolTable symbols;
    const RuleSet rules = parse_rules("(rewrite only " + std::string(rule) + ")\n(start (f x (f y z)))", "one.rules",
                                      language, symbols, {});
    digests.push_back(digest_of(rules, symbols, kLayouts[0], 1));
    for (std::size_t i = 0; i + 1 < digests.size(); ++i) EXPECT_NE(digests[i], digests.back()) << rule;
  }
}

}  // namespace
}  // namespace tessera
