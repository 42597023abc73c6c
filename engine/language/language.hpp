// What the engine must be told about a language: which arguments of an operator are children, what is known of an
// e-class (its data, a join-semilattice as in egg's e-class analyses, Willsey et al., POPL 2021), and what an e-node
// costs. The engine knows nothing else of tensors. E-class data is a string of 64-bit words in a canonical encoding of
// the language's choosing: it can be compared, hashed, sent and stored without knowing what it means. A Language is
// immutable while a search runs and is read by many threads.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/symbol_table.hpp"
#include "engine/language/value.hpp"

namespace tessera {

using DataView = std::span<const std::int64_t>;
using DataWords = std::vector<std::int64_t>;

enum class ArgumentKind : std::uint8_t {
  kChild,
  kInt,
  kName,
  kShape,
  kList,
  kAccessShape,
  kLiteral,
  // Only as the last argument: any number of children, then any number of attributes; numbers, (shape …) and
  // (literal …) forms are attributes, everything else is a child.
  kRest,
  kChildren,  // Only as the last argument: any number of children, and nothing else; even a number is a child.
};

struct Signature {
  std::vector<ArgumentKind> arguments;
};

class Language {
 public:
  static constexpr std::uint64_t kInfiniteCost = std::numeric_limits<std::uint64_t>::max();

  virtual ~Language() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;

  // How `(op argument …)` is read; none when the language has no such operator.
  [[nodiscard]] virtual std::optional<Signature> signature(Name op) const = 0;
  // What a bare atom in a child's place means: e.g. `x` is the symbol (access-tensor x). None: not a term.
  [[nodiscard]] virtual std::optional<SymbolId> leaf(SymbolTable& symbols, std::string_view atom) const = 0;
  // Whether a bare atom among the arguments of a kRest part is an attribute, a name, and not a child: dtypes, layouts.
  [[nodiscard]] virtual bool is_attribute_name(std::string_view /*atom*/) const { return false; }
  // What operator a close misspelling may have meant, for messages; empty when nothing is near.
  [[nodiscard]] virtual std::string suggestion(std::string_view) const { return {}; }

  // --- e-class data; a language without data leaves these alone ---
  [[nodiscard]] virtual bool has_data() const { return false; }
  // The data of an e-node from its children's. Throws Error(kInput) when the node is ill-formed (shapes mismatch).
  virtual void make(const Symbol&, std::span<const DataView> /*kids*/, DataWords& out) const { out.clear(); }
  // Joins `other` into `into`; returns whether `into` changed. Throws Error(kInput) on a conflict (two shapes).
  virtual bool join(DataWords& /*into*/, DataView /*other*/) const { return false; }
  [[nodiscard]] virtual std::string describe(DataView) const { return {}; }
  // Functions of e-class data for rules: `(dim ?a 0)`. A negative index means there is no such accessor.
  // access() throws Error(kInput) when the arguments do not fit (axis out of range); in a condition that is "false".
  [[nodiscard]] virtual int accessor(std::string_view /*function*/) const { return -1; }
  [[nodiscard]] virtual Value access(int accessor, DataView data, std::span<const Value> arguments) const;

  // The node's own cost, its children's not included; > 0, so that no cycle is ever cheapest. kInfiniteCost: never
  // extract it. Costs are summed with saturation.
  [[nodiscard]] virtual std::uint64_t cost(const Symbol& symbol, DataView self,
                                           std::span<const DataView> kids) const = 0;
};

}  // namespace tessera
