// Opaque operators that keep the extents or broadcast: arithmetic, activations, normalizations along an axis.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "engine/tensor/interpreter_operator.hpp"

namespace tessera::interpreter {
namespace {

// Both operands as views of their common extents.
template <class T>
void broadcast_together(const Call<T>& call, View<T>& a, View<T>& b) {
  const std::size_t rank = std::max(a.dims.size(), b.dims.size());
  for (View<T>* view : {&a, &b}) {
    const std::size_t missing = rank - view->dims.size();
    view->dims.insert(view->dims.begin(), missing, 1);
    view->strides.insert(view->strides.begin(), missing, 0);
  }
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (a.dims[axis] == b.dims[axis]) continue;
    View<T>& narrow = a.dims[axis] == 1 ? a : b;
    if (narrow.dims[axis] != 1) call.fail("the operands cannot be broadcast together");
    narrow.dims[axis] = (&narrow == &a ? b : a).dims[axis];
    narrow.strides[axis] = 0;
  }
}

template <class T, class Function>
Operand<T> binary(const Call<T>& call, Function&& f) {
  call.expect_arity(2);
  View<T> a = call.view(0);
  View<T> b = call.view(1);
  broadcast_together(call, a, b);
  return map_pairs(a, b, a.rank(), f);
}

template <class T, class Function>
Operand<T> unary(const Call<T>& call, Function&& f) {
  call.expect_arity(1);
  return map_elements(call.view(0), call.view(0).rank(), f);
}

// For functions of real numbers only.
template <class T, class Function>
Operand<T> real_unary(const Call<T>& call, Function&& f) {
  expect_floating_point(call);
  return unary(call,
               [&](T x) { return static_cast<T>(f(static_cast<std::conditional_t<std::integral<T>, double, T>>(x))); });
}

// Whole numbers are their own round, floor and ceil; a detour through double would lose bits.
template <class T, class Function>
Operand<T> rounded(const Call<T>& call, Function&& f) {
  if constexpr (std::integral<T>) return unary(call, [](T x) { return x; });
  return unary(call, [&](T x) { return static_cast<T>(f(x)); });
}

template <class T>
T power(const Call<T>& call, T base, T exponent) {
  if constexpr (std::integral<T>) {
    if (exponent < 0) call.fail("a negative power of an integer is not an integer");
    T result = 1;
    for (; exponent > 0; exponent >>= 1) {
      if ((exponent & 1) != 0) result = wrapping_multiply(result, base);
      base = wrapping_multiply(base, base);
    }
    return result;
  } else {
    return std::pow(base, exponent);
  }
}

template <class T>
T shift(const Call<T>& call, T value, T bits, bool left) {
  if constexpr (std::integral<T>) {
    if (bits < 0 || bits > 63) call.fail("a shift by " + std::to_string(bits) + " bits, expected 0 to 63");
    return left ? static_cast<T>(static_cast<std::uint64_t>(value) << bits) : static_cast<T>(value >> bits);
  } else {
    static_cast<void>(value), static_cast<void>(bits), static_cast<void>(left);
    call.fail("shifts are defined on integers only");
  }
}

template <class T>
Operand<T> leaky_relu(const Call<T>& call) {
  const T alpha = call.number(0);
  return unary(call, [alpha](T x) { return x > 0 ? x : wrapping_multiply(alpha, x); });
}

template <class T>
Operand<T> clip(const Call<T>& call) {
  const T low = call.number(0);
  const T high = call.number(1);
  return unary(call, [low, high](T x) { return std::min(std::max(x, low), high); });
}

template <class Integer, class T>
Operand<T> cast_to_integer(const Call<T>& call) {
  return unary(call, [&](T x) {
    if constexpr (!std::integral<T>) {
      const double whole = std::trunc(static_cast<double>(x));
      if (!(std::abs(whole) < 0x1p63)) call.fail("a value does not fit 64 bits");
      return static_cast<T>(static_cast<Integer>(static_cast<std::int64_t>(whole)));
    } else {
      return static_cast<T>(static_cast<Integer>(x));
    }
  });
}

// Values stay in the element type of the run; a cast to an integer type drops fractions and high bits, one to a
// narrower floating type rounds.
template <class T>
Operand<T> cast(const Call<T>& call) {
  const std::string_view type = call.name(0).text();
  if (type == "float64") return unary(call, [](T x) { return x; });
  if (type == "float32") {
    if constexpr (std::integral<T>) return unary(call, [](T x) { return x; });
    return unary(call, [](T x) { return static_cast<T>(static_cast<float>(x)); });
  }
  if (type == "int8") return cast_to_integer<std::int8_t>(call);
  if (type == "int16") return cast_to_integer<std::int16_t>(call);
  if (type == "int32") return cast_to_integer<std::int32_t>(call);
  if (type == "int64") return cast_to_integer<std::int64_t>(call);
  if (type == "uint8") return cast_to_integer<std::uint8_t>(call);
  if (type == "uint16") return cast_to_integer<std::uint16_t>(call);
  if (type == "uint32") return cast_to_integer<std::uint32_t>(call);
  if (type == "bool") return unary(call, [](T x) { return static_cast<T>(x != T{0} ? 1 : 0); });
  call.fail("a cast to `" + std::string(type) + "` is not supported");
}

// A vector [c] spread over the axes of `like`, along one of them.
template <class T>
View<T> along_axis(const Call<T>& call, std::size_t operand, const View<T>& like, int axis) {
  const View<T>& vector = call.view(operand);
  if (vector.rank() != 1 || vector.dim(0) != like.dim(axis)) {
    call.fail("operand " + std::to_string(operand) + " was expected to be a vector of " +
              std::to_string(like.dim(axis)));
  }
  View<T> spread = vector;
  spread.dims = like.dims;
  spread.strides.assign(like.dims.size(), 0);
  spread.strides[static_cast<std::size_t>(axis)] = vector.stride(0);
  return spread;
}

template <class T>
Operand<T> bias_add(const Call<T>& call) {
  call.expect_arity(2);
  const View<T>& x = call.view(0);
  const int axis = call.relay_axis(call.integer_or(0, 1), x.rank());
  return map_pairs(x, along_axis(call, 1, x, axis), x.rank(), [](T a, T b) { return wrapping_add(a, b); });
}

// Runs rewrite(values, n) over every line of x along `axis`, on a copy.
template <class T, class Rewrite>
View<T> rewrite_lines(const View<T>& x, int axis, Rewrite&& rewrite) {
  std::vector<int> order;
  for (int k = 0; k < x.rank(); ++k) {
    if (k != axis) order.push_back(k);
  }
  order.push_back(axis);
  const View<T> moved = transposed(x, order);
  Fresh<T> lines = allocate<T>(moved.dims, moved.rank());
  copy_to(moved, lines.data, lines.view.strides);
  const std::int64_t width = x.dim(axis);
  const std::int64_t count = element_count(x.dims) / width;
  for (std::int64_t line = 0; line < count; ++line) rewrite(lines.data + line * width, width);
  std::vector<int> back(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) back[static_cast<std::size_t>(order[k])] = static_cast<int>(k);
  return all_shape(transposed(lines.view, back));
}

template <class T>
Operand<T> softmax(const Call<T>& call, bool logarithm) {
  expect_floating_point(call);
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  const int axis = call.relay_axis(call.integer_or(0, -1), x.rank());
  return rewrite_lines(x, axis, [logarithm](T* values, std::int64_t count) {
    const double top = static_cast<double>(*std::max_element(values, values + count));
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(values[i]) - top);
    for (std::int64_t i = 0; i < count; ++i) {
      const double shifted = static_cast<double>(values[i]) - top;
      values[i] = static_cast<T>(logarithm ? shifted - std::log(sum) : std::exp(shifted) / sum);
    }
  });
}

template <class T>
Operand<T> batch_norm(const Call<T>& call) {
  expect_floating_point(call);
  call.expect_arity(5);
  const View<T>& x = call.view(0);
  const int axis = call.relay_axis(call.integer_or(0, 1), x.rank());
  const double epsilon = call.real_or(1, 1e-5);
  // One multiplication and one addition an element: x * scale + (beta - mean * scale).
  const View<T> gamma = along_axis(call, 1, x, axis);
  const View<T> beta = along_axis(call, 2, x, axis);
  const View<T> mean = along_axis(call, 3, x, axis);
  const View<T> variance = along_axis(call, 4, x, axis);
  Fresh<T> scale = allocate<T>({x.dim(axis)}, 1);
  Fresh<T> shift_by = allocate<T>({x.dim(axis)}, 1);
  for (std::int64_t i = 0; i < x.dim(axis); ++i) {
    const double factor = static_cast<double>(gamma.data[i * gamma.stride(axis)]) /
                          std::sqrt(static_cast<double>(variance.data[i * variance.stride(axis)]) + epsilon);
    scale.data[i] = static_cast<T>(factor);
    shift_by.data[i] = static_cast<T>(static_cast<double>(beta.data[i * beta.stride(axis)]) -
                                      static_cast<double>(mean.data[i * mean.stride(axis)]) * factor);
  }
  View<T> factor = gamma;
  factor.strides[static_cast<std::size_t>(axis)] = 1;
  View<T> offset = factor;
  factor.owner = scale.view.owner;
  factor.data = scale.data;
  offset.owner = shift_by.view.owner;
  offset.data = shift_by.data;
  const View<T> scaled = map_pairs(x, factor, x.rank(), [](T a, T b) { return a * b; });
  return map_pairs(scaled, offset, x.rank(), [](T a, T b) { return a + b; });
}

template <class T>
Operand<T> layer_norm(const Call<T>& call) {
  expect_floating_point(call);
  call.expect_arity(3);
  const View<T>& x = call.view(0);
  const int axis = call.relay_axis(call.integer_or(0, -1), x.rank());
  const double epsilon = call.real_or(1, 1e-5);
  const View<T> normal = rewrite_lines(x, axis, [epsilon](T* values, std::int64_t count) {
    double mean = 0;
    for (std::int64_t i = 0; i < count; ++i) mean += static_cast<double>(values[i]);
    mean /= static_cast<double>(count);
    double variance = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      variance += (static_cast<double>(values[i]) - mean) * (static_cast<double>(values[i]) - mean);
    }
    const double factor = 1 / std::sqrt(variance / static_cast<double>(count) + epsilon);
    for (std::int64_t i = 0; i < count; ++i) {
      values[i] = static_cast<T>((static_cast<double>(values[i]) - mean) * factor);
    }
  });
  const View<T> scaled = map_pairs(normal, along_axis(call, 1, x, axis), x.rank(), [](T a, T b) { return a * b; });
  return map_pairs(scaled, along_axis(call, 2, x, axis), x.rank(), [](T a, T b) { return a + b; });
}

template <class T>
void add_arithmetic(HandlerTable<T>& table) {
  using C = const Call<T>&;
  const Handler<T> multiply = [](C call) { return binary(call, [](T a, T b) { return wrapping_multiply(a, b); }); };
  table["relay-multiply"] = multiply;
  table["relay-mul"] = multiply;
  table["relay-add"] = [](C call) { return binary(call, [](T a, T b) { return wrapping_add(a, b); }); };
  table["relay-subtract"] = [](C call) { return binary(call, [](T a, T b) { return wrapping_subtract(a, b); }); };
  table["relay-divide"] = [](C call) { return binary(call, [&](T a, T b) { return checked_divide(call, a, b); }); };
  table["relay-maximum"] = [](C call) { return binary(call, [](T a, T b) { return std::max(a, b); }); };
  table["relay-minimum"] = [](C call) { return binary(call, [](T a, T b) { return std::min(a, b); }); };
  table["relay-power"] = [](C call) { return binary(call, [&](T a, T b) { return power(call, a, b); }); };
  table["relay-left-shift"] = [](C call) { return binary(call, [&](T a, T b) { return shift(call, a, b, true); }); };
  table["relay-right-shift"] = [](C call) { return binary(call, [&](T a, T b) { return shift(call, a, b, false); }); };
  table["relay-relu"] = [](C call) { return unary(call, [](T x) { return std::max(x, T{0}); }); };
  table["relay-negative"] = [](C call) { return unary(call, [](T x) { return wrapping_subtract(T{0}, x); }); };
  table["relay-abs"] = [](C call) { return unary(call, [](T x) { return x < 0 ? wrapping_subtract(T{0}, x) : x; }); };
}

template <class T>
void add_functions(HandlerTable<T>& table) {
  using C = const Call<T>&;
  table["relay-sqrt"] = [](C call) { return real_unary(call, [](auto x) { return std::sqrt(x); }); };
  table["relay-rsqrt"] = [](C call) { return real_unary(call, [](auto x) { return 1 / std::sqrt(x); }); };
  table["relay-exp"] = [](C call) { return real_unary(call, [](auto x) { return std::exp(x); }); };
  table["relay-log"] = [](C call) { return real_unary(call, [](auto x) { return std::log(x); }); };
  table["relay-sigmoid"] = [](C call) { return real_unary(call, [](auto x) { return 1 / (1 + std::exp(-x)); }); };
  table["relay-tanh"] = [](C call) { return real_unary(call, [](auto x) { return std::tanh(x); }); };
  table["relay-erf"] = [](C call) { return real_unary(call, [](auto x) { return std::erf(x); }); };
  table["relay-round"] = [](C call) { return rounded(call, [](auto x) { return std::round(x); }); };
  table["relay-floor"] = [](C call) { return rounded(call, [](auto x) { return std::floor(x); }); };
  table["relay-ceil"] = [](C call) { return rounded(call, [](auto x) { return std::ceil(x); }); };
}

}  // namespace

template <class T>
void add_relay_elementwise(HandlerTable<T>& table) {
  using C = const Call<T>&;
  add_arithmetic(table);
  add_functions(table);
  table["relay-leaky-relu"] = leaky_relu<T>;
  table["relay-clip"] = clip<T>;
  table["relay-cast"] = cast<T>;
  table["relay-bias-add"] = bias_add<T>;
  table["relay-softmax"] = [](C call) { return softmax(call, false); };
  table["relay-log-softmax"] = [](C call) { return softmax(call, true); };
  table["relay-batch-norm-inference"] = batch_norm<T>;
  table["relay-layer-norm"] = layer_norm<T>;
}

template void add_relay_elementwise(HandlerTable<float>&);
template void add_relay_elementwise(HandlerTable<double>&);
template void add_relay_elementwise(HandlerTable<std::int64_t>&);

}  // namespace tessera::interpreter
