// The operators of the tensor language: their names, how their arguments are read, and the type of each e-node from its
// children's (shape inference). Glenside's language (Smith et al., "Pure Tensor Program Rewriting via Access Patterns",
// MAPS 2021), with the choices of README.md; opaque operators of the source network as in RELAY_OPERATORS.md.
// The families: operators_access.cpp (data movement), operators_compute.cpp (compute, systolic arrays),
// operators_relay*.cpp (opaque operators).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/language.hpp"
#include "engine/tensor/tensor_type.hpp"

namespace tessera {

enum class TensorOperator : std::uint8_t {
  kAccessTensor,
  kAccess,
  kTranspose,
  kReshape,
  kFlatten,
  kSqueeze,
  kInsertAxis,
  kBroadcast,
  kSlice,
  kConcatenate,
  kPad,
  kWindows,
  kCartesianProduct,
  kPair,
  kShiftRight,
  kLiteral,
  kConstantTensor,
  kConstructTuple,
  kTupleGetItem,
  kCompute,
  kSystolicArray,
  kSystolicArrayWithBlocking,
  kSystolicConv2dNchw,  // also its im2col mode: the same function
  kSystolicConv2dNhwc,
  kRelayCall,
};

struct TensorOperatorInfo {
  std::string_view name;
  TensorOperator op;
  std::vector<ArgumentKind> arguments;
};

// All operators, in the order of the language's description.
[[nodiscard]] const std::vector<TensorOperatorInfo>& tensor_operators();
[[nodiscard]] std::span<const std::string_view> compute_types();
// Names of opaque operators that have a shape rule, sorted.
[[nodiscard]] std::vector<std::string_view> relay_operators();
// Names that, among the arguments of an opaque operator, stand for themselves and never for a tensor: dtypes, layouts.
[[nodiscard]] bool is_reserved_name(std::string_view name);

namespace inference {

// One e-node whose type is being computed: its attributes and its children's types, checked as they are asked for.
class NodeTypes {
 public:
  NodeTypes(const Symbol& symbol, std::span<const DataView> kids) : symbol_(symbol), kids_(kids) {}

  [[nodiscard]] std::size_t arity() const { return kids_.size(); }
  void expect_arity(std::size_t count) const;
  // Child i, an access. fail() when there is none or it is a tuple.
  [[nodiscard]] TensorType kid(std::size_t i) const;
  [[nodiscard]] TensorType any_kid(std::size_t i) const;

  [[nodiscard]] std::span<const Value> attributes() const { return symbol_.attributes; }
  [[nodiscard]] std::int64_t integer(std::size_t i) const;
  [[nodiscard]] Name name(std::size_t i) const;
  [[nodiscard]] std::span<const std::int64_t> extents(std::size_t i) const;  // of a shape or a list
  [[nodiscard]] const Value& access_shape(std::size_t i) const;
  // Attribute i as an axis: 0 <= axis < limit.
  [[nodiscard]] std::size_t axis(std::size_t i, std::size_t limit) const;
  void expect_equal_dtypes(const TensorType& a, const TensorType& b) const;

  // Throws Error(kInput): "(access-slice 2 0 70) of [3 64][] float32: found axis 2, expected an axis below 2".
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const;

 private:
  [[nodiscard]] const Value& attribute(std::size_t i, const char* expected) const;

  const Symbol& symbol_;
  std::span<const DataView> kids_;
};

void infer_access(TensorOperator op, const NodeTypes& node, DataWords& out);   // data movement, literals, tuples
void infer_compute(TensorOperator op, const NodeTypes& node, DataWords& out);  // compute, systolic arrays
void infer_relay(const NodeTypes& node, DataWords& out);

}  // namespace inference
}  // namespace tessera
