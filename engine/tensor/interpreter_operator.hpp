// How one operator of the tensor language is run: its operands, its attributes, and the table from operator names to
// the functions that run them. The families: interpreter_access.cpp (views and data movement), interpreter_compute.cpp
// (compute, systolic arrays), interpreter_relay*.cpp (opaque operators, see RELAY_OPERATORS.md).
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "engine/language/symbol_table.hpp"
#include "engine/tensor/interpreter.hpp"
#include "engine/tensor/tensor_value.hpp"

namespace tessera::interpreter {

// The value of a node. Products, pairs and concatenations are kept as their parts: `compute` works on parts, and a
// chain of concatenations is copied once. dims and split describe the whole (except for a tuple, which has none).
template <class T>
struct Operand {
  enum class Form : std::uint8_t { kView, kProduct, kPair, kConcatenation, kTuple };
  Form form = Form::kView;
  std::vector<View<T>> views;
  int axis = 0;  // kConcatenation
  Extents dims;
  int split = 0;

  Operand() = default;
  Operand(View<T> view) : views{std::move(view)} {  // NOLINT(google-explicit-constructor): most operators return a view
    dims = views[0].dims;
    split = views[0].split;
  }
};

// The operand as one view, formed (and kept) if it was not. Not for tuples.
template <class T>
const View<T>& form_view(Operand<T>& operand);

template <class T>
class Call {
 public:
  Call(const Symbol& symbol, std::uint32_t node, std::span<Operand<T>* const> kids, const Environment<T>& environment)
      : symbol_(symbol), node_(node), kids_(kids), environment_(environment) {}
  // The same call of the opaque operator that its first attribute names: attributes are then counted from the second.
  [[nodiscard]] Call opaque() const {
    Call call = *this;
    call.first_attribute_ = 1;
    return call;
  }

  [[nodiscard]] const Environment<T>& environment() const { return environment_; }
  [[nodiscard]] std::size_t arity() const { return kids_.size(); }
  [[nodiscard]] std::string_view op() const {
    return first_attribute_ == 0 ? symbol_.name.text() : symbol_.attributes[0].as_name().text();
  }

  // Child i as it is, and as a view; fail() when it does not exist or is a tuple.
  [[nodiscard]] Operand<T>& operand(std::size_t i) const;
  [[nodiscard]] const View<T>& view(std::size_t i) const;
  void expect_arity(std::size_t count) const;

  // Attributes, checked for presence and kind.
  [[nodiscard]] std::size_t attribute_count() const { return symbol_.attributes.size() - first_attribute_; }
  [[nodiscard]] const Value& attribute(std::size_t i) const;
  [[nodiscard]] std::int64_t integer(std::size_t i) const;
  [[nodiscard]] Name name(std::size_t i) const;
  [[nodiscard]] std::span<const std::int64_t> extents(std::size_t i) const;  // of a shape or a list
  [[nodiscard]] T number(std::size_t i) const;  // an integer or a literal; whole if T is an integer type
  [[nodiscard]] double real(std::size_t i) const;
  // With a default when the attribute is absent, or when a layout stands in its place.
  [[nodiscard]] bool given(std::size_t i) const;
  [[nodiscard]] std::int64_t integer_or(std::size_t i, std::int64_t standard) const;
  [[nodiscard]] double real_or(std::size_t i, double standard) const;

  // An axis of `rank` axes: 0 <= axis < rank, or fail().
  [[nodiscard]] int checked_axis(std::int64_t axis, int rank) const;
  // The same; a negative axis counts from the end, as in Relay.
  [[nodiscard]] int relay_axis(std::int64_t axis, int rank) const {
    return checked_axis(axis < 0 ? axis + rank : axis, rank);
  }
  // The layout names among the attributes: whether one says NHWC (HWIO for a kernel).
  [[nodiscard]] bool channels_last() const;
  [[nodiscard]] bool kernel_channels_last() const;

  // Throws Error(kInput): "node 7 (access-slice 0 0 65) of [3][64]: message".
  [[noreturn]] void fail(const std::string& message) const;

 private:
  const Symbol& symbol_;
  std::uint32_t node_;
  std::size_t first_attribute_ = 0;
  std::span<Operand<T>* const> kids_;
  const Environment<T>& environment_;
};

template <class T>
using Handler = Operand<T> (*)(const Call<T>&);
template <class T>
using HandlerTable = std::unordered_map<std::string_view, Handler<T>>;

// Each family adds its operators. Relay tables are keyed by the opaque operator's name.
template <class T>
void add_access_operators(HandlerTable<T>& table);
template <class T>
void add_compute_operators(HandlerTable<T>& table);
template <class T>
void add_systolic_operators(HandlerTable<T>& table);
template <class T>
void add_relay_operators(HandlerTable<T>& table);
template <class T>
void add_relay_elementwise(HandlerTable<T>& table);
template <class T>
void add_relay_layout(HandlerTable<T>& table);
template <class T>
void add_relay_network(HandlerTable<T>& table);

// A relay result: every axis a shape axis.
template <class T>
[[nodiscard]] View<T> all_shape(View<T> view) {
  view.split = view.rank();
  return view;
}
template <class T>
[[nodiscard]] View<T> transposed(const View<T>& view, std::span<const int> order) {
  View<T> result = view;
  for (std::size_t axis = 0; axis < order.size(); ++axis) {
    result.dims[axis] = view.dim(order[axis]);
    result.strides[axis] = view.stride(order[axis]);
  }
  return result;
}

// Arithmetic that wraps for integers instead of being undefined.
template <class T>
[[nodiscard]] constexpr T wrapping_add(T a, T b) {
  if constexpr (std::integral<T>) {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
  } else {
    return a + b;
  }
}
template <class T>
[[nodiscard]] constexpr T wrapping_subtract(T a, T b) {
  if constexpr (std::integral<T>) {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) - static_cast<std::make_unsigned_t<T>>(b));
  } else {
    return a - b;
  }
}
template <class T>
[[nodiscard]] constexpr T wrapping_multiply(T a, T b) {
  if constexpr (std::integral<T>) {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) * static_cast<std::make_unsigned_t<T>>(b));
  } else {
    return a * b;
  }
}
// Truncates for integers; division by zero is fail() for integers and IEEE for the others.
template <class T>
[[nodiscard]] T checked_divide(const Call<T>& call, T a, T b) {
  if constexpr (std::integral<T>) {
    if (b == 0) call.fail("integer division by zero");
    if (b == -1) return wrapping_subtract(T{0}, a);
  }
  return a / b;
}
// For operators that have no exact integer result.
template <class T>
void expect_floating_point(const Call<T>& call) {
  if constexpr (std::integral<T>) call.fail("has no exact result on integers: floating point only");
}

}  // namespace tessera::interpreter
