// Opaque operators of neural networks that sum or compare over windows, channels or axes: dense, convolutions, pools,
// reductions.
#include <algorithm>
#include <limits>

#include "engine/tensor/interpreter_convolution.hpp"
#include "engine/tensor/interpreter_fold.hpp"
#include "engine/tensor/interpreter_gemm.hpp"
#include "engine/tensor/interpreter_operator.hpp"

namespace tessera::interpreter {
namespace {

constexpr std::array kToNchw{0, 3, 1, 2};
constexpr std::array kToNhwc{0, 2, 3, 1};

template <class T>
Operand<T> dense(const Call<T>& call) {
  call.expect_arity(2);
  const View<T>& x = call.view(0);
  const View<T>& weight = call.view(1);
  if (x.rank() != 2 || weight.rank() != 2 || x.dim(1) != weight.dim(1)) call.fail("expected [m k] and weights [n k]");
  const Extents rows = offset_table(Extents{x.dim(0)}, Extents{x.stride(0)});
  const Extents row_inner = offset_table(Extents{x.dim(1)}, Extents{x.stride(1)});
  const Extents units = offset_table(Extents{weight.dim(0)}, Extents{weight.stride(0)});
  const Extents unit_inner = offset_table(Extents{weight.dim(1)}, Extents{weight.stride(1)});
  Fresh<T> result = allocate<T>({x.dim(0), weight.dim(0)}, 2);
  multiply_matrices<T>({x.data, rows, row_inner}, {weight.data, units, unit_inner}, result.data);
  return result.view;
}

template <class T>
Operand<T> batch_matmul(const Call<T>& call) {
  call.expect_arity(2);
  View<T> a = call.view(0);
  View<T> b = call.view(1);
  if (a.rank() != 3 || b.rank() != 3) call.fail("expected two operands of 3 axes");
  // From here on [b m k] and [b n k].
  if (call.integer_or(0, 0) != 0) a = transposed(a, std::array{0, 2, 1});
  if (call.integer_or(1, 1) == 0) b = transposed(b, std::array{0, 2, 1});
  const std::int64_t batch = std::max(a.dim(0), b.dim(0));
  for (View<T>* view : {&a, &b}) {
    if (view->dim(0) == 1) view->strides[0] = 0;
    if (view->dim(0) != 1 && view->dim(0) != batch)
      call.fail("the batches were expected to be equal, or one of them 1");
  }
  if (a.dim(2) != b.dim(2)) call.fail("the operands disagree on the summed extent");
  const Extents rows = offset_table(Extents{a.dim(1)}, Extents{a.stride(1)});
  const Extents columns = offset_table(Extents{b.dim(1)}, Extents{b.stride(1)});
  const Extents a_inner = offset_table(Extents{a.dim(2)}, Extents{a.stride(2)});
  const Extents b_inner = offset_table(Extents{b.dim(2)}, Extents{b.stride(2)});
  Fresh<T> result = allocate<T>({batch, a.dim(1), b.dim(1)}, 3);
  for (std::int64_t i = 0; i < batch; ++i) {
    multiply_matrices<T>({a.data + i * a.stride(0), rows, a_inner}, {b.data + i * b.stride(0), columns, b_inner},
                         result.data + i * result.view.stride(0));
  }
  return result.view;
}

// The shape at an attribute, of that many numbers.
template <class T, std::size_t N>
void read_shape(const Call<T>& call, std::size_t attribute, std::array<std::int64_t, N>& into) {
  const std::span<const std::int64_t> found = call.extents(attribute);
  if (found.size() != N) {
    call.fail("found a shape of " + std::to_string(found.size()) + " numbers, expected " + std::to_string(N));
  }
  std::ranges::copy(found, into.begin());
}

template <class T>
Operand<T> convolution_2d(const Call<T>& call) {
  call.expect_arity(2);
  View<T> data = call.view(0);
  View<T> weights = call.view(1);
  if (data.rank() != 4 || weights.rank() != 4) call.fail("expected data and weights of 4 axes each");
  if (call.channels_last()) data = transposed(data, kToNchw);
  if (call.kernel_channels_last()) weights = transposed(weights, std::array{3, 2, 0, 1});
  ConvolutionPlan plan;
  read_shape(call, 0, plan.stride);
  read_shape(call, 1, plan.padding);
  plan.groups = call.integer_or(2, 1);
  // Attributes that only repeat what the weights say, then names, then the dilation.
  const std::int64_t channels = call.integer_or(3, 0);
  if (channels != 0 && channels != weights.dim(0)) call.fail("`channels` differs from the weights' output channels");
  std::size_t next = 4;
  if (call.given(4)) {
    std::array<std::int64_t, 2> kernel{};
    read_shape(call, 4, kernel);
    if (kernel[0] != weights.dim(2) || kernel[1] != weights.dim(3)) call.fail("the kernel differs from the weights'");
    next = 5;
  }
  while (next < call.attribute_count() && !call.given(next)) ++next;
  if (call.given(next)) read_shape(call, next, plan.dilation);
  const std::string wrong = misfit(data.dims, weights.dims, plan);
  if (!wrong.empty()) call.fail(wrong);
  View<T> result = convolve(data, weights, plan);
  if (call.channels_last()) result = transposed(result, kToNhwc);
  return all_shape(result);
}

// As a convolution of images one row high.
template <class T>
Operand<T> convolution_1d(const Call<T>& call) {
  call.expect_arity(2);
  View<T> data = call.view(0);
  View<T> weights = call.view(1);
  if (data.rank() != 3 || weights.rank() != 3) call.fail("expected data and weights of 3 axes each");
  for (View<T>* view : {&data, &weights}) {
    view->dims.insert(view->dims.begin() + 2, 1);
    view->strides.insert(view->strides.begin() + 2, 0);
  }
  std::array<std::int64_t, 1> stride{1};
  std::array<std::int64_t, 2> padding{0, 0};
  std::array<std::int64_t, 1> dilation{1};
  if (call.given(0)) read_shape(call, 0, stride);
  if (call.given(1)) read_shape(call, 1, padding);
  if (call.given(3)) read_shape(call, 3, dilation);
  const ConvolutionPlan plan{{1, stride[0]}, {0, padding[0], 0, padding[1]}, {1, dilation[0]}, call.integer_or(2, 1)};
  const std::string wrong = misfit(data.dims, weights.dims, plan);
  if (!wrong.empty()) call.fail(wrong);
  View<T> result = convolve(data, weights, plan);
  result.dims.erase(result.dims.begin() + 2);
  result.strides.erase(result.strides.begin() + 2);
  return all_shape(result);
}

struct PoolPlan {
  std::array<std::int64_t, 2> window{};
  std::array<std::int64_t, 2> stride{};
  std::array<std::int64_t, 4> padding{};  // top, left, bottom, right
  std::array<std::int64_t, 2> count{};    // of windows
};

template <class T>
PoolPlan pool_plan(const Call<T>& call, const View<T>& x) {
  PoolPlan plan;
  read_shape(call, 0, plan.window);
  read_shape(call, 1, plan.stride);
  read_shape(call, 2, plan.padding);
  const bool ceiling = call.integer_or(3, 0) != 0;
  for (std::size_t side = 0; side < 2; ++side) {
    const std::int64_t extent = x.dims[side + 2];
    const std::int64_t before = plan.padding[side];
    const std::int64_t all = extent + before + plan.padding[side + 2];
    if (plan.window[side] < 1 || plan.stride[side] < 1 || before < 0 || plan.padding[side + 2] < 0 ||
        plan.window[side] > all) {
      call.fail("a window of " + std::to_string(plan.window[side]) + " with stride " +
                std::to_string(plan.stride[side]) + " does not fit " + std::to_string(extent) +
                " elements and their padding");
    }
    if (before >= plan.window[side]) call.fail("the padding is not smaller than the window");
    plan.count[side] = window_count(all, ceiling ? plan.stride[side] - 1 : 0, plan.window[side], plan.stride[side]);
    while ((plan.count[side] - 1) * plan.stride[side] >= extent + before) --plan.count[side];
  }
  return plan;
}

// value(accumulated, elements inside the data, elements of the window inside data or padding) of every window.
template <class T, class Accumulate, class Finish>
Operand<T> pool(const Call<T>& call, T start, Accumulate&& accumulate, Finish&& finish) {
  call.expect_arity(1);
  View<T> x = call.view(0);
  if (x.rank() != 4) call.fail("expected 4 axes");
  if (call.channels_last()) x = transposed(x, kToNchw);
  const PoolPlan plan = pool_plan(call, x);
  Fresh<T> result = allocate<T>({x.dim(0), x.dim(1), plan.count[0], plan.count[1]}, 4);
  const Extents planes = offset_table(std::span(x.dims).first(2), std::span(x.strides).first(2));
  T* out = result.data;
  for (const std::int64_t plane : planes) {
    for (std::int64_t row = 0; row < plan.count[0]; ++row) {
      const std::int64_t top = row * plan.stride[0] - plan.padding[0];
      const std::int64_t bottom = std::min(top + plan.window[0], x.dim(2) + plan.padding[2]);
      for (std::int64_t column = 0; column < plan.count[1]; ++column) {
        const std::int64_t left = column * plan.stride[1] - plan.padding[1];
        const std::int64_t right = std::min(left + plan.window[1], x.dim(3) + plan.padding[3]);
        T value = start;
        std::int64_t inside = 0;
        for (std::int64_t h = std::max<std::int64_t>(top, 0); h < std::min(bottom, x.dim(2)); ++h) {
          for (std::int64_t w = std::max<std::int64_t>(left, 0); w < std::min(right, x.dim(3)); ++w) {
            value = accumulate(value, x.data[plane + h * x.stride(2) + w * x.stride(3)]);
            ++inside;
          }
        }
        *out++ = finish(value, inside, (bottom - top) * (right - left));
      }
    }
  }
  return call.channels_last() ? all_shape(transposed(result.view, kToNhwc)) : result.view;
}

template <class T>
constexpr T kLowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::lowest();

template <class T>
Operand<T> max_pool(const Call<T>& call) {
  return pool(
      call, kLowest<T>, [](T a, T b) { return std::max(a, b); },
      [](T value, std::int64_t, std::int64_t) { return value; });
}

template <class T>
Operand<T> average_pool(const Call<T>& call) {
  const bool with_padding = call.integer_or(4, 0) != 0;
  return pool(
      call, T{0}, [](T a, T b) { return wrapping_add(a, b); },
      [&](T sum, std::int64_t inside, std::int64_t all) {
        return checked_divide(call, sum, static_cast<T>(with_padding ? all : inside));
      });
}

enum class Reduction { kSum, kMean, kMax, kMin };

template <class T>
View<T> reduce(const View<T>& items, Reduction reduction) {
  switch (reduction) {
    case Reduction::kMax:
      return fold(items, [](T a, T b) { return std::max(a, b); });
    case Reduction::kMin:
      return fold(items, [](T a, T b) { return std::min(a, b); });
    case Reduction::kSum:
    case Reduction::kMean:
      break;
  }
  View<T> sum = fold(items, [](T a, T b) { return wrapping_add(a, b); });
  if (reduction == Reduction::kSum) return sum;
  const T count = static_cast<T>(element_count(items.item()));
  return map_elements(sum, sum.split, [count](T a) { return static_cast<T>(a / count); });
}

// Reduces the flagged axes, which stay with extent 1 or go.
template <class T>
Operand<T> reduce_axes(const View<T>& x, const std::vector<bool>& reduced, bool keep, Reduction reduction) {
  std::vector<int> order;
  Extents dims;
  for (const bool item : {false, true}) {
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (reduced[static_cast<std::size_t>(axis)] == item) order.push_back(axis);
    }
  }
  for (std::size_t axis = 0; axis < reduced.size(); ++axis) {
    if (!reduced[axis]) dims.push_back(x.dims[axis]);
    if (reduced[axis] && keep) dims.push_back(1);
  }
  View<T> items = transposed(x, order);
  items.split = static_cast<int>(std::count(reduced.begin(), reduced.end(), false));
  const int rank = static_cast<int>(dims.size());
  return reshaped(reduce(items, reduction), std::move(dims), rank);
}

template <class T, Reduction kReduction>
Operand<T> reduction_call(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  std::vector<bool> reduced(x.dims.size(), !call.given(0));
  if (call.given(0)) {
    const Value& value = call.attribute(0);
    const Extents axes = value.kind == ValueKind::kInt ? Extents{value.as_int()}
                                                       : Extents(call.extents(0).begin(), call.extents(0).end());
    for (const std::int64_t axis : axes) reduced[static_cast<std::size_t>(call.relay_axis(axis, x.rank()))] = true;
  }
  return reduce_axes(x, reduced, call.integer_or(1, 0) != 0, kReduction);
}

template <class T, Reduction kReduction>
Operand<T> global_pool(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  if (x.rank() != 4) call.fail("expected 4 axes");
  const std::vector<bool> reduced =
      call.channels_last() ? std::vector<bool>{false, true, true, false} : std::vector<bool>{false, false, true, true};
  return reduce_axes(x, reduced, true, kReduction);
}

}  // namespace

template <class T>
void add_relay_network(HandlerTable<T>& table) {
  table.insert({{"relay-dense", dense<T>},
                {"relay-batch-matmul", batch_matmul<T>},
                {"relay-conv1d", convolution_1d<T>},
                {"relay-conv2d", convolution_2d<T>},
                {"relay-max-pool2d", max_pool<T>},
                {"relay-avg-pool2d", average_pool<T>},
                {"relay-global-avg-pool2d", global_pool<T, Reduction::kMean>},
                {"relay-global-max-pool2d", global_pool<T, Reduction::kMax>},
                {"relay-mean", reduction_call<T, Reduction::kMean>},
                {"relay-sum", reduction_call<T, Reduction::kSum>},
                {"relay-max", reduction_call<T, Reduction::kMax>},
                {"relay-min", reduction_call<T, Reduction::kMin>}});
}

template void add_relay_network(HandlerTable<float>&);
template void add_relay_network(HandlerTable<double>&);
template void add_relay_network(HandlerTable<std::int64_t>&);

}  // namespace tessera::interpreter
