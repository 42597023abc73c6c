// Equality saturation over a sharded e-graph: match → apply → merge → rebuild → analyze, until nothing is left to find
// or a limit is reached. Every rank runs the same Search over its Exchange; all calls are collective. The e-graph after
// an iteration, and every count here, is the same for any number of ranks, threads and shards.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/rule/plan.hpp"
#include "engine/rule/scheduler.hpp"
#include "partition/analyze_phase.hpp"
#include "partition/apply_phase.hpp"
#include "partition/plan_report.hpp"
#include "partition/rebuild_phase.hpp"

namespace tessera {

enum class Phase : std::uint8_t { kMatch, kApply, kMerge, kRebuild, kAnalyze };
inline constexpr std::size_t kPhases = 5;
[[nodiscard]] const char* phase_name(Phase phase);

enum class StopReason : std::uint8_t { kSaturated, kIterations, kEnodes, kMemory, kTime, kInterrupted };
[[nodiscard]] const char* stop_reason_name(StopReason reason);

struct SearchOptions {
  PartitionOptions partition;
  std::uint64_t iteration_limit = 0;     // 0: none; so for the others
  std::uint64_t enode_limit = 0;         // over all ranks
  std::uint64_t memory_limit_bytes = 0;  // resident memory of one rank; looked at before and within every iteration
  double time_limit_s = 0;
  std::uint64_t match_limit = 0;  // per rule and iteration, for rules that set none; 0: none
  bool explain_plan = false;      // keeps what explain_plan() tells
  // Asked by all ranks before each iteration of run(); a reason to stop now, the same on every rank. May be empty.
  std::function<std::optional<StopReason>()> interrupt;
  // Called by all ranks together between the phases of an iteration and between the slices of its apply phase. May be
  // empty.
  std::function<void()> between;
  // Called before the e-graph changes: in an iteration that has found something to apply, and by insert(). Until then
  // from `interrupt` on, or from the end of a run, it is only read. Not collective. May be empty.
  std::function<void()> before_change;
  // Bytes of this rank's memory that are not the search's and will soon be given back, or with `wait` have been: what
  // is left to the memory limit is reckoned without them, and they are waited for when it is reached. May be empty.
  std::function<std::uint64_t(bool wait)> passing_bytes;
};

struct PhaseRecord {
  double seconds = 0;  // this rank
  // Logical steps, the same for any number of ranks and shards: steps of the longest plan, levels of the tallest right
  // side, one each for merge and rebuild (which alternate as often as the layout needs) if anything was asserted, one
  // for analyze. How many exchanges they took is counted as traffic.
  std::uint32_t supersteps = 0;
};

struct RuleRecord {
  bool active = false;
  bool put_aside = false;     // had more matches than its budget: none of them was applied
  std::uint64_t matches = 0;  // new matches, over all ranks
  std::uint64_t unions = 0;   // of them, those that asserted an equality the e-graph did not hold when the phase began
  double seconds = 0;         // this rank: matching and applying
};

struct IterationRecord {
  std::uint32_t iteration = 0;
  std::uint64_t enodes = 0;  // after the iteration, over all ranks
  std::uint64_t eclasses = 0;
  std::uint64_t visited = 0;  // rows looked at while matching, this rank: a measure of match work
  std::uint64_t rekeyed = 0;  // rows re-keyed, this rank
  bool changed = false;       // whether anything is new for the next iteration
  double seconds = 0;         // this rank, all of it
  std::array<PhaseRecord, kPhases> phases;
  std::vector<RuleRecord> rules;
};

class Search {
 public:
  // `rules` outlive the search. Interns the rules' symbols: all ranks must construct alike. Throws Error(kInput).
  Search(Exchange& exchange, const Language& language, SymbolTable& symbols, const std::vector<Rule>& rules,
         const SearchOptions& options);
  ~Search();

  // Inserts the start expression (iteration 0). Returns, on every rank, the class of each of its nodes.
  std::vector<NamedClass> start(const Expression& expression);

  // Inserts further terms, after any number of iterations; their e-nodes are new to every rule. Counts as an iteration
  // only in the e-graph's clock, not in iterations(). Returns what start() does.
  std::vector<NamedClass> insert(const Expression& expression);
  // From here on only the first `count` rules take part; the others wait, unseen, until a later call lets them.
  void use_rules(std::size_t count) {
    rules_in_use_ = std::min(count, rules_.size());
    ended_before_ = false;  // whatever ended a run before, this is another
  }
  // How many matches the rule has in the e-graph as it is; its right side is not looked at. Interns the rule's symbols.
  [[nodiscard]] std::uint64_t count_matches(const Rule& rule);

  // One iteration.
  const IterationRecord& iterate();
  // Iterates until a limit or saturation; `observe` sees every finished iteration.
  StopReason run(const std::function<void(const IterationRecord&)>& observe = {}) { return run_for(kNoLimit, observe); }
  // The same for so many iterations at most; that it stopped for them is StopReason::kIterations.
  StopReason run_for(std::uint64_t iterations, const std::function<void(const IterationRecord&)>& observe = {});
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

  [[nodiscard]] const std::vector<IterationRecord>& iterations() const { return records_; }
  [[nodiscard]] std::uint64_t enodes() const { return enodes_; }  // over all ranks, as of the last iteration
  [[nodiscard]] std::uint64_t eclasses() const { return eclasses_; }
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
  [[nodiscard]] const Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] Partition& partition() { return partition_; }
  // Each rule's plan with estimated and actual counts; needs SearchOptions::explain_plan. Collective.
  [[nodiscard]] std::string explain_plan() { return plan_report_.text(partition_, plans_); }

  // --- for partition/search_state.hpp ---
  [[nodiscard]] Analysis& analysis() { return analysis_; }
  // Whether the last iteration was stopped within: what the e-graph then holds depends on the machine.
  [[nodiscard]] bool cut_off() const { return stopped_.has_value(); }
  // Of the search so far, what came before a resume included.
  [[nodiscard]] double seconds() const;
  // Takes up a search whose e-graph is in place: its schedule, its records and the seconds it has used. Collective.
  void restore(std::vector<RuleSchedule> schedule, std::vector<IterationRecord> records, double seconds);

  // CHECKs every invariant of this rank's e-graph (engine/graph/invariants.hpp); true if the call returns.
  [[nodiscard]] bool invariants_hold() const;

 private:
  void apply_merge_rebuild_analyze(MatchResult& matches, const std::vector<char>& apply, IterationRecord& record);
  // What there is on all ranks; returns whether `here` holds on any of them.
  bool count(bool here = false);
  [[nodiscard]] bool out_of_time() const;
  [[nodiscard]] std::size_t memory_left() const;  // bytes to the limit of this rank
  // These are collective.
  void plan_if_worthwhile();
  [[nodiscard]] bool any_rank(bool here);
  [[nodiscard]] bool over_memory_limit();
  [[nodiscard]] std::optional<StopReason> limit_reached();
  [[nodiscard]] bool find_given(const Rule& rule, std::vector<GlobalId>& classes);  // false: one is not there

  const std::vector<Rule>& rules_;
  SearchOptions options_;
  Partition partition_;
  Analysis analysis_;
  std::vector<RulePlan> plans_;
  ProgramCache programs_;
  PlanReport plan_report_;
  std::uint64_t planned_enodes_ = 0;  // when plans were last made from statistics
  Scheduler scheduler_;
  std::size_t rules_in_use_;
  std::vector<IterationRecord> records_;
  std::uint64_t enodes_ = 0;
  std::uint64_t eclasses_ = 0;
  double started_s_ = 0;
  std::optional<StopReason> stopped_;  // within an iteration: matches were given up, and their rules stay behind
  bool ended_before_ = false;          // it was taken up saturated
};

// Resident memory of this process, in bytes; 0 if the system does not tell.
[[nodiscard]] std::uint64_t resident_bytes();
[[nodiscard]] std::uint64_t peak_resident_bytes();

}  // namespace tessera
