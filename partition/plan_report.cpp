#include "partition/plan_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <tuple>

namespace tessera {
namespace {

auto key(const StepCounts& counts) { return std::tuple(counts.rule, counts.variant, counts.stage); }

std::string reached(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kScan:
      return "new rows of";
    case Step::Kind::kClasses:
      return "new classes";
    case Step::Kind::kMembers:
      return "members";
    case Step::Kind::kParents:
      return "parents by child " + std::to_string(step.via) + ",";
    case Step::Kind::kLookup:
      return "look-up of";
    case Step::Kind::kGround:
      return "compare with";
  }
  return "";
}

}  // namespace

void PlanReport::add(const MatchResult& matches) {
  for (const StepCounts& fresh : matches.steps) {
    const auto at = std::ranges::lower_bound(counts_, key(fresh), {}, key);
    if (at != counts_.end() && key(*at) == key(fresh)) {
      at->visited += fresh.visited;
      at->passed += fresh.passed;
      at->users = std::max(at->users, fresh.users);
    } else {
      counts_.insert(at, fresh);
    }
  }
}

void PlanReport::restart(std::uint32_t iteration) {
  counts_.clear();
  since_ = iteration;
}

std::string PlanReport::text(Partition& partition, std::span<const RulePlan> plans) const {
  std::vector<std::uint64_t> totals;
  for (const StepCounts& counts : counts_) {
    totals.push_back(counts.visited);
    totals.push_back(counts.passed);
  }
  if (!partition.alone() && !totals.empty()) partition.exchange.all_reduce(totals, Reduction::kSum);
  std::string result = "plans; counts since iteration " + std::to_string(since_) +
                       ", over all ranks; estimates scaled to the start rows there were\n";
  const SymbolTable& symbols = partition.graph.symbols();
  for (std::uint32_t r = 0; r < plans.size(); ++r) {
    result += "rule " + plans[r].rule->name + "\n";
    for (std::uint32_t v = 0; v < plans[r].variants.size(); ++v) {
      result += "  variant " + std::to_string(v) + "\n";
      double starts = 0;
      std::uint32_t stage = 0;
      for (const Step& step : plans[r].variants[v].steps) {
        std::string line = "    " + reached(step);
        if (!step.op.is_none()) {
          line += " " + std::string(symbols.operator_name(step.op).text());
          line += step.age == Age::kOld ? " (old)" : step.age == Age::kNew ? " (new)" : "";
        }
        const auto equal = std::ranges::count_if(
            step.kids, [&](const SlotAction& kid) { return !kid.bind && step.kind != Step::Kind::kLookup; });
        if (equal != 0 && step.kind != Step::Kind::kGround) line += "; " + std::to_string(equal) + " equal";
        if (!step.conditions.empty()) line += "; " + std::to_string(step.conditions.size()) + " conditions";
        if (!step.distinct.empty()) line += "; " + std::to_string(step.distinct.size()) + " distinct";
        if (step.kind == Step::Kind::kGround) {  // part of the step before
          result += line + "\n";
          continue;
        }
        const auto found = std::ranges::lower_bound(counts_, std::tuple(r, v, stage), {}, key);
        const bool has_run = found != counts_.end() && key(*found) == std::tuple(r, v, stage);
        const std::size_t at = 2 * static_cast<std::size_t>(found - counts_.begin());
        const std::uint64_t visited = has_run ? totals[at] : 0;
        const std::uint64_t passed = has_run ? totals[at + 1] : 0;
        if (stage++ == 0) starts = static_cast<double>(passed);
        line.resize(std::max<std::size_t>(line.size() + 1, 48), ' ');
        std::array<char, 160> numbers{};
        std::snprintf(numbers.data(), numbers.size(), "visited %llu (estimated %.0f), bindings %llu (estimated %.0f)",
                      static_cast<unsigned long long>(visited), starts * step.visited_per_start,
                      static_cast<unsigned long long>(passed), starts * step.bindings_per_start);
        line += numbers.data();
        if (has_run && found->users > 1) line += ", shared by " + std::to_string(found->users);
        result += line + "\n";
      }
    }
  }
  return result;
}

}  // namespace tessera
