// The tensor language: Glenside's access patterns (Smith et al., MAPS 2021) as a Language of the engine. Operators and
// their types: operators.hpp; e-class data: tensor_type.hpp; functions of e-class data for rules, and the costs:
// README.md. E-class data of merged classes is joined: shapes must agree, zero regions unite.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/language/language.hpp"
#include "engine/tensor/dtype.hpp"
#include "engine/tensor/operators.hpp"

namespace tessera {

// A tensor of the environment, as a program declares it.
struct TensorDeclaration {
  Name name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> dims;
  friend bool operator==(const TensorDeclaration&, const TensorDeclaration&) = default;
};

// Costs are in fractions of a cycle, so that cycles decide, then calls, then the bytes that other operators move.
inline constexpr std::uint64_t kCostOfCycle = std::uint64_t{1} << 24;
inline constexpr std::uint64_t kCostOfCall = std::uint64_t{1} << 10;
inline constexpr std::uint64_t kBytesOfCost = std::uint64_t{1} << 12;  // moved for a cost of 1

class TensorLanguage : public Language {
 public:
  TensorLanguage();

  // Before a search begins, not while it runs. Throws Error(kInput): a reserved name, an extent below 1, too many axes,
  // a name already declared with another type. Declaring the same again is fine.
  void declare(const TensorDeclaration& declaration);
  [[nodiscard]] bool is_declared(Name name) const { return tensors_.contains(name); }

  [[nodiscard]] std::string_view name() const override { return "tensor"; }
  [[nodiscard]] std::optional<Signature> signature(Name op) const override;
  // A bare atom is the tensor of that name. Whether it is declared, make() asks.
  [[nodiscard]] std::optional<SymbolId> leaf(SymbolTable& symbols, std::string_view atom) const override;
  [[nodiscard]] bool is_attribute_name(std::string_view atom) const override { return is_reserved_name(atom); }
  [[nodiscard]] std::string suggestion(std::string_view word) const override;

  [[nodiscard]] bool has_data() const override { return true; }
  void make(const Symbol& symbol, std::span<const DataView> kids, DataWords& out) const override;
  bool join(DataWords& into, DataView other) const override;
  [[nodiscard]] std::string describe(DataView data) const override { return TensorType(data).to_string(); }
  [[nodiscard]] int accessor(std::string_view function) const override;
  [[nodiscard]] Value access(int accessor, DataView data, std::span<const Value> arguments) const override;

  // tensor_language_cost.cpp
  [[nodiscard]] std::uint64_t cost(const Symbol& symbol, DataView self, std::span<const DataView> kids) const override;

 private:
  [[nodiscard]] const TensorOperatorInfo* find(Name op) const;

  std::vector<std::uint8_t> operator_of_name_;  // by Name::index: 1 + index in tensor_operators(), or 0
  std::unordered_map<Name, DataWords> tensors_;
};

}  // namespace tessera
