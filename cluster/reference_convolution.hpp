// Convolutions and dense layers computed by oneDNN: the independent side of verification. Nothing here uses the
// interpreter, the lowering or the e-graph. Also a plain loop over 64-bit integers, which is exact.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/tensor/lowering.hpp"
#include "io/network.hpp"

namespace tessera {

// Output rows and columns: floor((extent + padding - kernel) / stride) + 1.
[[nodiscard]] std::int64_t reference_output_height(const Conv2d& conv);
[[nodiscard]] std::int64_t reference_output_width(const Conv2d& conv);

// Row-major NCHW data and OIHW weights ([o, i / groups, kh, kw]); result NCHW. Any groups, strides and padding (each
// side its own). A dense layer is a 1x1 convolution of a 1x1 image. Throws Error(kInput) when the spans' sizes do not
// fit `conv` or `conv` describes no convolution, Error(kInternal) when oneDNN fails.
[[nodiscard]] std::vector<float> reference_conv2d(const Conv2d& conv, std::span<const float> data,
                                                  std::span<const float> weights);

// The same on integers by seven nested loops; the caller sees to it that no sum leaves 64 bits.
[[nodiscard]] std::vector<std::int64_t> exact_conv2d(const Conv2d& conv, std::span<const std::int64_t> data,
                                                     std::span<const std::int64_t> weights);

// A layer of a network from its operands in data_dims and weight_dims: the elements of its result in output_dims.
// A product found in a Glenside program, [left…][k] by [right…][k], is a dense layer that gives [left… right…].
[[nodiscard]] std::vector<float> reference_layer(const Layer& layer, std::span<const float> data,
                                                 std::span<const float> weights);
[[nodiscard]] std::vector<std::int64_t> exact_layer(const Layer& layer, std::span<const std::int64_t> data,
                                                    std::span<const std::int64_t> weights);

// data [m, k] times the transpose of weights [n, k], by oneDNN's matrix product: [m, n].
[[nodiscard]] std::vector<float> reference_dense(std::int64_t m, std::int64_t k, std::int64_t n,
                                                 std::span<const float> data, std::span<const float> weights);

}  // namespace tessera
