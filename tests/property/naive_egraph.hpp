// A deliberately simple e-graph to compare the engine with: ordered maps, a full scan per question, no deltas, no
// ownership, nothing incremental. It follows the textbook definitions (Nelson, "Techniques for program verification",
// 1980; Willsey et al., "egg", POPL 2021) literally, so that it can be checked by reading it:
//   match    every rule against every e-class by backtracking, on the frozen graph;
//   apply    all right-hand sides, then
//   rebuild  by scanning all e-nodes for congruent pairs until a whole scan finds none.
// One iteration is these three in this order. What it reports (counts, digest, partition) does not depend on ids.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/language/expression.hpp"
#include "engine/language/language.hpp"
#include "engine/language/symbol_table.hpp"
#include "engine/rule/rule.hpp"

namespace tessera::oracle {

using NaiveClass = std::uint32_t;

struct NaiveNode {
  SymbolId symbol;
  std::vector<NaiveClass> kids;
  friend auto operator<=>(const NaiveNode&, const NaiveNode&) = default;
};

// An e-node of some other e-graph, whose e-classes have numbers of any kind.
struct ForeignRow {
  SymbolId symbol;
  std::vector<std::uint64_t> kids;
  std::uint64_t eclass = 0;
};

// What a match says of one variable; exactly one of the two is set once the variable is bound.
struct NaiveBinding {
  std::optional<NaiveClass> eclass;
  std::optional<Value> value;
};
using NaiveSubstitution = std::vector<NaiveBinding>;  // by VariableIndex

struct NaiveMatch {
  NaiveClass root = 0;
  NaiveSubstitution substitution;
};

struct NaiveIteration {
  std::vector<std::size_t> matches;      // per rule: distinct (root class, substitution), conditions already applied
  std::vector<std::size_t> new_matches;  // per rule: of these, the ones that did not exist an iteration ago
  bool changed = false;                  // an e-node was added or two e-classes were merged
  bool refused = false;                  // more matches than allowed: nothing was applied
};

class NaiveEGraph {
 public:
  // Both must outlive the e-graph.
  NaiveEGraph(SymbolTable& symbols, const Language& language) : symbols_(symbols), language_(language) {}

  // Copies another e-graph's rows as they are, faults included: check() finds them. Throws std::logic_error when a row
  // is there twice or a child's e-class has no row. Returns which e-class each foreign number became.
  std::map<std::uint64_t, NaiveClass> adopt(std::span<const ForeignRow> rows);

  NaiveClass add(SymbolId symbol, std::span<const NaiveClass> kids);
  // Adds a whole program; returns the e-classes of its roots.
  std::vector<NaiveClass> add(const Expression& expression);
  // The e-class of an e-node, if there is such an e-node.
  [[nodiscard]] std::optional<NaiveClass> lookup(SymbolId symbol, std::span<const NaiveClass> kids) const;
  // All e-classes, in ascending order.
  [[nodiscard]] std::vector<NaiveClass> classes() const;
  // Call rebuild() before looking at anything.
  void merge(NaiveClass a, NaiveClass b);
  void rebuild();

  // Distinct matches of one rule on the graph as it is.
  [[nodiscard]] std::vector<NaiveMatch> match(const Rule& rule) const;
  // Match all, apply all, rebuild. Nothing is applied when there are more than match_limit matches of all rules.
  // Always call it with the same rules: it remembers their matches to tell new ones from old ones.
  NaiveIteration iterate(std::span<const Rule> rules, std::size_t match_limit = SIZE_MAX);

  [[nodiscard]] NaiveClass find(NaiveClass c) const;
  [[nodiscard]] std::size_t enode_count() const { return class_of_.size(); }
  [[nodiscard]] std::size_t eclass_count() const { return classes().size(); }

  // For each e-class the name of its smallest term, and its e-nodes written with their children's smallest terms.
  // Smallest: number of nodes, then operator's name, attributes' texts and arity, then the children from left to right.
  // Texts can be exponentially longer than the graph; digest() is the same information in a number, without texts.
  [[nodiscard]] std::map<std::string, std::set<std::string>> partition() const;
  [[nodiscard]] std::string partition_text() const;
  // How many operators the partition's texts name; known without writing them. Saturates.
  [[nodiscard]] std::uint64_t partition_size() const;
  [[nodiscard]] std::uint64_t digest() const;
  [[nodiscard]] std::string smallest_term(NaiveClass c) const;
  [[nodiscard]] std::uint64_t smallest_size(NaiveClass c) const;

  // Throws std::logic_error when an e-node is not canonical, a pair is congruent but not merged, or an e-class is
  // empty.
  void check() const;

 private:
  struct Term;
  using TermPointer = std::shared_ptr<const Term>;
  using MatchKey = std::pair<NaiveClass, std::vector<std::string>>;

  [[nodiscard]] std::string symbol_text(SymbolId symbol) const;
  [[nodiscard]] NaiveNode canonical(const NaiveNode& node) const;
  [[nodiscard]] std::map<NaiveClass, std::vector<const NaiveNode*>> nodes_by_class() const;
  [[nodiscard]] std::map<NaiveClass, TermPointer> smallest_terms() const;
  [[nodiscard]] std::map<NaiveClass, DataWords> compute_data() const;
  [[nodiscard]] MatchKey key(const NaiveMatch& match) const;

  struct Frozen;  // what matching reads
  class Values;   // a match, as attribute expressions see it
  [[nodiscard]] std::vector<NaiveSubstitution> match_term(const Frozen& frozen, const Pattern& pattern,
                                                          std::uint32_t term, NaiveClass c,
                                                          const NaiveSubstitution& so_far) const;
  [[nodiscard]] bool match_attributes(const PatternTerm& term, const Symbol& symbol, NaiveSubstitution& so_far) const;
  [[nodiscard]] std::vector<NaiveMatch> match(const Frozen& frozen, const Rule& rule) const;
  void apply(const Frozen& frozen, const Rule& rule, const NaiveMatch& match);

  SymbolTable& symbols_;
  const Language& language_;
  std::vector<NaiveClass> leader_;            // union-find without path compression; a root is its own leader
  std::map<NaiveNode, NaiveClass> class_of_;  // the hashcons; canonical after rebuild()
  std::size_t merges_ = 0;
  std::vector<std::vector<NaiveMatch>> last_matches_;  // per rule, of the iteration before
};

}  // namespace tessera::oracle
