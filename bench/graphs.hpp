// What the benchmark programs work on, so that each of them holds only what it times: e-graphs of the plain language of
// a given shape, ready for one phase at a time, and whole searches as the `tessera` program makes them. Everything goes
// through the headers that the phases themselves offer; no layout of a table is known here.
// Names: `size` counts what the benchmark is about (rows, requests, classes); what it makes of them is checked, and a
// benchmark that finds another count than it must ends with an error (SkipWithError), not with a time.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "cluster/model_search.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera::bench {

// Shards as the program chooses them: one for a thread alone, four a thread otherwise.
[[nodiscard]] PartitionOptions partition_options(std::int64_t threads);
[[nodiscard]] SearchOptions search_options(std::int64_t threads);

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

// Ends the benchmark with an error if a count is not what it must be; returns whether it is. Returns true when the
// benchmark has already ended with one.
bool expect_count(benchmark::State& state, const char* what, std::uint64_t found, std::uint64_t expected);

// One rank's part of an e-graph of the plain language, made from a start expression, with rules to match and apply.
class TermGraph {
 public:
  // `rules`: a rules file's text, or nothing. All ranks construct alike.
  TermGraph(Exchange& exchange, std::int64_t threads, const std::string& rules = "");

  // --- the start expression ---
  std::uint32_t add(const std::string& op, std::initializer_list<std::uint32_t> kids = {});
  // `length` times op(...) over `base`; returns the outermost.
  std::uint32_t add_chain(const std::string& op, std::uint64_t length, std::uint32_t base);
  // x0 … x(count-1)
  std::vector<std::uint32_t> add_leaves(std::uint64_t count);

  // Collective: puts the expression into the e-graph. Afterwards classes[i] is the class of node i on every rank.
  void insert();
  // Collective: all matches of all rules, as of rules that never ran.
  MatchResult match();
  // Collective: applies them, as the next iteration would.
  ApplyResult apply(MatchResult& matches);
  // Collective: merges and rebuilds until nothing is left to unite. Returns the rounds it took.
  std::uint32_t close(std::vector<UnionRequest> unions);

  // The request to unite two classes of `classes`. On several ranks: single-threaded, makes ghosts; call
  // partition.notify_homes() before merging.
  UnionRequest unite(std::uint32_t a, std::uint32_t b);
  // Collective: over all ranks.
  [[nodiscard]] std::uint64_t enodes();
  [[nodiscard]] std::uint64_t eclasses();
  // Collective: ranks begin what comes next together.
  void barrier();

  std::vector<NamedClass> classes;

 private:
  [[nodiscard]] std::uint64_t sum(std::uint64_t here);

  TermLanguage language_;
  SymbolTable symbols_;
  RuleSet rules_;

 public:
  Partition partition;

 private:
  Expression expression_;
  std::vector<RulePlan> plans_;
  std::vector<char> active_;
  std::vector<std::uint32_t> seen_;
  std::vector<std::uint64_t> no_limit_;
};

// Runs `body` on so many in-process ranks and returns what it returned on rank 0 (seconds, as a rule).
double on_ranks(std::int64_t ranks, const std::function<double(Exchange&)>& body);

// A search of the plain language: a shipped rule set by name, or a rules file's text (anything with a parenthesis).
class TermSearch {
 public:
  TermSearch(Exchange& exchange, const std::string& rules, const SearchOptions& options);
  // The class of every node of the start expression.
  [[nodiscard]] const std::vector<NamedClass>& classes() const { return classes_; }

 private:
  TermLanguage language_;
  SymbolTable symbols_;
  RuleSet rules_;

 public:
  Search search;

 private:
  std::vector<NamedClass> classes_;
};

// A network's layers in one search, each distinct layer once, as `tessera search --scope layer` does.
class LayerSearch {
 public:
  using NetworkMaker = std::function<Network(SymbolTable&, TensorLanguage&)>;
  LayerSearch(Exchange& exchange, const NetworkMaker& network, const std::string& rules,
              const std::vector<ArraySize>& arrays, const SearchOptions& options);
  // Collective.
  [[nodiscard]] Extracted extract();
  // Whether an extracted program runs all its products on arrays.
  [[nodiscard]] bool on_arrays(const Expression& program) const;

  SymbolTable symbols;
  TensorLanguage language;
  ModelSearch model;

 private:
  RuleSet rules_;

 public:
  std::optional<Search> search;

 private:
  std::vector<NamedClass> roots_;
};

// A built-in network by name.
[[nodiscard]] LayerSearch::NetworkMaker network_named(const std::string& name);

}  // namespace tessera::bench
