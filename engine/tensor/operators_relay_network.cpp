// Types of opaque convolutions, pools and matrix products.
#include <cmath>

#include "engine/tensor/operators_relay.hpp"

namespace tessera::inference {
namespace {

struct Window {
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t before = 0;
  std::int64_t after = 0;
  std::int64_t dilation = 1;
};

// floor((extent + padding - reach) / stride) + 1; with `ceil`, windows wholly in the padding after the end are dropped.
std::int64_t window_count(const RelayCall& call, std::int64_t extent, const Window& w, bool ceil = false) {
  if (w.size < 1 || w.stride < 1 || w.dilation < 1 || w.before < 0 || w.after < 0) {
    call.fail("a window of " + std::to_string(w.size) + ", stride " + std::to_string(w.stride) + ", dilation " +
                  std::to_string(w.dilation) + ", padding " + std::to_string(w.before) + " and " +
                  std::to_string(w.after),
              "1 or more, and paddings of 0 or more");
  }
  const std::int64_t room = extent + w.before + w.after - (w.dilation * (w.size - 1) + 1);
  if (room < 0) {
    call.fail("a window of " + std::to_string(w.size) + " on extent " + std::to_string(extent),
              "a window that fits the padded extent");
  }
  std::int64_t count = (room + (ceil ? w.stride - 1 : 0)) / w.stride + 1;
  if (ceil && (count - 1) * w.stride >= extent + w.before) --count;
  return count;
}

void pool(const RelayCall& call, DataWords& out) {
  const bool average = call.op() == "relay-avg-pool2d";
  call.expect(1, 3, average ? 5 : 4);
  const TensorType x = call.kid(0, 4);
  const auto size = call.extents(0, {1, 1});
  const auto stride = call.extents(1, {1, 1});
  const auto padding = call.extents(2, {0, 0, 0, 0});
  const bool ceil = call.integer(3, 0) != 0;
  static_cast<void>(call.integer(4, 0));
  AccessType result = plain(x.dtype(), x.dims());
  for (std::size_t k = 0; k < 2; ++k) {
    const std::size_t axis = (call.channels_last() ? 1 : 2) + k;
    result.dim(axis) = window_count(call, x.dim(axis), {size[k], stride[k], padding[k], padding[k + 2]}, ceil);
  }
  result.encode(out);
}

void global_pool(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 0);
  const TensorType x = call.kid(0, 4);
  AccessType result = plain(x.dtype(), x.dims());
  const std::size_t axis = call.channels_last() ? 1 : 2;
  result.dim(axis) = result.dim(axis + 1) = 1;
  result.encode(out);
}

void upsampling(const RelayCall& call, DataWords& out) {
  call.expect(1, 2, 2);
  const TensorType x = call.kid(0, 4);
  AccessType result = plain(x.dtype(), x.dims());
  for (std::size_t k = 0; k < 2; ++k) {
    const std::size_t axis = (call.channels_last() ? 1 : 2) + k;
    const double extent = std::round(static_cast<double>(x.dim(axis)) * call.number(k));
    if (!(extent >= 1 && extent < 1e15)) call.fail("a scale of " + std::to_string(call.number(k)), "a positive one");
    result.dim(axis) = static_cast<std::int64_t>(extent);
  }
  result.encode(out);
}

void dense(const RelayCall& call, DataWords& out) {
  call.expect(2, 0, 0);
  const TensorType x = call.kid(0, 2);
  const TensorType weight = call.kid(1, 2);
  call.node().expect_equal_dtypes(x, weight);
  if (x.dim(1) != weight.dim(1)) {
    call.fail("summed extents " + std::to_string(x.dim(1)) + " and " + std::to_string(weight.dim(1)), "equal ones");
  }
  plain(x.dtype(), std::array{x.dim(0), weight.dim(0)}).encode(out);
}

void batch_matmul(const RelayCall& call, DataWords& out) {
  call.expect(2, 0, 2);
  const TensorType a = call.kid(0, 3);
  const TensorType b = call.kid(1, 3);
  call.node().expect_equal_dtypes(a, b);
  const bool transpose_a = call.integer(0, 0) != 0;
  const bool transpose_b = call.integer(1, 1) != 0;
  const std::int64_t m = a.dim(transpose_a ? 2 : 1);
  const std::int64_t depth_a = a.dim(transpose_a ? 1 : 2);
  const std::int64_t n = b.dim(transpose_b ? 1 : 2);
  const std::int64_t depth_b = b.dim(transpose_b ? 2 : 1);
  if (depth_a != depth_b) {
    call.fail("summed extents " + std::to_string(depth_a) + " and " + std::to_string(depth_b), "equal ones");
  }
  if (a.dim(0) != b.dim(0) && a.dim(0) != 1 && b.dim(0) != 1) {
    call.fail("batches " + std::to_string(a.dim(0)) + " and " + std::to_string(b.dim(0)), "equal ones, or one of 1");
  }
  plain(a.dtype(), std::array{std::max(a.dim(0), b.dim(0)), m, n}).encode(out);
}

void expect_channels(const RelayCall& call, std::int64_t data, std::int64_t weight_in, std::int64_t out,
                     std::int64_t groups) {
  if (groups < 1 || out % groups != 0) {
    call.fail(std::to_string(groups) + " groups", "a divisor of the " + std::to_string(out) + " output channels");
  }
  if (data != weight_in * groups) {
    call.fail(std::to_string(data) + " input channels", std::to_string(weight_in * groups) + " (" +
                                                            std::to_string(groups) + " groups of " +
                                                            std::to_string(weight_in) + ")");
  }
}

void conv1d(const RelayCall& call, DataWords& out) {
  call.expect(2, 0, 4);
  const TensorType x = call.kid(0, 3);
  const TensorType w = call.kid(1, 3);
  call.node().expect_equal_dtypes(x, w);
  const auto stride = call.extents(0, {1});
  const auto padding = call.extents(1, {0, 0});
  const std::int64_t groups = call.integer(2, 1);
  const auto dilation = call.extents(3, {1});
  expect_channels(call, x.dim(1), w.dim(1), w.dim(0), groups);
  const std::int64_t width = window_count(call, x.dim(2), {w.dim(2), stride[0], padding[0], padding[1], dilation[0]});
  plain(x.dtype(), std::array{x.dim(0), w.dim(0), width}).encode(out);
}

void conv2d(const RelayCall& call, DataWords& out) {
  call.expect(2, 2, 6);
  const TensorType x = call.kid(0, 4);
  const TensorType w = call.kid(1, 4);
  call.node().expect_equal_dtypes(x, w);
  const bool last = call.channels_last();
  const bool kernel_last = call.kernel_channels_last();
  const std::int64_t channels = w.dim(kernel_last ? 3 : 0);
  const std::size_t kernel = kernel_last ? 0 : 2;
  const auto stride = call.extents(0, {1, 1});
  const auto padding = call.extents(1, {0, 0, 0, 0});
  const std::int64_t stated = call.integer(3, 0);
  const auto stated_kernel = call.extents(4, {w.dim(kernel), w.dim(kernel + 1)});
  const auto dilation = call.extents(5, {1, 1});
  expect_channels(call, x.dim(last ? 3 : 1), w.dim(kernel_last ? 2 : 1), channels, call.integer(2, 1));
  if (stated != 0 && stated != channels) {
    call.fail(std::to_string(stated) + " stated channels", "the weight's " + std::to_string(channels));
  }
  AccessType result = plain(x.dtype(), x.dims());
  result.dim(last ? 3 : 1) = channels;
  for (std::size_t k = 0; k < 2; ++k) {
    if (stated_kernel[k] != w.dim(kernel + k)) {
      call.fail("a stated kernel of " + std::to_string(stated_kernel[k]),
                "the weight's " + std::to_string(w.dim(kernel + k)));
    }
    const std::size_t axis = (last ? 1 : 2) + k;
    result.dim(axis) =
        window_count(call, x.dim(axis), {w.dim(kernel + k), stride[k], padding[k], padding[k + 2], dilation[k]});
  }
  result.encode(out);
}

}  // namespace

void add_relay_network(RelayTable& rules) {
  rules.emplace("relay-max-pool2d", pool);
  rules.emplace("relay-avg-pool2d", pool);
  rules.emplace("relay-global-avg-pool2d", global_pool);
  rules.emplace("relay-global-max-pool2d", global_pool);
  rules.emplace("relay-upsampling", upsampling);
  rules.emplace("relay-dense", dense);
  rules.emplace("relay-batch-matmul", batch_matmul);
  rules.emplace("relay-conv1d", conv1d);
  rules.emplace("relay-conv2d", conv2d);
}

}  // namespace tessera::inference
