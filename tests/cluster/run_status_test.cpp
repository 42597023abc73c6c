#include "cluster/run_status.hpp"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(RunStatus, SaysWhereTheRunIsAndHowItGoesOn) {
  RunStatus& status = RunStatus::of_process();
  status.enter(7, "rebuild");
  EXPECT_EQ(status.place(), "iteration 7, phase rebuild");
  status.keep("", std::nullopt);
  EXPECT_EQ(status.explained("it broke"),
            "iteration 7, phase rebuild: it broke; no snapshot was being kept (see --snapshot)");
  status.enter(8, "");
  EXPECT_EQ(status.place(), "iteration 8, between phases");
  status.keep("kept", std::nullopt);
  EXPECT_EQ(status.how_to_go_on(), "there is no snapshot yet in kept");
  status.keep("kept", 6);
  EXPECT_EQ(
      status.explained("it broke"),
      "iteration 8, between phases: it broke; the last snapshot is of iteration 6; to go on: tessera resume kept");
}

TEST(RunStatus, StepsAreOddWithinACall) {
  RunStatus& status = RunStatus::of_process();
  const std::uint64_t before = status.steps();
  EXPECT_EQ(before % 2, 0U);
  status.begin_call();
  EXPECT_EQ(status.steps(), before + 1);
  status.end_call();
  EXPECT_EQ(status.steps(), before + 2);
}

}  // namespace
}  // namespace tessera
