// Opaque operators that only move elements: shape changes, slices, joins, gathers.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/tensor/interpreter_operator.hpp"

namespace tessera::interpreter {
namespace {

template <class T>
using Form = typename Operand<T>::Form;

// The operand's elements under a copy's name: a view moves nothing.
template <class T>
Operand<T> copy(const Call<T>& call) {
  call.expect_arity(1);
  return all_shape(call.view(0));
}

template <class T>
Operand<T> batch_flatten(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  if (x.rank() < 1) call.fail("expected at least one axis");
  const std::int64_t rest = element_count(x.dims) / x.dim(0);
  return reshaped(x, {x.dim(0), rest}, 2);
}

template <class T>
Operand<T> expand_dims(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  const std::int64_t count = call.integer_or(1, 1);
  if (count < 0 || count > 64) call.fail("found " + std::to_string(count) + " new axes");
  const std::int64_t wanted = call.integer(0);
  const int axis = call.checked_axis(wanted < 0 ? wanted + view.rank() + 1 : wanted, view.rank() + 1);
  view.dims.insert(view.dims.begin() + axis, static_cast<std::size_t>(count), 1);
  view.strides.insert(view.strides.begin() + axis, static_cast<std::size_t>(count), 0);
  return all_shape(view);
}

// The axes an attribute lists (an integer is a list of one), as flags.
template <class T>
std::vector<bool> listed_axes(const Call<T>& call, std::size_t attribute, int rank) {
  std::vector<bool> listed(static_cast<std::size_t>(rank), false);
  const Value& value = call.attribute(attribute);
  const Extents axes = value.kind == ValueKind::kInt
                           ? Extents{value.as_int()}
                           : Extents(call.extents(attribute).begin(), call.extents(attribute).end());
  for (const std::int64_t axis : axes) listed[static_cast<std::size_t>(call.relay_axis(axis, rank))] = true;
  return listed;
}

template <class T>
Operand<T> squeeze(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = call.view(0);
  std::vector<bool> removed(view.dims.size(), false);
  if (call.given(0)) {
    removed = listed_axes(call, 0, view.rank());
  } else {
    for (std::size_t axis = 0; axis < removed.size(); ++axis) removed[axis] = view.dims[axis] == 1;
  }
  for (std::size_t axis = removed.size(); axis-- > 0;) {
    if (!removed[axis]) continue;
    if (view.dims[axis] != 1) call.fail("axis " + std::to_string(axis) + " does not have extent 1");
    view.dims.erase(view.dims.begin() + static_cast<std::ptrdiff_t>(axis));
    view.strides.erase(view.strides.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  return all_shape(view);
}

template <class T>
Operand<T> reshape(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  Extents to(call.extents(0).begin(), call.extents(0).end());
  std::int64_t known = 1;
  std::size_t inferred = to.size();
  for (std::size_t axis = 0; axis < to.size(); ++axis) {
    if (to[axis] == -1 && inferred == to.size()) {
      inferred = axis;
      continue;
    }
    if (to[axis] == 0 && axis < x.dims.size()) to[axis] = x.dims[axis];
    if (to[axis] < 1) call.fail("found extent " + std::to_string(to[axis]) + ": expected positive ones, one -1, or 0");
    known = element_count(Extents{known, to[axis]});
  }
  const std::int64_t count = element_count(x.dims);
  if (inferred < to.size()) to[inferred] = count % known == 0 ? count / known : 0;
  if (element_count(to) != count) call.fail("the number of elements must stay");
  const int rank = static_cast<int>(to.size());
  return reshaped(x, std::move(to), rank);
}

template <class T>
Operand<T> transpose(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  std::vector<int> order(x.dims.size());
  std::iota(order.rbegin(), order.rend(), 0);
  if (call.given(0)) {
    const std::span<const std::int64_t> axes = call.extents(0);
    if (axes.size() != order.size()) call.fail("expected " + std::to_string(order.size()) + " axes in the list");
    std::vector<bool> seen(order.size(), false);
    for (std::size_t k = 0; k < order.size(); ++k) {
      order[k] = call.relay_axis(axes[k], x.rank());
      if (seen[static_cast<std::size_t>(order[k])]) call.fail("an axis stands twice in the list");
      seen[static_cast<std::size_t>(order[k])] = true;
    }
  }
  return all_shape(transposed(x, order));
}

// All children, or the items of the one child that is a tuple.
template <class T>
std::vector<View<T>> parts(const Call<T>& call) {
  std::vector<View<T>> views;
  if (call.arity() == 1 && call.operand(0).form == Form<T>::kTuple) {
    views = call.operand(0).views;
  } else {
    for (std::size_t i = 0; i < call.arity(); ++i) views.push_back(call.view(i));
  }
  if (views.empty()) call.fail("expected at least one operand");
  for (View<T>& view : views) view.split = view.rank();
  return views;
}

template <class T>
Operand<T> join(const Call<T>& call, std::vector<View<T>> views, int axis) {
  const auto joined = static_cast<std::size_t>(axis);
  Operand<T> result;
  result.form = Form<T>::kConcatenation;
  result.axis = axis;
  result.dims = views[0].dims;
  result.split = views[0].rank();
  result.dims[joined] = 0;
  for (const View<T>& view : views) {
    bool fits = view.dims.size() == result.dims.size();
    for (std::size_t k = 0; k < result.dims.size() && fits; ++k) fits = k == joined || view.dims[k] == result.dims[k];
    if (!fits) call.fail("all extents but axis " + std::to_string(axis) + " were expected to be equal");
    result.dims[joined] += view.dims[joined];
  }
  result.views = std::move(views);
  return result;
}

template <class T>
Operand<T> concatenate(const Call<T>& call) {
  std::vector<View<T>> views = parts(call);
  const int axis = call.relay_axis(call.integer(0), views[0].rank());
  return join(call, std::move(views), axis);
}

template <class T>
Operand<T> stack(const Call<T>& call) {
  std::vector<View<T>> views = parts(call);
  const int axis = call.relay_axis(call.integer(0), views[0].rank() + 1);
  for (View<T>& view : views) {
    if (axis > view.rank()) call.fail("the operands were expected to have equal extents");
    view.dims.insert(view.dims.begin() + axis, 1);
    view.strides.insert(view.strides.begin() + axis, 0);
    ++view.split;
  }
  return join(call, std::move(views), axis);
}

template <class T>
Operand<T> split(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  const int axis = call.relay_axis(call.integer_or(1, 0), x.rank());
  const std::int64_t whole = x.dim(axis);
  Extents cuts{0};
  if (call.attribute(0).kind == ValueKind::kInt) {
    const std::int64_t sections = call.integer(0);
    if (sections < 1 || whole % sections != 0) {
      call.fail(std::to_string(whole) + " elements do not split into " + std::to_string(sections) + " equal sections");
    }
    for (std::int64_t i = 1; i < sections; ++i) cuts.push_back(i * (whole / sections));
  } else {
    cuts.insert(cuts.end(), call.extents(0).begin(), call.extents(0).end());
  }
  cuts.push_back(whole);
  Operand<T> result;
  result.form = Form<T>::kTuple;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    if (cuts[i] >= cuts[i + 1]) call.fail("cut positions were expected to rise, within the axis");
    View<T> view = all_shape(x);
    view.dims[static_cast<std::size_t>(axis)] = cuts[i + 1] - cuts[i];
    view.data += cuts[i] * x.stride(axis);
    result.views.push_back(std::move(view));
  }
  return result;
}

template <class T>
Operand<T> strided_slice(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = all_shape(call.view(0));
  const std::span<const std::int64_t> begin = call.extents(0);
  const std::span<const std::int64_t> end = call.extents(1);
  const std::span<const std::int64_t> strides = call.given(2) ? call.extents(2) : std::span<const std::int64_t>{};
  if (begin.size() != end.size() || begin.size() > view.dims.size()) {
    call.fail("expected as many beginnings as ends, for at most " + std::to_string(view.rank()) + " axes");
  }
  for (std::size_t axis = 0; axis < begin.size(); ++axis) {
    const std::int64_t extent = view.dims[axis];
    const auto position = [extent](std::int64_t at) {
      return std::clamp(at < 0 ? at + extent : at, std::int64_t{0}, extent);
    };
    const std::int64_t low = position(begin[axis]);
    const std::int64_t high = position(end[axis]);
    const std::int64_t step = axis < strides.size() ? strides[axis] : 1;
    if (step < 1) call.fail("a stride of " + std::to_string(step) + " is not supported: expected at least 1");
    if (low >= high) call.fail("the range of axis " + std::to_string(axis) + " is empty");
    view.dims[axis] = (high - low + step - 1) / step;
    view.data += low * view.strides[axis];
    view.strides[axis] *= step;
  }
  return view;
}

template <class T>
Operand<T> take(const Call<T>& call) {
  call.expect_arity(2);
  View<T> x = call.view(0);
  const View<T> indices = contiguous(call.view(1));
  int axis = 0;
  if (call.given(0)) {
    axis = call.relay_axis(call.integer(0), x.rank());
  } else {
    x = reshaped(x, {element_count(x.dims)}, 1);
  }
  const auto at = static_cast<std::ptrdiff_t>(axis);
  Extents dims(x.dims.begin(), x.dims.begin() + at);
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), x.dims.begin() + at + 1, x.dims.end());
  const int rank = static_cast<int>(dims.size());
  Fresh<T> result = allocate<T>(std::move(dims), rank);
  // Seen as [before, indices, after], every index copies one slice.
  const std::int64_t count = element_count(indices.dims);
  const std::int64_t after = element_count(std::span(x.dims).subspan(static_cast<std::size_t>(axis) + 1));
  const std::int64_t last = x.dim(axis) - 1;
  View<T> slice = x;
  slice.dims[static_cast<std::size_t>(axis)] = 1;
  Extents to = row_major_strides(x.dims);
  for (int k = 0; k < axis; ++k) {
    auto& stride = to[static_cast<std::size_t>(k)];
    stride = stride / x.dim(axis) * count;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const double wanted = std::trunc(static_cast<double>(indices.data[i]));
    const auto index = static_cast<std::int64_t>(std::clamp(wanted, 0.0, static_cast<double>(last)));
    slice.data = x.data + index * x.stride(axis);
    copy_to(slice, result.data + i * after, to);
  }
  return result.view;
}

template <class T>
Operand<T> pad(const Call<T>& call) {
  call.expect_arity(1);
  View<T> view = all_shape(call.view(0));
  const std::span<const std::int64_t> widths = call.extents(0);
  if (widths.size() != 2 * view.dims.size()) {
    call.fail("found " + std::to_string(widths.size()) + " widths, expected two for each of " +
              std::to_string(view.rank()) + " axes");
  }
  const T value = call.given(1) ? call.number(1) : T{0};
  for (std::size_t axis = 0; axis < widths.size() / 2; ++axis) {
    if (widths[2 * axis] < 0 || widths[2 * axis + 1] < 0) call.fail("a padding is negative");
    view = padded(view, axis, widths[2 * axis], widths[2 * axis + 1], value);
  }
  return view;
}

template <class T>
Operand<T> upsampling(const Call<T>& call) {
  call.expect_arity(1);
  const View<T>& x = call.view(0);
  if (x.rank() != 4) call.fail("expected 4 axes");
  Extents dims = x.dims;
  const std::size_t first = call.channels_last() ? 1 : 2;
  std::array<Extents, 2> source;
  for (std::size_t side = 0; side < 2; ++side) {
    const double scale = call.real(side);
    if (!(scale > 0) || scale > 1024) call.fail("a scale was expected to be positive");
    const std::int64_t extent = dims[first + side];
    dims[first + side] = std::llround(static_cast<double>(extent) * scale);
    if (dims[first + side] < 1) call.fail("nothing is left after scaling");
    for (std::int64_t i = 0; i < dims[first + side]; ++i) {
      source[side].push_back(
          std::min(static_cast<std::int64_t>(std::floor(static_cast<double>(i) / scale)), extent - 1));
    }
  }
  Fresh<T> result = allocate<T>(std::move(dims), 4);
  View<T> point = x;
  point.dims[first] = point.dims[first + 1] = 1;
  const auto& to = result.view.strides;
  for (std::size_t row = 0; row < source[0].size(); ++row) {
    for (std::size_t column = 0; column < source[1].size(); ++column) {
      point.data = x.data + source[0][row] * x.strides[first] + source[1][column] * x.strides[first + 1];
      copy_to(
          point,
          result.data + static_cast<std::int64_t>(row) * to[first] + static_cast<std::int64_t>(column) * to[first + 1],
          to);
    }
  }
  return result.view;
}

}  // namespace

template <class T>
void add_relay_layout(HandlerTable<T>& table) {
  table.insert({{"relay-copy", copy<T>},
                {"relay-dropout", copy<T>},
                {"relay-batch-flatten", batch_flatten<T>},
                {"relay-expand-dims", expand_dims<T>},
                {"relay-squeeze", squeeze<T>},
                {"relay-reshape", reshape<T>},
                {"relay-transpose", transpose<T>},
                {"relay-concatenate", concatenate<T>},
                {"relay-stack", stack<T>},
                {"relay-split", split<T>},
                {"relay-strided-slice", strided_slice<T>},
                {"relay-take", take<T>},
                {"relay-pad", pad<T>},
                {"relay-upsampling", upsampling<T>}});
}

template void add_relay_layout(HandlerTable<float>&);
template void add_relay_layout(HandlerTable<double>&);
template void add_relay_layout(HandlerTable<std::int64_t>&);

}  // namespace tessera::interpreter
