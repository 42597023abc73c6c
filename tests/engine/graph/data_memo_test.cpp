#include "engine/graph/data_memo.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tessera {
namespace {

std::vector<DataId> ids(std::initializer_list<std::uint32_t> values) {
  std::vector<DataId> result;
  for (const std::uint32_t value : values) result.emplace_back(value);
  return result;
}

TEST(DataMemo, KeepsAnswersApart) {
  DataMemo memo;
  const std::vector<std::vector<DataId>> arguments = {
      ids({}),        ids({0}),       ids({1}),    ids({0, 0}),    ids({0, 1}),       ids({1, 0}),
      ids({0, 1, 2}), ids({0, 2, 1}), ids({1, 2}), ids({0, 1, 3}), ids({0, 1, 2, 3}), ids({3, 2, 1, 0})};
  // A symbol has one arity: one symbol an arity, and a second of each; and joins.
  const auto symbol_of = [](std::size_t arity, std::uint32_t which) {
    return SymbolId(static_cast<std::uint32_t>(arity) * 2 + which);
  };
  std::uint32_t asked = 0;
  for (std::uint32_t which = 0; which < 2; ++which) {
    for (const auto& data : arguments) {
      const DataMemo::Question question(symbol_of(data.size(), which), data);
      EXPECT_EQ(memo.find(question), DataMemo::kNew);
      EXPECT_EQ(memo.ask(question), asked);
      EXPECT_TRUE(memo.answer(asked).is_none());
      memo.set_answer(asked, DataId(asked * 7));
      ++asked;
    }
  }
  const std::vector<DataId> both = ids({0, 1});
  EXPECT_EQ(memo.find({DataMemo::kJoin, both}), DataMemo::kNew);
  EXPECT_EQ(memo.ask({DataMemo::kJoin, both}), asked);
  EXPECT_EQ(memo.size(), asked + 1);
  std::uint32_t number = 0;
  for (std::uint32_t which = 0; which < 2; ++which) {
    for (const auto& data : arguments) {
      const DataMemo::Question question(symbol_of(data.size(), which), data);
      EXPECT_EQ(memo.find(question), number);
      EXPECT_EQ(memo.ask(question), number);  // not asked twice
      EXPECT_EQ(memo.answer(number), DataId(number * 7));
      ++number;
    }
  }
  EXPECT_EQ(memo.size(), asked + 1);
}

TEST(DataMemo, GrowsAndForgets) {
  DataMemo memo;
  constexpr std::uint32_t kMany = 5000;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    const std::vector<DataId> data = ids({i, i / 3, i % 7});
    memo.set_answer(memo.ask({SymbolId(1), data}), DataId(i));
  }
  for (std::uint32_t i = 0; i < kMany; ++i) {
    const std::vector<DataId> data = ids({i, i / 3, i % 7});
    ASSERT_EQ(memo.answer(memo.find({SymbolId(1), data})), DataId(i));
  }
  memo.clear();
  EXPECT_EQ(memo.size(), 0U);
  EXPECT_EQ(memo.find({SymbolId(1), ids({5, 1, 5})}), DataMemo::kNew);
}

}  // namespace
}  // namespace tessera
