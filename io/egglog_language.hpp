// The sorts and constructors that an egglog program declares, as a Language: every constructor is an operator. Its
// arguments of a declared sort are children; those of the primitive sorts i64 and String are static attributes, part of
// the symbol, as egglog's primitive values are columns of a row and no e-classes. So `(Num 3)` is one e-node, as in
// egglog it is one row. Costs are egglog's: of a constructor 1 or its `:cost`, and 1 for each primitive argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/language/expression.hpp"
#include "engine/language/language.hpp"

namespace tessera {

using EgglogSort = std::uint32_t;  // index: the primitive sorts first, then the declared ones
inline constexpr EgglogSort kEgglogI64 = 0;
inline constexpr EgglogSort kEgglogString = 1;
inline constexpr EgglogSort kEgglogPrimitives = 2;  // so many
inline constexpr EgglogSort kEgglogUnknown = 0xffffffffU;
[[nodiscard]] constexpr bool is_primitive(EgglogSort sort) { return sort < kEgglogPrimitives; }

struct EgglogConstructor {
  std::string name;
  std::vector<EgglogSort> arguments;
  EgglogSort result = kEgglogUnknown;
  std::uint64_t cost = 1;
  Where where;

  [[nodiscard]] std::size_t children() const;  // arguments that are no primitives
};

class EgglogLanguage final : public Language {
 public:
  EgglogLanguage();

  // --- declarations; only before a search runs ---
  // Both return the new index. The name must be free.
  EgglogSort add_sort(std::string_view name, const Where& where);
  std::uint32_t add_constructor(EgglogConstructor constructor);

  [[nodiscard]] std::optional<EgglogSort> find_sort(std::string_view name) const;
  [[nodiscard]] const std::string& sort_name(EgglogSort sort) const { return sorts_[sort].name; }
  [[nodiscard]] const Where& sort_where(EgglogSort sort) const { return sorts_[sort].where; }
  [[nodiscard]] std::optional<std::uint32_t> find_constructor(std::string_view name) const;
  [[nodiscard]] const std::vector<EgglogConstructor>& constructors() const { return constructors_; }
  // "(Add Math Math)": for messages.
  [[nodiscard]] std::string signature_text(std::uint32_t constructor) const;

  // --- Language ---
  [[nodiscard]] std::string_view name() const override { return "egglog"; }
  [[nodiscard]] std::optional<Signature> signature(Name op) const override;
  [[nodiscard]] std::optional<SymbolId> leaf(SymbolTable&, std::string_view) const override { return std::nullopt; }
  [[nodiscard]] std::uint64_t cost(const Symbol& symbol, DataView self, std::span<const DataView> kids) const override;

 private:
  struct Sort {
    std::string name;
    Where where;
  };
  std::vector<Sort> sorts_;
  std::unordered_map<std::string, EgglogSort> sort_of_name_;
  std::vector<EgglogConstructor> constructors_;
  std::unordered_map<std::string, std::uint32_t> constructor_of_name_;
  std::unordered_map<std::uint32_t, std::uint64_t> cost_of_;  // by Name::index
};

// The term below `root` in egglog's syntax: `(Add (Num 1) (Var "x"))`, a tree, whatever it shares. None when it would
// have more than `most` constructors.
[[nodiscard]] std::optional<std::string> egglog_text(const Expression& program, std::uint32_t root,
                                                     const SymbolTable& symbols, const EgglogLanguage& language,
                                                     std::uint64_t most);

}  // namespace tessera
