// The determinism contract: digest, every count of every iteration and the extracted program are byte for byte the same
// for any number of ranks, threads and shards. The reference is one rank, one thread, one shard.
#include <gtest/gtest.h>

#include <vector>

#include "tests/cluster/end_to_end/whole_search.hpp"

namespace tessera::end_to_end {
namespace {

// Ranks {1, 2, 3, 4, 8} x threads {1, 2} x shards {1, 4, 16}, less the reference itself.
std::vector<Layout> full_grid() {
  std::vector<Layout> grid;
  for (const int ranks : {1, 2, 3, 4, 8})
    for (const int threads : {1, 2})
      for (const std::uint32_t shards : {1U, 4U, 16U}) grid.push_back({ranks, threads, shards});
  grid.erase(grid.begin());
  return grid;
}

std::vector<Layout> thin_grid() {
  return {{1, 1, 16}, {1, 2, 4}, {2, 1, 1}, {2, 2, 16}, {3, 1, 4}, {4, 2, 1}, {4, 1, 16}, {8, 1, 1}, {8, 2, 4}};
}

void expect_equal(const Outcome& expected, const Outcome& found, const Layout& layout) {
  EXPECT_EQ(stop_reason_name(found.stop), std::string(stop_reason_name(expected.stop))) << layout;
  EXPECT_EQ(first_difference(expected.counts, found.counts), "") << layout;
  EXPECT_EQ(found.digest, expected.digest) << layout;
  EXPECT_EQ(found.costs, expected.costs) << layout;
  EXPECT_EQ(first_difference(expected.program, found.program), "") << layout;
}

struct Model {
  const char* what;
  const char* name;
  Scope scope;
  bool full;
  std::vector<ArraySize> arrays;
};

class DeterminismOfModel : public ::testing::TestWithParam<Model> {};

TEST_P(DeterminismOfModel, EverythingIsTheSameInEveryLayout) {
  const Model& model = GetParam();
  Options options;
  options.input = model.name;
  options.scope = model.scope;
  options.arrays = model.arrays;
  const Outcome expected = search_model(options, {});
  EXPECT_EQ(expected.stop, StopReason::kSaturated);
  EXPECT_GT(expected.enodes, 2000U);
  EXPECT_EQ(expected.digest.size(), 32U);
  EXPECT_NE(expected.program.find("systolic-array"), std::string::npos);
  EXPECT_EQ(expected.program.find("dot-product"), std::string::npos);
  for (const Layout& layout : model.full ? full_grid() : thin_grid())
    expect_equal(expected, search_model(options, layout), layout);
}

INSTANTIATE_TEST_SUITE_P(
    MobileNet, DeterminismOfModel,
    ::testing::Values(Model{"ByLayer", "mobilenet-v1:0.25:64", Scope::kLayer, true, {{64, 64}}},
                      Model{"AsNetwork", "mobilenet-v1:0.25:64", Scope::kNetwork, true, {{64, 64}}},
                      Model{"ByLayerOnTwoArrays", "mobilenet-v1:0.25:64", Scope::kLayer, false, {{32, 64}, {64, 16}}},
                      // Channels that no tile divides, and an image too small for the strides.
                      Model{"AsOddNetwork", "mobilenet-v1:0.3:33", Scope::kNetwork, false, {{24, 40}}}),
    [](const auto& instance) { return std::string(instance.param.what); });

TEST(DeterminismOfModel, FullSizeInAFewLayouts) {
  for (const Scope scope : {Scope::kLayer, Scope::kNetwork}) {
    Options options;
    options.input = "mobilenet-v1";
    options.scope = scope;
    const Outcome expected = search_model(options, {});
    EXPECT_EQ(expected.stop, StopReason::kSaturated);
    for (const Layout& layout : {Layout{2, 1, 16}, Layout{3, 2, 4}, Layout{8, 1, 1}})
      expect_equal(expected, search_model(options, layout), layout);
  }
}

// Limits on counts stop every layout at the same place.
TEST(DeterminismOfModel, StoppedByALimit) {
  Options options;
  options.input = "mobilenet-v1:0.25:64";
  options.enode_limit = 3000;
  const Outcome expected = search_model(options, {});
  EXPECT_EQ(expected.stop, StopReason::kEnodes);
  for (const Layout& layout : thin_grid()) expect_equal(expected, search_model(options, layout), layout);
}

TEST(DeterminismOfTerms, MathInEveryLayout) {
  Options options;
  options.input = "math";
  options.iteration_limit = 8;
  const Outcome expected = saturate_rules(options, {});
  EXPECT_EQ(expected.stop, StopReason::kIterations);
  EXPECT_EQ(expected.enodes, 8113U);
  EXPECT_EQ(expected.eclasses, 3576U);
  for (const Layout& layout : full_grid()) expect_equal(expected, saturate_rules(options, layout), layout);
}

// Rules put aside, brought back, pinned and banned: the schedule depends on global counts only.
TEST(DeterminismOfTerms, MathWithABudgetInEveryLayout) {
  Options options;
  options.input = "math";
  options.iteration_limit = 20;
  options.match_limit = 60;
  options.match_limits = {{"distribute", 20}};
  options.pinned = {"i-parts"};
  options.banned = {"pow2"};
  const Outcome expected = saturate_rules(options, {});
  EXPECT_NE(expected.counts.find("put aside"), std::string::npos);
  EXPECT_NE(expected.counts.find("inactive"), std::string::npos);
  for (const Layout& layout : full_grid()) expect_equal(expected, saturate_rules(options, layout), layout);
}

// Large enough that matches are applied in many slices, which the layouts cut differently.
TEST(DeterminismOfTerms, SlowMathAppliedInSlices) {
#ifndef NDEBUG
  GTEST_SKIP() << "a million e-nodes are too slow with internal checks";
#endif
  Options options;
  options.input = "math";
  options.iteration_limit = 11;
  const Outcome expected = saturate_rules(options, {});
  EXPECT_EQ(expected.enodes, 1047896U);
  EXPECT_EQ(expected.eclasses, 443832U);
  for (const Layout& layout : {Layout{1, 2, 16}, Layout{3, 2, 4}, Layout{8, 1, 1}})
    expect_equal(expected, saturate_rules(options, layout), layout);
}

TEST(DeterminismOfTerms, SumsInAFewLayouts) {
  Options options;
  options.input = "assoc10";
  options.iteration_limit = 5;
  const Outcome expected = saturate_rules(options, {});
  for (const Layout& layout : {Layout{1, 2, 16}, Layout{2, 1, 4}, Layout{4, 2, 1}, Layout{8, 1, 16}})
    expect_equal(expected, saturate_rules(options, layout), layout);
}

}  // namespace
}  // namespace tessera::end_to_end
