#include "tests/property/naive_egraph.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "engine/base/hash.hpp"
#include "engine/rule/value_functions.hpp"

namespace tessera::oracle {

namespace {

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

}  // namespace

// The graph as it is while rules are matched, and the right-hand sides' computed attributes read it too.
struct NaiveEGraph::Frozen {
  std::map<NaiveClass, std::vector<const NaiveNode*>> nodes;
  std::map<NaiveClass, DataWords> data;
};

class NaiveEGraph::Values : public RuleValues {
 public:
  Values(const Rule& rule, const Language& language, const Frozen& frozen, const NaiveSubstitution& substitution)
      : RuleValues(rule, language), frozen_(frozen), substitution_(substitution) {}
  // Data belongs to the leaders of the frozen graph, and so do the e-classes of a substitution.
  [[nodiscard]] DataView data(VariableIndex class_variable) const override {
    return frozen_.data.at(substitution_.at(class_variable).eclass.value());
  }

 private:
  [[nodiscard]] Value bound(VariableIndex variable) const override { return substitution_.at(variable).value.value(); }
  const Frozen& frozen_;
  const NaiveSubstitution& substitution_;
};

// --- the graph ---

NaiveClass NaiveEGraph::find(NaiveClass c) const {
  while (leader_.at(c) != c) c = leader_[c];
  return c;
}

NaiveNode NaiveEGraph::canonical(const NaiveNode& node) const {
  NaiveNode result = node;
  for (NaiveClass& kid : result.kids) kid = find(kid);
  return result;
}

NaiveClass NaiveEGraph::add(SymbolId symbol, std::span<const NaiveClass> kids) {
  if (symbols_[symbol].arity != kids.size())
    throw std::logic_error("an e-node's children are not as many as its arity");
  const NaiveNode node = canonical({symbol, {kids.begin(), kids.end()}});
  const auto old = class_of_.find(node);
  if (old != class_of_.end()) return find(old->second);
  const auto fresh = static_cast<NaiveClass>(leader_.size());
  leader_.push_back(fresh);
  class_of_.emplace(node, fresh);
  return fresh;
}

std::map<std::uint64_t, NaiveClass> NaiveEGraph::adopt(std::span<const ForeignRow> rows) {
  std::map<std::uint64_t, NaiveClass> number;
  for (const ForeignRow& row : rows) {
    if (number.try_emplace(row.eclass, static_cast<NaiveClass>(leader_.size())).second) {
      leader_.push_back(static_cast<NaiveClass>(leader_.size()));
    }
  }
  for (const ForeignRow& row : rows) {
    NaiveNode node{row.symbol, {}};
    for (const std::uint64_t kid : row.kids) {
      const auto known = number.find(kid);
      if (known == number.end()) throw std::logic_error("the e-class of a child has no e-node");
      node.kids.push_back(known->second);
    }
    if (!class_of_.emplace(std::move(node), number.at(row.eclass)).second) {
      throw std::logic_error("an e-node is there twice: " + symbol_text(row.symbol));
    }
  }
  return number;
}

std::vector<NaiveClass> NaiveEGraph::add(const Expression& expression) {
  std::vector<NaiveClass> class_of_index;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const ExpressionNode& node = expression[static_cast<std::uint32_t>(i)];
    std::vector<NaiveClass> kids;
    for (const std::uint32_t kid : node.kids) kids.push_back(class_of_index.at(kid));
    class_of_index.push_back(add(node.symbol, kids));
  }
  std::vector<NaiveClass> roots;
  for (const std::uint32_t root : expression.roots) roots.push_back(class_of_index.at(root));
  return roots;
}

void NaiveEGraph::merge(NaiveClass a, NaiveClass b) {
  a = find(a);
  b = find(b);
  if (a == b) return;
  leader_[std::max(a, b)] = std::min(a, b);
  ++merges_;
}

void NaiveEGraph::rebuild() {
  for (bool merged = true; merged;) {
    merged = false;
    std::map<NaiveNode, NaiveClass> next;
    for (const auto& [node, c] : class_of_) {
      const auto [entry, inserted] = next.emplace(canonical(node), find(c));
      if (!inserted && find(entry->second) != find(c)) {
        merge(entry->second, c);
        merged = true;
      }
    }
    class_of_ = std::move(next);
  }
  for (auto& [node, c] : class_of_) c = find(c);
}

std::optional<NaiveClass> NaiveEGraph::lookup(SymbolId symbol, std::span<const NaiveClass> kids) const {
  const auto found = class_of_.find(canonical({symbol, {kids.begin(), kids.end()}}));
  if (found == class_of_.end()) return std::nullopt;
  return find(found->second);
}

std::vector<NaiveClass> NaiveEGraph::classes() const {
  std::set<NaiveClass> classes;
  for (const auto& [node, c] : class_of_) classes.insert(find(c));
  return {classes.begin(), classes.end()};
}

std::map<NaiveClass, std::vector<const NaiveNode*>> NaiveEGraph::nodes_by_class() const {
  std::map<NaiveClass, std::vector<const NaiveNode*>> nodes;
  for (const auto& [node, c] : class_of_) nodes[find(c)].push_back(&node);
  return nodes;
}

void NaiveEGraph::check() const {
  std::set<NaiveNode> seen;
  std::set<NaiveClass> inhabited;
  for (const auto& [node, c] : class_of_) {
    if (canonical(node) != node || find(c) != c) throw std::logic_error("an e-node is not canonical");
    if (!seen.insert(canonical(node)).second) throw std::logic_error("two congruent e-nodes are not one");
    inhabited.insert(c);
  }
  for (NaiveClass c = 0; c < leader_.size(); ++c) {
    if (!inhabited.contains(find(c))) throw std::logic_error("an e-class has no e-node");
  }
}

// --- e-class data: the least fixpoint, from nothing each time ---

std::map<NaiveClass, DataWords> NaiveEGraph::compute_data() const {
  std::map<NaiveClass, DataWords> data;
  if (!language_.has_data()) return data;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [node, c] : class_of_) {
      std::vector<DataView> kids;
      for (const NaiveClass kid : node.kids) {
        const auto known = data.find(find(kid));
        if (known != data.end()) kids.emplace_back(known->second);
      }
      if (kids.size() != node.kids.size()) continue;  // part of a cycle; another e-node of the child comes first
      DataWords made;
      language_.make(symbols_[node.symbol], kids, made);
      const auto [entry, first] = data.emplace(find(c), made);
      if (first || language_.join(entry->second, made)) changed = true;
    }
  }
  return data;
}

// --- matching ---

bool NaiveEGraph::match_attributes(const PatternTerm& term, const Symbol& symbol, NaiveSubstitution& so_far) const {
  if (term.attributes.size() != symbol.attributes.size()) return false;
  for (std::size_t i = 0; i < term.attributes.size(); ++i) {
    const AttributeExpression& wanted = term.attributes[i];
    const Value& found = symbol.attributes[i];
    if (wanted.kind == AttributeExpression::Kind::kConstant) {
      if (!(wanted.constant == found)) return false;
    } else if (wanted.kind == AttributeExpression::Kind::kVariable) {
      std::optional<Value>& bound = so_far.at(wanted.variable).value;
      if (!bound) bound = found;
      if (!(*bound == found)) return false;
    } else {
      throw std::logic_error("a left side computes an attribute");
    }
  }
  return true;
}

std::vector<NaiveSubstitution> NaiveEGraph::match_term(const Frozen& frozen, const Pattern& pattern,
                                                       const std::uint32_t term_index, const NaiveClass c,
                                                       const NaiveSubstitution& so_far) const {
  const PatternTerm& term = pattern.terms.at(term_index);
  if (term.is_variable) {
    NaiveSubstitution extended = so_far;
    std::optional<NaiveClass>& bound = extended.at(term.variable).eclass;
    if (!bound) bound = c;
    if (*bound != c) return {};
    return {extended};
  }
  std::vector<NaiveSubstitution> found;
  for (const NaiveNode* node : frozen.nodes.at(c)) {
    const Symbol& symbol = symbols_[node->symbol];
    if (symbol.op != term.op || symbol.arity != term.kids.size()) continue;
    NaiveSubstitution first = so_far;
    if (!match_attributes(term, symbol, first)) continue;
    std::vector<NaiveSubstitution> partial = {first};
    for (std::size_t i = 0; i < term.kids.size(); ++i) {
      std::vector<NaiveSubstitution> longer;
      for (const NaiveSubstitution& substitution : partial) {
        for (NaiveSubstitution& next : match_term(frozen, pattern, term.kids[i], node->kids[i], substitution)) {
          longer.push_back(std::move(next));
        }
      }
      partial = std::move(longer);
    }
    found.insert(found.end(), partial.begin(), partial.end());
  }
  return found;
}

// A match as it reads with today's leaders.
NaiveEGraph::MatchKey NaiveEGraph::key(const NaiveMatch& match) const {
  std::vector<std::string> bindings;
  for (const NaiveBinding& binding : match.substitution) {
    std::string text;
    if (binding.eclass) text += "class " + std::to_string(find(*binding.eclass));
    if (binding.value) text += std::string(kind_name(binding.value->kind)) + " " + binding.value->to_string();
    bindings.push_back(text);
  }
  return {find(match.root), bindings};
}

std::vector<NaiveMatch> NaiveEGraph::match(const Frozen& frozen, const Rule& rule) const {
  std::map<MatchKey, NaiveMatch> distinct;
  for (const auto& [c, nodes] : frozen.nodes) {
    const NaiveSubstitution nothing(rule.variables.size());
    for (const NaiveSubstitution& substitution : match_term(frozen, rule.left, rule.left.root(), c, nothing)) {
      if (!holds(rule.conditions, Values(rule, language_, frozen, substitution))) continue;
      const NaiveMatch found{c, substitution};
      distinct.emplace(key(found), found);
    }
  }
  std::vector<NaiveMatch> matches;
  for (const auto& [unused, found] : distinct) matches.push_back(found);
  return matches;
}

std::vector<NaiveMatch> NaiveEGraph::match(const Rule& rule) const {
  return match(Frozen{nodes_by_class(), compute_data()}, rule);
}

// --- an iteration ---

void NaiveEGraph::apply(const Frozen& frozen, const Rule& rule, const NaiveMatch& match) {
  std::vector<NaiveClass> class_of_term;
  for (const PatternTerm& term : rule.right.terms) {
    if (term.is_variable) {
      class_of_term.push_back(find(match.substitution.at(term.variable).eclass.value()));
      continue;
    }
    std::vector<Value> attributes;
    for (const AttributeExpression& attribute : term.attributes) {
      attributes.push_back(evaluate(attribute, Values(rule, language_, frozen, match.substitution)));
    }
    std::vector<NaiveClass> kids;
    for (const std::uint32_t kid : term.kids) kids.push_back(class_of_term.at(kid));
    const auto arity = static_cast<std::uint32_t>(kids.size());
    class_of_term.push_back(add(symbols_.intern(term.op, attributes, arity), kids));
  }
  merge(match.root, class_of_term.back());
}

NaiveIteration NaiveEGraph::iterate(std::span<const Rule> rules, const std::size_t match_limit) {
  NaiveIteration result;
  Frozen frozen{nodes_by_class(), compute_data()};
  last_matches_.resize(rules.size());
  std::vector<std::vector<NaiveMatch>> matches;
  std::size_t total = 0;
  for (std::size_t r = 0; r < rules.size(); ++r) {
    matches.push_back(match(frozen, rules[r]));
    std::set<MatchKey> before;
    for (const NaiveMatch& old : last_matches_[r]) before.insert(key(old));
    std::size_t fresh = 0;
    for (const NaiveMatch& found : matches[r]) fresh += before.contains(key(found)) ? 0 : 1;
    result.matches.push_back(matches[r].size());
    result.new_matches.push_back(fresh);
    total += matches[r].size();
  }
  if (total > match_limit) {
    result.refused = true;
    return result;
  }
  frozen.nodes.clear();  // points into the table that is about to change; e-class data stays as it was
  const std::size_t classes_before = leader_.size();
  const std::size_t merges_before = merges_;
  for (std::size_t r = 0; r < rules.size(); ++r) {
    for (const NaiveMatch& found : matches[r]) apply(frozen, rules[r], found);
  }
  rebuild();
  result.changed = leader_.size() != classes_before || merges_ != merges_before;
  last_matches_ = std::move(matches);
  return result;
}

// --- names that do not depend on ids ---

struct NaiveEGraph::Term {
  std::uint64_t size = 1;  // saturates
  std::uint64_t hash = 0;
  std::string symbol;  // a key that orders symbols by name, attributes, arity
  const Symbol* parts = nullptr;
  std::vector<TermPointer> kids;

  [[nodiscard]] std::string text() const {
    std::string result = std::string(parts->name.text());
    for (const TermPointer& kid : kids) result += " " + kid->text();
    for (const Value& value : parts->attributes) result += " " + value.to_string();
    return kids.empty() && parts->attributes.empty() ? result : "(" + result + ")";
  }

  // Negative, zero, positive as a stands before, with or after b.
  static int compare(const Term& a, const Term& b) {
    if (&a == &b || (a.hash == b.hash && a.size == b.size)) return 0;
    if (a.size != b.size) return a.size < b.size ? -1 : 1;
    if (const int order = a.symbol.compare(b.symbol); order != 0) return order;
    for (std::size_t i = 0; i < a.kids.size() && i < b.kids.size(); ++i) {
      if (const int order = compare(*a.kids[i], *b.kids[i]); order != 0) return order;
    }
    return 0;
  }
};

std::string NaiveEGraph::symbol_text(SymbolId id) const {
  const Symbol& symbol = symbols_[id];
  std::string text(symbol.name.text());
  for (const Value& value : symbol.attributes)
    text += std::string(" ") + kind_name(value.kind) + " " + value.to_string();
  return text + " / " + std::to_string(symbol.arity);
}

std::map<NaiveClass, NaiveEGraph::TermPointer> NaiveEGraph::smallest_terms() const {
  std::map<NaiveClass, TermPointer> best;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [node, c] : class_of_) {
      auto term = std::make_shared<Term>();
      term->symbol = symbol_text(node.symbol);
      term->parts = &symbols_[node.symbol];
      term->hash = hash_string(term->symbol);
      for (const NaiveClass kid : node.kids) {
        const auto known = best.find(find(kid));
        if (known == best.end()) break;
        term->kids.push_back(known->second);
        term->hash = hash_combine(term->hash, known->second->hash);
        term->size = saturating_add(term->size, known->second->size);
      }
      if (term->kids.size() != node.kids.size()) continue;
      TermPointer& current = best[find(c)];
      if (!current || Term::compare(*term, *current) < 0) {
        current = term;
        changed = true;
      }
    }
  }
  return best;
}

std::string NaiveEGraph::smallest_term(NaiveClass c) const { return smallest_terms().at(find(c))->text(); }

std::uint64_t NaiveEGraph::smallest_size(NaiveClass c) const { return smallest_terms().at(find(c))->size; }

std::map<std::string, std::set<std::string>> NaiveEGraph::partition() const {
  std::map<NaiveClass, std::string> name;
  for (const auto& [c, term] : smallest_terms()) name[c] = term->text();
  std::map<std::string, std::set<std::string>> classes;
  for (const auto& [node, c] : class_of_) {
    const Symbol& symbol = symbols_[node.symbol];
    std::string text = std::string(symbol.name.text());
    for (const NaiveClass kid : node.kids) text += " " + name.at(find(kid));
    for (const Value& value : symbol.attributes) text += " " + value.to_string();
    const bool atom = node.kids.empty() && symbol.attributes.empty();
    classes[name.at(find(c))].insert(atom ? text : "(" + text + ")");
  }
  return classes;
}

std::string NaiveEGraph::partition_text() const {
  std::string text;
  for (const auto& [name, nodes] : partition()) {
    text += name + "\n";
    for (const std::string& node : nodes) text += "  " + node + "\n";
  }
  return text;
}

std::uint64_t NaiveEGraph::partition_size() const {
  const std::map<NaiveClass, TermPointer> name = smallest_terms();
  std::uint64_t size = 0;
  const auto count = [&](const Term& term) { size = saturating_add(size, term.size); };
  for (const auto& [c, term] : name) count(*term);
  for (const auto& [node, c] : class_of_) {
    size = saturating_add(size, 1);
    for (const NaiveClass kid : node.kids) count(*name.at(find(kid)));
  }
  return size;
}

std::uint64_t NaiveEGraph::digest() const {
  const std::map<NaiveClass, TermPointer> name = smallest_terms();
  std::multiset<std::uint64_t> rows;
  for (const auto& [node, c] : class_of_) {
    std::uint64_t row = hash_combine(name.at(find(c))->hash, hash_string(symbol_text(node.symbol)));
    for (const NaiveClass kid : node.kids) row = hash_combine(row, name.at(find(kid))->hash);
    rows.insert(row);
  }
  std::uint64_t digest = rows.size();
  for (const std::uint64_t row : rows) digest = hash_combine(digest, row);
  return digest;
}

}  // namespace tessera::oracle
