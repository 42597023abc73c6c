#include "cluster/snapshot_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <utility>

#include "cluster/progress.hpp"
#include "cluster/run_status.hpp"
#include "cluster/search_record.hpp"
#include "engine/base/kill_point.hpp"
#include "engine/rule/rule_parser.hpp"
#include "io/snapshot_folder.hpp"

namespace tessera {
namespace {

constexpr double kGrowth = 10;               // how much longer than an iteration the next may well be
constexpr std::uint64_t kLeastOfCopies = 4;  // an e-graph is more than so many times as large as its copy
constexpr std::size_t kMostWriting = 3;      // at once: iterations may take less time than disks
constexpr int kInputCode = static_cast<int>(ErrorCode::kInput);

struct ControlFile {
  const char* name;
  Request request;
};
constexpr std::array<ControlFile, 3> kControlFiles = {
    {{"SNAPSHOT", kRequestSnapshot}, {"STOP", kRequestStop}, {"REPORT", kRequestReport}}};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Adds the time of its life.
class Waiting {
 public:
  explicit Waiting(double& seconds) : seconds_(seconds) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { seconds_ += seconds_since(begin_); }

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

std::string text_digest(const std::string& text) { return fmt::format("{:016x}", hash_string(text)); }

SnapshotOrigin origin_of(const Options& options, std::string rules_digest) {
  SnapshotOrigin origin;
  origin.program = std::string("tessera ") + TESSERA_VERSION;
  origin.arguments = options.arguments;
  origin.rules_digest = std::move(rules_digest);
  return origin;
}

std::string rules_digest(const std::vector<Rule>& rules, const SymbolTable& symbols, const Language& language) {
  std::string text;
  for (const Rule& rule : rules) text += rule.name + "\n" + to_string(rule, symbols, &language) + "\n";
  return text_digest(text);
}

SnapshotKeeper::SnapshotKeeper(const Options& options, const Resources& resources, Exchange& exchange, Log& log)
    : options_(options), resources_(resources), exchange_(exchange), log_(log) {
  const std::string folder = options.snapshot.string();
  RunStatus::of_process().keep(folder, std::nullopt);
  if (!active()) return;
  std::string failure;
  if (leads()) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!std::filesystem::is_directory(folder))
      failure = "--snapshot: cannot make folder '" + folder + "': " + error.message();
    else if (!resumes() && !list_snapshots(folder).empty())
      failure = "--snapshot: found snapshots of another search in '" + folder +
                "', expected an empty folder (to go on with that search: tessera resume " + folder + ")";
    else
      remove_unfinished_snapshots(folder);
  }
  agree_on_failure(exchange, failure, kInputCode);
  signals_.emplace();
}

void SnapshotKeeper::watch(SearchOptions& search_options) {
  if (!active()) return;
  search_options.interrupt = [this] { return at_boundary(); };
  search_options.between = [this] { within_iteration(); };
  search_options.before_change = [this] { wait_for_copy(); };
  search_options.passing_bytes = [this](bool wait) { return held_bytes(wait); };
}

void SnapshotKeeper::begin(Search& search, SnapshotOrigin origin, std::vector<NamedClass>& roots) {
  search_ = &search;
  origin_ = std::move(origin);
  if (resumes()) resume(roots);
  roots_ = roots;
  last_ = Clock::now();
}

// Listings may differ between machines for a moment: rank 0's counts.
std::vector<std::string> SnapshotKeeper::candidates(const std::string& from) {
  std::string names;
  if (leads()) {
    if (!std::filesystem::is_directory(from)) names = from + "\n";
    for (const SnapshotFile& file : list_snapshots(from)) names += file.path + "\n";
  }
  Inbox all;
  exchange_.all_gather(std::as_bytes(std::span(names)), all);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(all.bytes.data()), all.bytes.size()));
  std::vector<std::string> files;
  for (std::string line; std::getline(lines, line);) files.push_back(line);
  return files;
}

void SnapshotKeeper::resume(std::vector<NamedClass>& roots) {
  const std::string from = options_.resume.string();
  const std::vector<std::string> files = candidates(from);
  for (const std::string& file : files) {
    std::optional<Snapshot> snapshot;
    try {
      snapshot = read_snapshot(file, exchange_);
    } catch (const Error& error) {
      if (files.size() == 1) throw;
      if (leads()) log_.warn("{}; trying the one before", error.what());
      continue;
    }
    check_origin(*snapshot);
    const std::uint32_t iteration = snapshot->state.iteration;
    const double used = snapshot->state.seconds;
    resumed_progress_ = snapshot->state.progress;
    std::vector<NamedClass> found = import_state(*search_, std::move(snapshot->state));
    if (!roots.empty() && found.size() != roots.size())
      throw Error(ErrorCode::kInput,
                  fmt::format("found a snapshot with {} roots, expected {}: it is of another model", found.size(),
                              roots.size()),
                  Where{file});
    roots = std::move(found);
    saved_ = tried_ = iteration;
    RunStatus::of_process().keep(options_.snapshot.string(), saved_);
    if (leads())
      log_.info("resumed from {}: iteration {}, {} e-nodes in {} e-classes, {:.1f} s used before", file, iteration,
                with_separators(search_->enodes()), with_separators(search_->eclasses()), used);
    return;
  }
  throw Error(ErrorCode::kInput, files.empty() ? "found no snapshot in '" + from + "'"
                                               : "found no snapshot that is whole in '" + from + "'");
}

void SnapshotKeeper::check_origin(const Snapshot& snapshot) const {
  if (options_.accept_changes) return;
  const auto compare = [](const char* what, const std::string& saved, const std::string& here) {
    if (saved != here)
      throw Error(ErrorCode::kInput, fmt::format("the snapshot is of a search with other {}: found digest {}, expected "
                                                 "{} (--accept-changes to go on all the same)",
                                                 what, saved, here));
  };
  compare("rules", snapshot.origin.rules_digest, origin_.rules_digest);
  compare("input", snapshot.origin.model_digest, origin_.model_digest);
}

unsigned SnapshotKeeper::requested_by_files() const {
  unsigned requests = 0;
  for (const ControlFile& file : kControlFiles) {
    std::error_code ignored;
    if (std::filesystem::remove(options_.snapshot / file.name, ignored)) requests |= file.request;
  }
  return requests;
}

bool SnapshotKeeper::due() const {
  const std::uint32_t iteration = search_->partition().graph.iteration;
  if (!saved_ && tried_ == 0 && writing_.empty()) return true;  // so that there always is one
  if (options_.every_iterations > 0 && iteration >= tried_ + options_.every_iterations) return true;
  // The next iteration, which tends to be longer than the last, may be the one that the time limit cuts off.
  const double last_iteration = search_->iterations().empty() ? 0 : search_->iterations().back().seconds;
  return options_.time_limit_ms > 0 && seconds_left() < kGrowth * (last_iteration + longest_s_);
}

bool SnapshotKeeper::due_by_time() const {
  return options_.every_ms > 0 && seconds_since(last_) * 1000 >= static_cast<double>(options_.every_ms);
}

double SnapshotKeeper::seconds_left() const {
  return static_cast<double>(options_.time_limit_ms) / 1000 - search_->seconds();
}

// Whether only as much time is left as a last snapshot may need.
bool SnapshotKeeper::out_of_time() const { return options_.time_limit_ms > 0 && seconds_left() <= 2 * longest_s_; }

std::optional<StopReason> SnapshotKeeper::at_boundary() {
  constexpr unsigned kDue = 8;
  constexpr unsigned kDueByTime = 16;
  constexpr unsigned kTime = 32;
  constexpr unsigned kBusy = 64;
  kill_point("iteration", exchange_.rank());
  const Waiting waiting(seconds_);
  std::uint64_t requests = SignalWatch::take();
  if (leads())
    requests |=
        requested_by_files() | (due() ? kDue : 0) | (due_by_time() ? kDueByTime : 0) | (out_of_time() ? kTime : 0);
  if (!writing_.empty() && writing_.front().write.busy()) requests |= kBusy;
  exchange_.all_reduce(std::span(&requests, 1), Reduction::kOr);
  if (!writing_.empty() && (requests & kBusy) == 0) step();
  if ((requests & kRequestReport) != 0) write_report_so_far();
  if ((requests & kTime) != 0) return StopReason::kTime;  // finish() takes the snapshot
  // One that is due by the clock alone waits for a boundary at which all others are on disk.
  const bool now = (requests & (kDue | kRequestSnapshot | kRequestStop)) != 0;
  if (now || ((requests & kDueByTime) != 0 && writing_.empty())) take(false);
  if ((requests & kRequestStop) != 0) return StopReason::kInterrupted;
  return std::nullopt;
}

// A snapshot whose blocks are written gets its name soon, however long the iteration is that is under way.
void SnapshotKeeper::within_iteration() {
  if (writing_.empty()) return;
  std::uint64_t busy = writing_.front().write.busy() ? 1 : 0;
  exchange_.name_step("snapshot");
  exchange_.all_reduce(std::span(&busy, 1), Reduction::kMax);
  if (busy == 0) step();
}

void SnapshotKeeper::wait_for_copy() {
  if (writing_.empty() || writing_.back().is_copied) return;
  const Waiting waiting(seconds_);
  Writing& writing = writing_.back();
  writing.write.wait_for_graph();
  writing.is_copied = true;
  if (!fits_beside_search(writing.write.held_bytes())) finish_writing(0);
}

// The copy is made while snapshots before it may still be on their way, unless memory is short: a copy is far smaller
// than what it is of. Of a search at rest, e-nodes are written without one.
void SnapshotKeeper::take(bool at_rest) {
  const std::uint32_t iteration = search_->partition().graph.iteration;
  if (newest() == iteration) return;
  RunStatus::of_process().enter(iteration, "snapshot");
  wait_for_copy();
  const std::uint64_t used = resident_bytes();
  const std::uint64_t limit = resources_.memory_limit_bytes;
  std::uint64_t waits = limit > 0 && used + used / kLeastOfCopies > limit ? 1 : 0;
  if (waits != 0) wait_for_memory();
  const std::size_t most_beside = saved_ ? kMostWriting - 1 : 0;  // the first is on disk before there is a second
  const std::string path = snapshot_path(options_.snapshot.string(), iteration);
  origin_.enodes = search_->enodes();
  origin_.eclasses = search_->eclasses();
  try {
    if (at_rest || copies_beside()) {
      exchange_.all_reduce(std::span(&waits, 1), Reduction::kMax);
      auto late = std::make_unique<LateExport>(*search_, roots_);
      finish_writing(most_beside);
      tried_ = iteration;
      using Source = SnapshotWrite::Source;
      writing_.emplace_back(iteration, path, origin_, std::move(late), at_rest ? Source::kAtRest : Source::kGoesOn,
                            progress_ ? progress_() : std::vector<std::uint64_t>(), exchange_);
      writing_.back().is_copied = at_rest;
    } else {
      SearchState state = export_state(*search_, roots_);
      if (progress_) state.progress = progress_();
      finish_writing(most_beside);
      tried_ = iteration;
      waits = fits_beside_search(copied_bytes(state.share)) ? 0 : 1;
      writing_.emplace_back(iteration, path, origin_, std::move(state), exchange_);
    }
    if (waits != 0) finish_writing(0);
    last_ = Clock::now();
  } catch (const Error& error) {
    tried_ = iteration;
    warn_of(error, iteration);
  }
  RunStatus::of_process().enter(iteration, "");
}

// Whether the last iteration changed nothing, and all before it is kept or on its way to disk: who takes the search up
// finds the same e-graph, and that it is saturated, by repeating that iteration. A program of several runs has moved on
// nevertheless.
bool SnapshotKeeper::is_kept_but_for_an_idle_iteration() const {
  const std::uint32_t iteration = search_->partition().graph.iteration;
  const bool is_idle = !search_->iterations().empty() && !search_->iterations().back().changed;
  return !progress_ && is_idle && newest() && *newest() + 1 == iteration;
}

// Whether every rank's memory has room for its copy, which is part of it by now, and an e-graph twice as large.
bool SnapshotKeeper::fits_beside_search(std::uint64_t copy) {
  const std::uint64_t used = resident_bytes();
  const std::uint64_t limit = resources_.memory_limit_bytes;
  std::uint64_t is_short = limit > 0 && used + used - std::min(used, copy) > limit ? 1 : 0;
  exchange_.all_reduce(std::span(&is_short, 1), Reduction::kMax);
  if (is_short != 0 && !std::exchange(waits_, true) && leads())
    log_.info(
        "a copy of the e-graph, to write snapshots from while the search goes on, does not fit into the memory limit "
        "of {} a rank beside an e-graph twice as large: the search waits while snapshots are written",
        size_text(limit));
  return is_short == 0;
}

std::uint64_t SnapshotKeeper::held_bytes(bool wait) const {
  if (wait) wait_for_memory();
  std::uint64_t bytes = 0;
  for (const Writing& writing : writing_) bytes += writing.write.held_bytes();
  return bytes;
}

void SnapshotKeeper::wait_for_memory() const {
  for (const Writing& writing : writing_) writing.write.wait_for_memory();
}

// The oldest of those that are being written.
void SnapshotKeeper::step() {
  const std::uint32_t iteration = writing_.front().iteration;
  try {
    SnapshotWrite& write = writing_.front().write;
    write.step();
    if (!write.done()) return;
    saved_ = iteration;
    RunStatus::of_process().keep(options_.snapshot.string(), saved_);
    longest_s_ = std::max(longest_s_, write.seconds());
    if (leads()) {
      remove_old_snapshots(options_.snapshot.string(), options_.keep);
      log_.debug("snapshot {} ({:.2f} s)", snapshot_path(options_.snapshot.string(), iteration), write.seconds());
    }
    writing_.pop_front();
  } catch (const Error& error) {
    writing_.pop_front();
    warn_of(error, iteration);
  }
}

void SnapshotKeeper::finish_writing(std::size_t left) {
  while (writing_.size() > left) step();
}

void SnapshotKeeper::warn_of(const Error& error, std::uint32_t iteration) {
  if (error.code() != ErrorCode::kResource) throw;
  if (leads())
    log_.warn("no snapshot was taken of iteration {}: {}; the search goes on, {}", iteration, error.what(),
              saved_ ? fmt::format("the last snapshot is of iteration {}", *saved_) : "without any snapshot so far");
}

void SnapshotKeeper::write_report_so_far() {
  Report report;
  report.model = origin_.model;
  report.stop_reason = "running";
  record_options(options_, resources_, exchange_.size(), report);
  record_search(*search_, search_->seconds(), report);
  close_times(report, search_->seconds());
  if (!leads()) return;
  try {
    write_report(report, (options_.snapshot / "report.json").string());
  } catch (const Error& error) {
    log_.warn("no report was written: {}", error.what());
  }
}

void SnapshotKeeper::finish(StopReason reason) {
  if (!active()) return;
  const Waiting waiting(seconds_);
  const bool ends_early = reason == StopReason::kInterrupted || reason == StopReason::kTime;
  if (search_->cut_off() || ends_early) finish_writing(0);
  if (search_->cut_off()) {
    if (leads())
      log_.info("the last iteration was stopped within: no snapshot of it; {}",
                saved_ ? fmt::format("the last one is of iteration {}", *saved_) : "there is none");
  } else if (reason != StopReason::kInterrupted && !is_kept_but_for_an_idle_iteration()) {
    take(!ends_early);
    if (ends_early) finish_writing(0);
  }
  signals_.reset();
  if (reason == StopReason::kInterrupted && leads())
    log_.info("interrupted; to go on: tessera resume {}", options_.snapshot.string());
}

void SnapshotKeeper::let_go() {
  const Waiting waiting(seconds_);
  if (!writing_.empty() && is_kept_but_for_an_idle_iteration()) {  // if the one before it gets to disk
    finish_writing(0);
    if (!is_kept_but_for_an_idle_iteration()) take(true);
  }
  if (writing_.empty()) return;
  writing_.back().write.wait_for_graph();
  if (exchange_.size() == 1) return;
  finish_writing(1);
  // Once all have written their blocks, rank 0 seals it.
  while (!writing_.empty() && !writing_.front().write.seals()) step();
}

void SnapshotKeeper::close() {
  const Waiting waiting(seconds_);
  finish_writing(0);
}

}  // namespace tessera
