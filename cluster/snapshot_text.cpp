#include "cluster/snapshot_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cluster/progress.hpp"

namespace tessera {
namespace {

struct RuleTotal {
  std::uint64_t matches = 0;
  std::uint64_t unions = 0;
};

RuleTotal total_of(const SearchState& state, std::size_t rule) {
  RuleTotal total;
  for (const IterationRecord& record : state.iterations) {
    total.matches += record.rules[rule].matches;
    total.unions += record.rules[rule].unions;
  }
  return total;
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string text = "tessera";
  for (const std::string& argument : arguments) text += " " + argument;
  return text;
}

// "+1,200", "-3", "=".
std::string change(std::uint64_t before, std::uint64_t after) {
  if (before == after) return "=";
  return after > before ? "+" + with_separators(after - before) : "-" + with_separators(before - after);
}

std::string tally_line(const std::string& what, std::size_t widest, const Tally& tally) {
  return fmt::format("{:<{}} {:>14} {:>14} {:>14}\n", what, widest, with_separators(tally.both),
                     with_separators(tally.only_first), with_separators(tally.only_second));
}

std::string rules_table(const SnapshotDifference& difference) {
  const SearchState& a = difference.snapshots[0].state;
  const SearchState& b = difference.snapshots[1].state;
  std::map<std::string, std::pair<RuleTotal, RuleTotal>> by_name;
  std::vector<std::string> order;
  const auto add = [&](const SearchState& state, auto member) {
    for (std::size_t r = 0; r < state.rules.size(); ++r) {
      const auto [it, is_new] = by_name.try_emplace(state.rules[r].name);
      if (is_new) order.push_back(state.rules[r].name);
      it->second.*member = total_of(state, r);
    }
  };
  add(a, &std::pair<RuleTotal, RuleTotal>::first);
  add(b, &std::pair<RuleTotal, RuleTotal>::second);
  std::size_t widest = 4;
  for (const std::string& name : order) widest = std::max(widest, name.size());
  std::string text = fmt::format("\n{:<{}} {:>14} {:>14} {:>14} {:>14} {:>14}\n", "rule", widest, "matches A",
                                 "matches B", "change", "unions B", "change");
  for (const std::string& name : order) {
    const auto& [x, y] = by_name.at(name);
    text += fmt::format("{:<{}} {:>14} {:>14} {:>14} {:>14} {:>14}\n", name, widest, with_separators(x.matches),
                        with_separators(y.matches), change(x.matches, y.matches), with_separators(y.unions),
                        change(x.unions, y.unions));
  }
  return text;
}

}  // namespace

std::string snapshot_summary(const Snapshot& snapshot, const SnapshotSeal& seal, const std::string& digest) {
  const SnapshotOrigin& origin = snapshot.origin;
  const SearchState& state = snapshot.state;
  const GraphSizes& sizes = state.share.sizes;
  std::string text;
  const auto line = [&](const char* what, const std::string& content) {
    text += fmt::format("{:<12} {}\n", what, content);
  };
  line("format", fmt::format("{}, written by {}", seal.version, origin.program));
  line("command", command_line(origin.arguments));
  line("model", origin.model);
  line("digests", fmt::format("input {}, rules {}", origin.model_digest, origin.rules_digest));
  line("iteration", fmt::format("{}{}", state.iteration,
                                !state.iterations.empty() && !state.iterations.back().changed ? ", saturated" : ""));
  line("time used", fmt::format("{:.1f} s", state.seconds));
  line("e-nodes", with_separators(sizes.rows));
  line("e-classes", with_separators(sizes.classes));
  line("digest", digest);
  line("symbols", with_separators(state.symbols.size()));
  line("file", size_text(seal.file_bytes));
  std::size_t widest = 0;
  for (const RuleState& rule : state.rules) widest = std::max(widest, rule.name.size());
  text += fmt::format("\n{:<{}} {:>12} {:>12} {:>8}\n", "rule", widest, "matches", "unions", "aside");
  for (std::size_t r = 0; r < state.rules.size(); ++r) {
    const RuleTotal total = total_of(state, r);
    text += fmt::format("{:<{}} {:>12} {:>12} {:>8}\n", state.rules[r].name, widest, with_separators(total.matches),
                        with_separators(total.unions), state.rules[r].times_aside);
  }
  return text;
}

std::string difference_text(const SnapshotDifference& difference, const std::string& first, const std::string& second) {
  std::string text;
  for (std::size_t i = 0; i < 2; ++i) {
    const Snapshot& snapshot = difference.snapshots[i];
    text += fmt::format("{}  {}: {}, iteration {}, {} e-nodes in {} e-classes, digest {}\n", i == 0 ? "A" : "B",
                        i == 0 ? first : second, snapshot.origin.model, snapshot.state.iteration,
                        with_separators(snapshot.state.share.sizes.rows),
                        with_separators(snapshot.state.share.sizes.classes), difference.digests[i]);
  }
  const std::vector<std::string>& found = difference.differences;
  if (found.empty()) return text + "no difference\n";
  text += "different: ";
  for (std::size_t i = 0; i < found.size(); ++i) text += (i == 0 ? "" : ", ") + found[i];
  text += difference.identity == ClassIdentity::kName
              ? "\nAn e-class is known by its name: what it is called until it is merged with an older one.\n"
              : "\nAn e-class is known by its lowest term.\n";
  std::size_t widest = 9;
  for (const auto& [name, tally] : difference.operators) widest = std::max(widest, name.size() + 2);
  text += fmt::format("\n{:<{}} {:>14} {:>14} {:>14}\n", "", widest, "in both", "only in A", "only in B");
  text += tally_line("e-classes", widest, difference.classes) + tally_line("e-nodes", widest, difference.nodes);
  // Those that differ most first.
  std::vector<std::pair<std::string, Tally>> operators(difference.operators.begin(), difference.operators.end());
  std::ranges::stable_sort(operators, [](const auto& a, const auto& b) {
    return a.second.only_first + a.second.only_second > b.second.only_first + b.second.only_second;
  });
  for (const auto& [name, tally] : operators)
    if (!tally.is_same()) text += tally_line("  " + name, widest, tally);
  return text + rules_table(difference);
}

}  // namespace tessera
