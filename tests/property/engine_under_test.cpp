#include "tests/property/engine_under_test.hpp"

#include <stdexcept>

#include "engine/language/symbol_table.hpp"
#include "engine/rule/rule_parser.hpp"
#include "engine/rules/builtin_rules.hpp"
#include "tests/property/naive_egraph.hpp"

namespace tessera::oracle {

namespace {

std::string counts_text(const std::vector<std::size_t>& counts) {
  std::string text;
  for (const std::size_t n : counts) text += (text.empty() ? "" : " ") + std::to_string(n);
  return "[" + text + "]";
}

std::string difference(int iteration, const char* what, const std::string& expected, const std::string& found) {
  return "after iteration " + std::to_string(iteration) + ": " + what + ": expected " + expected + ", found " + found;
}

// What one of the two does not count is not compared.
std::string same(int iteration, const char* what, const std::vector<std::size_t>& expected,
                 const std::vector<std::size_t>& found) {
  if (expected.empty() || found.empty() || expected == found) return {};
  return difference(iteration, what, counts_text(expected), counts_text(found));
}

std::string between(int iteration, const std::vector<std::size_t>& least, const std::vector<std::size_t>& most,
                    const std::vector<std::size_t>& found) {
  if (least.empty() || found.empty()) return {};
  bool good = found.size() == least.size();
  for (std::size_t r = 0; good && r < found.size(); ++r) good = least[r] <= found[r] && found[r] <= most[r];
  if (good) return {};
  return difference(iteration, "found matches per rule", "between " + counts_text(least) + " and " + counts_text(most),
                    counts_text(found));
}

}  // namespace

History oracle_history(const SearchInput& input, const OracleLimits& limits) {
  SymbolTable symbols;
  const RuleSet rules = parse_rules(input.text, "oracle", *input.language, symbols, {});
  NaiveEGraph graph(symbols, *input.language);
  graph.add(rules.start);
  graph.rebuild();
  History history;
  history.counts.push_back({graph.enode_count(), graph.eclass_count(), {}, {}, {}});
  for (int i = 0; i < limits.iterations && !history.saturated && graph.enode_count() <= limits.enodes; ++i) {
    NaiveIteration done = graph.iterate(rules.rules, limits.matches);
    if (done.refused) break;
    history.saturated = !done.changed;
    history.counts.push_back(
        {graph.enode_count(), graph.eclass_count(), std::move(done.matches), std::move(done.new_matches), {}});
  }
  if (limits.partition_size > 0 && graph.partition_size() <= limits.partition_size) {
    history.partition = graph.partition_text();
  }
  return history;
}

std::string first_difference(const History& expected, const History& found) {
  const std::size_t iterations = expected.counts.size();
  if (found.counts.empty()) return "no counts at all";
  if (found.counts.size() > iterations) return "more iterations than were asked for";
  for (std::size_t i = 0; i < found.counts.size(); ++i) {
    const IterationCounts& e = expected.counts[i];
    const IterationCounts& f = found.counts[i];
    const int iteration = static_cast<int>(i);
    // Matches come first: they are the cause, and what the graph becomes is the effect.
    std::string text = same(iteration, "matches per rule", e.matches, f.matches);
    if (text.empty()) text = same(iteration, "new matches per rule", e.new_matches, f.new_matches);
    if (text.empty()) text = same(iteration, "found matches per rule", e.found_matches, f.found_matches);
    if (text.empty()) text = between(iteration, e.new_matches, e.matches, f.found_matches);
    if (!text.empty()) return text;
    if (e.enodes != f.enodes || e.eclasses != f.eclasses) {
      return difference(iteration, "e-nodes, e-classes", counts_text({e.enodes, e.eclasses}),
                        counts_text({f.enodes, f.eclasses}));
    }
  }
  if (found.counts.size() < iterations) {
    const IterationCounts& last = found.counts.back();
    const std::string stopped = "stopped after iteration " + std::to_string(found.counts.size() - 1);
    if (!found.saturated) return stopped + " of " + std::to_string(iterations - 1) + " and did not say saturated";
    for (std::size_t i = found.counts.size(); i < iterations; ++i) {
      if (expected.counts[i].enodes != last.enodes || expected.counts[i].eclasses != last.eclasses) {
        return stopped + " as saturated, but the e-graph still changes in iteration " + std::to_string(i);
      }
    }
  }
  if (found.saturated && !expected.saturated && found.counts.size() == iterations) {
    return "says saturated after iteration " + std::to_string(iterations - 1) + ", which changed the e-graph";
  }
  if (!found.saturated && expected.saturated) return "does not see that it is saturated";
  if (!expected.partition.empty() && !found.partition.empty() && expected.partition != found.partition) {
    return "partitions differ: expected\n" + expected.partition + "found\n" + found.partition;
  }
  if (!expected.digest.empty() && !found.digest.empty() && expected.digest != found.digest) {
    return "digests differ: expected " + expected.digest + ", found " + found.digest;
  }
  return {};
}

std::string compare_with_oracle(EngineUnderTest& engine, const SearchInput& input, const OracleLimits& limits) {
  const History expected = oracle_history(input, limits);
  const History found = engine.run(input, static_cast<int>(expected.counts.size()) - 1);
  const std::string difference = first_difference(expected, found);
  if (difference.empty()) return {};
  return engine.name() + ": " + difference + "\n" + input.text;
}

const std::vector<IterationCounts>& math_counts() {
  static const std::vector<IterationCounts> counts = {
      {35, 35, {}, {}, {}},     {69, 50, {}, {}, {}},       {118, 71, {}, {}, {}},       {208, 116, {}, {}, {}},
      {389, 197, {}, {}, {}},   {784, 361, {}, {}, {}},     {1576, 666, {}, {}, {}},     {3160, 1347, {}, {}, {}},
      {8113, 3576, {}, {}, {}}, {28303, 12445, {}, {}, {}}, {136446, 58464, {}, {}, {}}, {1047896, 443832, {}, {}, {}},
  };
  return counts;
}

std::string shipped_rules(const std::string& name) {
  const auto text = builtin_rules(name);
  if (!text) throw std::runtime_error("no rules of the name " + name + " are built in");
  return std::string(*text);
}

}  // namespace tessera::oracle
