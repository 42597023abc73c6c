// Operators of Relay with weights or windows: convolutions, dense layers, matrix products, pools, upsampling.
#include <cmath>
#include <string>

#include "io/network.hpp"
#include "io/relay_operators.hpp"

namespace tessera {
namespace {

using Dims = std::vector<std::int64_t>;

void require_same_dtype(const RelayCall& call, const RelayType& data, const RelayType& weight) {
  if (data.dtype != weight.dtype) {
    call.fail("data and weight of different types: found " + data.to_string() + " and " + weight.to_string());
  }
  const std::string out = call.text("out_dtype", "");
  if (!out.empty() && out != data.dtype) {
    call.fail_at("out_dtype", "found \"" + out + "\", but only the operands' own " + data.dtype + " is supported");
  }
}

// One number for each axis, or one for all.
Dims per_axis(const RelayCall& call, std::string_view attribute, std::size_t axes, std::int64_t low, Dims standard) {
  Dims values = call.integers(attribute, std::move(standard));
  if (values.size() == 1) values.resize(axes, values[0]);
  if (values.size() != axes) {
    call.fail_at(attribute,
                 "expected 1 or " + std::to_string(axes) + " numbers, found " + std::to_string(values.size()));
  }
  for (const std::int64_t v : values) {
    if (v < low) {
      call.fail_at(attribute, "expected numbers of at least " + std::to_string(low) + ", found " + std::to_string(v));
    }
  }
  return values;
}

// Relay's padding of two axes: p; [p]; [vertical, horizontal]; [top, left, bottom, right].
Dims padding_2d(const RelayCall& call) {
  const Dims given = call.integers("padding", Dims{0});
  Dims padding;
  if (given.size() == 1) {
    padding.assign(4, given[0]);
  } else if (given.size() == 2) {
    padding = {given[0], given[1], given[0], given[1]};
  } else if (given.size() == 4) {
    padding = given;
  } else {
    call.fail_at("padding", "expected 1, 2 or 4 numbers, found " + std::to_string(given.size()));
  }
  for (const std::int64_t p : padding) {
    if (p < 0) call.fail_at("padding", "expected no negative number, found " + std::to_string(p));
  }
  return padding;
}

// The extent of a window operator's result; fails when the window does not fit.
std::int64_t windows(const RelayCall& call, std::int64_t extent, std::int64_t before, std::int64_t after,
                     std::int64_t kernel, std::int64_t stride, std::int64_t dilation, bool ceil_mode) {
  const std::int64_t padded = extent + before + after;
  if (kernel - 1 > (padded - 1) / dilation) {
    call.fail("a window of " + std::to_string(kernel) +
              (dilation > 1 ? " (dilated by " + std::to_string(dilation) + ")" : std::string()) +
              " does not fit the padded extent " + std::to_string(padded));
  }
  const std::int64_t room = padded - (dilation * (kernel - 1) + 1);
  if (!ceil_mode) return room / stride + 1;
  std::int64_t count = (room + stride - 1) / stride + 1;
  // A window that would start behind the data, wholly in the padding, is dropped.
  if ((count - 1) * stride >= extent + before) --count;
  return count;
}

RelayLowering conv2d(const RelayCall& call) {
  call.only("data_layout", "NCHW");
  call.only("kernel_layout", "OIHW");
  call.only("out_layout", "NCHW");
  const RelayType& data = call.tensor(0, 4, "the data");
  const RelayType& weight = call.tensor(1, 4, "the weight");
  require_same_dtype(call, data, weight);
  const Dims strides = per_axis(call, "strides", 2, 1, {1, 1});
  const Dims dilation = per_axis(call, "dilation", 2, 1, {1, 1});
  if (dilation != Dims{1, 1}) call.fail_at("dilation", "only a dilation of 1 is supported");
  const Dims padding = padding_2d(call);
  const std::int64_t groups = call.integer("groups", 1);
  const std::int64_t in = data.dims[1];
  if (groups < 1 || in % groups != 0) {
    call.fail_at("groups", "expected a divisor of the data's " + std::to_string(in) + " channels, found " +
                               std::to_string(groups));
  }
  const std::int64_t channels = call.has("channels") ? call.integer("channels") : weight.dims[0];
  const Dims kernel =
      call.has("kernel_size") ? per_axis(call, "kernel_size", 2, 1, {}) : Dims{weight.dims[2], weight.dims[3]};
  call.require_dims(weight, {channels, in / groups, kernel[0], kernel[1]}, "the weight (OIHW)");
  if (channels % groups != 0) {
    call.fail_at("groups", "expected a divisor of the " + std::to_string(channels) + " output channels, found " +
                               std::to_string(groups));
  }
  RelayLowering result;
  result.form = RelayForm::kConvolution;
  result.type.dtype = data.dtype;
  result.type.dims = {data.dims[0], channels,
                      windows(call, data.dims[2], padding[0], padding[2], kernel[0], strides[0], 1, false),
                      windows(call, data.dims[3], padding[1], padding[3], kernel[1], strides[1], 1, false)};
  Conv2d& c = result.convolution;
  c.n = data.dims[0];
  c.channels_in = in;
  c.height = data.dims[2];
  c.width = data.dims[3];
  c.channels_out = channels;
  c.kernel_h = kernel[0];
  c.kernel_w = kernel[1];
  c.stride_h = strides[0];
  c.stride_w = strides[1];
  c.pad_top = padding[0];
  c.pad_left = padding[1];
  c.pad_bottom = padding[2];
  c.pad_right = padding[3];
  c.groups = groups;
  return result;
}

RelayLowering dense(const RelayCall& call) {
  const RelayType& data = call.tensor(0, 2, "the data");
  const RelayType& weight = call.tensor(1, 2, "the weight");
  require_same_dtype(call, data, weight);
  const std::int64_t units = call.has("units") ? call.integer("units") : weight.dims[0];
  call.require_dims(weight, {units, data.dims[1]}, "the weight");
  RelayLowering result;
  result.form = RelayForm::kDense;
  result.type.dtype = data.dtype;
  result.type.dims = {data.dims[0], units};
  result.convolution = dense_as_conv2d(data.dims[0], data.dims[1], units);
  return result;
}

RelayLowering batch_matmul(const RelayCall& call) {
  const RelayType& a = call.tensor(0, 3, "the left operand");
  const RelayType& b = call.tensor(1, 3, "the right operand");
  require_same_dtype(call, a, b);
  const bool transpose_a = call.boolean("transpose_a", false);
  const bool transpose_b = call.boolean("transpose_b", true);
  const std::int64_t ka = a.dims[transpose_a ? 1 : 2];
  const std::int64_t kb = b.dims[transpose_b ? 2 : 1];
  if (ka != kb || (a.dims[0] != b.dims[0] && a.dims[0] != 1 && b.dims[0] != 1)) {
    call.fail("operands do not fit: found " + a.to_string() + " and " + b.to_string() +
              ", expected equal batches and contraction extents");
  }
  RelayLowering result;
  result.op = "relay-batch-matmul";
  result.type.dtype = a.dtype;
  result.type.dims = {a.dims[0] == 1 ? b.dims[0] : a.dims[0], a.dims[transpose_a ? 2 : 1], b.dims[transpose_b ? 1 : 2]};
  if (transpose_a || !transpose_b) {
    result.attributes = {Value::boolean(transpose_a), Value::boolean(transpose_b)};
  }
  return result;
}

RelayLowering conv1d(const RelayCall& call) {
  call.only("data_layout", "NCW");
  call.only("kernel_layout", "OIW");
  call.only("out_layout", "NCW");
  const RelayType& data = call.tensor(0, 3, "the data");
  const RelayType& weight = call.tensor(1, 3, "the weight");
  require_same_dtype(call, data, weight);
  const Dims stride = per_axis(call, "strides", 1, 1, {1});
  const Dims dilation = per_axis(call, "dilation", 1, 1, {1});
  const Dims padding = per_axis(call, "padding", 2, 0, {0, 0});
  const std::int64_t groups = call.integer("groups", 1);
  if (groups < 1 || data.dims[1] % groups != 0) {
    call.fail_at("groups", "expected a divisor of the data's " + std::to_string(data.dims[1]) + " channels, found " +
                               std::to_string(groups));
  }
  const std::int64_t channels = call.has("channels") ? call.integer("channels") : weight.dims[0];
  const Dims kernel = call.has("kernel_size") ? per_axis(call, "kernel_size", 1, 1, {}) : Dims{weight.dims[2]};
  call.require_dims(weight, {channels, data.dims[1] / groups, kernel[0]}, "the weight (OIW)");
  if (channels % groups != 0) {
    call.fail_at("groups", "expected a divisor of the " + std::to_string(channels) + " output channels, found " +
                               std::to_string(groups));
  }
  RelayLowering result;
  result.op = "relay-conv1d";
  result.type.dtype = data.dtype;
  result.type.dims = {data.dims[0], channels,
                      windows(call, data.dims[2], padding[0], padding[1], kernel[0], stride[0], dilation[0], false)};
  result.attributes = {Value::shape(stride), Value::shape(padding), Value::integer(groups), Value::shape(dilation)};
  return result;
}

// Names the layout in the call unless it is the standard one; fails on any other.
void add_layout(const RelayCall& call, RelayLowering& result, bool& channels_last) {
  const std::string layout = call.text("layout", "NCHW");
  if (layout != "NCHW" && layout != "NHWC") {
    call.fail_at("layout", "found \"" + layout + "\", but only \"NCHW\" and \"NHWC\" are supported");
  }
  const std::string out = call.text("out_layout", "");
  if (!out.empty() && out != layout) call.fail_at("out_layout", "found \"" + out + "\", expected \"" + layout + "\"");
  channels_last = layout == "NHWC";
  if (channels_last) result.attributes.push_back(Value::name(Name("relay-activation-layout-nhwc")));
}

RelayLowering pool(const RelayCall& call, bool average) {
  const RelayType& data = call.tensor(0, 4, "the data");
  const Dims size = per_axis(call, "pool_size", 2, 1, call.integers("pool_size"));
  const Dims strides = per_axis(call, "strides", 2, 1, {1, 1});
  if (per_axis(call, "dilation", 2, 1, {1, 1}) != Dims{1, 1}) {
    call.fail_at("dilation", "only a dilation of 1 is supported");
  }
  const Dims padding = padding_2d(call);
  for (std::size_t i = 0; i < 4; ++i) {
    // A window wholly in the padding has no greatest element and no mean.
    if (padding[i] >= size[i % 2]) call.fail_at("padding", "expected less padding than the pool's size");
  }
  const bool ceil_mode = call.boolean("ceil_mode", false);
  const bool include = average && call.boolean("count_include_pad", false);
  RelayLowering result;
  result.op = average ? "relay-avg-pool2d" : "relay-max-pool2d";
  result.attributes = {Value::shape(size), Value::shape(strides), Value::shape(padding)};
  if (ceil_mode || include) result.attributes.push_back(Value::boolean(ceil_mode));
  if (include) result.attributes.push_back(Value::boolean(true));
  bool channels_last = false;
  add_layout(call, result, channels_last);
  const std::size_t h = channels_last ? 1 : 2;
  result.type = data;
  for (std::size_t i = 0; i < 2; ++i) {
    result.type.dims[h + i] =
        windows(call, data.dims[h + i], padding[i], padding[i + 2], size[i], strides[i], 1, ceil_mode);
  }
  return result;
}

RelayLowering max_pool2d(const RelayCall& call) { return pool(call, false); }
RelayLowering avg_pool2d(const RelayCall& call) { return pool(call, true); }

RelayLowering global_pool(const RelayCall& call) {
  RelayLowering result;
  result.op = call.name() == "nn.global_avg_pool2d" ? "relay-global-avg-pool2d" : "relay-global-max-pool2d";
  result.type = call.tensor(0, 4, "the data");
  bool channels_last = false;
  add_layout(call, result, channels_last);
  result.type.dims[channels_last ? 1 : 2] = 1;
  result.type.dims[channels_last ? 2 : 3] = 1;
  return result;
}

RelayLowering upsampling(const RelayCall& call) {
  call.only("method", "nearest_neighbor");
  if (call.boolean("align_corners", false)) call.fail_at("align_corners", "only False is supported");
  RelayLowering result;
  result.op = "relay-upsampling";
  result.type = call.tensor(0, 4, "the data");
  const double scales[2] = {call.number("scale_h", 1), call.number("scale_w", 1)};
  result.attributes = {Value::literal(scales[0]), Value::literal(scales[1])};
  bool channels_last = false;
  add_layout(call, result, channels_last);
  for (std::size_t i = 0; i < 2; ++i) {
    std::int64_t& extent = result.type.dims[(channels_last ? 1 : 2) + i];
    const double scaled = std::round(static_cast<double>(extent) * scales[i]);
    if (!(scaled >= 1) || scaled > static_cast<double>(kMaxRelayInteger)) {
      call.fail_at(i == 0 ? "scale_h" : "scale_w", "expected a scale that leaves 1 to 2^40 rows or columns");
    }
    extent = static_cast<std::int64_t>(scaled);
  }
  return result;
}

}  // namespace

std::span<const RelayOperator> relay_window_operators() {
  static const std::vector<RelayOperator> table = {
      {"nn.conv2d",
       2,
       2,
       {"strides", "padding", "dilation", "groups", "channels", "kernel_size", "data_layout", "kernel_layout",
        "out_layout", "out_dtype"},
       conv2d},
      {"nn.dense", 2, 2, {"units", "out_dtype"}, dense},
      {"nn.batch_matmul", 2, 2, {"out_dtype", "transpose_a", "transpose_b"}, batch_matmul},
      {"nn.conv1d",
       2,
       2,
       {"strides", "padding", "dilation", "groups", "channels", "kernel_size", "data_layout", "kernel_layout",
        "out_layout", "out_dtype"},
       conv1d},
      {"nn.max_pool2d",
       1,
       1,
       {"pool_size", "strides", "dilation", "padding", "layout", "out_layout", "ceil_mode"},
       max_pool2d},
      {"nn.avg_pool2d",
       1,
       1,
       {"pool_size", "strides", "dilation", "padding", "layout", "out_layout", "ceil_mode", "count_include_pad"},
       avg_pool2d},
      {"nn.global_avg_pool2d", 1, 1, {"layout", "out_layout"}, global_pool},
      {"nn.global_max_pool2d", 1, 1, {"layout", "out_layout"}, global_pool},
      {"nn.upsampling", 1, 1, {"scale_h", "scale_w", "layout", "method", "align_corners"}, upsampling},
  };
  return table;
}

}  // namespace tessera
