#include "engine/rule/scheduler.hpp"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Scheduler, PutsARuleAsideWithDoublingBudgetAndCappedWait) {
  Scheduler scheduler({{100, false, 0, 0, 0}});
  EXPECT_TRUE(scheduler.admit(0, 100, 1));
  EXPECT_EQ(scheduler.rules()[0].seen, 1U);
  EXPECT_FALSE(scheduler.admit(0, 101, 2));
  EXPECT_EQ(scheduler.rules()[0].seen, 1U) << "what was not applied is still to be matched";
  EXPECT_FALSE(scheduler.active(0, 7));
  EXPECT_TRUE(scheduler.active(0, 8));
  EXPECT_EQ(scheduler.budget(0), 200U);
  std::uint32_t iteration = 8;
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(scheduler.admit(0, 1'000'000, iteration));
    EXPECT_LE(scheduler.rules()[0].aside_until, iteration + 1 + Scheduler::kLongestWait);
    iteration = scheduler.rules()[0].aside_until;
  }
  EXPECT_TRUE(scheduler.admit(0, 100'000, iteration)) << "its budget has outgrown it";
}

TEST(Scheduler, PinnedAndUnlimitedRulesAlwaysRun) {
  Scheduler scheduler({{10, true, 0, 0, 0}, {0, false, 0, 0, 0}});
  EXPECT_TRUE(scheduler.admit(0, 1'000'000'000, 1));
  EXPECT_TRUE(scheduler.admit(1, 1'000'000'000, 1));
}

TEST(Scheduler, ReleasesWaitingRulesWhenNothingElseChanges) {
  Scheduler scheduler({{10, false, 0, 0, 0}});
  EXPECT_FALSE(scheduler.release_all(2));
  EXPECT_FALSE(scheduler.admit(0, 11, 1));
  EXPECT_FALSE(scheduler.active(0, 2));
  EXPECT_TRUE(scheduler.release_all(2));
  EXPECT_TRUE(scheduler.active(0, 2));
}

}  // namespace
}  // namespace tessera
