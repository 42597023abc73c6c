// Types of `compute` and of the systolic arrays. Whatever happened to the operand's zero regions inside a sum is
// dropped.
#include <algorithm>

#include "engine/base/check.hpp"
#include "engine/tensor/operators.hpp"

namespace tessera::inference {
namespace {

AccessType compute(const NodeTypes& node) {
  node.expect_arity(1);
  const std::string_view type = node.name(0).text();
  const TensorType a = node.kid(0);
  if (type == "dot-product" || type.starts_with("elementwise-")) {
    const bool known =
        type == "dot-product" || type == "elementwise-add" || type == "elementwise-mul" || type == "elementwise-div";
    if (known && a.item().empty()) node.fail("a scalar item", "an item [n …] of n stacked tensors");
    if (known) {
      AccessType result(a.dtype(), a.shape(), a.split());
      if (type != "dot-product") result.append(a.item().subspan(1));
      return result;
    }
  }
  if (type == "reduce-sum" || type == "reduce-max" || type == "reduce-mean") {
    return {a.dtype(), a.shape(), a.split()};
  }
  if (type == "relu" || type == "sqrt" || type == "negative") return AccessType(a);
  if (type == "softmax") {
    if (a.item().size() != 1)
      node.fail("an item of " + std::to_string(a.item().size()) + " axes", "an item of one axis");
    return AccessType(a);
  }
  std::string expected;
  for (const std::string_view known : compute_types()) expected += (expected.empty() ? "" : ", ") + std::string(known);
  node.fail("compute type '" + std::string(type) + "'", "one of " + expected);
}

void expect_array(const NodeTypes& node, std::int64_t rows, std::int64_t columns) {
  if (rows < 1 || columns < 1) {
    node.fail("an array of " + std::to_string(rows) + "x" + std::to_string(columns), "at least 1x1");
  }
}

// a: [M][K] or [][K]; b: [][K N]; result [M N][] or [N][].
AccessType multiply(const NodeTypes& node, bool blocking) {
  node.expect_arity(2);
  const std::int64_t rows = node.integer(0);
  const std::int64_t columns = node.integer(1);
  expect_array(node, rows, columns);
  const TensorType a = node.kid(0);
  const TensorType b = node.kid(1);
  node.expect_equal_dtypes(a, b);
  if (a.split() > 1 || a.item().size() != 1) {
    node.fail("streamed operand " + shape_text(a.dims(), a.split()), "[M][K] or [][K]");
  }
  if (b.split() != 0 || b.axes() != 2) {
    node.fail("stationary operand " + shape_text(b.dims(), b.split()), "[][K N]");
  }
  const std::int64_t depth = a.item()[0];
  if (depth != b.dim(0)) {
    node.fail("summed extents " + std::to_string(depth) + " and " + std::to_string(b.dim(0)), "equal ones");
  }
  const bool fits = blocking ? depth % rows == 0 && b.dim(1) % columns == 0 : depth == rows && b.dim(1) == columns;
  if (!fits) {
    node.fail("a stationary operand of " + std::to_string(depth) + " by " + std::to_string(b.dim(1)),
              (blocking ? "multiples of " : "exactly ") + std::to_string(rows) + " by " + std::to_string(columns));
  }
  AccessType result(a.dtype(), a.shape(), a.split() + 1);
  result.append(b.dim(1));
  return result;
}

// Weights OIHW (HWIO) and padded data NCHW (NHWC), of any split; attributes R C kh kw sh sw. Result [N O h w][]
// ([N h w O][]).
AccessType convolution(const NodeTypes& node, bool channels_last) {
  node.expect_arity(2);
  expect_array(node, node.integer(0), node.integer(1));
  const TensorType weights = node.kid(0);
  const TensorType data = node.kid(1);
  node.expect_equal_dtypes(weights, data);
  if (weights.axes() != 4 || data.axes() != 4) {
    node.fail(std::to_string(weights.axes()) + " and " + std::to_string(data.axes()) + " axes",
              "weights and data of 4 axes each");
  }
  const std::size_t out = channels_last ? 3 : 0;
  const std::size_t in = channels_last ? 2 : 1;
  const std::size_t kernel = channels_last ? 0 : 2;
  const std::size_t channel = channels_last ? 3 : 1;
  const std::size_t space = channels_last ? 1 : 2;
  if (weights.dim(in) != data.dim(channel)) {
    node.fail(std::to_string(weights.dim(in)) + " and " + std::to_string(data.dim(channel)) + " input channels",
              "equal numbers");
  }
  if (weights.dim(in) % node.integer(0) != 0 || weights.dim(out) % node.integer(1) != 0) {
    node.fail(std::to_string(weights.dim(in)) + " input and " + std::to_string(weights.dim(out)) + " output channels",
              "multiples of " + std::to_string(node.integer(0)) + " and " + std::to_string(node.integer(1)));
  }
  std::int64_t extent[2];
  for (std::size_t k = 0; k < 2; ++k) {
    const std::int64_t size = weights.dim(kernel + k);
    const std::int64_t stride = node.integer(4 + k);
    if (size != node.integer(2 + k) || stride < 1 || size > data.dim(space + k)) {
      node.fail("a kernel of " + std::to_string(size) + " with stride " + std::to_string(stride) + " on extent " +
                    std::to_string(data.dim(space + k)),
                "the kernel to have the stated " + std::to_string(node.integer(2 + k)) +
                    ", to fit, and a stride of 1 or more");
    }
    extent[k] = (data.dim(space + k) - size) / stride + 1;
  }
  const std::int64_t channels = weights.dim(out);
  const std::int64_t nchw[] = {data.dim(0), channels, extent[0], extent[1]};
  const std::int64_t nhwc[] = {data.dim(0), extent[0], extent[1], channels};
  return {data.dtype(), channels_last ? nhwc : nchw, 4};
}

AccessType infer(TensorOperator op, const NodeTypes& node) {
  switch (op) {
    case TensorOperator::kCompute:
      return compute(node);
    case TensorOperator::kSystolicArray:
      return multiply(node, false);
    case TensorOperator::kSystolicArrayWithBlocking:
      return multiply(node, true);
    case TensorOperator::kSystolicConv2dNchw:
      return convolution(node, false);
    case TensorOperator::kSystolicConv2dNhwc:
      return convolution(node, true);
    default:
      CHECK(false);
  }
}

}  // namespace

void infer_compute(TensorOperator op, const NodeTypes& node, DataWords& out) { infer(op, node).encode(out); }

}  // namespace tessera::inference
