#include "cluster/signals.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace tessera {
namespace {

bool ends_the_process(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

TEST(Signals, ThatComeAheadOfAWatchAreFoundByIt) {
  ASSERT_TRUE(ends_the_process(SIGUSR2));
  note_early_signals();
  std::raise(SIGUSR2);
  std::raise(SIGUSR1);
  {
    const SignalWatch watch;
    EXPECT_EQ(SignalWatch::take(), kRequestStop | kRequestSnapshot);
    EXPECT_EQ(SignalWatch::take(), 0U);
    std::raise(SIGTERM);
    EXPECT_EQ(SignalWatch::take(), kRequestStop);
  }
  EXPECT_TRUE(ends_the_process(SIGUSR1));
  EXPECT_TRUE(ends_the_process(SIGUSR2));
  EXPECT_TRUE(ends_the_process(SIGTERM));
}

}  // namespace
}  // namespace tessera
