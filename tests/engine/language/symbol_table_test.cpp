#include "engine/language/symbol_table.hpp"

#include <gtest/gtest.h>

#include <array>

#include "engine/language/expression.hpp"

namespace tessera {
namespace {

TEST(SymbolTable, InternsByOperatorAttributesAndArity) {
  SymbolTable table;
  const std::array one = {Value::integer(1)};
  const std::array two = {Value::integer(2)};
  const SymbolId a = table.intern(Name("f"), one, 1);
  EXPECT_EQ(table.intern(Name("f"), one, 1), a);
  EXPECT_NE(table.intern(Name("f"), two, 1), a);
  EXPECT_NE(table.intern(Name("f"), one, 2), a);
  EXPECT_NE(table.intern(Name("g"), one, 1), a);
  EXPECT_EQ(table.size(), 4U);
  EXPECT_EQ(table.operator_count(), 2U);
  EXPECT_EQ(table[a].name, Name("f"));
  EXPECT_EQ(table[a].arity, 1U);
  EXPECT_EQ(table.op(a), *table.find_operator(Name("f")));
  EXPECT_EQ(table.operator_name(table.op(a)), Name("f"));
  EXPECT_EQ(table.find(table.op(a), one, 1), a);
  EXPECT_EQ(table.find(table.op(a), one, 3), std::nullopt);
  EXPECT_EQ(table.find_operator(Name("symbol-table-test-unknown")), std::nullopt);
}

TEST(SymbolTable, HashIsOfTheContentWhateverTheOrder) {
  SymbolTable a;
  SymbolTable b;
  (void)b.intern(Name("z"), {}, 0);
  const std::array attributes = {Value::name(Name("n")), Value::integer(3)};
  const SymbolId in_a = a.intern(Name("f"), attributes, 2);
  const SymbolId in_b = b.intern(Name("f"), attributes, 2);
  EXPECT_NE(in_a, in_b);
  EXPECT_EQ(a.hash(in_a), b.hash(in_b));
  EXPECT_EQ(a.hash(in_a), a[in_a].hash());
  EXPECT_NE(a.hash(in_a), a.hash(a.intern(Name("f"), attributes, 1)));
}

TEST(Expression, EqualNodesAreOneNode) {
  SymbolTable table;
  const SymbolId x = table.intern(Name("x"), {}, 0);
  const SymbolId f = table.intern(Name("f"), {}, 2);
  Expression e;
  const std::uint32_t leaf = e.add(x, {});
  const std::uint32_t node = e.add(f, std::array{leaf, leaf});
  EXPECT_EQ(e.add(x, {}), leaf);
  EXPECT_EQ(e.add(f, std::array{leaf, leaf}), node);
  const std::uint32_t other = e.add(f, std::array{leaf, node});
  EXPECT_NE(other, e.add(f, std::array{node, leaf}));
  EXPECT_EQ(e.size(), 4U);
  EXPECT_EQ(e[node].kids.size(), 2U);
}

TEST(ExpressionDeathTest, KidsMustExist) {
  SymbolTable table;
  Expression e;
  EXPECT_DEATH((void)e.add(table.intern(Name("f"), {}, 1), std::array{0U}), "broken invariant");
}

}  // namespace
}  // namespace tessera
