// Folding the item of every access to a scalar: sums, maxima. The order of the terms is row-major over the item, one
// after the other, whatever the layout: a sum's rounding does not depend on where its operand came from.
#pragma once

#include <cstdint>

#include "engine/tensor/tensor_value.hpp"

namespace tessera::interpreter {

// result[s] = fold over the item, row-major, of accumulate(result[s], x[s][i]), starting from the first element.
template <class T, class Accumulate>
View<T> fold_item(const View<T>& x, Accumulate&& accumulate) {
  View<T> outer{Extents(x.shape().begin(), x.shape().end()),
                Extents(x.shape_strides().begin(), x.shape_strides().end()), x.split, x.owner, x.data};
  Fresh<T> result = allocate_like(outer, outer.dims, outer.split);
  copy_to(outer, result.data, result.view.strides);
  const Extents offsets = offset_table(x.item(), x.item_strides());
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    for_each_run<2>(outer.dims, {result.view.strides, outer.strides},
                    [&](const auto& start, const auto& steps, std::int64_t length) {
                      T* to = result.data + start[0];
                      const T* from = x.data + offsets[i] + start[1];
                      for (std::int64_t n = 0; n < length; ++n) {
                        to[n * steps[0]] = accumulate(to[n * steps[0]], from[n * steps[1]]);
                      }
                    });
  }
  return result.view;
}

// The same for long items and few of them: the item is the inner loop.
template <class T, class Accumulate>
View<T> fold_long_item(const View<T>& x, Accumulate&& accumulate) {
  Fresh<T> result = allocate<T>(Extents(x.shape().begin(), x.shape().end()), x.split);
  const Extents starts = offset_table(x.shape(), x.shape_strides());
  for (std::size_t s = 0; s < starts.size(); ++s) {
    bool first = true;
    T value{};
    for_each_run<1>(x.item(), {x.item_strides()}, [&](const auto& start, const auto& steps, std::int64_t length) {
      const T* from = x.data + starts[s] + start[0];
      std::int64_t n = 0;
      if (first) {
        value = from[0];
        first = false;
        n = 1;
      }
      for (; n < length; ++n) value = accumulate(value, from[n * steps[0]]);
    });
    result.data[s] = value;
  }
  return result.view;
}

// [s…][i…] -> [s…][]: accumulate(accumulate(first, second), …). The item is never empty.
template <class T, class Accumulate>
[[nodiscard]] View<T> fold(const View<T>& x, Accumulate&& accumulate) {
  const bool long_item = element_count(x.item()) > element_count(x.shape());
  return long_item ? fold_long_item(x, accumulate) : fold_item(x, accumulate);
}

}  // namespace tessera::interpreter
