// What a property test needs of an engine, and the comparison of its history with the oracle's. An engine is plugged in
// by deriving from EngineUnderTest; how many ranks, threads and shards it uses is its own affair: the history may not
// depend on them (the determinism contract).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/language/language.hpp"

namespace tessera::oracle {

struct SearchInput {
  std::string text;  // of a rules file: rules and start terms
  const Language* language = nullptr;
};

struct IterationCounts {
  std::size_t enodes = 0;
  std::size_t eclasses = 0;
  // Of the iteration that led here, per rule in the file's order; all are empty for the start.
  // The oracle's: distinct (root e-class, substitution), and of these the ones that did not exist an iteration before.
  std::vector<std::size_t> matches;
  std::vector<std::size_t> new_matches;
  // A semi-naive engine's: every new match, and old ones whose e-nodes were re-keyed, so between the two above. Which
  // of the old ones depends on which e-class leads after a merge, but not on ranks, threads or shards.
  std::vector<std::size_t> found_matches;
};

struct History {
  std::vector<IterationCounts> counts;  // counts[0]: the start terms; counts[i]: after iteration i
  bool saturated = false;               // the last iteration changed nothing; an engine may stop there
  std::string partition;                // NaiveEGraph::partition_text() of the last; empty when it is not known
  std::string digest;                   // the engine's own, of the last; the oracle has none
};

class EngineUnderTest {
 public:
  EngineUnderTest() = default;
  EngineUnderTest(const EngineUnderTest&) = delete;
  EngineUnderTest& operator=(const EngineUnderTest&) = delete;
  virtual ~EngineUnderTest() = default;
  [[nodiscard]] virtual std::string name() const = 0;  // for messages: "3 ranks x 2 threads x 4 shards"
  // Runs every rule in every iteration, at most `iterations` of them.
  virtual History run(const SearchInput& input, int iterations) = 0;
};

struct OracleLimits {
  int iterations = 8;
  std::size_t enodes = 2000;         // no further iteration once there are more
  std::size_t matches = 2000;        // an iteration with more matches is not done
  std::uint64_t partition_size = 0;  // NaiveEGraph::partition_size() up to which the partition is written; 0: never
};

// What the oracle says: as many iterations as the limits allow, stopping when saturated.
[[nodiscard]] History oracle_history(const SearchInput& input, const OracleLimits& limits);

// Empty when `found` agrees with `expected`, which both ran for expected.counts.size() - 1 iterations: else the first
// difference in words. What one of them does not count is not compared. `expected` is the oracle's or an engine's.
[[nodiscard]] std::string first_difference(const History& expected, const History& found);

// Runs the oracle, then the engine for the same number of iterations; empty when they agree, else a report that holds
// the engine's name, the first difference and the input's text.
[[nodiscard]] std::string compare_with_oracle(EngineUnderTest& engine, const SearchInput& input,
                                              const OracleLimits& limits);

// engine/rules/math.rules: e-nodes and e-classes after 0, 1, 2, … iterations of all rules, as egg counts them.
[[nodiscard]] const std::vector<IterationCounts>& math_counts();
// The text of a rule set that comes with the engine; throws std::runtime_error when there is none.
[[nodiscard]] std::string shipped_rules(const std::string& name);

}  // namespace tessera::oracle
