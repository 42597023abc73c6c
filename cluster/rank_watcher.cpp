#include "cluster/rank_watcher.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "cluster/mpi_session.hpp"
#include "cluster/run_status.hpp"
#include "cluster/signals.hpp"

namespace tessera {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kTurn_ms = 250;
constexpr milliseconds kAbsence = seconds(5);    // a turn that took longer: this process had been stopped
constexpr milliseconds kPatience = seconds(10);  // of a failing rank for rank 0
constexpr milliseconds kTermination{500};        // mpirun kills what it has sent SIGTERM a second later
constexpr int kTurn_us = 250'000;
constexpr int kLauncherTurns = 20;                  // that a launcher gets to end by itself
constexpr milliseconds kGrace{500};                 // between SIGTERM and heeding it, for somebody to say why it came
constexpr milliseconds kAfterFailure = seconds(3);  // for the main thread to end the process in its own way

}  // namespace

RankWatch::Watcher::Watcher(int rank, int size, std::uint64_t token, milliseconds silence)
    : rank_(rank),
      size_(size),
      token_(token),
      silence_(silence),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      last_beat_(Clock::now() - kBeat) {}

RankWatch::Watcher::~Watcher() {
  if (wake_ >= 0) ::close(wake_);
}

void RankWatch::Watcher::start() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the main thread
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void RankWatch::Watcher::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  wake();
  thread_.join();
}

void RankWatch::Watcher::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof(one));
}

bool RankWatch::Watcher::tell(const std::string& text, int code) {
  std::unique_lock lock(mutex_);
  if (!failure_) failure_ = Failure{text, code};
  wake();
  return told_changed_.wait_for(lock, kPatience, [this] { return told_; });
}

std::optional<RankWatch::Watcher::Failure> RankWatch::Watcher::own_failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void RankWatch::Watcher::end_process(int code) {
  {
    const std::lock_guard lock(mutex_);
    told_ = true;
    told_changed_.notify_all();
    if (!failure_) ::_exit(code);
  }
  std::this_thread::sleep_for(kAfterFailure);
  ::_exit(code);
}

WatchFrame RankWatch::Watcher::frame(WatchWord word, int value) const {
  return {word, value, token_, RunStatus::of_process().steps(), 0};
}

bool RankWatch::Watcher::is_beat_due(Clock::time_point now) {
  if (now - last_beat_ < kBeat) return false;
  last_beat_ = now;
  return true;
}

bool RankWatch::Watcher::is_being_ended(Clock::time_point now) {
  const auto asked = termination_asked();
  return asked && now - *asked > kTermination;
}

std::string RankWatch::Watcher::silence_text() const {
  return "nothing was heard of it for " + std::to_string(silence_.count() / 1000) +
         " s (its machine, its process or the network stands still; see --stall-limit)";
}

void RankWatch::Watcher::say(const std::string& text) {
  print_error(text);
  if (const char* note = std::getenv("TESSERA_FAILURE_NOTE"); note != nullptr) std::ofstream(note) << text << "\n";
}

void RankWatch::Watcher::end_launcher() {
  const pid_t parent = ::getppid();
  std::ifstream file("/proc/" + std::to_string(parent) + "/comm");
  std::string name;
  std::getline(file, name);
  constexpr std::array<const char*, 5> kLaunchers = {"mpirun", "mpiexec", "orterun", "orted", "prted"};
  if (std::ranges::find(kLaunchers, name) == kLaunchers.end()) return;
  if (::fork() != 0) return;
  // In a process of its own, for this one is about to end; only what is allowed after a fork of many threads.
  ::setsid();
  ::close_range(0, ~0U, 0);
  for (int turn = 0; turn < kLauncherTurns; ++turn) {
    ::usleep(kTurn_us);
    if (::kill(parent, 0) != 0) ::_exit(0);
  }
  // The end of this process has begun its own. A SIGTERM now would make mpirun crash, with a trace of its stack.
  ::kill(parent, SIGKILL);
  ::_exit(0);
}

void RankWatch::Watcher::wait_a_little() {
  std::vector<pollfd> ready = {{wake_, POLLIN, 0}};
  for (const int socket : sockets()) ready.push_back({socket, POLLIN, 0});
  if (::poll(ready.data(), ready.size(), kTurn_ms) <= 0) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_, &count, sizeof(count));
}

void RankWatch::Watcher::run() {
  Clock::time_point last = Clock::now();
  forgive(last);
  while (!stopping_) {
    wait_a_little();
    const Clock::time_point now = Clock::now();
    if (now - last > kAbsence) forgive(now);
    last = now;
    look(now);
    if (const auto asked = termination_asked(); asked && now - *asked > kGrace && terminates_by_default()) {
      say_bye();
      end_by_termination();
    }
  }
  say_bye();
}

}  // namespace tessera
