// What a user or a batch system asks of a running search from outside, by signals. A handler only takes a note; the
// search looks at iteration boundaries. SIGUSR1: take a snapshot and go on. SIGUSR2 (as Slurm sends ahead of a time
// limit), SIGTERM and the first SIGINT: take a snapshot and stop. A second SIGINT ends the process at once.
// (mpirun forwards USR1 and USR2 to its ranks; TERM and INT make it end them within a second or so.)
#pragma once

#include <chrono>
#include <optional>

namespace tessera {

enum Request : unsigned { kRequestSnapshot = 1, kRequestStop = 2, kRequestReport = 4 };

// From construction to destruction the signals are caught; at most one at a time counts, others do nothing. A file too
// large for its limit becomes a failed write instead of a signal, and stays so.
class SignalWatch {
 public:
  SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  // What was asked for since the last call, as bits of Request.
  [[nodiscard]] static unsigned take();

 private:
  bool installed_ = false;
};

// Takes note of SIGUSR1 and SIGUSR2 ahead of the first SignalWatch, which then finds them: ranks take a while to find
// each other, a batch system's clock runs meanwhile, and either signal would end the process.
void note_early_signals();

// SIGTERM where no SignalWatch is: noted first and heeded a moment later, so that whoever watches the ranks can still
// say why it came (mpirun sends it to all when one rank has died). From one call to the other; before a SignalWatch
// begins and after it ended.
void catch_termination();
void release_termination();
// When SIGTERM came, if it did.
[[nodiscard]] std::optional<std::chrono::steady_clock::time_point> termination_asked();
// Whether SIGTERM is only noted, so that somebody has to end the process; and how: as if it had never been caught.
[[nodiscard]] bool terminates_by_default();
void end_by_termination();

}  // namespace tessera
