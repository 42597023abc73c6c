// New symbols get the same numbers on all ranks, in the order that one rank alone would give them, whoever wants which.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "engine/language/term_language.hpp"
#include "partition/apply_phase.hpp"
#include "partition/local_exchange.hpp"

namespace tessera {
namespace {

// All kinds of attributes; each symbol differs from another in one thing only.
std::vector<Symbol> make_symbols() {
  constexpr std::array<std::int64_t, 3> kDims = {1, 2, 300};
  std::vector<std::vector<Value>> attributes = {
      {},
      {Value::integer(0)},
      {Value::integer(0), Value::integer(0)},
      {Value::integer(-1)},
      {Value::name(Name("zero-padding"))},
      {Value::name(Name(""))},
      {Value::literal(0.5)},
      {Value::shape(kDims)},
      {Value::list(kDims)},
      {Value::shape({})},
      {Value::access_shape(std::span(kDims).first(1), std::span(kDims).subspan(1))},
      {Value::access_shape(std::span(kDims).first(2), std::span(kDims).subspan(2))},
  };
  for (std::int64_t i = 1; i < 60; ++i) attributes.push_back({Value::integer(i), Value::integer(64 * i)});
  std::vector<Symbol> symbols;
  for (const char* name : {"slice", "slice-2", "pad"})
    for (const std::uint32_t arity : {1U, 2U})
      for (const std::vector<Value>& values : attributes) symbols.push_back({OperatorId(), Name(name), arity, values});
  return symbols;
}

// What the table holds after agreeing when `wanted[rank]` is wanted; the same on all ranks, or the test fails.
std::vector<Symbol> agree(const std::vector<std::vector<Symbol>>& wanted) {
  std::vector<std::vector<Symbol>> tables(wanted.size());
  LocalWorld(static_cast<int>(wanted.size())).run([&](Exchange& exchange) {
    const TermLanguage language;
    SymbolTable symbols;
    Partition partition(exchange, language, symbols, {});
    const auto rank = static_cast<std::size_t>(exchange.rank());
    const std::size_t known = symbols.size();
    agree_on_symbols(partition, wanted[rank]);
    for (std::size_t i = known; i < symbols.size(); ++i) {
      tables[rank].push_back(symbols[SymbolId(static_cast<std::uint32_t>(i))]);
      tables[rank].back().op = OperatorId();
    }
  });
  for (const std::vector<Symbol>& table : tables) EXPECT_EQ(table, tables.front());
  return tables.front();
}

TEST(SymbolAgreement, NumbersThemAlikeWhoeverWantsWhich) {
  const std::vector<Symbol> all = make_symbols();
  const std::vector<Symbol> alone = agree({all});
  ASSERT_EQ(alone.size(), all.size()) << "each once";
  EXPECT_TRUE(std::ranges::is_permutation(alone, all));
  std::mt19937 random(5);
  for (const std::size_t ranks : {1U, 2U, 3U, 8U}) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks");
    std::vector<std::vector<Symbol>> wanted(ranks);
    for (const Symbol& symbol : all)  // by some rank, and perhaps by others, perhaps more than once
      for (std::size_t copies = 1 + random() % 5; copies > 0; --copies) wanted[random() % ranks].push_back(symbol);
    for (std::vector<Symbol>& of_rank : wanted) std::ranges::shuffle(of_rank, random);
    EXPECT_EQ(agree(wanted), alone);
  }
}

TEST(SymbolAgreement, SomeRanksMayWantNothing) {
  const std::vector<Symbol> all = make_symbols();
  EXPECT_EQ(agree({{}, all, {}}), agree({all}));
  EXPECT_TRUE(agree({{}, {}}).empty());
}

}  // namespace
}  // namespace tessera
