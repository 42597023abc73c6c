// The plain language: any symbol is an operator, every argument a child, every atom (numbers too) a leaf. No
// attributes, no e-class data, every e-node costs 1. It is what the arithmetic benchmarks of the egg and egglog papers
// need.
#pragma once

#include "engine/language/language.hpp"

namespace tessera {

class TermLanguage : public Language {
 public:
  [[nodiscard]] std::string_view name() const override { return "term"; }
  [[nodiscard]] std::optional<Signature> signature(Name op) const override;
  [[nodiscard]] std::optional<SymbolId> leaf(SymbolTable& symbols, std::string_view atom) const override;
  [[nodiscard]] std::uint64_t cost(const Symbol& symbol, DataView self, std::span<const DataView> kids) const override;
};

}  // namespace tessera
