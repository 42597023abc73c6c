// A search's snapshots: taken at iteration boundaries when due (--every, --every-iterations), when asked for (signals;
// files named SNAPSHOT, STOP or REPORT in the folder), before a time limit, and at the end; and taken up again. One is
// written from a copy while the search goes on, and looked after at the iteration boundaries that follow, if the copy
// fits into memory beside an e-graph that doubles; else the search waits for it. A rank alone with few threads
// leaves the copying to the thread that writes, and matches meanwhile. Once there is one, a few more may be on their
// way at once; they get there in order. The last one needs no copy of the e-nodes: the e-graph does not change any
// more. What goes wrong with one is a warning, never the search's end: the last good snapshot stays.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/log.hpp"
#include "cluster/machine.hpp"
#include "cluster/options.hpp"
#include "cluster/signals.hpp"
#include "engine/base/error.hpp"
#include "io/snapshot.hpp"
#include "io/snapshot_write.hpp"

namespace tessera {

// What a snapshot is checked against: 64-bit hashes in hexadecimal.
[[nodiscard]] std::string rules_digest(const std::vector<Rule>& rules, const SymbolTable& symbols,
                                       const Language& language);
// What this program and its command line say of a snapshot.
[[nodiscard]] SnapshotOrigin origin_of(const Options& options, std::string rules_digest);
[[nodiscard]] std::string text_digest(const std::string& text);

class SnapshotKeeper {
 public:
  // Collective. Makes the folder. Throws Error(kInput) on all ranks when a new search is to be kept in a folder that
  // holds another's snapshots. Does nothing, as all calls, unless there is a folder (--snapshot).
  SnapshotKeeper(const Options& options, const Resources& resources, Exchange& exchange, Log& log);

  // Has the search ask this before each iteration.
  void watch(SearchOptions& search_options);
  // Collective. Begins: `origin` says what the search is; `roots` are kept with it. A search that is to be taken up
  // (constructed, not started) gets the newest valid snapshot's state, and `roots` its roots. Throws Error(kInput) on
  // all ranks when there is none, or when it is of another model or other rules and that was not accepted.
  void begin(Search& search, SnapshotOrigin origin, std::vector<NamedClass>& roots);
  // Of a search that is a program of several runs: asked for its progress with every snapshot (SearchState::progress);
  // and what that was in the snapshot that was taken up. Before begin(), and after it.
  void ask_for_progress(std::function<std::vector<std::uint64_t>()> progress) { progress_ = std::move(progress); }
  [[nodiscard]] const std::vector<std::uint64_t>& resumed_progress() const { return resumed_progress_; }
  [[nodiscard]] bool resumes() const { return !options_.resume.empty(); }
  // Collective. The search has stopped: a last snapshot if anything is new (an iteration that changed nothing is not,
  // if the one before it is kept), but not of an iteration that a limit stopped within, for what that has found depends
  // on the machine. From here on signals act as usual. One may still be on its way to disk, unless the search is to be
  // taken up again; close() waits for it, and until let_go() the e-graph must stay as it is.
  void finish(StopReason reason);
  // Collective, after finish(). From here on the e-graph is needed no more: its memory can go while what is left of the
  // last snapshot gets to disk.
  void let_go();
  // Collective. All that was begun is on disk, or was warned of.
  void close();
  // What is not on disk yet will not be. Not collective.
  void give_up() { writing_.clear(); }

  [[nodiscard]] double seconds() const { return seconds_; }  // for which the search has waited

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool active() const { return !options_.snapshot.empty(); }
  [[nodiscard]] bool leads() const { return exchange_.rank() == 0; }
  // Files to take up, the best first; the same on every rank.
  [[nodiscard]] std::vector<std::string> candidates(const std::string& from);
  void resume(std::vector<NamedClass>& roots);
  void check_origin(const Snapshot& snapshot) const;
  std::optional<StopReason> at_boundary();
  void within_iteration();
  [[nodiscard]] unsigned requested_by_files() const;
  [[nodiscard]] bool due() const;  // now, whatever is still being written
  // The iteration of the newest snapshot that is kept or on its way to disk.
  [[nodiscard]] std::optional<std::uint32_t> newest() const {
    return writing_.empty() ? saved_ : std::optional(writing_.back().iteration);
  }
  [[nodiscard]] bool due_by_time() const;
  [[nodiscard]] double seconds_left() const;  // of --time-limit
  [[nodiscard]] bool out_of_time() const;
  [[nodiscard]] bool is_kept_but_for_an_idle_iteration() const;
  void take(bool at_rest);  // the e-graph stays as it is until let_go()
  // Whether the search matches on while the thread that writes makes the copy; else its threads make it together: many
  // would have matched before one had copied, and would wait for it.
  [[nodiscard]] bool copies_beside() const {
    constexpr int kMostThreads = 4;
    return exchange_.size() == 1 && resources_.threads <= kMostThreads;
  }
  void wait_for_copy();                   // of the newest, the only one that may be under way
  void step();                            // the oldest of what is being written: its next stage
  void finish_writing(std::size_t left);  // all stages, until so many are left
  void wait_for_memory() const;           // of all copies
  void warn_of(const Error& error, std::uint32_t iteration);
  [[nodiscard]] bool fits_beside_search(std::uint64_t copy);
  [[nodiscard]] std::uint64_t held_bytes(bool wait) const;  // SearchOptions::passing_bytes
  void write_report_so_far();

  const Options& options_;
  const Resources& resources_;
  Exchange& exchange_;
  Log& log_;
  std::optional<SignalWatch> signals_;
  Search* search_ = nullptr;
  SnapshotOrigin origin_;
  std::vector<NamedClass> roots_;
  std::function<std::vector<std::uint64_t>()> progress_;
  std::vector<std::uint64_t> resumed_progress_;
  std::optional<std::uint32_t> saved_;  // the iteration of the last good snapshot
  std::uint32_t tried_ = 0;             // the iteration of the last attempt
  struct Writing {
    template <class... Arguments>
    explicit Writing(std::uint32_t iteration_in, Arguments&&... arguments)
        : iteration(iteration_in), write(std::forward<Arguments>(arguments)...) {}
    std::uint32_t iteration;
    SnapshotWrite write;
    bool is_copied = true;  // else its thread may still be at it, and memory has not been looked at since
  };
  std::deque<Writing> writing_;  // oldest first
  bool waits_ = false;           // for a copy that did not fit, and has said so
  Clock::time_point last_ = Clock::now();
  double longest_s_ = 0;
  double seconds_ = 0;
};

// Runs work() after finish(), which may read the e-graph and not change it, and after let_go() may end it; and close()
// in any case: an Error that work() throws before let_go(), it must throw on all ranks. Collective.
template <class Work>
int with_snapshots_closed(SnapshotKeeper& keeper, Work&& work) {
  int code = 0;
  try {
    code = work();
  } catch (const Error&) {
    keeper.close();
    throw;
  } catch (...) {
    keeper.give_up();
    throw;
  }
  keeper.close();
  return code;
}

}  // namespace tessera
