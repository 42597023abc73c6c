// Adds the wall time of a scope to a number of seconds: what an Exchange counts as time spent inside collective calls.
// Reading the clock costs some 20 ns twice, which is nothing beside a call that meets other ranks; a world of one rank
// does not use it.
#pragma once

#include <chrono>

namespace tessera {

class CallTimer {
 public:
  explicit CallTimer(double& seconds) : seconds_(seconds), start_(std::chrono::steady_clock::now()) {}
  CallTimer(const CallTimer&) = delete;
  CallTimer& operator=(const CallTimer&) = delete;
  ~CallTimer() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace tessera
