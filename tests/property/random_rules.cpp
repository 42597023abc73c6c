#include "tests/property/random_rules.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <set>
#include <utility>

namespace tessera::oracle {

namespace {

constexpr std::size_t kMaxPatternSize = 30;
constexpr std::array<const char*, 4> kClassVariables = {"?x", "?y", "?z", "?u"};
constexpr std::array<const char*, 2> kAttributeVariables = {"?n", "?o"};

// Variables with their question marks in the order of first use; attributes' variables are told by their names.
void collect_variables(const RandomTerm& term, std::vector<std::string>& classes, std::set<std::string>& attributes) {
  if (term.is_variable() && std::find(classes.begin(), classes.end(), term.op) == classes.end()) {
    classes.push_back(term.op);
  }
  for (const std::string& attribute : term.attributes) {
    for (const char* variable : kAttributeVariables) {
      if (attribute.find(variable) != std::string::npos) attributes.insert(variable);
    }
  }
  for (const RandomTerm& kid : term.kids) collect_variables(kid, classes, attributes);
}

class Generator {
 public:
  Generator(rc::Random random, int size, const RandomOptions& options) : random_(random), options_(options) {
    rules_ = 1 + below(std::min(options.max_rules, 2 + size / 8));
    size_ = size;
    starts_ = 1 + below(std::min(options.max_start, 2 + size / 20));
    // Few operators, so that rules meet each other's results.
    std::vector<PropertyOperator> known;
    for (const PropertyOperator& op : kPropertyOperators) {
      if (op.attributes > 0 && !options.attributes) continue;
      if (op.arity > 2 && !options.wide) continue;
      if (op.arity == 0 && op.attributes == 0) continue;
      if (op.arity > 4 && !chance(30)) continue;
      known.push_back(op);
    }
    for (int count = 1 + below(4); count > 0; --count) {
      inner_.push_back(known[static_cast<std::size_t>(below(static_cast<int>(known.size())))]);
    }
    leaves_ = 2 + below(3);
  }

  RandomSearch search() {
    RandomSearch result;
    for (int i = 0; i < starts_; ++i) {
      result.start.push_back(
          bounded(1 + below(std::min(5, 2 + size_ / 15)), [&](int depth) { return ground_term(depth); }));
    }
    for (int i = 0; i < rules_; ++i) result.rules.push_back(rule(result));
    return result;
  }

 private:
  int below(int bound) { return static_cast<int>(random_.next() % static_cast<std::uint64_t>(std::max(bound, 1))); }
  bool chance(int percent) { return below(100) < percent; }

  RandomTerm leaf() { return {std::string(kPropertyOperators[static_cast<std::size_t>(below(leaves_))].name), {}, {}}; }
  const PropertyOperator& inner() { return inner_[static_cast<std::size_t>(below(static_cast<int>(inner_.size())))]; }

  RandomTerm ground_term(int depth) {
    if (depth == 0 || chance(5)) return leaf();
    const PropertyOperator& op = inner();
    RandomTerm term{std::string(op.name), {}, {}};
    // A wide or a deep term is mostly leaves, or it would be all there is.
    for (int i = 0; i < op.arity; ++i) term.kids.push_back(ground_term(chance(op.arity > 2 ? 40 : 85) ? depth - 1 : 0));
    for (int i = 0; i < op.attributes; ++i) term.attributes.push_back(std::to_string(below(3)));
    return term;
  }

  RandomTerm left_side(int depth, bool root) {
    if (!root && (depth == 0 || chance(45))) {
      if (chance(12)) return leaf();
      return variable();
    }
    const PropertyOperator& op = inner();
    RandomTerm term{std::string(op.name), {}, {}};
    for (int i = 0; i < op.arity; ++i) term.kids.push_back(left_side(depth - 1, false));
    for (int i = 0; i < op.attributes; ++i) term.attributes.push_back(left_attribute());
    return term;
  }

  // Mostly one that this left side does not have yet.
  RandomTerm variable() {
    if (chance(70)) next_variable_ = std::min<std::size_t>(next_variable_ + 1, kClassVariables.size());
    const auto used = static_cast<int>(std::max<std::size_t>(next_variable_, 1));
    const int which = chance(70) ? used - 1 : below(used);
    return {kClassVariables[static_cast<std::size_t>(which)], {}, {}};
  }

  std::string left_attribute() {
    if (chance(30)) return std::to_string(below(3));
    return kAttributeVariables[static_cast<std::size_t>(below(2))];
  }

  const RandomTerm& subterm(const RandomTerm& term) {
    if (term.kids.empty() || chance(40)) return term;
    return subterm(term.kids[static_cast<std::size_t>(below(static_cast<int>(term.kids.size())))]);
  }

  // A pattern that matches `term`, mostly: its subterms become variables, equal ones often the same.
  RandomTerm abstraction(const RandomTerm& term, int depth) {
    if (depth == 0 || (term.kids.empty() && term.attributes.empty() && chance(60))) return variable();
    RandomTerm result = term;
    for (RandomTerm& kid : result.kids) kid = abstraction(kid, depth - 1);
    for (std::string& attribute : result.attributes) {
      if (chance(70)) attribute = kAttributeVariables[static_cast<std::size_t>(below(2))];
    }
    return result;
  }

  RandomTerm right_side(int depth, const std::vector<std::string>& classes,
                        const std::vector<std::string>& attributes) {
    if (depth == 0 || chance(30)) {
      if (classes.empty() || chance(6)) return leaf();
      return {classes[static_cast<std::size_t>(below(static_cast<int>(classes.size())))], {}, {}};
    }
    const PropertyOperator& op = inner();
    RandomTerm term{std::string(op.name), {}, {}};
    for (int i = 0; i < op.arity; ++i) term.kids.push_back(right_side(depth - 1, classes, attributes));
    for (int i = 0; i < op.attributes; ++i) term.attributes.push_back(right_attribute(attributes));
    return term;
  }

  std::string right_attribute(const std::vector<std::string>& variables) {
    if (variables.empty() || chance(20)) return std::to_string(below(3));
    const std::string& variable = variables[static_cast<std::size_t>(below(static_cast<int>(variables.size())))];
    if (chance(60)) return variable;
    if (chance(50)) return "(+ " + variable + " 1)";
    return "(min " + variable + " 1)";
  }

  // Wide operators at every level would make one rule drown all others.
  template <class Make>
  static RandomTerm bounded(int depth, Make make) {
    for (; depth > 0; --depth) {
      RandomTerm term = make(depth);
      if (term.size() <= kMaxPatternSize) return term;
    }
    return make(0);
  }

  RandomTerm node(const PropertyOperator& op, std::vector<RandomTerm> kids) {
    RandomTerm term{std::string(op.name), std::move(kids), {}};
    term.kids.resize(static_cast<std::size_t>(op.arity), {"?u", {}, {}});
    for (int i = 0; i < op.attributes; ++i)
      term.attributes.emplace_back(kAttributeVariables[static_cast<std::size_t>(i)]);
    return term;
  }

  // Laws as algebra has them, over random operators: they feed each other, where random patterns seldom do.
  RandomRule law() {
    const RandomTerm x{"?x", {}, {}};
    const RandomTerm y{"?y", {}, {}};
    const RandomTerm z{"?z", {}, {}};
    const PropertyOperator& o = inner();
    const PropertyOperator& other = inner();
    switch (below(9)) {
      case 0:
        return {node(o, {x, y, z}), node(o, {y, x, z}), ""};  // commutes
      case 1:
        return {node(o, {x, node(o, {y, z})}), node(o, {node(o, {x, y}), z}), ""};  // associates
      case 2:
        return {node(o, {node(other, {x, y}), z}), node(other, {node(o, {x, z}), node(o, {y, z})}), ""};  // distributes
      case 3:
        return {node(other, {node(o, {x, z}), node(o, {y, z})}), node(o, {node(other, {x, y}), z}), ""};  // and back
      case 4:
        return {node(o, {node(other, {x}), y}), node(other, {node(o, {x, y})}), ""};  // moves outward
      case 5:
        return {node(o, {x, x}), x, ""};  // idempotent
      case 6:
        return {node(o, {x, leaf()}), x, ""};  // a unit
      default:
        return {node(o, {x, y}), node(o, {node(other, {x}), y}), ""};  // grows
    }
  }

  RandomRule rule(const RandomSearch& so_far) {
    const int kind = below(100);
    RandomRule result;
    next_variable_ = 0;
    for (int tries = 0; kind >= 60 && tries < 5; ++tries) {
      result = law();
      if (result.is_bound()) return result;
    }
    if (kind < 3) {
      result.left = {"?x", {}, {}};
    } else if (kind < 8 && !so_far.rules.empty()) {  // the left side of another rule
      result.left = so_far.rules[static_cast<std::size_t>(below(static_cast<int>(so_far.rules.size())))].left;
    } else if (kind < 12) {
      result.left = chance(50) ? leaf() : ground_term(1);
    } else if (kind < 42) {
      const RandomTerm& whole = so_far.start[static_cast<std::size_t>(below(static_cast<int>(so_far.start.size())))];
      const RandomTerm& part = subterm(whole);
      result.left = bounded(1 + below(3), [&](int depth) { return abstraction(part, depth); });
    } else {
      result.left = bounded(1 + below(3), [&](int depth) { return left_side(depth, true); });
    }
    std::vector<std::string> classes;
    std::set<std::string> attribute_set;
    collect_variables(result.left, classes, attribute_set);
    const std::vector<std::string> attributes(attribute_set.begin(), attribute_set.end());
    if (chance(8)) {
      result.right = right_side(0, classes, attributes);
    } else if (chance(25) && result.left.kids.size() > 1) {  // the same children in another order
      result.right = result.left;
      const auto n = static_cast<int>(result.left.kids.size());
      std::swap(result.right.kids[static_cast<std::size_t>(below(n))],
                result.right.kids[static_cast<std::size_t>(below(n))]);
      for (std::string& attribute : result.right.attributes) attribute = right_attribute(attributes);
    } else {
      result.right = bounded(1 + below(3), [&](int depth) { return right_side(depth, classes, attributes); });
    }
    if (options_.data && !classes.empty() && chance(40)) {
      static constexpr std::array<const char*, 2> kTests = {"<=", ">"};
      const std::string& variable = classes[static_cast<std::size_t>(below(static_cast<int>(classes.size())))];
      const std::string bound = std::to_string(1 + below(3));
      result.condition = chance(50) ? "(" + std::string(kTests[static_cast<std::size_t>(below(2))]) + " (depth " +
                                          variable + ") " + bound + ")"
                                    : "(fact " + variable + " " + std::to_string(below(3)) + ")";
    } else if (!attributes.empty() && chance(25)) {
      static constexpr std::array<const char*, 4> kTests = {"<", ">=", "!=", "divides"};
      const std::string& variable = attributes[static_cast<std::size_t>(below(static_cast<int>(attributes.size())))];
      const std::string test = kTests[static_cast<std::size_t>(below(4))];
      result.condition = test == "divides" ? "(divides 2 " + variable + ")"
                                           : "(" + test + " " + variable + " " + std::to_string(below(3)) + ")";
    }
    return result;
  }

  rc::Random random_;
  RandomOptions options_;
  int size_ = 0;
  int rules_ = 1;
  int starts_ = 1;
  int leaves_ = 1;
  std::vector<PropertyOperator> inner_;
  std::size_t next_variable_ = 0;  // how many variables the left side has so far
};

// --- shrinking ---

// Every term that is `term` with one step taken somewhere: a subterm replaced by one of its children or by a leaf.
std::vector<RandomTerm> smaller_terms(const RandomTerm& term) {
  std::vector<RandomTerm> result;
  if (!term.kids.empty() || !term.attributes.empty()) {
    result.push_back({"a", {}, {}});
    for (const RandomTerm& kid : term.kids) result.push_back(kid);
  } else if (term.op != "a" && !term.is_variable()) {
    result.push_back({"a", {}, {}});
  }
  for (std::size_t i = 0; i < term.kids.size(); ++i) {
    for (RandomTerm& kid : smaller_terms(term.kids[i])) {
      result.push_back(term);
      result.back().kids[i] = std::move(kid);
    }
  }
  for (std::size_t i = 0; i < term.attributes.size(); ++i) {
    if (term.attributes[i] == "0") continue;
    result.push_back(term);
    result.back().attributes[i] = "0";
  }
  return result;
}

RandomTerm substitute(RandomTerm term, const std::string& variable, const RandomTerm& by) {
  if (term.op == variable) return by;
  for (RandomTerm& kid : term.kids) kid = substitute(std::move(kid), variable, by);
  return term;
}

std::string replace_all(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::vector<RandomRule> smaller_rules(const RandomRule& rule) {
  std::vector<RandomRule> result;
  const auto keep = [&](RandomRule candidate) {
    if (candidate.is_bound() && candidate != rule) result.push_back(std::move(candidate));
  };
  if (!rule.condition.empty()) keep({rule.left, rule.right, ""});
  for (RandomTerm& right : smaller_terms(rule.right)) keep({rule.left, std::move(right), rule.condition});
  for (RandomTerm& left : smaller_terms(rule.left)) keep({std::move(left), rule.right, rule.condition});
  std::vector<std::string> classes;
  std::set<std::string> attributes;
  collect_variables(rule.left, classes, attributes);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    keep({substitute(rule.left, classes[i], {"a", {}, {}}), substitute(rule.right, classes[i], {"a", {}, {}}),
          replace_all(rule.condition, classes[i], "") == rule.condition ? rule.condition : ""});
    for (std::size_t j = 0; j < i; ++j) {
      const RandomTerm other{classes[j], {}, {}};
      keep({substitute(rule.left, classes[i], other), substitute(rule.right, classes[i], other),
            replace_all(rule.condition, classes[i], classes[j])});
    }
  }
  return result;
}

}  // namespace

std::string RandomTerm::text() const {
  if (kids.empty() && attributes.empty()) return op;
  std::string result = "(" + op;
  for (const RandomTerm& kid : kids) result += " " + kid.text();
  for (const std::string& attribute : attributes) result += " " + attribute;
  return result + ")";
}

std::size_t RandomTerm::size() const {
  std::size_t total = 1;
  for (const RandomTerm& kid : kids) total += kid.size();
  return total;
}

bool RandomRule::is_bound() const {
  std::vector<std::string> bound;
  std::vector<std::string> used;
  std::set<std::string> bound_attributes;
  std::set<std::string> used_attributes;
  collect_variables(left, bound, bound_attributes);
  collect_variables(right, used, used_attributes);
  for (const char* variable : kAttributeVariables) {
    if (condition.find(variable) != std::string::npos) used_attributes.insert(variable);
  }
  for (const char* variable : kClassVariables) {
    if (condition.find(variable) != std::string::npos) used.emplace_back(variable);
  }
  return std::all_of(used.begin(), used.end(),
                     [&](const std::string& v) { return std::find(bound.begin(), bound.end(), v) != bound.end(); }) &&
         std::includes(bound_attributes.begin(), bound_attributes.end(), used_attributes.begin(),
                       used_attributes.end());
}

std::vector<RandomSearch> smaller_searches(const RandomSearch& search) {
  std::vector<RandomSearch> result;
  const auto difference = [](std::size_t i) { return static_cast<std::ptrdiff_t>(i); };
  for (std::size_t i = 0; i < search.rules.size(); ++i) {
    result.push_back(search);
    result.back().rules.erase(result.back().rules.begin() + difference(i));
  }
  for (std::size_t i = 0; i < search.start.size() && search.start.size() > 1; ++i) {
    result.push_back(search);
    result.back().start.erase(result.back().start.begin() + difference(i));
  }
  for (std::size_t i = 0; i < search.start.size(); ++i) {
    for (RandomTerm& term : smaller_terms(search.start[i])) {
      result.push_back(search);
      result.back().start[i] = std::move(term);
    }
  }
  for (std::size_t i = 0; i < search.rules.size(); ++i) {
    for (RandomRule& rule : smaller_rules(search.rules[i])) {
      result.push_back(search);
      result.back().rules[i] = std::move(rule);
    }
  }
  return result;
}

rc::Gen<RandomSearch> random_search(RandomOptions options) {
  return [options](const rc::Random& random, int size) {
    return rc::shrinkable::shrinkRecur(Generator(random, size, options).search(), [](const RandomSearch& search) {
      return rc::seq::fromContainer(smaller_searches(search));
    });
  };
}

std::string RandomSearch::text() const {
  std::string result;
  for (const RandomTerm& term : start) result += "(start " + term.text() + ")\n";
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const RandomRule& rule = rules[i];
    result += "(rewrite r" + std::to_string(i) + " " + rule.left.text() + " " + rule.right.text();
    if (!rule.condition.empty()) result += " :when " + rule.condition;
    result += ")\n";
  }
  return result;
}

std::ostream& operator<<(std::ostream& out, const RandomSearch& search) { return out << "\n" << search.text(); }

}  // namespace tessera::oracle
