#include "io/report.hpp"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "io/atomic_file.hpp"

namespace tessera {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no NaN and no infinity.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

// Options that say where and how long to work, not what to find.
constexpr std::array<std::string_view, 8> kPlacementOptions = {"ranks", "threads",      "shards",     "placement",
                                                               "out",   "memory-limit", "time-limit", "no-verify"};

bool is_placement(const std::string& option) {
  for (const std::string_view name : kPlacementOptions) {
    if (option == name) return true;
  }
  return false;
}

// Whether all of the report is written or only what may not depend on how the work was divided.
enum class View : std::uint8_t { kAll, kDeterministic };

Json layer_json(const LayerReport& layer, View view) {
  Json out;
  out["name"] = layer.name;
  out["kind"] = layer.kind;
  out["m"] = layer.m;
  out["k"] = layer.k;
  out["n"] = layer.n;
  out["groups"] = layer.groups;
  out["tensorized"] = layer.tensorized;
  if (layer.tensorized) {
    out["array"] = layer.array;
    out["stationary"] = layer.stationary;
    out["calls"] = layer.calls;
  } else {
    for (const char* key : {"array", "stationary", "calls"}) out[key] = nullptr;
  }
  out["calls_bound"] = layer.calls_bound;
  out["cycles"] = layer.tensorized ? Json(layer.cycles) : Json(nullptr);
  out["cycles_bound"] = layer.cycles_bound;
  out["utilization"] = layer.tensorized ? number(layer.utilization) : Json(nullptr);
  if (view == View::kAll) out["max_abs_err"] = number(layer.max_abs_err);
  return out;
}

Json phase_json(const PhaseReport& phase) {
  Json out;
  out["name"] = phase.name;
  out["seconds"] = number(phase.seconds);
  out["supersteps"] = phase.supersteps;
  return out;
}

Json iteration_json(const IterationReport& iteration, View view) {
  Json out;
  out["iteration"] = iteration.iteration;
  out["enodes"] = iteration.enodes;
  out["eclasses"] = iteration.eclasses;
  out["rules"] = Json::array();
  for (const RuleIterationReport& rule : iteration.rules) {
    Json entry;
    entry["name"] = rule.name;
    entry["matches"] = rule.matches;
    entry["unions"] = rule.unions;
    out["rules"].push_back(std::move(entry));
  }
  if (view == View::kAll) {
    out["phases"] = Json::array();
    for (const PhaseReport& phase : iteration.phases) out["phases"].push_back(phase_json(phase));
  }
  return out;
}

Json rule_json(const RuleReport& rule, View view) {
  Json out;
  out["name"] = rule.name;
  if (view == View::kAll) out["seconds"] = number(rule.seconds);
  out["matches"] = rule.matches;
  out["applications"] = rule.applications;
  out["times_put_aside"] = rule.times_put_aside;
  return out;
}

Json rank_json(const RankReport& rank) {
  Json out;
  out["rank"] = rank.rank;
  out["peak_memory_bytes"] = rank.peak_memory_bytes;
  out["enodes"] = rank.enodes;
  out["bytes_sent"] = rank.bytes_sent;
  out["bytes_received"] = rank.bytes_received;
  out["messages_sent"] = rank.messages_sent;
  out["messages_received"] = rank.messages_received;
  out["exchanges"] = rank.exchanges;
  out["busy_seconds"] = number(rank.busy_seconds);
  return out;
}

Json totals_json(const TotalsReport& sum) {
  Json out;
  out["layers"] = sum.layers;
  out["tensorized"] = sum.tensorized;
  out["calls"] = sum.calls;
  out["calls_bound"] = sum.calls_bound;
  out["cycles"] = sum.cycles;
  out["cycles_bound"] = sum.cycles_bound;
  return out;
}

Json verification_json(const VerificationReport& verification) {
  Json out;
  out["status"] = verification.status;
  out["mode"] = verification.mode;
  out["tolerance"] = number(verification.tolerance);
  out["network_max_abs_err"] = number(verification.network_max_abs_err);
  return out;
}

std::string write(const Report& report, View view) {
  const bool all = view == View::kAll;
  Json out;
  out["format_version"] = kReportFormatVersion;
  out["model"] = report.model;
  out["stop_reason"] = report.stop_reason;
  out["saturated"] = report.saturated;
  out["digest"] = report.digest;
  out["program_digest"] = report.program_digest;
  out["options"] = Json::object();
  for (const auto& [name, value] : report.options) {
    if (all || !is_placement(name)) out["options"][name] = value;
  }
  if (all) {
    out["versions"] = Json::object();
    for (const auto& [name, value] : report.versions) out["versions"][name] = value;
  }
  out["layers"] = Json::array();
  for (const LayerReport& layer : report.layers) out["layers"].push_back(layer_json(layer, view));
  out["totals"] = totals_json(totals(report));
  if (all) out["verification"] = verification_json(report.verification);
  out["iterations"] = Json::array();
  for (const IterationReport& iteration : report.iterations) {
    out["iterations"].push_back(iteration_json(iteration, view));
  }
  out["rules"] = Json::array();
  for (const RuleReport& rule : report.rules) out["rules"].push_back(rule_json(rule, view));
  if (all) {
    out["ranks"] = Json::array();
    for (const RankReport& rank : report.ranks) out["ranks"].push_back(rank_json(rank));
    out["phases"] = Json::array();
    for (const PhaseReport& phase : report.phases) out["phases"].push_back(phase_json(phase));
    out["search_seconds"] = number(report.search_seconds);
    out["unattributed_seconds"] = number(report.unattributed_seconds);
    out["total_seconds"] = number(report.total_seconds);
  }
  // Names come from the user's files and may be no UTF-8: replaced, not thrown at.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

TotalsReport totals(const Report& report) {
  TotalsReport sum;
  sum.layers = report.layers.size();
  for (const LayerReport& layer : report.layers) {
    sum.calls_bound += layer.calls_bound;
    sum.cycles_bound += layer.cycles_bound;
    if (!layer.tensorized) continue;
    ++sum.tensorized;
    sum.calls += layer.calls;
    sum.cycles += layer.cycles;
  }
  return sum;
}

std::string report_json(const Report& report) { return write(report, View::kAll); }
std::string deterministic_json(const Report& report) { return write(report, View::kDeterministic); }

void write_report(const Report& report, const std::string& path) { write_file_atomically(path, report_json(report)); }

}  // namespace tessera
