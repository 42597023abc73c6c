#include "engine/tensor/array_cost.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

// MobileNet v1 at 224x224: channels and extents of the 13 depthwise-separable blocks.
struct Block {
  std::int64_t in;
  std::int64_t out;
  std::int64_t extent;  // of the result, height and width
};
const std::vector<Block> kBlocks{{32, 64, 112},  {64, 128, 56},  {128, 128, 56}, {128, 256, 28}, {256, 256, 28},
                                 {256, 512, 14}, {512, 512, 14}, {512, 512, 14}, {512, 512, 14}, {512, 512, 14},
                                 {512, 512, 14}, {512, 1024, 7}, {1024, 1024, 7}};

std::vector<LayerProblem> ordinary_layers() {
  std::vector<LayerProblem> layers{{112 * 112, 27, 32, 1}};
  for (const Block& b : kBlocks) layers.push_back({b.extent * b.extent, b.in, b.out, 1});
  return layers;
}

std::vector<LayerProblem> depthwise_layers() {
  std::vector<LayerProblem> layers;
  for (const Block& b : kBlocks) layers.push_back({b.extent * b.extent, 9, 1, b.in});
  return layers;
}

TEST(ArrayCost, MatchesScaleSim) {
  const auto cycles = [](std::int64_t m, std::int64_t k, std::int64_t n, Stationary stationary) {
    return block_product({m, k, n, 1}, stationary, 64, 64).cycles;
  };
  EXPECT_EQ(cycles(196, 256, 512, Stationary::kWeights), 12'352);
  EXPECT_EQ(cycles(196, 256, 512, Stationary::kData), 11'232);
  EXPECT_EQ(cycles(49, 1024, 1024, Stationary::kWeights), 61'184);
  EXPECT_EQ(cycles(49, 1024, 1024, Stationary::kData), 19'424);
  EXPECT_EQ(cycles(784, 128, 256, Stationary::kWeights), 7'792);
  EXPECT_EQ(cycles(784, 128, 256, Stationary::kData), 11'596);
}

TEST(ArrayCost, MobileNetCallCounts) {
  std::int64_t calls = 0;
  std::int64_t best_cycles = 0;
  std::int64_t weight_cycles = 0;
  for (const LayerProblem& layer : ordinary_layers()) {
    const Blocking weights = block_product(layer, Stationary::kWeights, 64, 64);
    calls += weights.calls;
    weight_cycles += weights.cycles;
    best_cycles += closed_form(layer, 64, 64).cycles;
  }
  EXPECT_EQ(calls, 768);
  EXPECT_LT(best_cycles, weight_cycles);
  std::int64_t depthwise = 0;
  for (const LayerProblem& layer : depthwise_layers()) {
    EXPECT_EQ(packed_channels(layer.k, layer.groups, 64, 64), 7);
    for (std::int64_t left = layer.groups; left > 0; left -= 7) {
      depthwise += block_product({layer.m, 9 * std::min<std::int64_t>(left, 7), std::min<std::int64_t>(left, 7), 1},
                                 Stationary::kWeights, 64, 64)
                       .calls;
    }
  }
  EXPECT_EQ(depthwise, 718);
}

TEST(ArrayCost, ClosedFormTakesTheBetterOperand) {
  const Blocking dense = closed_form({1, 1024, 1000, 1}, 64, 64);
  EXPECT_EQ(dense.calls, 16);
  EXPECT_EQ(dense.cycles, 16 * (190 + 1000));
  EXPECT_EQ(dense.stationary, Stationary::kData);
  const Blocking first = closed_form({12544, 27, 32, 1}, 64, 64);
  EXPECT_EQ(first.calls, 1);
  EXPECT_EQ(first.cycles, 190 + 12544);
  EXPECT_EQ(first.stationary, Stationary::kWeights);
  // A tie: weights stay.
  EXPECT_EQ(closed_form({64, 64, 64, 1}, 64, 64).stationary, Stationary::kWeights);
}

TEST(ArrayCost, DepthwiseChannelsArePacked) {
  // 1024 channels of 49 pixels: 146 packs of 7 and one of 2, data stationary.
  const Blocking last = closed_form({49, 9, 1, 1024}, 64, 64);
  EXPECT_EQ(last.calls, 147);
  EXPECT_EQ(last.cycles, 146 * (190 + 7) + (190 + 2));
  EXPECT_EQ(last.stationary, Stationary::kData);
  // Four packs of 7 and one of 4: weights stationary, 12544 pixels each.
  const Blocking first = closed_form({12544, 9, 1, 32}, 64, 64);
  EXPECT_EQ(first.calls, 5);
  EXPECT_EQ(first.cycles, 5 * (190 + 12544));
  EXPECT_EQ(first.stationary, Stationary::kWeights);
  // An array with few columns limits the pack; one with few rows takes one channel in several calls.
  EXPECT_EQ(packed_channels(9, 32, 128, 4), 4);
  EXPECT_EQ(packed_channels(9, 2, 128, 128), 2);
  EXPECT_EQ(packed_channels(25, 8, 16, 16), 1);
  EXPECT_EQ(closed_form({10, 25, 1, 8}, 16, 16).calls, 8 * 2);
}

TEST(ArrayCost, PacksOfDifferentSizeMayDifferInTheirOperand) {
  // 8 channels at once stream 7 pixels better than they are streamed; the one left over is streamed.
  const LayerProblem problem{7, 1, 1, 9};
  const Blocking pack = closed_form({7, 8, 8, 1}, 8, 8);
  const Blocking rest = closed_form({7, 1, 1, 1}, 8, 8);
  ASSERT_NE(pack.stationary, rest.stationary);
  const Blocking both = closed_form(problem, 8, 8);
  EXPECT_EQ(both.calls, pack.calls + rest.calls);
  EXPECT_EQ(both.cycles, pack.cycles + rest.cycles);
  EXPECT_EQ(both.stationary, Stationary::kMixed);
  EXPECT_STREQ(stationary_name(both.stationary), "mixed");
}

TEST(ArrayCost, GroupsWithSeveralOutputsAreBlockedOneByOne) {
  const Blocking one = closed_form({100, 36, 8, 1}, 16, 16);
  const Blocking four = closed_form({100, 36, 8, 4}, 16, 16);
  EXPECT_EQ(four.calls, 4 * one.calls);
  EXPECT_EQ(four.cycles, 4 * one.cycles);
}

TEST(ArrayCost, ClosedFormIsTheLeastOfTheTwoOperands) {
  for (std::int64_t m = 1; m < 40; m += 3) {
    for (std::int64_t k = 1; k < 40; k += 5) {
      for (std::int64_t n = 1; n < 40; n += 3) {
        const Blocking best = closed_form({m, k, n, 1}, 8, 6);
        const Blocking weights = block_product({m, k, n, 1}, Stationary::kWeights, 8, 6);
        const Blocking data = block_product({m, k, n, 1}, Stationary::kData, 8, 6);
        EXPECT_EQ(best.cycles, std::min(weights.cycles, data.cycles));
        EXPECT_EQ(best.calls, (best.stationary == Stationary::kData ? data : weights).calls);
        EXPECT_EQ(weights.calls, ((k + 7) / 8) * ((n + 5) / 6));
      }
    }
  }
}

TEST(ArrayCost, BadNumbersAreRefusedAndHugeOnesSaturate) {
  EXPECT_THROW(static_cast<void>(closed_form({0, 1, 1, 1}, 8, 8)), Error);
  EXPECT_THROW(static_cast<void>(closed_form({1, 1, 1, 1}, 0, 64)), Error);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(closed_form({most / 2, most / 2, most / 2, 1}, 1, 1).cycles, most);
  EXPECT_EQ(array_cycles(most / 2, most / 2, 9), most);
}

}  // namespace
}  // namespace tessera
