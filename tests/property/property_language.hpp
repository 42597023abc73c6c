// The languages of random searches: an alphabet small enough that rules meet each other's results, with what engines
// get wrong: wide e-nodes, one operator name at several arities, operators with attributes, e-class data that changes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/language/language.hpp"

namespace tessera::oracle {

struct PropertyOperator {
  std::string_view name;
  int arity;
  int attributes;
};

// One entry for each arity of r, which takes any number of children.
inline constexpr std::array<PropertyOperator, 18> kPropertyOperators = {{{"a", 0, 0},
                                                                         {"b", 0, 0},
                                                                         {"c", 0, 0},
                                                                         {"d", 0, 0},
                                                                         {"f", 1, 0},
                                                                         {"g", 1, 0},
                                                                         {"p", 2, 0},
                                                                         {"m", 2, 0},
                                                                         {"r", 1, 0},
                                                                         {"r", 2, 0},
                                                                         {"t", 3, 0},
                                                                         {"r", 3, 0},
                                                                         {"q", 4, 0},
                                                                         {"w", 7, 0},
                                                                         {"j", 0, 1},
                                                                         {"i", 1, 1},
                                                                         {"i", 1, 1},
                                                                         {"k", 2, 2}}};

// a b c d: leaves; f g: 1 child; p m: 2; t: 3; q: 4; w: 7; r: any number (0-3 are generated); i: 1 child and one
// integer; j: one integer; k: 2 children and two integers. No e-class data; every operator costs 1.
class PropertyLanguage : public Language {
 public:
  [[nodiscard]] std::string_view name() const override { return "property"; }
  [[nodiscard]] std::optional<Signature> signature(Name op) const override;
  [[nodiscard]] std::optional<SymbolId> leaf(SymbolTable& symbols, std::string_view atom) const override;
  [[nodiscard]] std::uint64_t cost(const Symbol&, DataView, std::span<const DataView>) const override { return 1; }
};

// The same operators with e-class data that grows as e-classes merge: the least depth of an e-class's terms, and facts
// (bits) that any of its e-nodes proves: a, b, c prove one each, f passes its child's on, g shifts them, m has those of
// either child, p those of both. Rules may ask `(depth ?x)` and `(fact ?x 0)`; the answers change while a search runs.
class DataPropertyLanguage : public PropertyLanguage {
 public:
  [[nodiscard]] std::string_view name() const override { return "property with data"; }
  [[nodiscard]] bool has_data() const override { return true; }
  void make(const Symbol& symbol, std::span<const DataView> kids, DataWords& out) const override;
  bool join(DataWords& into, DataView other) const override;
  [[nodiscard]] std::string describe(DataView data) const override;
  [[nodiscard]] int accessor(std::string_view function) const override;
  [[nodiscard]] Value access(int accessor, DataView data, std::span<const Value> arguments) const override;
};

}  // namespace tessera::oracle
