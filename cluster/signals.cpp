#include "cluster/signals.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace tessera {
namespace {

std::atomic<unsigned> requests{0};
static_assert(std::atomic<unsigned>::is_always_lock_free);
std::atomic<bool> catching{false};           // SIGTERM, whoever else watches
std::atomic<std::int64_t> terminated_ns{0};  // by the steady clock; 0: never
static_assert(std::atomic<std::int64_t>::is_always_lock_free);
std::atomic<bool> watching{false};  // virtual ranks share the process, and one of them watches

constexpr std::array<int, 4> kSignals = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

void note_termination() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // what std::chrono::steady_clock reads; allowed in a handler
  std::int64_t never = 0;
  terminated_ns.compare_exchange_strong(never, static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec);
}

void note_only(int /*signal*/) { note_termination(); }

void install(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

void note(int signal) {
  if (signal == SIGTERM) note_termination();
  requests |= signal == SIGUSR1 ? kRequestSnapshot : kRequestStop;
  if (signal == SIGINT) std::signal(SIGINT, SIG_DFL);
}

}  // namespace

SignalWatch::SignalWatch() {
  if (watching.exchange(true)) return;
  installed_ = true;
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int signal : kSignals) install(signal, note);
}

SignalWatch::~SignalWatch() {
  if (!installed_) return;
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  watching = false;
  if (catching) install(SIGTERM, note_only);
}

unsigned SignalWatch::take() { return requests.exchange(0); }

void note_early_signals() {
  for (const int signal : {SIGUSR1, SIGUSR2}) install(signal, note);
}

void catch_termination() {
  catching = true;
  if (!watching) install(SIGTERM, note_only);
}

void release_termination() {
  catching = false;
  if (!watching) std::signal(SIGTERM, SIG_DFL);
}

std::optional<std::chrono::steady_clock::time_point> termination_asked() {
  const std::int64_t when = terminated_ns;
  if (when == 0) return std::nullopt;
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(when));
}

bool terminates_by_default() { return catching && !watching; }

void end_by_termination() {
  std::signal(SIGTERM, SIG_DFL);
  ::kill(::getpid(), SIGTERM);
}

}  // namespace tessera
