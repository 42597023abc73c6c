#include "io/network.hpp"

#include <array>
#include <functional>
#include <map>
#include <numeric>
#include <span>
#include <utility>

namespace tessera {
namespace {

// Everything that tells one layer problem from another, as text: a key, and the tail of tensor names.
std::string problem_text(const Layer& layer) {
  const Conv2d& c = layer.conv;
  std::string out = layer_kind_name(layer.kind);
  const auto append = [&out](char tag, std::span<const std::int64_t> numbers) {
    out += std::string("_") + tag;
    bool first = true;
    for (const std::int64_t number : numbers) {
      out += (first ? "" : "x") + std::to_string(number);
      first = false;
    }
  };
  if (layer.product) {
    const ProductForm& p = *layer.product;
    out = p.is_pair ? "pair" : "product";
    append('l', p.left_dims);
    append('a', std::array{p.left_split});
    append('r', p.right_dims);
    append('a', std::array{p.right_split});
  } else {
    append('i', std::array{c.n, c.channels_in, c.height, c.width});
    append('o', std::array{c.channels_out});
  }
  if (!layer.product && layer.kind != LayerKind::kDense) {
    append('k', std::array{c.kernel_h, c.kernel_w});
    append('s', std::array{c.stride_h, c.stride_w});
    append('p', std::array{c.pad_top, c.pad_left, c.pad_bottom, c.pad_right});
    append('g', std::array{c.groups});
  }
  if (layer.dtype != DType::kFloat32) out += "_" + std::string(dtype_name(layer.dtype));
  return out;
}

std::uint32_t add_product(const ProductForm& product, SymbolTable& symbols, Expression& program, std::uint32_t data,
                          std::uint32_t weight) {
  const auto access = [&](std::uint32_t tensor, std::int64_t split) {
    const Value attribute = Value::integer(split);
    return program.add(symbols.intern(Name("access"), {&attribute, 1}, 1), {&tensor, 1});
  };
  const std::array operands{access(weight, product.left_split), access(data, product.right_split)};
  const Name form(product.is_pair ? "access-pair" : "access-cartesian-product");
  const std::uint32_t formed = program.add(symbols.intern(form, {}, 2), operands);
  const Value dot_product = Value::name(Name("dot-product"));
  return program.add(symbols.intern(Name("compute"), {&dot_product, 1}, 1), {&formed, 1});
}

}  // namespace

const char* layer_kind_name(LayerKind kind) {
  switch (kind) {
    case LayerKind::kConv2d:
      return "conv2d";
    case LayerKind::kDepthwise:
      return "depthwise";
    case LayerKind::kDense:
      return "dense";
  }
  return "unknown";
}

LayerKind kind_of(const Conv2d& conv) { return conv.is_depthwise() ? LayerKind::kDepthwise : LayerKind::kConv2d; }

Conv2d dense_as_conv2d(std::int64_t batch, std::int64_t in, std::int64_t out) {
  Conv2d c{};
  c.n = batch;
  c.channels_in = in;
  c.height = c.width = 1;
  c.channels_out = out;
  c.kernel_h = c.kernel_w = 1;
  c.stride_h = c.stride_w = 1;
  c.groups = 1;
  return c;
}

std::vector<std::int64_t> data_dims(const Layer& layer) {
  if (layer.product) return layer.product->right_dims;
  const Conv2d& c = layer.conv;
  if (layer.kind == LayerKind::kDense) return {c.n, c.channels_in};
  return {c.n, c.channels_in, c.height, c.width};
}

std::vector<std::int64_t> weight_dims(const Layer& layer) {
  if (layer.product) return layer.product->left_dims;
  const Conv2d& c = layer.conv;
  if (layer.kind == LayerKind::kDense) return {c.channels_out, c.channels_in};
  return {c.channels_out, c.channels_in / c.groups, c.kernel_h, c.kernel_w};
}

std::vector<std::int64_t> output_dims(const Layer& layer) {
  if (layer.product) {
    const ProductForm& p = *layer.product;
    std::vector<std::int64_t> out(p.left_dims.begin(), p.left_dims.begin() + p.left_split);
    if (!p.is_pair) out.insert(out.end(), p.right_dims.begin(), p.right_dims.begin() + p.right_split);
    return out;
  }
  const Conv2d& c = layer.conv;
  if (layer.kind == LayerKind::kDense) return {c.n, c.channels_out};
  return {c.n, c.channels_out, (c.height + c.pad_top + c.pad_bottom - c.kernel_h) / c.stride_h + 1,
          (c.width + c.pad_left + c.pad_right - c.kernel_w) / c.stride_w + 1};
}

Layer make_layer(std::string name, LayerKind kind, const Conv2d& conv, DType dtype, Name weight) {
  Layer layer;
  layer.name = std::move(name);
  layer.kind = kind;
  layer.conv = conv;
  layer.dtype = dtype;
  layer.weight = weight;
  layer.groups = conv.groups;
  layer.k = conv.channels_in / conv.groups * conv.kernel_h * conv.kernel_w;
  layer.n = conv.channels_out / conv.groups;
  const std::vector<std::int64_t> out = output_dims(layer);
  layer.m = kind == LayerKind::kDense ? out[0] : out[0] * out[2] * out[3];
  return layer;
}

Layer make_product_layer(std::string name, const ProductForm& product, DType dtype, Name weight) {
  const auto elements = [](std::span<const std::int64_t> dims) {
    return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
  };
  const std::span<const std::int64_t> left = product.left_dims;
  const auto left_split = static_cast<std::size_t>(product.left_split);
  const std::int64_t rows = elements(left.first(left_split));
  const std::int64_t length = elements(left.subspan(left_split));
  LayerKind kind = LayerKind::kDense;
  Conv2d conv{};
  if (!product.is_pair) {
    const std::span<const std::int64_t> right = product.right_dims;
    conv = dense_as_conv2d(elements(right.first(static_cast<std::size_t>(product.right_split))), length, rows);
  } else if (rows == 1) {
    conv = dense_as_conv2d(1, length, 1);
  } else {
    kind = LayerKind::kDepthwise;
    conv = dense_as_conv2d(1, rows, rows);
    conv.width = conv.kernel_w = length;
    conv.groups = rows;
  }
  Layer layer = make_layer(std::move(name), kind, conv, dtype, weight);
  layer.product = product;
  return layer;
}

Network layer_network(const Layer& layer, SymbolTable& symbols) {
  const std::string problem = problem_text(layer);
  Network network;
  network.name = layer.name;
  const Name data("data_" + problem);
  const Name weight("weight_" + problem);
  network.tensors = {{data, layer.dtype, data_dims(layer)}, {weight, layer.dtype, weight_dims(layer)}};
  Expression& program = network.program;
  const Name access_tensor("access-tensor");
  const auto tensor = [&](Name name) {
    const Value attribute = Value::name(name);
    return program.add(symbols.intern(access_tensor, {&attribute, 1}, 0), {});
  };
  const std::uint32_t data_node = tensor(data);
  const std::uint32_t weight_node = tensor(weight);
  Layer alone = layer;
  alone.weight = weight;
  alone.data_node = data_node;
  alone.weight_node = weight_node;
  if (layer.product) {
    alone.root = alone.output = add_product(*layer.product, symbols, program, data_node, weight_node);
  } else {
    const Lowered lowered = layer.kind == LayerKind::kDense
                                ? lower_dense(symbols, program, data_node, weight_node)
                                : lower_conv2d(symbols, program, data_node, weight_node, layer.conv);
    alone.root = lowered.compute;
    alone.output = lowered.output;
  }
  program.roots = {alone.output};
  network.layers = {std::move(alone)};
  return network;
}

std::vector<std::size_t> distinct_layers(const std::vector<Layer>& layers) {
  std::map<std::string, std::size_t> first;
  std::vector<std::size_t> out;
  out.reserve(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i)
    out.push_back(first.emplace(problem_text(layers[i]), i).first->second);
  return out;
}

}  // namespace tessera
