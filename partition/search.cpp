#include "partition/search.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>

#include "engine/base/kill_point.hpp"
#include "engine/graph/compaction.hpp"
#include "engine/graph/invariants.hpp"
#include "partition/inspection.hpp"
#include "partition/statistics.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kSmall = 4096;  // e-nodes; fewer are searched as the patterns are written

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Adds the time of its life to a phase; tells a recorder which phase it is.
class PhaseTimer {
 public:
  PhaseTimer(Exchange& exchange, IterationRecord& record, Phase phase)
      : exchange_(exchange),
        iteration_(record.iteration),
        record_(record.phases[static_cast<std::size_t>(phase)]),
        begin_(now_s()) {
    exchange_.enter_phase(iteration_, phase_name(phase));
    kill_point(phase_name(phase), exchange_.rank());
  }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;
  ~PhaseTimer() {
    record_.seconds += now_s() - begin_;
    exchange_.enter_phase(iteration_, "");
  }

 private:
  Exchange& exchange_;
  std::uint32_t iteration_;
  PhaseRecord& record_;
  double begin_;
};

std::vector<RuleSchedule> schedules(const std::vector<Rule>& rules, std::uint64_t default_limit) {
  std::vector<RuleSchedule> result;
  result.reserve(rules.size());
  for (const Rule& rule : rules)
    result.push_back({rule.match_limit != 0 ? rule.match_limit : default_limit, rule.pinned, 0, 0, 0});
  return result;
}

}  // namespace

const char* phase_name(Phase phase) {
  constexpr std::array<const char*, kPhases> kNames = {"match", "apply", "merge", "rebuild", "analyze"};
  return kNames[static_cast<std::size_t>(phase)];
}

const char* stop_reason_name(StopReason reason) {
  constexpr std::array<const char*, 6> kNames = {"saturated", "iterations", "enodes", "memory", "time", "interrupted"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

Search::Search(Exchange& exchange, const Language& language, SymbolTable& symbols, const std::vector<Rule>& rules,
               const SearchOptions& options)
    : rules_(rules),
      options_(options),
      partition_(exchange, language, symbols, options.partition),
      analysis_(partition_),
      scheduler_(schedules(rules, options.match_limit)),
      rules_in_use_(rules.size()),
      started_s_(now_s()) {
  plans_.reserve(rules.size());
  for (const Rule& rule : rules) plans_.push_back(compile(rule, symbols));
}

Search::~Search() = default;

std::vector<NamedClass> Search::start(const Expression& expression) {
  std::vector<NamedClass> classes = insert_expression(partition_, expression);
  partition_.notify_homes();
  partition_.push_to_subscribers();
  analysis_.run({}, plans_);
  count();
  return classes;
}

std::vector<NamedClass> Search::insert(const Expression& expression) {
  if (options_.before_change) options_.before_change();
  // What is inserted gets a stamp and names of its own: rows and classes of the last iteration stay as they are.
  ++partition_.graph.iteration;
  for (auto& list : partition_.graph.touched) list.clear();
  return start(expression);
}

std::uint64_t Search::count_matches(const Rule& rule) {
  std::array<RulePlan, 1> plans = {compile(rule, partition_.graph.symbols())};
  if (enodes_ >= kSmall) (void)replan(plans[0], partition_.graph.symbols(), count_statistics(partition_, plans));
  const std::array<char, 1> active = {1};
  const std::array<std::uint32_t, 1> seen = {0};
  const std::array<std::uint64_t, 1> store_limit = {0};
  std::array<std::vector<GlobalId>, 1> given;
  if (!find_given(rule, given[0])) return 0;
  return run_match_phase(partition_, {plans, active, seen, store_limit, {}, given}).matches[0];
}

bool Search::find_given(const Rule& rule, std::vector<GlobalId>& classes) {
  if (rule.given_variables.empty()) return true;
  classes = find_terms(partition_, rule.given);
  return std::ranges::none_of(classes, [](GlobalId id) { return id.is_none(); });
}

double Search::seconds() const { return now_s() - started_s_; }

void Search::restore(std::vector<RuleSchedule> schedule, std::vector<IterationRecord> records, double seconds) {
  CHECK(schedule.size() == rules_.size());
  scheduler_ = Scheduler(std::move(schedule));
  records_ = std::move(records);
  started_s_ = now_s() - seconds;
  ended_before_ = !records_.empty() && !records_.back().changed;
  count();
}

bool Search::count(bool here) {
  std::array<std::uint64_t, 3> counts = {partition_.graph.nodes.live_count(),
                                         static_cast<std::uint64_t>(partition_.owned_classes), here ? 1U : 0U};
  partition_.exchange.count_work(Work::kEnodes, counts[0]);
  partition_.exchange.count_work(Work::kEclasses, counts[1]);
  partition_.exchange.count_work(Work::kTableBytes, partition_.table_bytes());
  partition_.exchange.name_step("sizes");
  if (!partition_.alone()) partition_.exchange.all_reduce(counts, Reduction::kSum);
  enodes_ = counts[0];
  eclasses_ = counts[1];
  return counts[2] != 0;
}

// Orders joins by what the e-graph has become, once it has grown fourfold; small ones are searched as they are written.
void Search::plan_if_worthwhile() {
  if (enodes_ < std::max(kSmall, planned_enodes_ * 4)) return;
  planned_enodes_ = enodes_;
  const GraphStatistics statistics = count_statistics(partition_, plans_);
  bool changed = false;
  for (RulePlan& plan : plans_) changed = replan(plan, partition_.graph.symbols(), statistics) || changed;
  if (!changed) return;
  programs_.clear();
  plan_report_.restart(partition_.graph.iteration + 1);
}

const IterationRecord& Search::iterate() {
  const double begin = now_s();
  EGraph& graph = partition_.graph;
  IterationRecord record;
  record.iteration = graph.iteration + 1;
  record.rules.resize(rules_.size());

  std::vector<char> active(rules_.size());
  std::vector<std::uint32_t> seen(rules_.size());
  std::vector<std::uint64_t> store_limit(rules_.size());
  std::vector<std::vector<GlobalId>> given(rules_.size());
  std::vector<char> in_use(rules_.size());
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    in_use[r] = r < rules_in_use_ && find_given(rules_[r], given[r]) ? 1 : 0;
    active[r] = in_use[r] != 0 && scheduler_.active(r, record.iteration) ? 1 : 0;
    seen[r] = scheduler_.rules()[r].seen;
    store_limit[r] = scheduler_.budget(r);
  }
  MatchResult matches;
  {
    PhaseTimer timer(partition_.exchange, record, Phase::kMatch);
    partition_.tell_loads(record.iteration, enodes_);
    plan_if_worthwhile();
    matches = run_match_phase(partition_, {plans_, active, seen, store_limit, analysis_.data_stamp(), given,
                                           memory_left(), options_.explain_plan, &programs_});
    if (options_.explain_plan) plan_report_.add(matches);
  }
  record.phases[static_cast<std::size_t>(Phase::kMatch)].supersteps = matches.supersteps;
  record.visited = matches.visited;

  // What was matched is given up rather than applied on top of too much memory; the rules stay behind and would match
  // it again.
  if (options_.memory_limit_bytes > 0 && any_rank(matches.overflowed || memory_left() == 0))
    stopped_ = StopReason::kMemory;
  const Scheduler before = scheduler_;
  std::vector<char> apply(rules_.size(), 0);
  bool waiting = false;
  bool applies = false;
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    RuleRecord& rule = record.rules[r];
    rule.active = active[r] != 0;
    if (!rule.active) {
      waiting = waiting || in_use[r] != 0;
      continue;
    }
    rule.seconds = matches.seconds[r];
    if (stopped_) continue;
    rule.matches = matches.matches[r];
    apply[r] = scheduler_.admit(r, rule.matches, record.iteration) ? 1 : 0;
    rule.put_aside = apply[r] == 0;
    waiting = waiting || rule.put_aside;
    applies = applies || (apply[r] != 0 && rule.matches != 0);
  }
  if (applies && options_.before_change) options_.before_change();
  graph.iteration = record.iteration;
  for (auto& list : graph.touched) list.clear();
  apply_merge_rebuild_analyze(matches, apply, record);
  if (stopped_) scheduler_ = before;

  DCHECK(invariants_hold());
  // Rows that were made and died again are nothing new, and whether there are any depends on the layout.
  const bool touched_here = std::ranges::any_of(graph.touched, [&](const auto& list) {
    return std::ranges::any_of(list, [&](RowId row) { return graph.nodes.is_live(row); });
  });
  const bool touched = count(touched_here);
  record.enodes = enodes_;
  record.eclasses = eclasses_;
  record.changed = stopped_.has_value() || touched || (waiting && scheduler_.release_all(record.iteration + 1));
  record.seconds = now_s() - begin;
  records_.push_back(std::move(record));
  return records_.back();
}

bool Search::invariants_hold() const {
  check_invariants(partition_.graph, partition_.alone());
  return true;
}

void Search::apply_merge_rebuild_analyze(MatchResult& matches, const std::vector<char>& apply,
                                         IterationRecord& record) {
  const auto phase = [&](Phase p) -> PhaseRecord& { return record.phases[static_cast<std::size_t>(p)]; };
  ApplyResult applied;
  {
    PhaseTimer timer(partition_.exchange, record, Phase::kApply);
    applied = run_apply_phase(partition_, plans_, apply, matches, [this] {
      if (options_.between) options_.between();
      return out_of_time() ? 0 : memory_left();
    });
    if (applied.stopped) stopped_ = any_rank(out_of_time()) ? StopReason::kTime : StopReason::kMemory;
    partition_.notify_homes();
    matches = {};
  }
  phase(Phase::kApply).supersteps = applied.supersteps;
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    record.rules[r].unions = applied.asserted[r];
    record.rules[r].seconds += applied.seconds[r];
  }
  const bool asserted = std::ranges::any_of(applied.asserted, [](std::uint64_t count) { return count != 0; });
  phase(Phase::kMerge).supersteps = phase(Phase::kRebuild).supersteps = asserted ? 1 : 0;
  std::vector<UnionRequest> unions = std::move(applied.unions);
  for (;;) {
    std::uint64_t open = unions.size() + applied.united.size();
    partition_.exchange.name_step("any unions");
    if (!partition_.alone()) partition_.exchange.all_reduce(std::span(&open, 1), Reduction::kMax);
    if (open == 0) break;
    if (options_.between) options_.between();
    MergeResult merged;
    {
      PhaseTimer timer(partition_.exchange, record, Phase::kMerge);
      merged = run_merge_phase(partition_, std::move(unions), std::move(applied.united));
      applied.united.clear();
      analysis_.join_merged(merged.joins, plans_);
    }
    PhaseTimer timer(partition_.exchange, record, Phase::kRebuild);
    RebuildResult rebuilt = run_rebuild_round(partition_, merged.losers);
    partition_.notify_homes();
    record.rekeyed += rebuilt.rekeyed;
    unions = std::move(rebuilt.unions);
  }
  {
    PhaseTimer timer(partition_.exchange, record, Phase::kRebuild);
    compact_if_worthwhile(partition_.graph, partition_.workers);
  }
  PhaseTimer timer(partition_.exchange, record, Phase::kAnalyze);
  partition_.push_to_subscribers();
  phase(Phase::kAnalyze).supersteps = analysis_.run(std::move(applied.made), plans_);
}

// Time and memory differ between ranks: all decide by the worst.
bool Search::any_rank(bool here) {
  std::uint64_t any = here ? 1 : 0;
  partition_.exchange.name_step("limits");
  if (!partition_.alone()) partition_.exchange.all_reduce(std::span(&any, 1), Reduction::kMax);
  return any != 0;
}

std::size_t Search::memory_left() const {
  if (options_.memory_limit_bytes == 0) return ~std::size_t{0};
  const std::uint64_t passing = options_.passing_bytes ? options_.passing_bytes(false) : 0;
  std::uint64_t used = resident_bytes();
  if (passing > 0) {
    if (used < options_.memory_limit_bytes) {
      used -= std::min(used, passing);
    } else {
      options_.passing_bytes(true);
      used = resident_bytes();
    }
  }
  return options_.memory_limit_bytes - std::min(options_.memory_limit_bytes, used);
}

bool Search::over_memory_limit() { return options_.memory_limit_bytes > 0 && any_rank(memory_left() == 0); }

bool Search::out_of_time() const { return options_.time_limit_s > 0 && now_s() - started_s_ >= options_.time_limit_s; }

std::optional<StopReason> Search::limit_reached() {
  if (stopped_) return stopped_;
  if (over_memory_limit()) return StopReason::kMemory;
  if (options_.time_limit_s > 0 && any_rank(out_of_time())) return StopReason::kTime;
  if (options_.interrupt) {
    if (const std::optional<StopReason> reason = options_.interrupt()) return reason;
  }
  if (partition_.graph.iteration >= ClassTable::kLastIteration) return StopReason::kIterations;
  if (options_.enode_limit > 0 && enodes_ >= options_.enode_limit) return StopReason::kEnodes;
  if (options_.iteration_limit > 0 && records_.size() >= options_.iteration_limit) return StopReason::kIterations;
  return std::nullopt;
}

StopReason Search::run_for(std::uint64_t iterations, const std::function<void(const IterationRecord&)>& observe) {
  if (std::exchange(ended_before_, false)) return StopReason::kSaturated;
  for (std::uint64_t done = 0;; ++done) {
    if (const std::optional<StopReason> reason = limit_reached()) return *reason;
    if (done == iterations) return StopReason::kIterations;
    const IterationRecord& record = iterate();
    if (observe) observe(record);
    if (!record.changed) return StopReason::kSaturated;
  }
}

}  // namespace tessera
