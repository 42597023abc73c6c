#include "engine/tensor/tensor_value.hpp"

#include <numeric>

namespace tessera::interpreter {

std::int64_t element_count(std::span<const std::int64_t> dims) {
  constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;
  std::int64_t count = 1;
  for (const std::int64_t extent : dims) {
    if (__builtin_mul_overflow(count, extent, &count) || count > kMaxElements) {
      throw Error(ErrorCode::kResource, "a tensor of " + describe(dims, 0) + " is too large to compute with");
    }
  }
  return count;
}

Extents row_major_strides(std::span<const std::int64_t> dims) {
  Extents strides(dims.size());
  std::int64_t stride = 1;
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return strides;
}

std::string describe(std::span<const std::int64_t> dims, int split) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (axis == static_cast<std::size_t>(split)) {
      text += "][";
    } else if (axis > 0) {
      text += " ";
    }
    text += std::to_string(dims[axis]);
  }
  if (dims.size() == static_cast<std::size_t>(split)) text += "][";
  return text + "]";
}

std::vector<std::size_t> walking_order(std::span<const std::int64_t> strides) {
  std::vector<std::size_t> order(strides.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t left, std::size_t right) { return strides[left] > strides[right]; });
  return order;
}

Extents permuted(std::span<const std::int64_t> values, std::span<const std::size_t> order) {
  Extents result(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) result[i] = values[order[i]];
  return result;
}

bool reshaped_strides(std::span<const std::int64_t> dims, std::span<const std::int64_t> strides,
                      std::span<const std::int64_t> to, Extents& result) {
  result.assign(to.size(), 1);
  if (element_count(dims) <= 1) return true;  // no step is ever taken
  Extents extents;                            // the view without axes of extent 1
  Extents steps;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] == 1) continue;
    extents.push_back(dims[axis]);
    steps.push_back(strides[axis]);
  }
  std::size_t from = 0;
  std::size_t target = 0;
  while (from < extents.size()) {
    // The shortest groups of axes on both sides with the same number of elements.
    std::size_t from_end = from + 1;
    std::size_t target_end = target;
    std::int64_t have = extents[from];
    std::int64_t want = 1;
    while (want != have) {
      if (want < have) {
        want *= to[target_end++];
      } else {
        have *= extents[from_end++];
      }
    }
    for (std::size_t axis = from; axis + 1 < from_end; ++axis) {
      if (steps[axis] != steps[axis + 1] * extents[axis + 1]) return false;
    }
    std::int64_t stride = steps[from_end - 1];
    for (std::size_t axis = target_end; axis-- > target;) {
      result[axis] = stride;
      stride *= to[axis];
    }
    from = from_end;
    target = target_end;
  }
  return true;
}

Extents offset_table(std::span<const std::int64_t> dims, std::span<const std::int64_t> strides) {
  Extents table{0};
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    Extents next;
    next.reserve(table.size() * static_cast<std::size_t>(dims[axis]));
    for (const std::int64_t offset : table) {
      for (std::int64_t i = 0; i < dims[axis]; ++i) next.push_back(offset + i * strides[axis]);
    }
    table = std::move(next);
  }
  return table;
}

}  // namespace tessera::interpreter
