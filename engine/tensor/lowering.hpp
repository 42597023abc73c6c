// How convolutions and dense layers are written in access patterns: windows of the data and the weights, brought
// together by a Cartesian product (or, where each channel has weights of its own, a pair), under one `compute
// dot-product` (Smith et al., MAPS 2021). Deviation: grouped convolutions take a constant number of nodes, not one
// product a group. The forms are spelled out in README.md.
#pragma once

#include <cstdint>
#include <string>

#include "engine/language/expression.hpp"
#include "engine/language/symbol_table.hpp"

namespace tessera {

// A 2-D convolution of NCHW data [n channels_in height width] with OIHW weights
// [channels_out channels_in/groups kernel_h kernel_w].
struct Conv2d {
  std::int64_t n = 1;
  std::int64_t channels_in = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels_out = 1;
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  std::int64_t stride_h = 1;
  std::int64_t stride_w = 1;
  std::int64_t pad_top = 0;
  std::int64_t pad_left = 0;
  std::int64_t pad_bottom = 0;
  std::int64_t pad_right = 0;
  std::int64_t groups = 1;

  [[nodiscard]] std::int64_t oh() const { return (height + pad_top + pad_bottom - kernel_h) / stride_h + 1; }
  [[nodiscard]] std::int64_t ow() const { return (width + pad_left + pad_right - kernel_w) / stride_w + 1; }
  // One output channel for each input channel, and more than one of them.
  [[nodiscard]] bool is_depthwise() const { return groups > 1 && groups == channels_in && groups == channels_out; }
  // Throws Error(kInput): an extent or stride below 1, a negative padding, a kernel larger than the padded data, groups
  // that do not divide the channels.
  void validate() const;
  friend bool operator==(const Conv2d&, const Conv2d&) = default;
};

struct Lowered {
  std::uint32_t output = 0;   // the result as the rest of a network uses it, every axis a shape axis
  std::uint32_t compute = 0;  // the compute dot-product (of the first group in the published grouped form)
};

// `data` and `weights` are nodes of the expression, of any split. The result is [n channels_out oh ow][].
// Ordinary: as published. Depthwise: one pair over [channels oh ow][kh kw] ([channels n oh ow] when n > 1).
// Other groups: one pair over [groups n oh ow channels_out/groups][channels_in/groups kh kw].
// Throw Error(kInput) as validate() does.
Lowered lower_conv2d(SymbolTable& symbols, Expression& program, std::uint32_t data, std::uint32_t weights,
                     const Conv2d& conv);
// The published form of a grouped convolution: slices, an ordinary product for each group, concatenations.
Lowered lower_conv2d_published_grouped(SymbolTable& symbols, Expression& program, std::uint32_t data,
                                       std::uint32_t weights, const Conv2d& conv);
// data [n k], weights [units k]: [n units][].
Lowered lower_dense(SymbolTable& symbols, Expression& program, std::uint32_t data, std::uint32_t weights);

}  // namespace tessera
