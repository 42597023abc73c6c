#include "partition/placement.hpp"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

#include "engine/graph/class_table.hpp"

namespace tessera {
namespace {

constexpr int kRanks = 4;

// A class of the rank, born in the iteration.
NamedClass born(int rank, std::uint32_t index, std::uint32_t iteration) {
  return {GlobalId(rank, ClassId(index)), ClassTable::make_name(iteration, mix64(index))};
}

// Where the nodes (symbol `s`, one child of the rank, born in the iteration) go.
std::vector<int> homes_of_parents(const Placement& placement, int rank, std::uint32_t iteration) {
  std::vector<int> homes;
  for (std::uint32_t index = 0; index < 500; ++index) {
    for (std::uint64_t symbol = 1; symbol <= 8; ++symbol) {
      const std::array kids = {born(rank, index, iteration)};
      homes.push_back(placement.home(mix64(symbol), kids));
    }
  }
  return homes;
}

std::vector<double> shares(const std::vector<int>& homes) {
  std::vector<double> result(kRanks, 0);
  for (const int home : homes) result.at(static_cast<std::size_t>(home)) += 1.0 / static_cast<double>(homes.size());
  return result;
}

TEST(HashPlacement, SpreadsParentsOfOneRankOverAll) {
  const auto placement = make_placement({PlacementPolicy::kHash, 1}, kRanks);
  EXPECT_FALSE(placement->wants_loads(1'000'000));
  for (const double share : shares(homes_of_parents(*placement, 2, 7))) EXPECT_NEAR(share, 0.25, 0.05);
}

TEST(NeighbourPlacement, SpreadsUntilRanksHaveEnoughRows) {
  const auto placement = make_placement({PlacementPolicy::kNeighbour, 100}, kRanks);
  EXPECT_FALSE(placement->wants_loads(399));
  for (const double share : shares(homes_of_parents(*placement, 2, 1))) EXPECT_NEAR(share, 0.25, 0.05);
  EXPECT_TRUE(placement->wants_loads(400));
}

TEST(NeighbourPlacement, WantsLoadsAgainOnlyAfterGrowth) {
  const auto placement = make_placement({PlacementPolicy::kNeighbour, 1}, kRanks);
  placement->set_loads(1, std::array<std::uint64_t, kRanks>{100, 100, 100, 100});
  EXPECT_FALSE(placement->wants_loads(400));
  EXPECT_FALSE(placement->wants_loads(449));
  EXPECT_TRUE(placement->wants_loads(450));
}

TEST(NeighbourPlacement, StaysWithTheYoungestChildOfAnEvenRank) {
  const auto placement = make_placement({PlacementPolicy::kNeighbour, 1}, kRanks);
  placement->set_loads(3, std::array<std::uint64_t, kRanks>{100, 100, 100, 100});
  for (const int home : homes_of_parents(*placement, 2, 3)) EXPECT_EQ(home, 2);
  for (const int home : homes_of_parents(*placement, 1, 9)) EXPECT_EQ(home, 1);
  const NamedClass old = born(0, 5, 1);
  const NamedClass young = born(3, 6, 4);
  EXPECT_EQ(placement->home(17, std::array{old, young}), 3);
  EXPECT_EQ(placement->home(17, std::array{young, old}), 3);
  EXPECT_EQ(placement->home(17, std::array{young, old, old}), 3);
}

TEST(NeighbourPlacement, TellsTheSameOfEquallyYoungChildrenInAnyOrderAndUnderAnyName) {
  const auto placement = make_placement({PlacementPolicy::kNeighbour, 1}, kRanks);
  placement->set_loads(3, std::array<std::uint64_t, kRanks>{100, 100, 100, 100});
  std::vector<int> homes;
  for (std::uint32_t i = 0; i < 100; ++i) {
    NamedClass a = born(0, i, 5);
    NamedClass b = born(1, i + 7, 5);
    const int home = placement->home(17, std::array{a, b});
    EXPECT_EQ(placement->home(17, std::array{b, a}), home);
    std::swap(a.name, b.name);  // of a class made in this iteration it may still become less
    EXPECT_EQ(placement->home(17, std::array{a, b}), home);
    homes.push_back(home);
  }
  const std::vector<double> share = shares(homes);
  EXPECT_NEAR(share[0], 0.5, 0.2);
  EXPECT_NEAR(share[0] + share[1], 1, 1e-9);
}

TEST(NeighbourPlacement, SendsWhatIsTooMuchToRanksWithRoom) {
  const auto placement = make_placement({PlacementPolicy::kNeighbour, 1}, kRanks);
  // The mean is 100: of the parents of rank 0's classes a half is too much; rank 2 has 3/5 of the room, rank 3 the
  // rest.
  placement->set_loads(3, std::array<std::uint64_t, kRanks>{200, 100, 40, 60});
  const std::vector<double> from_0 = shares(homes_of_parents(*placement, 0, 3));
  EXPECT_NEAR(from_0[0], 0.5, 0.05);
  EXPECT_EQ(from_0[1], 0);
  EXPECT_NEAR(from_0[2], 0.3, 0.05);
  EXPECT_NEAR(from_0[3], 0.2, 0.05);
  for (const int rank : {1, 2, 3})
    for (const int home : homes_of_parents(*placement, rank, 3)) EXPECT_EQ(home, rank);
}

TEST(NeighbourPlacement, NeverMovesAnEarlierGeneration) {
  const auto placement = make_placement({PlacementPolicy::kNeighbour, 1}, kRanks);
  const std::vector<int> before_any = homes_of_parents(*placement, 0, 2);
  placement->set_loads(3, std::array<std::uint64_t, kRanks>{200, 100, 40, 60});
  const std::vector<int> first = homes_of_parents(*placement, 0, 3);
  EXPECT_EQ(homes_of_parents(*placement, 0, 4), first) << "what no later shares were set for";
  placement->set_loads(5, std::array<std::uint64_t, kRanks>{100, 800, 100, 1000});
  EXPECT_EQ(homes_of_parents(*placement, 0, 2), before_any);
  EXPECT_EQ(homes_of_parents(*placement, 0, 3), first);
  EXPECT_EQ(homes_of_parents(*placement, 0, 4), first);
  EXPECT_NE(homes_of_parents(*placement, 0, 5), first);
}

TEST(NeighbourPlacement, SpreadsNodesWithoutChildren) {
  const auto placement = make_placement({PlacementPolicy::kNeighbour, 1}, kRanks);
  placement->set_loads(3, std::array<std::uint64_t, kRanks>{100, 100, 100, 100});
  std::vector<int> homes;
  for (std::uint64_t symbol = 0; symbol < 1000; ++symbol) homes.push_back(placement->home(mix64(symbol), {}));
  for (const double share : shares(homes)) EXPECT_NEAR(share, 0.25, 0.05);
}

}  // namespace
}  // namespace tessera
