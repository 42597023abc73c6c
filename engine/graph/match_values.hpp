// Gives attribute expressions their values from a match: attribute variables from the symbols they were bound in,
// e-class data from the class table, lets computed on demand.
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
    const Handle handle{slots_[plan_.variable_slot[variable]]};
    if (handle.is_foreign()) return remote_->data(handle);
    const DataId id = graph_.classes[ClassId(handle.value)].data;
    return id.is_none() ? DataView{} : graph_.data[id];
  }

 private:
  const EGraph& graph_;
  const RulePlan& plan_;
  std::span<const std::uint32_t> slots_;
  const Remote* remote_;
};

}  // namespace tessera
