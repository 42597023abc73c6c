// A search taken up from its state at any iteration, on any number of ranks, threads and shards, ends as if it had
// never stopped: digest, every count of every iteration, costs and extracted program are the same byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "io/snapshot_folder.hpp"
#include "tests/cluster/end_to_end/whole_search.hpp"
#include "tests/io/snapshot_support.hpp"

namespace tessera::end_to_end {
namespace {

std::vector<Layout> layouts() { return {{1, 1, 1}, {2, 1, 4}, {3, 2, 1}, {4, 1, 2}, {8, 1, 1}}; }
std::vector<Layout> other_layouts() { return {{1, 2, 4}, {2, 2, 1}, {3, 1, 16}, {4, 2, 4}, {8, 1, 2}}; }

void expect_equal(const Outcome& expected, const Outcome& found, const std::string& what) {
  EXPECT_EQ(stop_reason_name(found.stop), std::string(stop_reason_name(expected.stop))) << what;
  EXPECT_EQ(first_difference(expected.counts, found.counts), "") << what;
  EXPECT_EQ(found.digest, expected.digest) << what;
  EXPECT_EQ(found.costs, expected.costs) << what;
  EXPECT_EQ(first_difference(expected.program, found.program), "") << what;
}

std::string describe(const Layout& from, std::size_t iteration, const Layout& to) {
  return layout_name(from) + " until iteration " + std::to_string(iteration) + ", then " + layout_name(to);
}

using States = std::vector<SearchState> (*)(const Options&, const Layout&);
using Resume = Outcome (*)(const Options&, const Layout&, const SearchState&);

// Every pair of layouts. `all`: at every iteration; else at one a pair, all of them in turn.
void check_grid(const Options& options, const Outcome& expected, States states_of, Resume resume, bool all) {
  std::size_t turn = 0;
  for (const Layout& from : layouts()) {
    const std::vector<SearchState> states = states_of(options, from);
    ASSERT_GT(states.size(), 3U);
    for (const Layout& to : other_layouts()) {
      const std::size_t first = all ? 0 : turn++ % states.size();
      const std::size_t last = all ? states.size() - 1 : first;
      for (std::size_t i = first; i <= last; ++i)
        expect_equal(expected, resume(options, to, states[i]), describe(from, i, to));
    }
  }
}

Options mobilenet(const char* name, Scope scope) {
  Options options;
  options.input = name;
  options.scope = scope;
  return options;
}

TEST(Resume, MobileNetFromAnyLayoutToAnyOther) {
  const Options options = mobilenet("mobilenet-v1:0.25:64", Scope::kLayer);
  check_grid(options, search_model(options, {}), states_of_model, resume_model, false);
}

TEST(Resume, MobileNetAsNetworkFromAnyLayoutToAnyOther) {
  const Options options = mobilenet("mobilenet-v1:0.25:64", Scope::kNetwork);
  check_grid(options, search_model(options, {}), states_of_model, resume_model, false);
}

TEST(Resume, SlowMobileNetAtEveryIteration) {
  const Options options = mobilenet("mobilenet-v1:0.25:64", Scope::kLayer);
  check_grid(options, search_model(options, {}), states_of_model, resume_model, true);
}

// The main job, through files: every pair of numbers of ranks, at one iteration a pair; with TESSERA_THOROUGH=1 at
// every iteration, which takes minutes.
TEST(Resume, SlowWholeMobileNetFromSnapshots) {
  const Options options = mobilenet("mobilenet-v1", Scope::kLayer);
  const Outcome expected = search_model(options, {});
  ASSERT_EQ(expected.stop, StopReason::kSaturated);
  const bool all = std::getenv("TESSERA_THOROUGH") != nullptr;
  std::size_t resumed = 0;
  std::size_t turn = 0;
  for (const Layout& from : layouts()) {
    const TemporaryFolder folder;
    expect_equal(expected, keep_model_snapshots(options, from, folder.path().string()), layout_name(from));
    std::vector<SnapshotFile> files = list_snapshots(folder.path().string());
    std::ranges::reverse(files);
    ASSERT_GT(files.size(), 10U);
    ASSERT_EQ(files.size(), files.back().iteration + std::size_t{1});  // none is missing
    for (const Layout& to : other_layouts()) {
      const std::size_t first = all ? 0 : turn++ % files.size();
      const std::size_t last = all ? files.size() - 1 : first;
      for (std::size_t i = first; i <= last; ++i, ++resumed)
        expect_equal(expected, resume_model_snapshot(options, to, files[i].path), describe(from, i, to));
    }
  }
  RecordProperty("resumed", std::to_string(resumed));
  std::printf("%zu searches resumed\n", resumed);
}

TEST(Resume, MathAtEveryIteration) {
  Options options;
  options.input = "math";
  options.iteration_limit = 6;
  check_grid(options, saturate_rules(options, {}), states_of_rules, resume_rules, true);
}

// Rules that are put aside, and what they have missed until then.
TEST(Resume, MathWithRulesPutAside) {
  Options options;
  options.input = "math";
  options.iteration_limit = 12;
  options.match_limit = 100;
  const Outcome expected = saturate_rules(options, {});
  EXPECT_NE(expected.counts.find("put aside"), std::string::npos);
  check_grid(options, expected, states_of_rules, resume_rules, true);
}

}  // namespace
}  // namespace tessera::end_to_end
