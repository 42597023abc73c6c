#include "cluster/run_status.hpp"

#include <atomic>
#include <mutex>

namespace tessera {
namespace {

std::atomic<std::uint32_t> now_iteration{0};
std::atomic<const char*> now_phase{nullptr};
std::atomic<std::uint64_t> now_steps{0};

std::mutex kept_mutex;  // of what follows
bool kept_known = false;
std::string kept_folder;
std::optional<std::uint32_t> kept_iteration;

}  // namespace

RunStatus& RunStatus::of_process() {
  static RunStatus status;
  return status;
}

void RunStatus::enter(std::uint32_t iteration, const char* phase) {
  now_iteration.store(iteration, std::memory_order_relaxed);
  now_phase.store(phase, std::memory_order_relaxed);
}

void RunStatus::begin_call() { now_steps.fetch_or(1, std::memory_order_relaxed); }

void RunStatus::end_call() { now_steps.fetch_add(1, std::memory_order_relaxed); }

std::uint64_t RunStatus::steps() const { return now_steps.load(std::memory_order_relaxed); }

void RunStatus::keep(const std::string& folder, std::optional<std::uint32_t> iteration) {
  const std::lock_guard lock(kept_mutex);
  kept_known = true;
  kept_folder = folder;
  kept_iteration = iteration;
}

std::string RunStatus::place() const {
  const char* phase = now_phase.load(std::memory_order_relaxed);
  if (phase == nullptr) return {};
  const std::string iteration = "iteration " + std::to_string(now_iteration.load(std::memory_order_relaxed));
  return *phase == '\0' ? iteration + ", between phases" : iteration + ", phase " + phase;
}

std::string RunStatus::how_to_go_on() const {
  const std::lock_guard lock(kept_mutex);
  if (!kept_known) return {};
  if (kept_folder.empty()) return "no snapshot was being kept (see --snapshot)";
  if (!kept_iteration) return "there is no snapshot yet in " + kept_folder;
  return "the last snapshot is of iteration " + std::to_string(*kept_iteration) + "; to go on: tessera resume " +
         kept_folder;
}

std::string RunStatus::explained(const std::string& text) const {
  std::string all = place();
  if (!all.empty()) all += ": ";
  all += text;
  const std::string more = how_to_go_on();
  if (!more.empty()) all += "; " + more;
  return all;
}

}  // namespace tessera
