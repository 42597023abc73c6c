#include "io/egglog_query.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "engine/base/check.hpp"
#include "engine/language/expression_edit.hpp"
#include "engine/rule/plan.hpp"
#include "engine/rule/value_functions.hpp"

namespace tessera {
namespace {

using Kind = EgglogTerm::Kind;

constexpr std::size_t kMostRightTerms = 1000;  // of a right side

// Adds a constructor's node to `terms`; add_kid adds a child and returns its node.
template <class AddKid>
std::uint32_t add_construct(const EgglogTerm& term, const EgglogLanguage& language, SymbolTable& symbols,
                            Expression& terms, const AddKid& add_kid) {
  CHECK(term.kind == Kind::kConstruct);
  std::vector<Value> attributes;
  std::vector<std::uint32_t> kids;
  for (const EgglogTerm& argument : term.arguments) {
    if (is_primitive(argument.sort))
      attributes.push_back(argument.value);
    else
      kids.push_back(add_kid(argument));
  }
  const SymbolId symbol = symbols.intern(Name(language.constructors()[term.index].name), attributes,
                                         static_cast<std::uint32_t>(kids.size()));
  return terms.add(symbol, kids);
}

class RuleMaker {
 public:
  RuleMaker(const EgglogTermReader& reader, const EgglogProgram& program, SymbolTable& symbols)
      : reader_(reader), program_(program), language_(program.language), symbols_(symbols) {}

  Rule make(const EgglogRewrite& rewrite) {
    rule_.name = rewrite.name;
    rule_.where = rewrite.where;
    for (const EgglogFact& fact : rewrite.facts) alias(fact);
    for (const EgglogFact& fact : rewrite.facts) add(fact);
    // A left side's root is its last term.
    if (rewrite.left != nullptr) add_left(*rewrite.left, PatternTerm::kOwnClass);
    check_left(rewrite);
    resolve_arithmetic();
    check_bound();
    if (rewrite.right != nullptr) {
      add_right(*rewrite.right);
    } else {
      rule_.right.terms.push_back(variable_term(root_variable(), rewrite.where));
    }
    return std::move(rule_);
  }

 private:
  [[noreturn]] static void fail(const Where& where, const std::string& message) {
    throw Error(ErrorCode::kInput, message, where);
  }

  [[nodiscard]] static bool is_class_variable(const EgglogTerm& term) {
    return term.kind == Kind::kVariable && !is_primitive(term.sort);
  }

  // --- variables ---

  // Variables of one e-class have one name: that of the first.
  const std::string& name_of(const std::string& variable) {
    auto at = alias_.find(variable);
    if (at == alias_.end()) return variable;
    while (true) {
      const auto next = alias_.find(at->second);
      if (next == alias_.end()) return at->second;
      at = next;
    }
  }
  void alias(const EgglogFact& fact) {
    if (fact.kind != EgglogFact::Kind::kEqual || !is_class_variable(fact.left) || !is_class_variable(fact.right))
      return;
    const std::string a = name_of(fact.left.variable);
    const std::string b = name_of(fact.right.variable);
    if (a != b) alias_.emplace(b, a);
  }

  VariableIndex variable(const std::string& name, VariableKind kind) {
    const auto [at, is_new] = index_.try_emplace(name, static_cast<VariableIndex>(rule_.variables.size()));
    if (is_new) {
      rule_.variables.push_back({name, kind, 0});
      bound_.push_back(false);
      used_at_.emplace_back();
    }
    return at->second;
  }
  VariableIndex class_variable(const std::string& name, const Where& where) {
    const VariableIndex v = variable(name_of(name), VariableKind::kClass);
    if (used_at_[v].line == 0) used_at_[v] = where;
    return v;
  }
  VariableIndex attribute_variable(const EgglogTerm& term) {
    const VariableIndex v = variable(term.variable, VariableKind::kAttribute);
    if (used_at_[v].line == 0) used_at_[v] = term.where;
    return v;
  }
  VariableIndex fresh_variable(VariableKind kind) {
    return variable("(" + std::to_string(rule_.variables.size()) + ")", kind);  // no atom looks like this
  }

  static PatternTerm variable_term(VariableIndex v, const Where& where) {
    PatternTerm term;
    term.is_variable = true;
    term.variable = v;
    term.where = where;
    return term;
  }

  // --- the left side ---

  std::uint32_t push_left(PatternTerm term) {
    rule_.left.terms.push_back(std::move(term));
    return static_cast<std::uint32_t>(rule_.left.terms.size()) - 1;
  }
  std::uint32_t left_variable(VariableIndex v, const Where& where) {
    const auto [at, is_new] = left_term_of_.try_emplace(v, 0);
    if (is_new) at->second = push_left(variable_term(v, where));
    return at->second;
  }
  void count_operator(const Where& where) {
    if (++operators_ > kMaxSlots)
      fail(where, "expected at most " + std::to_string(kMaxSlots) +
                      " constructors on the left side and in the facts of "
                      "a rule, found more; what (let …) named counts with all of its term");
  }

  // Adds the operator and all below it. `class_of`: as in PatternTerm.
  std::uint32_t add_left(const EgglogTerm& term, std::uint32_t class_of) {
    if (term.kind == Kind::kGlobal) return add_left_node(term.index, term.where, class_of);
    if (term.kind == Kind::kVariable) return left_variable(class_variable(term.variable, term.where), term.where);
    CHECK(term.kind == Kind::kConstruct);
    count_operator(term.where);
    PatternTerm made;
    made.op = symbols_.intern_operator(Name(language_.constructors()[term.index].name));
    made.class_of = class_of;
    made.where = term.where;
    for (const EgglogTerm& argument : term.arguments) {
      if (is_primitive(sort_of(argument))) {
        made.attributes.push_back(left_attribute(argument));
      } else {
        made.kids.push_back(add_left(argument, PatternTerm::kOwnClass));
        if (argument.kind == Kind::kVariable) bound_[class_variable(argument.variable, argument.where)] = true;
      }
    }
    return push_left(std::move(made));
  }

  // A term that (let …) named stands for itself: it is in the e-graph, so it matches its own e-class and no other.
  std::uint32_t add_left_node(std::uint32_t node, const Where& where, std::uint32_t class_of) {
    count_operator(where);
    PatternTerm made = node_term(node, where);
    made.class_of = class_of;
    for (const std::uint32_t kid : program_.terms[node].kids)
      made.kids.push_back(add_left_node(kid, where, PatternTerm::kOwnClass));
    return push_left(std::move(made));
  }

  [[nodiscard]] PatternTerm node_term(std::uint32_t node, const Where& where) const {
    const Symbol& symbol = symbols_[program_.terms[node].symbol];
    PatternTerm made;
    made.op = symbol.op;
    made.where = where;
    for (const Value& value : symbol.attributes) {
      AttributeExpression& constant = made.attributes.emplace_back();
      constant.constant = value;
      constant.where = where;
    }
    return made;
  }

  [[nodiscard]] EgglogSort sort_of(const EgglogTerm& term) const {
    return term.kind == Kind::kVariable ? reader_.sort_of(term.variable) : term.sort;
  }

  AttributeExpression left_attribute(const EgglogTerm& term) {
    if (term.kind == Kind::kValue) return egglog_attribute(term, index_);
    AttributeExpression result;
    result.kind = AttributeExpression::Kind::kVariable;
    result.where = term.where;
    if (term.kind == Kind::kVariable) {
      result.variable = attribute_variable(term);
    } else {  // the row's value must be the computed one
      result.variable = fresh_variable(VariableKind::kAttribute);
      EgglogTerm row;
      row.kind = Kind::kVariable;
      row.sort = kEgglogI64;
      row.variable = rule_.variables[result.variable].name;
      row.where = term.where;
      equalities_.push_back({row, term});
    }
    bound_[result.variable] = true;
    return result;
  }

  // --- facts ---

  void add(const EgglogFact& fact) {
    switch (fact.kind) {
      case EgglogFact::Kind::kHolds:
        if (fact.left.has_variables())
          add_left(fact.left, PatternTerm::kOwnClass);
        else
          class_of_side(fact.left);  // it must be there, whatever else a match is about
        return;
      case EgglogFact::Kind::kCompare:
        comparisons_.push_back({&fact, fact.comparison});
        return;
      case EgglogFact::Kind::kEqual:
        if (is_primitive(fact.left.sort))
          equalities_.push_back({fact.left, fact.right});
        else
          add_equal(fact.left, fact.right);
        return;
      case EgglogFact::Kind::kDiffer:
        if (is_primitive(fact.left.sort)) {
          comparisons_.push_back({&fact, ValueFunction::kNotEqual});
        } else {
          const VariableIndex a = class_of_side(fact.left);
          const VariableIndex b = class_of_side(fact.right);
          rule_.distinct.emplace_back(a, b);
        }
        return;
    }
  }

  void add_equal(const EgglogTerm& left, const EgglogTerm& right) {
    if (left.kind == Kind::kVariable && right.kind == Kind::kVariable) {
      class_variable(left.variable, left.where);
      return;
    }
    const bool swapped = right.kind == Kind::kVariable;  // the variable's term must be the earlier one
    const EgglogTerm& first = swapped ? right : left;
    const std::uint32_t anchor = add_left(first, PatternTerm::kOwnClass);
    add_left(swapped ? left : right, anchor);
    if (first.kind == Kind::kVariable) bound_[class_variable(first.variable, first.where)] = true;
  }

  // The variable that stands for the side's e-class.
  VariableIndex class_of_side(const EgglogTerm& side) {
    if (side.kind == Kind::kVariable) return class_variable(side.variable, side.where);
    const VariableIndex v = fresh_variable(VariableKind::kClass);
    bound_[v] = true;
    if (!side.has_variables()) {
      add_given(v, side);
    } else {
      add_left(side, left_variable(v, side.where));
    }
    return v;
  }

  void add_given(VariableIndex v, const EgglogTerm& term) {
    rule_.given.roots.push_back(add_given_term(term));
    rule_.given_variables.push_back(v);
  }
  std::uint32_t add_given_term(const EgglogTerm& term) {
    if (term.kind != Kind::kGlobal)
      return add_construct(term, language_, symbols_, rule_.given,
                           [&](const EgglogTerm& kid) { return add_given_term(kid); });
    const std::array<std::uint32_t, 1> root = {term.index};
    return copy_into(rule_.given, program_.terms, root, given_copies_).front();
  }

  // Whether a match fixes all that the term computes with.
  [[nodiscard]] bool is_bound(const EgglogTerm& term) const {
    if (term.kind == Kind::kVariable) {
      const auto at = index_.find(term.variable);
      return at != index_.end() && bound_[at->second];
    }
    return std::all_of(term.arguments.begin(), term.arguments.end(),
                       [&](const EgglogTerm& argument) { return is_bound(argument); });
  }

  // Equations that define a variable become lets, all others conditions.
  void resolve_arithmetic() {
    std::vector<char> done(equalities_.size(), 0);
    for (bool progress = true; progress;) {
      progress = false;
      for (std::size_t i = 0; i < equalities_.size(); ++i) {
        const auto& [left, right] = equalities_[i];
        const bool left_bound = is_bound(left);
        const bool right_bound = is_bound(right);
        if (done[i] != 0 || (!left_bound && !right_bound)) continue;
        if (left_bound && right_bound)
          add_condition(ValueFunction::kEqual, left, right);
        else if (const EgglogTerm& open = left_bound ? right : left; open.kind == Kind::kVariable)
          define(open, left_bound ? left : right);
        else
          continue;
        done[i] = 1;
        progress = true;
      }
    }
    for (std::size_t i = 0; i < equalities_.size(); ++i) {
      if (done[i] != 0) continue;
      check_arithmetic_bound(equalities_[i].first);
      check_arithmetic_bound(equalities_[i].second);
    }
    for (const auto& [fact, function] : comparisons_) {
      check_arithmetic_bound(fact->left);
      check_arithmetic_bound(fact->right);
      add_condition(function, fact->left, fact->right);
    }
  }

  void define(const EgglogTerm& open, const EgglogTerm& value) {
    const VariableIndex v = attribute_variable(open);
    rule_.variables[v].kind = VariableKind::kLet;
    rule_.variables[v].let = static_cast<std::uint32_t>(rule_.lets.size());
    rule_.lets.push_back(egglog_attribute(value, index_));
    bound_[v] = true;
    // A value that cannot be computed is no match, whether or not it is used: (= n n) fails with n.
    if (value.kind == Kind::kCompute) add_condition(ValueFunction::kEqual, open, open);
  }

  void check_arithmetic_bound(const EgglogTerm& term) const {
    if (term.kind == Kind::kVariable && !is_bound(term))
      fail(term.where, "the variable '" + term.variable +
                           "' is not bound: expected it as an argument of a constructor, "
                           "or equal to something that is known");
    for (const EgglogTerm& argument : term.arguments) check_arithmetic_bound(argument);
  }

  void add_condition(ValueFunction function, const EgglogTerm& left, const EgglogTerm& right) {
    AttributeExpression condition;
    condition.kind = AttributeExpression::Kind::kCall;
    condition.function = function;
    condition.where = left.where;
    condition.arguments.push_back(egglog_attribute(left, index_));
    condition.arguments.push_back(egglog_attribute(right, index_));
    fold_constants(condition, false);
    const bool constant = condition.kind == AttributeExpression::Kind::kConstant;
    if (constant && condition.constant.as_int() == 0)
      fail(left.where, "this fact never holds: expected one that some match can fulfil");
    if (!constant) rule_.conditions.push_back(std::move(condition));
  }

  // --- checks of the whole ---

  void check_left(const EgglogRewrite& rewrite) const {
    const std::vector<PatternTerm>& terms = rule_.left.terms;
    if (operators_ == 0) fail(rewrite.where, "expected at least one constructor among the facts, found none");
    // Per term, its e-class: the place of a variable's term, or of the operator that leads the class.
    std::vector<std::uint32_t> parent(terms.size());
    std::iota(parent.begin(), parent.end(), 0U);
    const auto find = [&](std::uint32_t t) {
      while (parent[t] != t) t = parent[t] = parent[parent[t]];
      return t;
    };
    for (std::uint32_t t = 0; t < terms.size(); ++t) {
      if (terms[t].class_of != PatternTerm::kOwnClass) parent[find(t)] = find(terms[t].class_of);
      for (const std::uint32_t kid : terms[t].kids) parent[find(t)] = find(kid);
    }
    const auto last = std::find_if(terms.rbegin(), terms.rend(), [](const PatternTerm& t) { return !t.is_variable; });
    const std::uint32_t whole = find(static_cast<std::uint32_t>(terms.rend() - last) - 1);
    for (std::uint32_t t = 0; t < terms.size(); ++t) {
      if (terms[t].is_variable || find(t) == whole) continue;
      fail(terms[t].where,
           "this term shares no e-class with " +
               std::string(rewrite.left != nullptr ? "the left side" : "the facts beside it") +
               ": expected terms that hang together by variables of declared sorts (products of unrelated "
               "terms are not supported)");
    }
  }

  void check_bound() const {
    for (VariableIndex v = 0; v < rule_.variables.size(); ++v)
      if (!bound_[v])
        fail(used_at_[v], "the variable '" + rule_.variables[v].name +
                              "' is not bound: expected it in a term of the left side or of a fact");
  }

  // --- the right side ---

  std::uint32_t push_right(PatternTerm term, const Where& where) {
    if (rule_.right.terms.size() == kMostRightTerms)
      fail(where, "expected a right side of at most " + std::to_string(kMostRightTerms) + " terms, found more");
    rule_.right.terms.push_back(std::move(term));
    return static_cast<std::uint32_t>(rule_.right.terms.size()) - 1;
  }

  std::uint32_t add_right(const EgglogTerm& term) {
    if (term.kind == Kind::kGlobal) return add_right_node(term.index, term.where);
    if (term.kind == Kind::kVariable)
      return push_right(variable_term(class_variable(term.variable, term.where), term.where), term.where);
    CHECK(term.kind == Kind::kConstruct);
    PatternTerm made;
    made.op = symbols_.intern_operator(Name(language_.constructors()[term.index].name));
    made.where = term.where;
    for (const EgglogTerm& argument : term.arguments) {
      if (is_primitive(sort_of(argument)))
        made.attributes.push_back(egglog_attribute(argument, index_));
      else
        made.kids.push_back(add_right(argument));
    }
    return push_right(std::move(made), term.where);
  }

  std::uint32_t add_right_node(std::uint32_t node, const Where& where) {
    if (const auto known = right_node_.find(node); known != right_node_.end()) return known->second;
    if (rule_.right.terms.size() + right_depth_ >= kMostRightTerms) push_right({}, where);  // says that it is too long
    ++right_depth_;
    PatternTerm made = node_term(node, where);
    for (const std::uint32_t kid : program_.terms[node].kids) made.kids.push_back(add_right_node(kid, where));
    --right_depth_;
    const std::uint32_t at = push_right(std::move(made), where);
    right_node_.emplace(node, at);
    return at;
  }

  // A variable in the root's e-class: what a query without a right side has for one.
  VariableIndex root_variable() {
    for (const auto& [v, term] : left_term_of_)
      if (bound_[v]) return v;
    // No variable at all: ask for the root once more, as a variable's.
    const VariableIndex v = fresh_variable(VariableKind::kClass);
    std::vector<PatternTerm>& terms = rule_.left.terms;
    terms.insert(terms.begin(), variable_term(v, rule_.where));
    for (std::size_t t = 1; t < terms.size(); ++t) {
      for (std::uint32_t& kid : terms[t].kids) ++kid;
      if (terms[t].class_of != PatternTerm::kOwnClass) ++terms[t].class_of;
    }
    std::uint32_t at = static_cast<std::uint32_t>(terms.size()) - 1;
    while (terms[at].class_of != PatternTerm::kOwnClass) at = terms[at].class_of;
    terms[at].class_of = 0;
    return v;
  }

  const EgglogTermReader& reader_;
  const EgglogProgram& program_;
  const EgglogLanguage& language_;
  SymbolTable& symbols_;
  Rule rule_;
  std::map<std::string, std::string> alias_;
  std::map<std::string, VariableIndex> index_;
  std::vector<bool> bound_;     // by variable
  std::vector<Where> used_at_;  // by variable: where first
  std::map<VariableIndex, std::uint32_t> left_term_of_;
  std::map<std::uint32_t, std::uint32_t> right_node_;
  Substitution given_copies_;
  std::size_t operators_ = 0;
  std::size_t right_depth_ = 0;
  std::vector<std::pair<EgglogTerm, EgglogTerm>> equalities_;  // of primitive sorts
  std::vector<std::pair<const EgglogFact*, ValueFunction>> comparisons_;
};

}  // namespace

Rule make_egglog_rule(const EgglogRewrite& rewrite, const EgglogTermReader& reader, const EgglogProgram& program,
                      SymbolTable& symbols) {
  return RuleMaker(reader, program, symbols).make(rewrite);
}

std::uint32_t add_ground_term(const EgglogTerm& term, const EgglogLanguage& language, SymbolTable& symbols,
                              Expression& terms) {
  if (term.kind == Kind::kGlobal) return term.index;
  return add_construct(term, language, symbols, terms,
                       [&](const EgglogTerm& kid) { return add_ground_term(kid, language, symbols, terms); });
}

}  // namespace tessera
