#include "engine/language/term_language.hpp"

#include <gtest/gtest.h>

#include <array>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

TEST(TermLanguage, EverySymbolIsAnOperatorAndEveryAtomALeaf) {
  const TermLanguage language;
  SymbolTable symbols;
  EXPECT_EQ(language.name(), "term");
  const auto signature = language.signature(Name("anything-at-all"));
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->arguments, std::vector{ArgumentKind::kChildren});
  const auto leaf = language.leaf(symbols, "-1");
  ASSERT_TRUE(leaf);
  EXPECT_EQ(symbols[*leaf].name, Name("-1"));
  EXPECT_EQ(symbols[*leaf].arity, 0U);
  EXPECT_EQ(language.leaf(symbols, "-1"), leaf);
}

TEST(TermLanguage, HasNoDataAndUnitCosts) {
  const TermLanguage language;
  SymbolTable symbols;
  const SymbolId f = symbols.intern(Name("f"), {}, 2);
  EXPECT_FALSE(language.has_data());
  DataWords words = {1};
  language.make(symbols[f], {}, words);
  EXPECT_TRUE(words.empty());
  EXPECT_EQ(language.cost(symbols[f], {}, {}), 1U);
  EXPECT_LT(language.accessor("dim"), 0);
  EXPECT_THROW((void)language.access(0, {}, {}), Error);
}

}  // namespace
}  // namespace tessera
