#include "cluster/saturation_output.hpp"

#include <algorithm>
#include <cstdio>

#include "cluster/search_record.hpp"
#include "partition/digest.hpp"

namespace tessera {

double SaturationOutput::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void SaturationOutput::print_counts(const Search& search, double seconds) const {
  if (leads_ && options_.print_counts)
    std::printf("iteration %zu: %llu e-nodes, %llu e-classes, %.3f s\n", search.iterations().size(),
                static_cast<unsigned long long>(search.enodes()), static_cast<unsigned long long>(search.eclasses()),
                seconds);
}

void SaturationOutput::started(const Search& search) { print_counts(search, elapsed()); }

void SaturationOutput::iteration_done(const Search& search, const IterationRecord& record) {
  print_counts(search, record.seconds);
  ProgressState state;
  state.iteration = search.iterations().size();
  state.enodes = record.enodes;
  state.eclasses = record.eclasses;
  state.memory_bytes = resident_bytes();
  state.seconds = elapsed();
  progress_.iteration_done(state);
}

void SaturationOutput::finish(Search& search, std::optional<StopReason> reason, double snapshot_seconds) {
  progress_.finish();
  const double search_seconds = elapsed();
  Report report;
  report.search_seconds = std::max(0.0, search_seconds - read_seconds_ - snapshot_seconds);
  add_phase(report, "read", read_seconds_);
  if (!options_.snapshot.empty()) add_phase(report, "snapshot", snapshot_seconds);
  record_search(search, search_seconds, report);
  const double before = elapsed();
  report.digest = digest(search.partition());
  add_phase(report, "digest", elapsed() - before);
  report.stop_reason = reason ? stop_reason_name(*reason) : "nothing to run";
  report.saturated = reason == StopReason::kSaturated;
  const std::string plans = options_.explain_plan ? search.explain_plan() : std::string();
  if (leads_) {
    print(search, search_seconds, report);
    std::fputs(plans.c_str(), stdout);
    std::fflush(stdout);
  }
  if (!options_.report.empty()) write(report);
}

void SaturationOutput::print(const Search& search, double search_seconds, const Report& report) {
  std::printf("stopped: %s after %zu iterations; %llu e-nodes, %llu e-classes; %.3f s; digest %s\n",
              report.stop_reason.c_str(), search.iterations().size(), static_cast<unsigned long long>(search.enodes()),
              static_cast<unsigned long long>(search.eclasses()), search_seconds, report.digest.c_str());
  for (const PhaseReport& phase : report.phases) std::printf("  %-8s %8.3f s\n", phase.name.c_str(), phase.seconds);
  std::printf("%12s %12s %9s  rule\n", "matches", "applied", "seconds");
  for (const RuleReport& rule : report.rules)
    std::printf("%12llu %12llu %9.3f  %s\n", static_cast<unsigned long long>(rule.matches),
                static_cast<unsigned long long>(rule.applications), rule.seconds, rule.name.c_str());
  std::fflush(stdout);
}

// Writes the report from rank 0; if the file system refuses, all ranks throw.
void SaturationOutput::write(Report& report) const {
  report.model = options_.input;
  record_options(options_, resources_, exchange_.size(), report);
  close_times(report, elapsed());
  std::string failure;
  try {
    if (leads_) write_report(report, options_.report.string());
  } catch (const Error& error) {
    failure = error.what();
  }
  std::uint64_t failed = failure.empty() ? 0 : 1;
  if (exchange_.size() > 1) exchange_.all_reduce(std::span(&failed, 1), Reduction::kMax);
  if (failed != 0) throw Error(ErrorCode::kResource, failure.empty() ? "rank 0 could not write the report" : failure);
}

}  // namespace tessera
