#include <chrono>
#include <cstdio>

#include "cluster/progress.hpp"
#include "cluster/rule_selection.hpp"
#include "cluster/run_loop.hpp"
#include "cluster/search_record.hpp"
#include "engine/language/term_language.hpp"
#include "partition/digest.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

// Writes the report from rank 0; if the file system refuses, all ranks throw.
void write_saturation(const Options& options, const Resources& resources, StopReason reason,
                      const std::string& fingerprint, double total_seconds, Exchange& exchange, Report& report) {
  report.model = options.input;
  report.stop_reason = stop_reason_name(reason);
  report.saturated = reason == StopReason::kSaturated;
  report.digest = fingerprint;
  record_options(options, resources, exchange.size(), report);
  close_times(report, total_seconds);
  std::string failure;
  try {
    if (exchange.rank() == 0) write_report(report, options.report.string());
  } catch (const Error& error) {
    failure = error.what();
  }
  std::uint64_t failed = failure.empty() ? 0 : 1;
  if (exchange.size() > 1) exchange.all_reduce(std::span(&failed, 1), Reduction::kMax);
  if (failed != 0) throw Error(ErrorCode::kResource, failure.empty() ? "rank 0 could not write the report" : failure);
}

}  // namespace

int run_saturate(const Options& options, const Resources& resources, Exchange& exchange, Log& log) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  SymbolTable symbols;
  const TermLanguage language;
  const RuleSet set = select_rules({options.input}, options, language, symbols);
  if (set.start.empty())
    throw Error(ErrorCode::kInput,
                options.input + ": found no (start …) form, expected at least one term to start from");
  const bool leads = exchange.rank() == 0;
  const double read_seconds = elapsed();
  Search search(exchange, language, symbols, set.rules, search_options(options, resources));
  search.start(set.start);
  const auto print = [&](std::uint64_t iteration, double seconds) {
    if (leads && options.print_counts)
      std::printf("iteration %llu: %llu e-nodes, %llu e-classes, %.3f s\n", static_cast<unsigned long long>(iteration),
                  static_cast<unsigned long long>(search.enodes()), static_cast<unsigned long long>(search.eclasses()),
                  seconds);
  };
  print(0, elapsed());
  Progress progress(log, exchange.rank());
  const StopReason reason = search.run([&](const IterationRecord& record) {
    print(record.iteration, record.seconds);
    ProgressState state;
    state.iteration = record.iteration;
    state.enodes = record.enodes;
    state.eclasses = record.eclasses;
    state.memory_bytes = resident_bytes();
    state.seconds = elapsed();
    progress.iteration_done(state);
  });
  progress.finish();
  const double search_seconds = elapsed();
  Report report;
  report.search_seconds = search_seconds - read_seconds;
  add_phase(report, "read", read_seconds);
  record_search(search, search_seconds, report);
  const std::string fingerprint = digest(search.partition());
  if (leads) {
    std::printf("stopped: %s after %zu iterations; %llu e-nodes, %llu e-classes; %.3f s; digest %s\n",
                stop_reason_name(reason), search.iterations().size(), static_cast<unsigned long long>(search.enodes()),
                static_cast<unsigned long long>(search.eclasses()), search_seconds, fingerprint.c_str());
    for (const PhaseReport& phase : report.phases) std::printf("  %-8s %8.3f s\n", phase.name.c_str(), phase.seconds);
    std::printf("%12s %12s %9s  rule\n", "matches", "applied", "seconds");
    for (const RuleReport& rule : report.rules)
      std::printf("%12llu %12llu %9.3f  %s\n", static_cast<unsigned long long>(rule.matches),
                  static_cast<unsigned long long>(rule.applications), rule.seconds, rule.name.c_str());
    std::fflush(stdout);
  }
  if (!options.report.empty()) write_saturation(options, resources, reason, fingerprint, elapsed(), exchange, report);
  return kExitDone;
}

}  // namespace tessera
