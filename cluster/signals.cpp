#include "cluster/signals.hpp"

#include <array>
#include <atomic>
#include <csignal>

namespace tessera {
namespace {

std::atomic<unsigned> requests{0};
static_assert(std::atomic<unsigned>::is_always_lock_free);
std::atomic<bool> watching{false};  // virtual ranks share the process, and one of them watches

constexpr std::array<int, 4> kSignals = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

void note(int signal) {
  requests |= signal == SIGUSR1 ? kRequestSnapshot : kRequestStop;
  if (signal == SIGINT) std::signal(SIGINT, SIG_DFL);
}

}  // namespace

SignalWatch::SignalWatch() {
  if (watching.exchange(true)) return;
  installed_ = true;
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int signal : kSignals) {
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, nullptr);
  }
}

SignalWatch::~SignalWatch() {
  if (!installed_) return;
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  watching = false;
}

unsigned SignalWatch::take() { return requests.exchange(0); }

}  // namespace tessera
