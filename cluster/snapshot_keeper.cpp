#include "cluster/snapshot_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "cluster/progress.hpp"
#include "cluster/search_record.hpp"
#include "engine/base/kill_point.hpp"
#include "engine/rule/rule_parser.hpp"
#include "io/snapshot_folder.hpp"

namespace tessera {
namespace {

constexpr double kGrowth = 10;  // how much longer than an iteration the next may well be
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
  if (!active()) return;
  const std::string folder = options.snapshot.string();
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
  if (active()) search_options.interrupt = [this] { return at_boundary(); };
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
      snapshot = read_snapshot(file, exchange_, resources_.snapshot_access);
    } catch (const Error& error) {
      if (files.size() == 1) throw;
      if (leads()) log_.warn("{}; trying the one before", error.what());
      continue;
    }
    check_origin(*snapshot);
    const std::uint32_t iteration = snapshot->state.iteration;
    const double used = snapshot->state.seconds;
    std::vector<NamedClass> found = import_state(*search_, std::move(snapshot->state));
    if (!roots.empty() && found.size() != roots.size())
      throw Error(ErrorCode::kInput,
                  fmt::format("found a snapshot with {} roots, expected {}: it is of another model", found.size(),
                              roots.size()),
                  Where{file});
    roots = std::move(found);
    saved_ = tried_ = iteration;
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
  if (!saved_ && tried_ == 0) return true;  // so that there always is one
  if (options_.every_iterations > 0 && iteration >= tried_ + options_.every_iterations) return true;
  // The next iteration, which tends to be longer than the last, may be the one that the time limit cuts off.
  const double last_iteration = search_->iterations().empty() ? 0 : search_->iterations().back().seconds;
  if (options_.time_limit_ms > 0 && seconds_left() < kGrowth * (last_iteration + longest_s_)) return true;
  return options_.every_ms > 0 && seconds_since(last_) * 1000 >= static_cast<double>(options_.every_ms);
}

double SnapshotKeeper::seconds_left() const {
  return static_cast<double>(options_.time_limit_ms) / 1000 - search_->seconds();
}

// Whether only as much time is left as a last snapshot may need.
bool SnapshotKeeper::out_of_time() const { return options_.time_limit_ms > 0 && seconds_left() <= 2 * longest_s_; }

std::optional<StopReason> SnapshotKeeper::at_boundary() {
  constexpr unsigned kDue = 8;
  constexpr unsigned kTime = 16;
  kill_point("iteration", exchange_.rank());
  std::uint64_t requests = SignalWatch::take();
  if (leads()) requests |= requested_by_files() | (due() ? kDue : 0) | (out_of_time() ? kTime : 0);
  exchange_.all_reduce(std::span(&requests, 1), Reduction::kOr);
  if ((requests & kRequestReport) != 0) write_report_so_far();
  if ((requests & kTime) != 0) return StopReason::kTime;  // finish() takes the snapshot
  if ((requests & (kDue | kRequestSnapshot | kRequestStop)) != 0) take();
  if ((requests & kRequestStop) != 0) return StopReason::kInterrupted;
  return std::nullopt;
}

void SnapshotKeeper::take() {
  const std::uint32_t iteration = search_->partition().graph.iteration;
  if (saved_ && *saved_ == iteration) return;
  tried_ = iteration;
  const auto begin = Clock::now();
  const std::string path = snapshot_path(options_.snapshot.string(), iteration);
  try {
    const SearchState state = export_state(*search_, roots_);
    origin_.enodes = search_->enodes();
    origin_.eclasses = search_->eclasses();
    write_snapshot(path, origin_, state, exchange_, resources_.snapshot_access);
    saved_ = iteration;
    if (leads()) {
      remove_old_snapshots(options_.snapshot.string(), options_.keep);
      log_.debug("snapshot {} ({:.2f} s)", path, seconds_since(begin));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kResource) throw;
    if (leads())
      log_.warn("no snapshot was taken of iteration {}: {}; the search goes on, {}", iteration, error.what(),
                saved_ ? fmt::format("the last snapshot is of iteration {}", *saved_) : "without any snapshot so far");
  }
  last_ = Clock::now();
  longest_s_ = std::max(longest_s_, seconds_since(begin));
  seconds_ += seconds_since(begin);
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
  if (search_->cut_off()) {
    if (leads())
      log_.info("the last iteration was stopped within: no snapshot of it; {}",
                saved_ ? fmt::format("the last one is of iteration {}", *saved_) : "there is none");
  } else if (reason != StopReason::kInterrupted) {
    take();
  }
  signals_.reset();
  if (reason == StopReason::kInterrupted && leads())
    log_.info("interrupted; to go on: tessera resume {}", options_.snapshot.string());
}

}  // namespace tessera
