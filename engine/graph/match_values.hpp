// Gives attribute expressions their values from a match, or from the registers of a match in the making: attribute
// variables from the symbols they were bound in, e-class data from the class table, lets computed on demand.
#pragma once

#include <cstdint>
#include <span>

#include "engine/graph/matcher.hpp"
#include "engine/rule/value_functions.hpp"

namespace tessera {

// A bound attribute variable: the symbol it was read from and the attribute's position (at most 15).
struct AttributeReference {
  static constexpr std::uint32_t kPositionBits = 4;
  static std::uint32_t pack(SymbolId symbol, std::uint32_t position) {
    return symbol.value << kPositionBits | position;
  }
  static const Value& read(std::uint32_t packed, const SymbolTable& symbols) {
    return symbols[SymbolId(packed >> kPositionBits)].attributes[packed & ((1U << kPositionBits) - 1)];
  }
};

[[nodiscard]] inline DataView data_of(const EGraph& graph, Handle handle, const Remote* remote) {
  if (handle.is_foreign()) return remote->data(handle);
  const DataId id = graph.classes[ClassId(handle.value)].data;
  return id.is_none() ? DataView{} : graph.data[id];
}

class SlotValues final : public MatchValues {
 public:
  SlotValues(const EGraph& graph, const RulePlan& plan, std::span<const std::uint32_t> slots, const Remote* remote)
      : graph_(graph), plan_(plan), slots_(slots), remote_(remote) {}

  [[nodiscard]] const Language& language() const override { return graph_.language(); }
  [[nodiscard]] Value attribute(VariableIndex variable) const override {
    const Variable& v = plan_.rule->variables[variable];
    if (v.kind == VariableKind::kLet) return evaluate(plan_.rule->lets[v.let], *this);
    return AttributeReference::read(slots_[plan_.variable_slot[variable]], graph_.symbols());
  }
  [[nodiscard]] DataView data(VariableIndex variable) const override {
    return data_of(graph_, Handle{slots_[plan_.variable_slot[variable]]}, remote_);
  }

 private:
  const EGraph& graph_;
  const RulePlan& plan_;
  std::span<const std::uint32_t> slots_;
  const Remote* remote_;
};

// As SlotValues, for a match whose slots are still in registers; `places` by slot.
class RegisterValues final : public MatchValues {
 public:
  RegisterValues(const EGraph& graph, const RulePlan& plan, std::span<const Place> places,
                 std::span<const std::uint32_t> registers, const Remote* remote)
      : graph_(graph), plan_(plan), places_(places), registers_(registers), remote_(remote) {}

  [[nodiscard]] const Language& language() const override { return graph_.language(); }
  [[nodiscard]] Value attribute(VariableIndex variable) const override {
    const Variable& v = plan_.rule->variables[variable];
    if (v.kind == VariableKind::kLet) return evaluate(plan_.rule->lets[v.let], *this);
    const Place place = places_[plan_.variable_slot[variable]];
    return graph_.symbols()[SymbolId(registers_[place.reg])].attributes[place.position];
  }
  [[nodiscard]] DataView data(VariableIndex variable) const override {
    return data_of(graph_, Handle{registers_[places_[plan_.variable_slot[variable]].reg]}, remote_);
  }

 private:
  const EGraph& graph_;
  const RulePlan& plan_;
  std::span<const Place> places_;
  std::span<const std::uint32_t> registers_;
  const Remote* remote_;
};

}  // namespace tessera
