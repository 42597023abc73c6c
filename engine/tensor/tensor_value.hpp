// What the interpreter computes with: strided views of shared buffers, and values that are not formed until they are
// needed (a Cartesian product or a pair under a `compute`, a chain of concatenations). A view never writes; new data is
// made by allocate(), which gives the one mutable pointer.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.hpp"

namespace tessera::interpreter {

using Extents = std::vector<std::int64_t>;

// Element (i0, i1, …) is data[i0 * strides[0] + i1 * strides[1] + …]. A stride may be 0 (broadcast).
template <class T>
struct View {
  Extents dims;
  Extents strides;  // in elements, as many as dims
  int split = 0;
  std::shared_ptr<const T[]> owner;
  const T* data = nullptr;

  [[nodiscard]] int rank() const { return static_cast<int>(dims.size()); }
  [[nodiscard]] std::int64_t dim(int axis) const { return dims[static_cast<std::size_t>(axis)]; }
  [[nodiscard]] std::int64_t stride(int axis) const { return strides[static_cast<std::size_t>(axis)]; }
  [[nodiscard]] std::span<const std::int64_t> shape() const {
    return std::span(dims).first(static_cast<std::size_t>(split));
  }
  [[nodiscard]] std::span<const std::int64_t> item() const {
    return std::span(dims).subspan(static_cast<std::size_t>(split));
  }
  [[nodiscard]] std::span<const std::int64_t> shape_strides() const {
    return std::span(strides).first(static_cast<std::size_t>(split));
  }
  [[nodiscard]] std::span<const std::int64_t> item_strides() const {
    return std::span(strides).subspan(static_cast<std::size_t>(split));
  }
};

// A view of new memory, and the only pointer that may write to it.
template <class T>
struct Fresh {
  View<T> view;
  T* data = nullptr;
};

// Throws Error(kResource) when the product does not fit a program's memory.
[[nodiscard]] std::int64_t element_count(std::span<const std::int64_t> dims);
[[nodiscard]] Extents row_major_strides(std::span<const std::int64_t> dims);
// "[1 64][3 3]"
[[nodiscard]] std::string describe(std::span<const std::int64_t> dims, int split);
template <class T>
[[nodiscard]] std::string describe(const View<T>& view) {
  return describe(view.dims, view.split);
}

// Uninitialized memory. Throws Error(kResource).
template <class T>
[[nodiscard]] Fresh<T> allocate(Extents dims, int split) {
  const std::int64_t count = element_count(dims);
  try {
    auto buffer = std::make_shared_for_overwrite<T[]>(static_cast<std::size_t>(std::max<std::int64_t>(count, 1)));
    T* data = buffer.get();
    Extents strides = row_major_strides(dims);
    return {{std::move(dims), std::move(strides), split, std::move(buffer), data}, data};
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kResource, "no memory for a tensor of " + describe(dims, split));
  }
}

// The same with the axes laid out in memory in the order of `model` (as many axes), so that a result which is walked
// together with its operand is walked contiguously. Row-major if the model broadcasts.
template <class T>
[[nodiscard]] Fresh<T> allocate_like(const View<T>& model, Extents dims, int split) {
  Fresh<T> fresh = allocate<T>(std::move(dims), split);
  std::vector<std::size_t> order;
  for (std::size_t axis = 0; axis < model.dims.size(); ++axis) {
    if (model.strides[axis] <= 0 && model.dims[axis] > 1) return fresh;
    order.push_back(axis);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    // An axis of extent 1 has no stride worth following: it stays outermost.
    const bool unit_left = model.dims[left] == 1;
    const bool unit_right = model.dims[right] == 1;
    if (unit_left != unit_right) return unit_left;
    return !unit_left && model.strides[left] > model.strides[right];
  });
  std::int64_t stride = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    fresh.view.strides[order[i]] = stride;
    stride *= fresh.view.dims[order[i]];
  }
  return fresh;
}

// Walks an index space with N operands at once: calls run(offsets, inner_strides, length) for every innermost run.
// Axes that all operands step through evenly are merged; the order of the runs is otherwise row-major.
template <std::size_t N, class Run>
void for_each_run(std::span<const std::int64_t> dims, const std::array<std::span<const std::int64_t>, N>& strides,
                  Run&& run) {
  Extents extents;
  std::vector<std::array<std::int64_t, N>> steps;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] == 0) return;
    if (dims[axis] == 1) continue;
    std::array<std::int64_t, N> step{};
    for (std::size_t n = 0; n < N; ++n) step[n] = strides[n][axis];
    bool merges = !extents.empty();
    for (std::size_t n = 0; n < N && merges; ++n) merges = steps.back()[n] == step[n] * dims[axis];
    if (merges) {
      extents.back() *= dims[axis];
      steps.back() = step;
    } else {
      extents.push_back(dims[axis]);
      steps.push_back(step);
    }
  }
  std::array<std::int64_t, N> offsets{};
  if (extents.empty()) {
    run(offsets, offsets, std::int64_t{1});
    return;
  }
  const std::size_t outer = extents.size() - 1;
  Extents index(outer, 0);
  while (true) {
    run(std::as_const(offsets), std::as_const(steps.back()), extents.back());
    std::size_t axis = outer;
    while (true) {
      if (axis == 0) return;
      --axis;
      for (std::size_t n = 0; n < N; ++n) offsets[n] += steps[axis][n];
      if (++index[axis] < extents[axis]) break;
      index[axis] = 0;
      for (std::size_t n = 0; n < N; ++n) offsets[n] -= steps[axis][n] * extents[axis];
    }
  }
}

// Axes reordered so that the first operand's strides fall: the order in which to walk when order does not matter.
[[nodiscard]] std::vector<std::size_t> walking_order(std::span<const std::int64_t> strides);
[[nodiscard]] Extents permuted(std::span<const std::int64_t> values, std::span<const std::size_t> order);

// Copies `source` to `to`, whose axis k has stride to_strides[k].
template <class T>
void copy_to(const View<T>& source, T* to, std::span<const std::int64_t> to_strides) {
  const std::vector<std::size_t> order = walking_order(to_strides);
  const Extents dims = permuted(source.dims, order);
  const Extents out = permuted(to_strides, order);
  const Extents in = permuted(source.strides, order);
  for_each_run<2>(dims, {out, in}, [&](const auto& offsets, const auto& steps, std::int64_t length) {
    T* target = to + offsets[0];
    const T* from = source.data + offsets[1];
    if (steps[0] == 1 && steps[1] == 1) {
      std::copy_n(from, length, target);
    } else if (steps[1] == 0) {
      for (std::int64_t i = 0; i < length; ++i) target[i * steps[0]] = *from;
    } else {
      for (std::int64_t i = 0; i < length; ++i) target[i * steps[0]] = from[i * steps[1]];
    }
  });
}

// result = f(x), elementwise, laid out as x is; every axis a shape axis.
template <class T, class Function>
[[nodiscard]] View<T> map_elements(const View<T>& x, int split, Function&& f) {
  Fresh<T> result = allocate_like(x, x.dims, split);
  const std::vector<std::size_t> order = walking_order(result.view.strides);
  const Extents dims = permuted(x.dims, order);
  const Extents out = permuted(result.view.strides, order);
  const Extents in = permuted(x.strides, order);
  for_each_run<2>(dims, {out, in}, [&](const auto& offsets, const auto& steps, std::int64_t length) {
    T* target = result.data + offsets[0];
    const T* from = x.data + offsets[1];
    if (steps[0] == 1 && steps[1] == 1) {
      for (std::int64_t i = 0; i < length; ++i) target[i] = f(from[i]);
    } else {
      for (std::int64_t i = 0; i < length; ++i) target[i * steps[0]] = f(from[i * steps[1]]);
    }
  });
  return result.view;
}

// result = f(x, y), elementwise over views of equal extents.
template <class T, class Function>
[[nodiscard]] View<T> map_pairs(const View<T>& x, const View<T>& y, int split, Function&& f) {
  const auto broadcasts = [](const View<T>& view) {
    for (int axis = 0; axis < view.rank(); ++axis) {
      if (view.stride(axis) == 0 && view.dim(axis) > 1) return true;
    }
    return false;
  };
  Fresh<T> result = allocate_like(broadcasts(x) ? y : x, x.dims, split);
  const std::vector<std::size_t> order = walking_order(result.view.strides);
  const Extents dims = permuted(x.dims, order);
  const Extents out = permuted(result.view.strides, order);
  const Extents in_x = permuted(x.strides, order);
  const Extents in_y = permuted(y.strides, order);
  for_each_run<3>(dims, {out, in_x, in_y}, [&](const auto& offsets, const auto& steps, std::int64_t length) {
    T* target = result.data + offsets[0];
    const T* from_x = x.data + offsets[1];
    const T* from_y = y.data + offsets[2];
    if (steps[0] == 1 && steps[1] == 1 && steps[2] == 1) {
      for (std::int64_t i = 0; i < length; ++i) target[i] = f(from_x[i], from_y[i]);
    } else if (steps[0] == 1 && steps[1] == 1 && steps[2] == 0) {
      const T value = *from_y;
      for (std::int64_t i = 0; i < length; ++i) target[i] = f(from_x[i], value);
    } else {
      for (std::int64_t i = 0; i < length; ++i) target[i * steps[0]] = f(from_x[i * steps[1]], from_y[i * steps[2]]);
    }
  });
  return result.view;
}

// Row-major and without gaps; the view itself when it already is.
template <class T>
[[nodiscard]] View<T> contiguous(const View<T>& view) {
  bool dense = true;
  std::int64_t stride = 1;
  for (std::size_t axis = view.dims.size(); axis-- > 0;) {
    dense = dense && (view.dims[axis] == 1 || view.strides[axis] == stride);
    stride *= view.dims[axis];
  }
  if (dense) {
    View<T> same = view;
    same.strides = row_major_strides(view.dims);
    return same;
  }
  Fresh<T> result = allocate<T>(view.dims, view.split);
  copy_to(view, result.data, result.view.strides);
  return result.view;
}

// Strides that give the row-major order of (dims, strides) the extents `to`, or nothing when only a copy can.
[[nodiscard]] bool reshaped_strides(std::span<const std::int64_t> dims, std::span<const std::int64_t> strides,
                                    std::span<const std::int64_t> to, Extents& result);

// Row-major reshape to extents of equal product; copies only when strides cannot express it.
template <class T>
[[nodiscard]] View<T> reshaped(const View<T>& view, Extents to, int split) {
  Extents strides;
  if (reshaped_strides(view.dims, view.strides, to, strides)) {
    return {std::move(to), std::move(strides), split, view.owner, view.data};
  }
  View<T> dense = contiguous(view);
  dense.strides = row_major_strides(to);
  dense.dims = std::move(to);
  dense.split = split;
  return dense;
}

// `before` and `after` more elements of `value` along one axis.
template <class T>
[[nodiscard]] View<T> padded(const View<T>& view, std::size_t axis, std::int64_t before, std::int64_t after, T value) {
  if (before == 0 && after == 0) return view;
  Extents dims = view.dims;
  dims[axis] += before + after;
  Fresh<T> result = allocate_like(view, std::move(dims), view.split);
  View<T> filling{view.dims, Extents(view.dims.size(), 0), view.split, nullptr, &value};
  const std::int64_t stride = result.view.strides[axis];
  filling.dims[axis] = before;
  copy_to(filling, result.data, result.view.strides);
  copy_to(view, result.data + before * stride, result.view.strides);
  filling.dims[axis] = after;
  copy_to(filling, result.data + (before + view.dims[axis]) * stride, result.view.strides);
  return result.view;
}

// The offsets of all elements of an index space, row-major.
[[nodiscard]] Extents offset_table(std::span<const std::int64_t> dims, std::span<const std::int64_t> strides);

}  // namespace tessera::interpreter
