#include "engine/tensor/lowering.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

using Extents = std::vector<std::int64_t>;
using Node = std::uint32_t;

// Writes access patterns, one call an operator.
class Builder {
 public:
  Builder(SymbolTable& symbols, Expression& program) : symbols_(symbols), program_(program) {}

  Node access(Node a, std::int64_t split) { return add("access", {integer(split)}, {a}); }
  Node squeeze(Node a, std::int64_t axis) { return add("access-squeeze", {integer(axis)}, {a}); }
  Node insert_axis(Node a, std::int64_t axis) { return add("access-insert-axis", {integer(axis)}, {a}); }
  Node transpose(Node a, const Extents& order) { return add("access-transpose", {Value::list(order)}, {a}); }
  Node reshape(Node a, const Extents& shape, const Extents& item) {
    return add("access-reshape", {Value::access_shape(shape, item)}, {a});
  }
  Node broadcast(Node a, const Extents& shape, const Extents& item) {
    return add("access-broadcast", {Value::access_shape(shape, item)}, {a});
  }
  Node slice(Node a, std::int64_t axis, std::int64_t low, std::int64_t high) {
    return add("access-slice", {integer(axis), integer(low), integer(high)}, {a});
  }
  Node concatenate(Node a, Node b, std::int64_t axis) { return add("access-concatenate", {integer(axis)}, {a, b}); }
  Node windows(Node a, const Extents& extent, const Extents& stride) {
    return add("access-windows", {Value::shape(extent), Value::shape(stride)}, {a});
  }
  // No node when nothing is added.
  Node pad(Node a, std::int64_t axis, std::int64_t before, std::int64_t after) {
    if (before == 0 && after == 0) return a;
    return add("access-pad", {Value::name(Name("zero-padding")), integer(axis), integer(before), integer(after)}, {a});
  }
  Node dot_product_of_product(Node a, Node b) { return dot_product(add("access-cartesian-product", {}, {a, b})); }
  Node dot_product_of_pair(Node a, Node b) { return dot_product(add("access-pair", {}, {a, b})); }

 private:
  static Value integer(std::int64_t value) { return Value::integer(value); }
  Node dot_product(Node a) { return add("compute", {Value::name(Name("dot-product"))}, {a}); }
  Node add(std::string_view op, const std::vector<Value>& attributes, const std::vector<Node>& kids) {
    return program_.add(symbols_.intern(Name(op), attributes, static_cast<std::uint32_t>(kids.size())), kids);
  }

  SymbolTable& symbols_;
  Expression& program_;
};

Node padded(Builder& build, Node data, const Conv2d& c) {
  return build.pad(build.pad(data, 2, c.pad_top, c.pad_bottom), 3, c.pad_left, c.pad_right);
}

// Padded data [n c h w] with c the channels of one group: [O n oh ow][] and, transposed, [n O oh ow][].
Lowered product(Builder& build, Node data, Node weights, const Conv2d& c) {
  const std::int64_t channels = c.channels_in / c.groups;
  Node windows = build.windows(build.access(data, 1), {channels, c.kernel_h, c.kernel_w}, {1, c.stride_h, c.stride_w});
  windows = build.access(build.squeeze(windows, 1), 3);
  const Node compute = build.dot_product_of_product(build.access(weights, 1), windows);
  return {build.transpose(compute, {1, 0, 2, 3}), compute};
}

Lowered depthwise(Builder& build, Node data, Node weights, const Conv2d& c) {
  const Extents item{c.kernel_h, c.kernel_w};
  Node windows = build.windows(build.access(data, 2), item, {c.stride_h, c.stride_w});  // [n C oh ow][kh kw]
  weights = build.squeeze(build.access(weights, 1), 1);                                 // [C][kh kw]
  Extents shape{c.channels_in, c.oh(), c.ow()};
  if (c.n == 1) {
    windows = build.squeeze(windows, 0);
  } else {
    windows = build.transpose(windows, {1, 0, 2, 3, 4, 5});
    shape.insert(shape.begin() + 1, c.n);
  }
  for (std::size_t axis = 1; axis < shape.size(); ++axis) {
    weights = build.insert_axis(weights, static_cast<std::int64_t>(axis));
  }
  const Node compute = build.dot_product_of_pair(build.broadcast(weights, shape, item), windows);
  if (c.n == 1) return {build.insert_axis(compute, 0), compute};
  return {build.transpose(compute, {1, 0, 2, 3}), compute};
}

Lowered grouped(Builder& build, Node data, Node weights, const Conv2d& c) {
  const std::int64_t in = c.channels_in / c.groups;
  const std::int64_t out = c.channels_out / c.groups;
  const Extents item{in, c.kernel_h, c.kernel_w};
  const Extents shape{c.groups, c.n, c.oh(), c.ow(), out};
  // Windows as deep as a group, as far apart as groups are: [n G oh ow][in kh kw].
  Node windows = build.windows(build.access(data, 1), item, {in, c.stride_h, c.stride_w});
  windows = build.insert_axis(build.transpose(windows, {1, 0, 2, 3, 4, 5, 6}), 4);
  weights = build.reshape(build.access(weights, 1), {c.groups, 1, 1, 1, out}, item);
  const Node compute =
      build.dot_product_of_pair(build.broadcast(windows, shape, item), build.broadcast(weights, shape, item));
  const Node channels = build.transpose(compute, {1, 0, 4, 2, 3});  // [n G out oh ow][]
  return {build.reshape(channels, {c.n, c.channels_out, c.oh(), c.ow()}, {}), compute};
}

}  // namespace

void Conv2d::validate() const {
  const auto text = [&] {
    return "a convolution of [" + std::to_string(n) + " " + std::to_string(channels_in) + " " + std::to_string(height) +
           " " + std::to_string(width) + "] with " + std::to_string(channels_out) + " channels, kernel " +
           std::to_string(kernel_h) + "x" + std::to_string(kernel_w) + ", strides " + std::to_string(stride_h) + " " +
           std::to_string(stride_w) + ", padding " + std::to_string(pad_top) + " " + std::to_string(pad_left) + " " +
           std::to_string(pad_bottom) + " " + std::to_string(pad_right) + ", " + std::to_string(groups) + " groups: ";
  };
  const auto least =
      std::min({n, channels_in, height, width, channels_out, kernel_h, kernel_w, stride_h, stride_w, groups});
  if (least < 1) throw Error(ErrorCode::kInput, text() + "expected extents, strides and groups of 1 or more");
  if (std::min({pad_top, pad_left, pad_bottom, pad_right}) < 0) {
    throw Error(ErrorCode::kInput, text() + "expected paddings of 0 or more");
  }
  if (height + pad_top + pad_bottom < kernel_h || width + pad_left + pad_right < kernel_w) {
    throw Error(ErrorCode::kInput, text() + "expected a kernel no larger than the padded data");
  }
  if (channels_in % groups != 0 || channels_out % groups != 0) {
    throw Error(ErrorCode::kInput, text() + "expected groups that divide the channels");
  }
}

Lowered lower_conv2d(SymbolTable& symbols, Expression& program, std::uint32_t data, std::uint32_t weights,
                     const Conv2d& conv) {
  conv.validate();
  Builder build(symbols, program);
  const Node whole = padded(build, data, conv);
  if (conv.groups == 1) return product(build, whole, weights, conv);
  return conv.is_depthwise() ? depthwise(build, whole, weights, conv) : grouped(build, whole, weights, conv);
}

Lowered lower_conv2d_published_grouped(SymbolTable& symbols, Expression& program, std::uint32_t data,
                                       std::uint32_t weights, const Conv2d& conv) {
  conv.validate();
  Builder build(symbols, program);
  const Node whole = padded(build, data, conv);
  const std::int64_t in = conv.channels_in / conv.groups;
  const std::int64_t out = conv.channels_out / conv.groups;
  Lowered result;
  for (std::int64_t g = 0; g < conv.groups; ++g) {
    const Lowered one = product(build, build.slice(whole, 1, g * in, (g + 1) * in),
                                build.slice(weights, 0, g * out, (g + 1) * out), conv);
    result = g == 0 ? one : Lowered{build.concatenate(result.output, one.output, 1), result.compute};
  }
  return result;
}

Lowered lower_dense(SymbolTable& symbols, Expression& program, std::uint32_t data, std::uint32_t weights) {
  Builder build(symbols, program);
  const Node compute = build.dot_product_of_product(build.access(data, 1), build.access(weights, 1));
  return {compute, compute};
}

}  // namespace tessera
