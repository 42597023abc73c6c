#include "cluster/snapshot_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cluster/progress.hpp"
#include "io/snapshot.hpp"

namespace tessera {
namespace {

std::string command_line(const std::vector<std::string>& arguments) {
  std::string text = "tessera";
  for (const std::string& argument : arguments) text += " " + argument;
  return text;
}

std::string summary(const Snapshot& snapshot, const SnapshotSeal& seal) {
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
  line("symbols", with_separators(state.symbols.size()));
  line("file", size_text(seal.file_bytes));
  std::size_t widest = 0;
  for (const RuleState& rule : state.rules) widest = std::max(widest, rule.name.size());
  text += fmt::format("\n{:<{}} {:>12} {:>12} {:>8}\n", "rule", widest, "matches", "unions", "aside");
  for (std::size_t r = 0; r < state.rules.size(); ++r) {
    std::uint64_t matches = 0;
    std::uint64_t unions = 0;
    for (const IterationRecord& record : state.iterations) {
      matches += record.rules[r].matches;
      unions += record.rules[r].unions;
    }
    text += fmt::format("{:<{}} {:>12} {:>12} {:>8}\n", state.rules[r].name, widest, with_separators(matches),
                        with_separators(unions), state.rules[r].times_aside);
  }
  return text;
}

}  // namespace

int look_at_snapshot(const Options& options) {
  const Snapshot snapshot = read_snapshot_summary(options.input);  // checks every byte
  const SnapshotSeal seal = read_seal(options.input);
  if (options.action == "verify")
    std::printf("%s: whole: %zu datasets, %llu bytes, iteration %u\n", options.input.c_str(), seal.datasets.size(),
                static_cast<unsigned long long>(seal.file_bytes), snapshot.state.iteration);
  else
    std::fputs(summary(snapshot, seal).c_str(), stdout);
  std::fflush(stdout);
  return kExitDone;
}

}  // namespace tessera
