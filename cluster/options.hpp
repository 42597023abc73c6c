// What the user asked for on the command line, as plain data. Parsed once, on every rank alike (all ranks get the same
// arguments), before MPI has anything to do; what was wrong becomes an exit request, not an exception, so that main
// alone exits. The table of options is in options.cpp: their names, help and checks stand there once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "cluster/exchange_way.hpp"
#include "partition/placement.hpp"

namespace tessera {

// The exit codes of the program, as --help documents them.
enum ExitCode : int {
  kExitDone = 0,        // all layers tensorized and verified
  kExitIncomplete = 1,  // finished, but a layer is not tensorized, a check does not hold, or snapshots differ
  kExitUsage = 2,       // bad input or options
  kExitFailure = 3,     // internal or verification failure
  kExitRequeue = 75,    // interrupted after a snapshot: `tessera resume` goes on (EX_TEMPFAIL of sysexits.h)
};

enum class Command : std::uint8_t {
  kSearch,    // a model onto arrays
  kSaturate,  // a rules file's start terms, or an egglog program
  kResume,    // an interrupted one of these; becomes that command (resumed_options)
  kSnapshot,  // looks at a snapshot
};

enum class Scope : std::uint8_t { kLayer, kNetwork };

enum class Verbosity : std::uint8_t { kQuiet, kNormal, kVerbose };

// One systolic array of the hardware.
struct ArraySize {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  friend bool operator==(const ArraySize&, const ArraySize&) = default;
  [[nodiscard]] std::string to_string() const { return std::to_string(rows) + "x" + std::to_string(columns); }
};

struct MatchLimit {
  std::string rule;
  std::uint64_t matches = 0;
  friend bool operator==(const MatchLimit&, const MatchLimit&) = default;
};

struct Options {
  Command command = Command::kSearch;
  // kSearch: a file or the name of a built-in network; kSaturate: a rules file, an egglog program or an e-graph;
  // kResume: a folder of snapshots or one of them; kSnapshot: a snapshot
  std::string input;
  std::string action;                  // kSnapshot: inspect, verify, diff or export
  std::string other;                   // kSnapshot: the snapshot that diff compares with
  std::string compare_by;              // kSnapshot: name or term; empty: what fits
  std::vector<std::string> arguments;  // the command in a normal form: the command, its input, --name=value…

  // kSearch only
  std::vector<ArraySize> arrays = {{64, 64}};  // at least one, none twice, in the order given
  Scope scope = Scope::kLayer;
  // Files or names of shipped sets, in the order given; kSaturate: of an e-graph, none by default
  std::vector<std::string> rules = {"blocking"};
  std::filesystem::path out = "out";  // kSnapshot: the file to export to; empty: standard output
  std::uint64_t seed = 1;
  bool verify = true;

  // kSaturate only
  bool print_counts = false;
  std::filesystem::path report;  // where the JSON report is written; empty: nowhere

  bool explain_plan = false;  // print how each rule was matched, and what that cost

  // Rules: names as given, not yet compared with the rules that exist. No rule is both banned and pinned.
  std::vector<std::string> banned;
  std::vector<std::string> pinned;
  std::uint64_t match_limit = 0;         // matches an iteration before a rule is put aside; 0: the engine's default
  std::vector<MatchLimit> match_limits;  // the same for single rules

  // Limits; 0: none, or for memory a share of the machine (share_of, cluster/machine.hpp)
  std::uint64_t iteration_limit = 0;
  std::uint64_t enode_limit = 0;
  std::uint64_t memory_limit_bytes = 0;  // each rank's
  std::uint64_t time_limit_ms = 0;

  // 0: chosen from the machine
  int threads = 0;  // of each rank
  int shards = 0;   // of each rank; a power of two
  PlacementPolicy placement = PlacementPolicy::kNeighbour;
  ExchangeWay exchange = ExchangeWay::kAuto;  // of the ranks that mpirun started

  // After so long a rank that is not heard of ends the run; 0: never.
  std::uint64_t stall_limit_ms = 20'000;

  // Snapshots
  std::filesystem::path snapshot;      // the folder; empty: none are taken
  std::uint64_t every_ms = 0;          // 0: not by time
  std::uint64_t every_iterations = 0;  // 0: not by iterations
  std::size_t keep = 3;
  std::filesystem::path resume;  // what the search is taken up from; empty: it starts
  bool accept_changes = false;   // resume with other rules or another model

  // For scaling studies
  std::filesystem::path record_work;  // empty: nothing is recorded
  int virtual_ranks = 0;              // 0: the ranks that mpirun started

  Verbosity verbosity = Verbosity::kNormal;
};

// The program is to print `text` and exit: --help and --version on standard output with code 0, mistakes on standard
// error with code 2. Under mpirun rank 0 prints.
struct ExitRequest {
  int code = kExitDone;
  std::string text;
};

[[nodiscard]] std::variant<Options, ExitRequest> parse_options(int argc, const char* const* argv);

// The options of a resumed command: the snapshot's `arguments`, and over them those given to `resume`; virtual ranks
// and a work record only if `resume` is given them. Throws Error(kInput).
[[nodiscard]] Options resumed_options(const Options& resume, const std::vector<std::string>& arguments);

// --- the notations that options use; each throws Error(kInput) saying what was found and what was expected ---

// "64x64": two positive numbers up to 65536.
[[nodiscard]] ArraySize parse_array(const std::string& text);
// "250000", "250k", "10M", "2G" (decimal multiples): a count.
[[nodiscard]] std::uint64_t parse_count(const std::string& text);
// "8GiB", "1.5GiB", "512MiB" (binary), "8GB" (decimal), "8G" (binary, as Slurm's --mem): a size in bytes; the unit is
// required.
[[nodiscard]] std::uint64_t parse_size(const std::string& text);
// "90s", "10min", "2h", "1h30min", "500ms"; a bare number is seconds: a duration in milliseconds.
[[nodiscard]] std::uint64_t parse_duration_ms(const std::string& text);

}  // namespace tessera
