// What `tessera saturate` says of a search, whatever format it was read from: counts after each iteration if asked for,
// progress, and at the end how it stopped, with times by phase and matches by rule; the same as a JSON report if asked
// for. Rank 0 speaks, on standard output.
#pragma once

#include <chrono>
#include <optional>

#include "cluster/log.hpp"
#include "cluster/machine.hpp"
#include "cluster/options.hpp"
#include "cluster/progress.hpp"
#include "io/report.hpp"
#include "partition/search.hpp"

namespace tessera {

class SaturationOutput {
 public:
  // The clock of the whole command starts here.
  SaturationOutput(const Options& options, const Resources& resources, Exchange& exchange, Log& log)
      : options_(options),
        resources_(resources),
        exchange_(exchange),
        leads_(exchange.rank() == 0),
        progress_(log, exchange.rank()) {}

  // What is done from now on is the search, not reading.
  void input_read() { read_seconds_ = elapsed(); }

  // The e-graph before the first iteration.
  void started(const Search& search);
  void iteration_done(const Search& search, const IterationRecord& record);
  // Collective. `reason`: why the last run ended; none: there was no run. `snapshot_seconds`: for which the search has
  // waited for its snapshots.
  void finish(Search& search, std::optional<StopReason> reason, double snapshot_seconds);

 private:
  [[nodiscard]] double elapsed() const;
  void print_counts(const Search& search, double seconds) const;

  static void print(const Search& search, double search_seconds, const Report& report);
  void write(Report& report) const;

  const Options& options_;
  const Resources& resources_;
  Exchange& exchange_;
  bool leads_;
  double read_seconds_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Progress progress_;
};

}  // namespace tessera
