// Direct convolution of strided views: one matrix product a group, of the weights with the windows of the padded data,
// neither of which is copied into a matrix first. Serves the array's convolution modes and the opaque convolutions.
#pragma once

#include <array>
#include <cstdint>

#include "engine/tensor/tensor_value.hpp"

namespace tessera::interpreter {

struct ConvolutionPlan {
  std::array<std::int64_t, 2> stride{1, 1};         // rows, columns
  std::array<std::int64_t, 4> padding{0, 0, 0, 0};  // top, left, bottom, right
  std::array<std::int64_t, 2> dilation{1, 1};
  std::int64_t groups = 1;
};

// Empty when data [n c h w] and weights [o c/groups kh kw] fit the plan; otherwise what is wrong.
[[nodiscard]] std::string misfit(const Extents& data, const Extents& weights, const ConvolutionPlan& plan);

// floor((extent + padding - window) / stride) + 1
[[nodiscard]] std::int64_t window_count(std::int64_t extent, std::int64_t padding, std::int64_t window,
                                        std::int64_t stride);

// [n o h' w'][] of data and weights that fit.
template <class T>
[[nodiscard]] View<T> convolve(const View<T>& data, const View<T>& weights, const ConvolutionPlan& plan);

}  // namespace tessera::interpreter
