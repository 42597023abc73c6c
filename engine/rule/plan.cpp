#include "engine/rule/plan.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "engine/base/check.hpp"

namespace tessera {
namespace {

void collect_variables(const AttributeExpression& expression, const Rule& rule, std::vector<VariableIndex>& out) {
  if (expression.kind == AttributeExpression::Kind::kVariable) {
    const Variable& variable = rule.variables[expression.variable];
    if (variable.kind == VariableKind::kLet)
      collect_variables(rule.lets[variable.let], rule, out);
    else
      out.push_back(expression.variable);
  } else if (expression.kind == AttributeExpression::Kind::kCall) {
    if (expression.function == ValueFunction::kAccessor) out.push_back(expression.class_variable);
    for (const AttributeExpression& argument : expression.arguments) collect_variables(argument, rule, out);
  }
}

void collect_data_variables(const AttributeExpression& expression, const Rule& rule, std::vector<VariableIndex>& out) {
  if (expression.kind == AttributeExpression::Kind::kVariable) {
    const Variable& variable = rule.variables[expression.variable];
    if (variable.kind == VariableKind::kLet) collect_data_variables(rule.lets[variable.let], rule, out);
  } else if (expression.kind == AttributeExpression::Kind::kCall) {
    if (expression.function == ValueFunction::kAccessor) out.push_back(expression.class_variable);
    for (const AttributeExpression& argument : expression.arguments) collect_data_variables(argument, rule, out);
  }
}

class Compiler {
 public:
  Compiler(const Rule& rule, SymbolTable& symbols) : rule_(rule), symbols_(symbols) { plan_.rule = &rule; }

  RulePlan run() {
    assign_slots();
    if (atoms_.empty()) {
      plan_.variants.push_back(classes_variant());
    } else {
      for (std::uint32_t start = 0; start < atoms_.size(); ++start) plan_.variants.push_back(variant(start));
    }
    compile_right();
    return std::move(plan_);
  }

 private:
  void assign_slots() {
    const Pattern& left = rule_.left;
    plan_.variable_slot.assign(rule_.variables.size(), kNoSlot);
    term_slot_.assign(left.terms.size(), kNoSlot);
    const auto new_slot = [&](SlotKind kind) {
      plan_.slot_kind.push_back(kind);
      return plan_.slot_count++;
    };
    for (std::uint32_t t = 0; t < left.terms.size(); ++t) {
      const PatternTerm& term = left.terms[t];
      if (term.is_variable) {
        std::uint32_t& slot = plan_.variable_slot[term.variable];
        if (slot == kNoSlot) slot = new_slot(SlotKind::kClass);
        term_slot_[t] = slot;
        continue;
      }
      atoms_.push_back(t);
      term_slot_[t] = term.class_of == PatternTerm::kOwnClass ? new_slot(SlotKind::kClass) : term_slot_[term.class_of];
      for (const AttributeExpression& attribute : term.attributes)
        if (attribute.kind == AttributeExpression::Kind::kVariable &&
            plan_.variable_slot[attribute.variable] == kNoSlot)
          plan_.variable_slot[attribute.variable] = new_slot(SlotKind::kAttribute);
    }
    // Atoms in the order root first: the age constraints follow this order.
    std::reverse(atoms_.begin(), atoms_.end());
    plan_.root_slot = term_slot_[left.root()];
    for (const VariableIndex v : rule_.given_variables)
      plan_.given_slots.push_back(plan_.variable_slot[v] = new_slot(SlotKind::kClass));
    if (plan_.slot_count > kMaxSlots)
      throw Error(ErrorCode::kInput,
                  "rule " + rule_.name + " needs " + std::to_string(plan_.slot_count) +
                      " variables and operators on its left side; at most " + std::to_string(kMaxSlots) +
                      " are supported",
                  rule_.where);
    plan_.needs_data.assign(plan_.slot_count, false);
    std::vector<VariableIndex> data;
    for (const AttributeExpression& condition : rule_.conditions) collect_data_variables(condition, rule_, data);
    for (const AttributeExpression& let : rule_.lets) collect_data_variables(let, rule_, data);
    for (const PatternTerm& term : rule_.right.terms)
      for (const AttributeExpression& attribute : term.attributes) collect_data_variables(attribute, rule_, data);
    for (const VariableIndex v : data) plan_.needs_data[plan_.variable_slot[v]] = true;
  }

  Variant classes_variant() {
    Variant result;
    Step step;
    step.kind = Step::Kind::kClasses;
    step.class_action = {0, plan_.root_slot, true};
    for (std::uint32_t c = 0; c < rule_.conditions.size(); ++c) step.conditions.push_back(c);
    for (const auto& [a, b] : rule_.distinct)
      step.distinct.emplace_back(plan_.variable_slot[a], plan_.variable_slot[b]);
    result.steps.push_back(step);
    result.bound_before.emplace_back();
    return result;
  }

  // Index among atoms_ of the atom that has `term` as a child, with the child's position.
  struct Up {
    std::uint32_t atom;
    std::uint32_t position;
  };
  [[nodiscard]] std::vector<Up> parents_of(std::uint32_t term) const {
    std::vector<Up> result;
    for (std::uint32_t a = 0; a < atoms_.size(); ++a) {
      const PatternTerm& parent = rule_.left.terms[atoms_[a]];
      for (std::uint32_t p = 0; p < parent.kids.size(); ++p)
        if (parent.kids[p] == term) result.push_back({a, p});
    }
    return result;
  }

  // The atom itself, with the first of its children whose class is bound.
  [[nodiscard]] std::optional<Up> bound_kid(std::uint32_t atom) const {
    const PatternTerm& term = rule_.left.terms[atoms_[atom]];
    for (std::uint32_t p = 0; p < term.kids.size(); ++p)
      if (bound_[term_slot_[term.kids[p]]]) return Up{atom, p};
    return std::nullopt;
  }

  Step atom_step(std::uint32_t atom, std::uint32_t start) {
    const PatternTerm& term = rule_.left.terms[atoms_[atom]];
    Step step;
    step.age = atom == start ? Age::kNew : atom < start ? Age::kOld : Age::kAny;
    step.op = term.op;
    step.arity = static_cast<std::uint32_t>(term.kids.size());
    std::vector<Value> constants;
    bool all_constant = true;
    for (const AttributeExpression& attribute : term.attributes) {
      if (attribute.kind == AttributeExpression::Kind::kConstant)
        constants.push_back(attribute.constant);
      else
        all_constant = false;
    }
    if (all_constant) step.symbol = symbols_.intern(term.op, constants, step.arity);
    const std::uint32_t class_slot = term_slot_[atoms_[atom]];
    step.class_action = {0, class_slot, bind(class_slot)};
    for (std::uint32_t p = 0; p < term.kids.size(); ++p) {
      const std::uint32_t slot = term_slot_[term.kids[p]];
      step.kids.push_back({p, slot, bind(slot)});
    }
    if (!all_constant) {
      for (std::uint32_t p = 0; p < term.attributes.size(); ++p) {
        const AttributeExpression& attribute = term.attributes[p];
        if (attribute.kind == AttributeExpression::Kind::kConstant) {
          step.constants.push_back({p, attribute.constant});
        } else {
          const std::uint32_t slot = plan_.variable_slot[attribute.variable];
          step.attributes.push_back({p, slot, bind(slot)});
        }
      }
    }
    for (std::uint32_t c = 0; c < rule_.conditions.size(); ++c) {
      if (condition_done_[c]) continue;
      std::vector<VariableIndex> variables;
      collect_variables(rule_.conditions[c], rule_, variables);
      if (std::all_of(variables.begin(), variables.end(),
                      [&](VariableIndex v) { return bound_[plan_.variable_slot[v]]; })) {
        condition_done_[c] = true;
        step.conditions.push_back(c);
      }
    }
    for (std::uint32_t d = 0; d < rule_.distinct.size(); ++d) {
      const std::uint32_t a = plan_.variable_slot[rule_.distinct[d].first];
      const std::uint32_t b = plan_.variable_slot[rule_.distinct[d].second];
      if (distinct_done_[d] || !bound_[a] || !bound_[b]) continue;
      distinct_done_[d] = true;
      step.distinct.emplace_back(a, b);
    }
    return step;
  }

  bool bind(std::uint32_t slot) {
    const bool fresh = !bound_[slot];
    bound_[slot] = true;
    return fresh;
  }

  [[nodiscard]] std::vector<std::uint32_t> bound_slots() const {
    std::vector<std::uint32_t> result;
    for (std::uint32_t s = 0; s < bound_.size(); ++s)
      if (bound_[s] && std::ranges::find(plan_.given_slots, s) == plan_.given_slots.end()) result.push_back(s);
    return result;
  }

  Variant variant(std::uint32_t start) {
    bound_.assign(plan_.slot_count, false);
    for (const std::uint32_t slot : plan_.given_slots) bound_[slot] = true;
    condition_done_.assign(rule_.conditions.size(), false);
    distinct_done_.assign(rule_.distinct.size(), false);
    std::vector<bool> done(atoms_.size(), false);
    Variant result;
    result.bound_before.push_back(bound_slots());
    result.steps.push_back(atom_step(start, start));
    done[start] = true;
    while (result.steps.size() < atoms_.size()) {
      // Down first: a class has few members, but may have very many parents.
      std::optional<std::uint32_t> next;
      for (std::uint32_t a = 0; a < atoms_.size() && !next; ++a)
        if (!done[a] && bound_[term_slot_[atoms_[a]]]) next = a;
      std::vector<std::uint32_t> before = bound_slots();
      Step step;
      if (next) {
        step = atom_step(*next, start);
        step.kind = Step::Kind::kMembers;
        step.from = term_slot_[atoms_[*next]];
        step.has_class_action = false;
      } else {
        std::optional<Up> up;
        for (std::uint32_t a = 0; a < atoms_.size() && !up; ++a)
          if (done[a])
            for (const Up candidate : parents_of(atoms_[a]))
              if (!done[candidate.atom]) up = candidate;
        // Atoms of one class that no atom has as its child, and atoms that share but a variable.
        for (std::uint32_t a = 0; a < atoms_.size() && !up; ++a)
          if (!done[a]) up = bound_kid(a);
        CHECK(up.has_value());  // a pattern is connected
        const std::uint32_t from = term_slot_[rule_.left.terms[atoms_[up->atom]].kids[up->position]];
        step = atom_step(up->atom, start);
        step.kind = Step::Kind::kParents;
        step.from = from;
        step.via = up->position;
        std::erase_if(step.kids, [&](const SlotAction& action) { return action.position == up->position; });
        next = up->atom;
      }
      done[*next] = true;
      result.bound_before.push_back(std::move(before));
      result.steps.push_back(std::move(step));
    }
    return result;
  }

  void compile_right() {
    const Pattern& right = rule_.right;
    std::vector<RulePlan::Operand> operand(right.terms.size());
    for (std::uint32_t t = 0; t < right.terms.size(); ++t) {
      const PatternTerm& term = right.terms[t];
      if (term.is_variable) {
        operand[t] = {true, plan_.variable_slot[term.variable]};
        continue;
      }
      RulePlan::Build build;
      build.op = term.op;
      for (const std::uint32_t kid : term.kids) {
        build.kids.push_back(operand[kid]);
        if (!operand[kid].is_slot) build.height = std::max(build.height, plan_.builds[operand[kid].index].height + 1);
      }
      std::vector<Value> constants;
      for (const AttributeExpression& attribute : term.attributes)
        if (attribute.kind == AttributeExpression::Kind::kConstant) constants.push_back(attribute.constant);
      if (constants.size() == term.attributes.size()) {
        build.symbol = symbols_.intern(term.op, constants, static_cast<std::uint32_t>(term.kids.size()));
      } else {
        build.attributes = term.attributes;
        build.computed = plan_.computed_symbols++;
      }
      operand[t] = {false, static_cast<std::uint32_t>(plan_.builds.size())};
      plan_.builds.push_back(std::move(build));
    }
    plan_.right_root = operand[right.root()];
    plan_.height = plan_.builds.empty() ? 0 : plan_.builds.back().height + 1;
  }

  const Rule& rule_;
  SymbolTable& symbols_;
  RulePlan plan_;
  std::vector<std::uint32_t> term_slot_;  // per left term: its class slot
  std::vector<std::uint32_t> atoms_;      // left terms that are operators, root first
  std::vector<bool> bound_;
  std::vector<bool> condition_done_;
  std::vector<bool> distinct_done_;
};

}  // namespace

RulePlan compile(const Rule& rule, SymbolTable& symbols) { return Compiler(rule, symbols).run(); }

}  // namespace tessera
