// What a search has to tell: plain structs, filled by the run loop, written as report.json (REPORT_FORMAT.md) and as
// the table on the terminal. Nothing is computed here but the layers' totals.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tessera {

// Raised when a field changes its meaning or goes; new fields do not raise it.
inline constexpr int kReportFormatVersion = 1;

struct LayerReport {
  std::string name;
  std::string kind;    // conv2d, depthwise, dense
  std::int64_t m = 0;  // streamed vectors: batch times output pixels
  std::int64_t k = 0;  // contraction length
  std::int64_t n = 0;  // output channels of a group
  std::int64_t groups = 1;
  bool tensorized = false;  // all of it runs on arrays; where false, the next five fields mean nothing
  std::string array;        // "64x64"
  std::string stationary;   // the operand held in the array: weights, data, or mixed
  std::uint64_t calls = 0;
  std::uint64_t cycles = 0;
  double utilization = 0;  // multiply-adds needed over those the arrays could do in these cycles
  std::uint64_t calls_bound = 0;
  std::uint64_t cycles_bound = 0;
  std::optional<double> max_abs_err;  // against the independent computation; none: not verified
};

struct TotalsReport {
  std::uint64_t layers = 0;
  std::uint64_t tensorized = 0;
  std::uint64_t calls = 0;
  std::uint64_t calls_bound = 0;
  std::uint64_t cycles = 0;
  std::uint64_t cycles_bound = 0;
};

struct RuleIterationReport {
  std::string name;
  std::uint64_t matches = 0;
  std::uint64_t unions = 0;
};

struct PhaseReport {
  std::string name;  // match, apply, merge, rebuild, analyze, snapshot, extract, verify
  double seconds = 0;
  std::uint64_t supersteps = 0;
};

struct IterationReport {
  std::uint64_t iteration = 0;  // counts from 1
  std::uint64_t enodes = 0;     // at the iteration's end, over all ranks
  std::uint64_t eclasses = 0;
  std::vector<RuleIterationReport> rules;
  std::vector<PhaseReport> phases;
};

struct RuleReport {
  std::string name;
  double seconds = 0;  // summed over ranks and threads
  std::uint64_t matches = 0;
  std::uint64_t applications = 0;
  std::uint64_t times_put_aside = 0;
};

struct RankReport {
  std::uint64_t rank = 0;
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t enodes = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t exchanges = 0;  // all-to-alls made; supersteps are logical, this is what they took
  double busy_seconds = 0;
};

struct VerificationReport {
  std::string status = "skipped";  // passed, failed, skipped
  std::string mode;                // float32, int64; empty when skipped
  std::optional<double> tolerance;
  std::optional<double> network_max_abs_err;  // the whole extracted network against the original
};

struct Report {
  std::string model;
  std::string stop_reason;
  bool saturated = false;
  std::string digest;                           // of the e-graph, in hexadecimal
  std::string program_digest;                   // of the extracted program's structure, in hexadecimal
  std::map<std::string, std::string> options;   // as the command line spells them, without dashes
  std::map<std::string, std::string> versions;  // tessera, compiler, libraries
  std::vector<LayerReport> layers;
  VerificationReport verification;
  std::vector<IterationReport> iterations;
  std::vector<RuleReport> rules;
  std::vector<RankReport> ranks;
  std::vector<PhaseReport> phases;  // of the whole run, those outside iterations included
  double search_seconds = 0;        // of the search itself: start term to stop, without looks at costs on the way
  double unattributed_seconds = 0;  // total_seconds not covered by any phase
  double total_seconds = 0;
};

// Sums over the layers; calls and cycles of those that are tensorized only, bounds of all.
[[nodiscard]] TotalsReport totals(const Report& report);

// report.json: keys in a fixed order, two spaces of indentation, a newline at the end; a number that is not finite is
// null.
[[nodiscard]] std::string report_json(const Report& report);

// The part that must be byte-identical for any number of ranks, threads and shards: no times, memory, traffic,
// supersteps, measured errors, versions or options of placement.
[[nodiscard]] std::string deterministic_json(const Report& report);

// A line a layer, aligned, then the totals; bounds stand beside what was measured.
[[nodiscard]] std::string layer_table(const Report& report);

// report_json to a file, atomically. Throws Error(kResource) when the file system refuses.
void write_report(const Report& report, const std::string& path);

}  // namespace tessera
