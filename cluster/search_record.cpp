#include "cluster/search_record.hpp"

#include <algorithm>
#include <cstring>

namespace tessera {
namespace {

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

}  // namespace

SearchOptions search_options(const Options& options, const Resources& resources) {
  SearchOptions result;
  result.partition.shards = static_cast<std::uint32_t>(resources.shards);
  result.partition.threads = resources.threads;
  result.partition.placement.policy = options.placement;
  result.iteration_limit = options.iteration_limit;
  result.enode_limit = options.enode_limit;
  result.memory_limit_bytes = resources.memory_limit_bytes;
  result.time_limit_s = static_cast<double>(options.time_limit_ms) / 1000;
  result.match_limit = options.match_limit;
  result.explain_plan = options.explain_plan;
  return result;
}

void add_phase(Report& report, const std::string& name, double seconds, std::uint64_t supersteps) {
  const auto it = std::ranges::find(report.phases, name, &PhaseReport::name);
  if (it == report.phases.end()) {
    report.phases.push_back({name, seconds, supersteps});
  } else {
    it->seconds += seconds;
    it->supersteps += supersteps;
  }
}

void record_search(Search& search, double wall_seconds, Report& report) {
  const std::vector<Rule>& rules = search.rules();
  report.rules.resize(rules.size());
  std::vector<std::uint64_t> nanoseconds(rules.size(), 0);
  std::vector<std::uint64_t> phase_nanoseconds;  // by iteration, by phase
  for (std::size_t r = 0; r < rules.size(); ++r) report.rules[r].name = rules[r].name;
  for (const IterationRecord& record : search.iterations()) {
    IterationReport& iteration = report.iterations.emplace_back();
    iteration.iteration = record.iteration;
    iteration.enodes = record.enodes;
    iteration.eclasses = record.eclasses;
    for (std::size_t r = 0; r < rules.size(); ++r) {
      const RuleRecord& rule = record.rules[r];
      iteration.rules.push_back({rules[r].name, rule.matches, rule.unions});
      report.rules[r].matches += rule.matches;
      if (!rule.put_aside) report.rules[r].applications += rule.matches;
      if (rule.put_aside) ++report.rules[r].times_put_aside;
      nanoseconds[r] += static_cast<std::uint64_t>(rule.seconds * 1e9);
    }
    for (std::size_t p = 0; p < kPhases; ++p) {
      const PhaseRecord& phase = record.phases[p];
      phase_nanoseconds.push_back(static_cast<std::uint64_t>(phase.seconds * 1e9));
      iteration.phases.push_back({phase_name(static_cast<Phase>(p)), 0, phase.supersteps});
    }
  }
  Partition& partition = search.partition();
  Exchange& exchange = partition.exchange;
  if (!nanoseconds.empty()) exchange.all_reduce(nanoseconds, Reduction::kSum);
  if (!phase_nanoseconds.empty()) exchange.all_reduce(phase_nanoseconds, Reduction::kMax);  // of the slowest rank
  for (std::size_t i = 0; i < report.iterations.size(); ++i) {
    for (std::size_t p = 0; p < kPhases; ++p) {
      PhaseReport& phase = report.iterations[i].phases[p];
      phase.seconds = static_cast<double>(phase_nanoseconds[i * kPhases + p]) * 1e-9;
      add_phase(report, phase.name, phase.seconds, phase.supersteps);
    }
  }
  for (std::size_t r = 0; r < rules.size(); ++r) report.rules[r].seconds = static_cast<double>(nanoseconds[r]) * 1e-9;

  const Traffic traffic = exchange.traffic();
  RankReport mine;
  mine.rank = static_cast<std::uint64_t>(exchange.rank());
  mine.peak_memory_bytes = peak_resident_bytes();
  mine.enodes = partition.graph.nodes.live_count();
  mine.bytes_sent = traffic.bytes_sent;
  mine.bytes_received = traffic.bytes_received;
  mine.messages_sent = traffic.messages_sent;
  mine.messages_received = traffic.messages_received;
  mine.exchanges = traffic.exchanges;
  mine.busy_seconds = std::max(0.0, wall_seconds - traffic.wait_seconds);
  Inbox all;
  exchange.all_gather(std::as_bytes(std::span(&mine, 1)), all);
  report.ranks.resize(static_cast<std::size_t>(exchange.size()));
  std::memcpy(report.ranks.data(), all.bytes.data(), report.ranks.size() * sizeof(RankReport));
}

void record_options(const Options& options, const Resources& resources, int ranks, Report& report) {
  if (options.command == Command::kSearch) {
    std::vector<std::string> arrays;
    for (const ArraySize& array : options.arrays) arrays.push_back(array.to_string());
    report.options["array"] = joined(arrays);
    report.options["scope"] = options.scope == Scope::kLayer ? "layer" : "network";
    report.options["rules"] = joined(options.rules);
    report.options["seed"] = std::to_string(options.seed);
    report.options["no-verify"] = options.verify ? "false" : "true";
  }
  report.options["ban"] = joined(options.banned);
  report.options["pin"] = joined(options.pinned);
  report.options["iterations"] = std::to_string(options.iteration_limit);
  report.options["enodes"] = std::to_string(options.enode_limit);
  report.options["time-limit"] = std::to_string(options.time_limit_ms) + "ms";
  report.options["memory-limit"] = std::to_string(resources.memory_limit_bytes) + "B";
  report.options["match-limit"] = std::to_string(options.match_limit);
  report.options["ranks"] = std::to_string(ranks);
  report.options["threads"] = std::to_string(resources.threads);
  report.options["placement"] = options.placement == PlacementPolicy::kHash ? "hash" : "neighbour";
  report.options["shards"] = std::to_string(resources.shards);
  report.versions["tessera"] = TESSERA_VERSION;
  report.versions["compiler"] = __VERSION__;
}

void close_times(Report& report, double total_seconds) {
  report.total_seconds = total_seconds;
  double covered = 0;
  for (const PhaseReport& phase : report.phases) covered += phase.seconds;
  report.unattributed_seconds = std::max(0.0, total_seconds - covered);
}

}  // namespace tessera
