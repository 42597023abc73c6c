// The whole-network e-graph over eight ranks: memory and match work are shared out evenly.
#include <gtest/gtest.h>

#include "tests/cluster/end_to_end/whole_search.hpp"

namespace tessera::end_to_end {
namespace {

constexpr double kMostImbalance = 1.25;

std::string listed(const std::vector<std::uint64_t>& shares) {
  std::string text;
  for (const std::uint64_t share : shares) text += (text.empty() ? "" : ", ") + std::to_string(share);
  return text;
}

TEST(Balance, WholeNetworkOverEightRanks) {
  Options options;
  options.input = "mobilenet-v1";
  options.scope = Scope::kNetwork;
  const Outcome outcome = search_model(options, {8, 1, 1});
  ASSERT_EQ(outcome.stop, StopReason::kSaturated);
  std::vector<std::uint64_t> enodes;
  std::vector<std::uint64_t> work;
  for (const RankShare& rank : outcome.ranks) {
    enodes.push_back(rank.enodes);
    work.push_back(rank.visited);
  }
  ASSERT_EQ(enodes.size(), 8U);
  std::uint64_t sum = 0;
  for (const std::uint64_t share : enodes) sum += share;
  EXPECT_EQ(sum, outcome.enodes);
  EXPECT_LE(imbalance(enodes), kMostImbalance) << "e-nodes: " << listed(enodes);
  EXPECT_LE(imbalance(work), kMostImbalance) << "rows visited while matching: " << listed(work);
  RecordProperty("enodes_imbalance", std::to_string(imbalance(enodes)));
  RecordProperty("match_work_imbalance", std::to_string(imbalance(work)));
}

}  // namespace
}  // namespace tessera::end_to_end
