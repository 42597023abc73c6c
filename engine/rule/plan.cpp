#include "engine/rule/plan.hpp"

#include <algorithm>

#include "engine/base/check.hpp"
#include "engine/rule/planner.hpp"

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

// Numbers the slots of a left side: first those that a match must hold for the right side, then the others.
class SlotNumbering {
 public:
  SlotNumbering(const Rule& rule, RulePlan& plan) : rule_(rule), plan_(plan) {}

  void run() {
    const Pattern& left = rule_.left;
    plan_.variable_slot.assign(rule_.variables.size(), kNoSlot);
    plan_.term_slot.assign(left.terms.size(), kNoSlot);
    for (std::uint32_t t = 0; t < left.terms.size(); ++t) {
      const PatternTerm& term = left.terms[t];
      if (term.is_variable) {
        plan_.term_slot[t] = slot_of(term.variable, SlotKind::kClass);
        continue;
      }
      plan_.atoms.push_back(t);
      plan_.term_slot[t] =
          term.class_of == PatternTerm::kOwnClass ? new_slot(SlotKind::kClass) : plan_.term_slot[term.class_of];
      for (const AttributeExpression& attribute : term.attributes)
        if (attribute.kind == AttributeExpression::Kind::kVariable) slot_of(attribute.variable, SlotKind::kAttribute);
    }
    // Atoms in the order root first: the age constraints follow this order.
    std::reverse(plan_.atoms.begin(), plan_.atoms.end());
    for (const VariableIndex v : rule_.given_variables)
      plan_.given_slots.push_back(plan_.variable_slot[v] = new_slot(SlotKind::kClass));
    if (plan_.binding_count > kMaxSlots)
      throw Error(ErrorCode::kInput,
                  "rule " + rule_.name + " needs " + std::to_string(plan_.binding_count) +
                      " variables and operators on its left side; at most " + std::to_string(kMaxSlots) +
                      " are supported",
                  rule_.where);
    plan_.needs_data.assign(plan_.binding_count, false);
    std::vector<VariableIndex> data;
    for (const AttributeExpression& condition : rule_.conditions) collect_data_variables(condition, rule_, data);
    for (const AttributeExpression& let : rule_.lets) collect_data_variables(let, rule_, data);
    for (const PatternTerm& term : rule_.right.terms)
      for (const AttributeExpression& attribute : term.attributes) collect_data_variables(attribute, rule_, data);
    for (const VariableIndex v : data) plan_.needs_data[plan_.variable_slot[v]] = true;
    put_needed_first();
  }

 private:
  std::uint32_t new_slot(SlotKind kind) {
    plan_.slot_kind.push_back(kind);
    return plan_.binding_count++;
  }
  std::uint32_t slot_of(VariableIndex variable, SlotKind kind) {
    std::uint32_t& slot = plan_.variable_slot[variable];
    if (slot == kNoSlot) slot = new_slot(kind);
    return slot;
  }

  void put_needed_first() {
    std::vector<bool> needed(plan_.binding_count, false);
    needed[plan_.term_slot[rule_.left.root()]] = true;
    std::vector<VariableIndex> read;
    for (const PatternTerm& term : rule_.right.terms) {
      if (term.is_variable) read.push_back(term.variable);
      for (const AttributeExpression& attribute : term.attributes) collect_variables(attribute, rule_, read);
    }
    for (const VariableIndex v : read) needed[plan_.variable_slot[v]] = true;
    std::vector<std::uint32_t> renamed(plan_.binding_count);
    std::uint32_t next = 0;
    for (const bool wanted : {true, false}) {
      for (std::uint32_t slot = 0; slot < plan_.binding_count; ++slot)
        if (needed[slot] == wanted) renamed[slot] = next++;
      if (wanted) plan_.slot_count = next;
    }
    const std::vector<SlotKind> kind = plan_.slot_kind;
    const std::vector<bool> needs_data = plan_.needs_data;
    for (std::uint32_t slot = 0; slot < plan_.binding_count; ++slot) {
      plan_.slot_kind[renamed[slot]] = kind[slot];
      plan_.needs_data[renamed[slot]] = needs_data[slot];
    }
    for (std::uint32_t& slot : plan_.term_slot) slot = renamed[slot];
    for (std::uint32_t& slot : plan_.given_slots) slot = renamed[slot];
    for (std::uint32_t& slot : plan_.variable_slot)
      if (slot != kNoSlot) slot = renamed[slot];
    plan_.root_slot = plan_.term_slot[rule_.left.root()];
  }

  const Rule& rule_;
  RulePlan& plan_;
};

// The variants of a left side whose slots are numbered.
class VariantCompiler {
 public:
  // The symbols of constants have been interned.
  VariantCompiler(const RulePlan& plan, const SymbolTable& symbols) : rule_(*plan.rule), plan_(plan) {
    for (const std::uint32_t t : plan.atoms) {
      const PatternTerm& term = rule_.left.terms[t];
      Atom atom{term.op, SymbolId(), plan.term_slot[t], {}, 0};
      for (const std::uint32_t kid : term.kids) atom.kid_slots.push_back(plan.term_slot[kid]);
      const std::vector<Value> constants = constants_of(term);
      if (constants.size() == term.attributes.size())
        atom.symbol = symbols.find(term.op, constants, static_cast<std::uint32_t>(term.kids.size())).value();
      else
        atom.constants = static_cast<std::uint32_t>(constants.size());
      atoms_.push_back(std::move(atom));
    }
  }

  [[nodiscard]] static std::vector<Value> constants_of(const PatternTerm& term) {
    std::vector<Value> constants;
    for (const AttributeExpression& attribute : term.attributes)
      if (attribute.kind == AttributeExpression::Kind::kConstant) constants.push_back(attribute.constant);
    return constants;
  }

  std::vector<Variant> run(const GraphStatistics& statistics) {
    std::vector<Variant> result;
    if (atoms_.empty()) {
      result.push_back(classes_variant());
    } else {
      for (std::uint32_t start = 0; start < atoms_.size(); ++start) result.push_back(variant(start, statistics));
    }
    return result;
  }

 private:
  [[nodiscard]] Variant classes_variant() const {
    Variant result;
    Step step;
    step.kind = Step::Kind::kClasses;
    step.class_action = {0, plan_.root_slot, true};
    for (std::uint32_t c = 0; c < rule_.conditions.size(); ++c) step.conditions.push_back(c);
    for (const auto& [a, b] : rule_.distinct)
      step.distinct.emplace_back(plan_.variable_slot[a], plan_.variable_slot[b]);
    result.steps.push_back(step);
    return result;
  }

  Variant variant(std::uint32_t start, const GraphStatistics& statistics) {
    bound_.assign(plan_.binding_count, false);
    for (const std::uint32_t slot : plan_.given_slots) bound_[slot] = true;
    condition_done_.assign(rule_.conditions.size(), false);
    distinct_done_.assign(rule_.distinct.size(), false);
    Variant result;
    for (const Access& access : order_atoms(atoms_, start, statistics)) result.steps.push_back(step(access, start));
    return result;
  }

  Step step(const Access& access, std::uint32_t start) {
    const Atom& atom = atoms_[access.atom];
    const PatternTerm& term = rule_.left.terms[plan_.atoms[access.atom]];
    Step step;
    step.kind = access.kind;
    step.visited_per_start = access.visited_per_start;
    step.bindings_per_start = access.bindings_per_start;
    step.age = access.atom == start ? Age::kNew : access.atom < start ? Age::kOld : Age::kAny;
    step.op = atom.op;
    step.symbol = atom.symbol;
    step.arity = static_cast<std::uint32_t>(atom.kid_slots.size());
    step.via = access.via;
    step.has_class_action = step.kind != Step::Kind::kMembers && step.kind != Step::Kind::kGround;
    if (!step.has_class_action) step.from = atom.class_slot;
    if (step.kind == Step::Kind::kParents) step.from = atom.kid_slots[access.via];
    step.class_action = {0, atom.class_slot, bind(atom.class_slot)};
    for (std::uint32_t p = 0; p < step.arity; ++p)
      if (step.kind != Step::Kind::kParents || p != step.via)
        step.kids.push_back({p, atom.kid_slots[p], bind(atom.kid_slots[p])});
    if (step.symbol.is_none()) {
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

  const Rule& rule_;
  const RulePlan& plan_;
  std::vector<Atom> atoms_;
  std::vector<bool> bound_;
  std::vector<bool> condition_done_;
  std::vector<bool> distinct_done_;
};

void compile_right(RulePlan& plan, SymbolTable& symbols) {
  const Pattern& right = plan.rule->right;
  std::vector<RulePlan::Operand> operand(right.terms.size());
  for (std::uint32_t t = 0; t < right.terms.size(); ++t) {
    const PatternTerm& term = right.terms[t];
    if (term.is_variable) {
      operand[t] = {true, plan.variable_slot[term.variable]};
      continue;
    }
    RulePlan::Build build;
    build.op = term.op;
    for (const std::uint32_t kid : term.kids) {
      build.kids.push_back(operand[kid]);
      if (!operand[kid].is_slot) build.height = std::max(build.height, plan.builds[operand[kid].index].height + 1);
    }
    std::vector<Value> constants;
    for (const AttributeExpression& attribute : term.attributes)
      if (attribute.kind == AttributeExpression::Kind::kConstant) constants.push_back(attribute.constant);
    if (constants.size() == term.attributes.size()) {
      build.symbol = symbols.intern(term.op, constants, static_cast<std::uint32_t>(term.kids.size()));
    } else {
      build.attributes = term.attributes;
      build.computed = plan.computed_symbols++;
    }
    operand[t] = {false, static_cast<std::uint32_t>(plan.builds.size())};
    plan.builds.push_back(std::move(build));
  }
  plan.right_root = operand[right.root()];
  plan.height = plan.builds.empty() ? 0 : plan.builds.back().height + 1;
}

bool same_order(const std::vector<Variant>& a, const std::vector<Variant>& b) {
  return std::ranges::equal(a, b, [](const Variant& x, const Variant& y) {
    return std::ranges::equal(x.steps, y.steps, [](const Step& s, const Step& t) {
      return s.kind == t.kind && s.from == t.from && s.via == t.via && s.class_action.slot == t.class_action.slot;
    });
  });
}

}  // namespace

RulePlan compile(const Rule& rule, SymbolTable& symbols) {
  RulePlan plan;
  plan.rule = &rule;
  SlotNumbering(rule, plan).run();
  for (const std::uint32_t t : plan.atoms) {
    const PatternTerm& term = rule.left.terms[t];
    const std::vector<Value> constants = VariantCompiler::constants_of(term);
    if (constants.size() == term.attributes.size())
      symbols.intern(term.op, constants, static_cast<std::uint32_t>(term.kids.size()));
  }
  plan.variants = VariantCompiler(plan, symbols).run({});
  compile_right(plan, symbols);
  return plan;
}

bool replan(RulePlan& plan, const SymbolTable& symbols, const GraphStatistics& statistics) {
  std::vector<Variant> variants = VariantCompiler(plan, symbols).run(statistics);
  const bool changed = !same_order(variants, plan.variants);
  plan.variants = std::move(variants);
  return changed;
}

}  // namespace tessera
