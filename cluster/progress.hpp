// How far the search is: a live line on a terminal, painted at most ten times a second; otherwise one log line an
// iteration, at most one a second, the first and the last always. run.log gets every iteration. Only rank 0 reports; on
// other ranks this does nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cluster/log.hpp"

namespace tessera {

// All ranks together.
struct ProgressState {
  std::uint64_t iteration = 0;  // counted from 1
  std::uint64_t enodes = 0;
  std::uint64_t eclasses = 0;
  int layers_tensorized = 0;
  int layers = 0;                          // 0: the search has none, or they were not looked at yet
  std::optional<std::uint64_t> best_cost;  // of what is extracted so far; none: nothing yet
  std::uint64_t memory_bytes = 0;
  double seconds = 0;  // since the start
  std::string phase;   // what is being done now; only in the live line
};

// "iteration 3, e-nodes 12,345, e-classes 6,789, layers 14/28, cost 1,000,000, memory 210 MiB, 1.5 s"
[[nodiscard]] std::string describe(const ProgressState& state);
// "1,234,567"
[[nodiscard]] std::string with_separators(std::uint64_t number);
// "512 B", "1.5 KiB", "210 MiB", "8.0 GiB": three digits or fewer, rounded.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

class Progress {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  // `log` must outlive this. Speaks if rank is 0.
  Progress(Log& log, int rank, Clock clock = std::chrono::steady_clock::now);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  // Within an iteration: refreshes the live line. Cheap enough to be called after every superstep.
  void update(const ProgressState& state);
  // At an iteration's end.
  void iteration_done(const ProgressState& state);
  // Ends the live line, and logs the last iteration if it was not yet.
  void finish();

 private:
  Log& log_;
  bool speaks_;
  Clock clock_;
  std::optional<std::chrono::steady_clock::time_point> last_paint_;
  std::optional<std::chrono::steady_clock::time_point> last_line_;
  std::string held_back_;  // the last iteration's line, if it came too soon after another
};

}  // namespace tessera
