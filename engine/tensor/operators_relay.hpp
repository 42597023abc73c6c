// Types of the opaque operators of the source network, `(relay-operator-call op child… attribute…)`: the table of
// RELAY_OPERATORS.md, whose semantics are TVM Relay's. A child's split is ignored; the result is [d0 … dn][].
// Families: operators_relay.cpp (elementwise, normalization), operators_relay_network.cpp (convolutions, pools,
// products), operators_relay_layout.cpp (reshape, slices, reductions).
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>

#include "engine/tensor/operators.hpp"

namespace tessera::inference {

// The attributes after the operator's name, without the layouts, which may stand anywhere.
class RelayCall {
 public:
  RelayCall(const NodeTypes& node, std::string_view op);

  [[nodiscard]] const NodeTypes& node() const { return node_; }
  [[nodiscard]] std::string_view op() const { return op_; }
  [[nodiscard]] bool channels_last() const { return channels_last_; }       // NHWC data
  [[nodiscard]] bool kernel_channels_last() const { return kernel_last_; }  // HWIO weights

  // Exactly `count` children, all accesses; the attributes number from `least` to `most`.
  void expect(std::size_t count, std::size_t least, std::size_t most) const;
  void expect_attributes(std::size_t least, std::size_t most) const;
  [[nodiscard]] TensorType kid(std::size_t i) const { return node_.kid(i); }
  // Child i, with exactly `axes` axes.
  [[nodiscard]] TensorType kid(std::size_t i, std::size_t axes) const;
  // The children; or the parts of the tuple that is the only child.
  [[nodiscard]] std::vector<TensorType> list() const;

  [[nodiscard]] bool has(std::size_t i) const { return i < attributes_.size(); }
  [[nodiscard]] const Value& attribute(std::size_t i) const { return *attributes_[i]; }
  [[nodiscard]] std::int64_t integer(std::size_t i, std::optional<std::int64_t> otherwise = std::nullopt) const;
  [[nodiscard]] double number(std::size_t i, std::optional<double> otherwise = std::nullopt) const;
  [[nodiscard]] std::span<const std::int64_t> extents(std::size_t i) const;
  // The extents when attribute i exists, `otherwise` if not; their number is checked.
  [[nodiscard]] std::vector<std::int64_t> extents(std::size_t i, std::vector<std::int64_t> otherwise) const;
  // Attribute i as an axis of `axes`; a negative one counts from the end.
  [[nodiscard]] std::size_t axis(std::size_t i, std::size_t axes,
                                 std::optional<std::int64_t> otherwise = std::nullopt) const;
  [[nodiscard]] std::size_t normalized_axis(std::int64_t axis, std::size_t axes) const;
  void expect_floating_point(const TensorType& x) const;
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const { node_.fail(found, expected); }

 private:
  const NodeTypes& node_;
  std::string_view op_;
  std::vector<const Value*> attributes_;
  bool channels_last_ = false;
  bool kernel_last_ = false;
};

// [dims][] of the element type.
[[nodiscard]] AccessType plain(DType dtype, std::span<const std::int64_t> dims);

using RelayRule = void (*)(const RelayCall& call, DataWords& out);
using RelayTable = std::unordered_map<std::string_view, RelayRule>;
void add_relay_elementwise(RelayTable& rules);
void add_relay_network(RelayTable& rules);
void add_relay_layout(RelayTable& rules);

}  // namespace tessera::inference
