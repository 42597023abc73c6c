#include "engine/graph/matcher.hpp"

#include <algorithm>

#include "engine/graph/match_values.hpp"

namespace tessera {

void Matcher::select(std::uint32_t rule, std::uint32_t variant) {
  rule_ = rule;
  variant_ = variant;
  plan_ = &plans_[rule];
  steps_ = &plan_->variants[variant].steps;
}

void Matcher::bind_given() {
  for (std::size_t i = 0; i < plan_->given_slots.size(); ++i) slots_[plan_->given_slots[i]] = given_[rule_][i];
}

void Matcher::start(std::uint32_t rule, std::uint32_t variant, std::span<const RowId> rows) {
  select(rule, variant);
  bind_given();
  const Step& step = steps_->front();
  out_.visited[rule] += rows.size();
  for (const RowId row : rows) {
    const SymbolId symbol = graph_.nodes[row].symbol;
    if (step.symbol.is_none() ? graph_.symbols()[symbol].arity != step.arity : symbol != step.symbol) continue;
    try_row(step, 0, row);
  }
}

void Matcher::start_classes(std::uint32_t rule, std::span<const ClassId> classes) {
  select(rule, 0);
  bind_given();
  const Step& step = steps_->front();
  out_.visited[rule] += classes.size();
  for (const ClassId cls : classes) {
    slots_[step.class_action.slot] = cls.value;
    if (conditions_hold(step)) emit();
  }
}

void Matcher::resume(const PartialMatch& partial) {
  select(partial.rule, partial.variant);
  std::copy(partial.slots.begin(), partial.slots.end(), slots_.begin());
  bind_given();
  walk((*steps_)[partial.step], partial.step);
}

void Matcher::enter(std::uint32_t index) {
  if (index == steps_->size()) {
    emit();
    return;
  }
  const Step& step = (*steps_)[index];
  const Handle from{slots_[step.from]};
  if (!from.is_foreign() && step.kind == Step::Kind::kMembers &&
      (graph_.classes[ClassId(from.value)].mask & EGraph::mask_bit(step.op)) == 0)
    return;
  if (remote_ != nullptr &&
      !remote_->forward(task_, {rule_, variant_, index, std::span(slots_).first(plan_->slot_count)}))
    return;
  walk(step, index);
}

void Matcher::walk(const Step& step, std::uint32_t index) {
  const ClassId from(slots_[step.from]);
  const NodeTable& nodes = graph_.nodes;
  const std::uint32_t seen = seen_[rule_];
  const auto fits = [&](RowId row) {
    const Row& r = nodes[row];
    if (step.symbol.is_none()) {
      if (r.symbol.is_none() || graph_.symbols().op(r.symbol) != step.op ||
          graph_.symbols()[r.symbol].arity != step.arity)
        return false;
    } else if (r.symbol != step.symbol) {
      return false;
    }
    return step.age == Age::kAny || (step.age == Age::kOld) == (r.stamp < seen);
  };
  std::uint64_t visited = 0;
  if (step.kind == Step::Kind::kMembers) {
    for (std::uint32_t at = graph_.classes[from].first_member; at != 0;) {
      const RowId row(at - 1);
      at = nodes[row].next_member;
      ++visited;
      if (fits(row)) try_row(step, index, row);
    }
  } else {
    for (Edge edge = graph_.first_parent(from); !edge.is_end();) {
      const Edge current = edge;
      edge = nodes.next(edge);
      const RowId row = nodes.edge_row(current);
      ++visited;
      if (fits(row) && nodes.edge_position(current) == step.via) try_row(step, index, row);
    }
  }
  out_.visited[rule_] += visited;
}

void Matcher::try_row(const Step& step, std::uint32_t index, RowId row) {
  if (bind_row(step, row) && conditions_hold(step)) enter(index + 1);
}

bool Matcher::bind_row(const Step& step, RowId row) {
  const Row& r = graph_.nodes[row];
  for (const SlotAction& action : step.kids) {
    const std::uint32_t kid = graph_.nodes.kid(row, step.arity, action.position);
    if (action.bind)
      slots_[action.slot] = kid;
    else if (!same(slots_[action.slot], kid))
      return false;
  }
  if (step.has_class_action) {
    if (step.class_action.bind)
      slots_[step.class_action.slot] = r.class_id;
    else if (!same(slots_[step.class_action.slot], r.class_id))
      return false;
  }
  if (step.symbol.is_none() && (!step.constants.empty() || !step.attributes.empty())) {
    const Symbol& symbol = graph_.symbols()[r.symbol];
    for (const ConstantCheck& check : step.constants)
      if (check.position >= symbol.attributes.size() || !(symbol.attributes[check.position] == check.value))
        return false;
    for (const SlotAction& action : step.attributes) {
      if (action.position >= symbol.attributes.size()) return false;
      if (action.bind)
        slots_[action.slot] = AttributeReference::pack(r.symbol, action.position);
      else if (!(AttributeReference::read(slots_[action.slot], graph_.symbols()) == symbol.attributes[action.position]))
        return false;
    }
  }
  return true;
}

bool Matcher::conditions_hold(const Step& step) {
  for (const auto& [a, b] : step.distinct)
    if (same(slots_[a], slots_[b])) return false;
  if (step.conditions.empty()) return true;
  const SlotValues values(graph_, *plan_, std::span(slots_).first(plan_->slot_count), remote_);
  return std::ranges::all_of(step.conditions,
                             [&](std::uint32_t c) { return holds(plan_->rule->conditions[c], values); });
}

void Matcher::emit() {
  if (++out_.count[rule_] > store_limit_[rule_]) return;
  std::vector<std::uint32_t>& slots = out_.slots[rule_];
  slots.insert(slots.end(), slots_.begin(), slots_.begin() + plan_->slot_count);
}

}  // namespace tessera
