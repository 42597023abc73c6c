// Types of the operators that rename, select or move elements, and which zero regions they carry. A region is carried
// only where every element of the result with that index is one of the operand's zeros; what is not certain is dropped.
#include <algorithm>
#include <array>

#include "engine/base/check.hpp"
#include "engine/tensor/operators.hpp"

namespace tessera::inference {
namespace {

void carry_all_axes(const TensorType& from, AccessType& to) { to.zero = from.zero_regions(); }

AccessType access(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const std::int64_t split = node.integer(0);
  if (split < 0 || split > static_cast<std::int64_t>(a.axes())) {
    node.fail("a split at " + std::to_string(split), "0 to " + std::to_string(a.axes()));
  }
  AccessType type(a);
  carry_all_axes(a, type);
  type.split = static_cast<std::size_t>(split);
  return type;
}

AccessType shift_right(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  if (a.split() == 0) node.fail("no shape axis", "at least one to move into the item");
  AccessType type(a);
  carry_all_axes(a, type);
  --type.split;
  return type;
}

AccessType transpose(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const std::span<const std::int64_t> order = node.extents(0);
  const std::string expected = "each of 0 to " + std::to_string(a.axes()) + " (exclusive) once";
  if (order.size() != a.axes()) node.fail("a list of " + std::to_string(order.size()) + " axes", expected);
  std::array<bool, kMaxAxes> seen{};
  AccessType type(a);
  const ZeroRegions zero = a.zero_regions();
  for (std::size_t axis = 0; axis < order.size(); ++axis) {
    const std::int64_t from = order[axis];
    if (from < 0 || from >= static_cast<std::int64_t>(a.axes()) || seen[static_cast<std::size_t>(from)]) {
      node.fail("axis " + std::to_string(from), expected);
    }
    const auto source = static_cast<std::size_t>(from);
    seen[source] = true;
    type.dim(axis) = a.dim(source);
    carry_axis(zero, from, 0, a.dim(source), 0, static_cast<std::int64_t>(axis), type.zero);
  }
  return type;
}

// Carries the axes that survive a row-major reshape whole: equal extents with equal products of extents before them.
void carry_whole_axes(const TensorType& a, AccessType& to) {
  const ZeroRegions zero = a.zero_regions();
  if (zero.empty()) return;
  std::int64_t before_from = 1;
  std::size_t axis = 0;
  std::int64_t before_to = 1;
  for (std::size_t from = 0; from < a.axes(); ++from) {
    while (axis < to.axes() && (before_to < before_from || (to.dim(axis) == 1 && a.dim(from) != 1))) {
      before_to *= to.dim(axis++);
    }
    if (axis < to.axes() && before_to == before_from && to.dim(axis) == a.dim(from)) {
      carry_axis(zero, static_cast<std::int64_t>(from), 0, a.dim(from), 0, static_cast<std::int64_t>(axis), to.zero);
    }
    before_from *= a.dim(from);
  }
}

AccessType reshape(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const Value& to = node.access_shape(0);
  if (product_of(to.shape_dims()) != product_of(a.shape()) || product_of(to.item_dims()) != product_of(a.item())) {
    node.fail("products " + std::to_string(product_of(a.shape())) + " and " + std::to_string(product_of(a.item())) +
                  " of shape and item to become " + std::to_string(product_of(to.shape_dims())) + " and " +
                  std::to_string(product_of(to.item_dims())),
              "both products to stay");
  }
  AccessType type(a.dtype(), to.dims(), to.split);
  carry_whole_axes(a, type);
  return type;
}

AccessType flatten(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  AccessType type(a.dtype(), {}, a.shape().empty() ? 0 : 1);
  if (!a.shape().empty()) type.append(product_of(a.shape()));
  if (!a.item().empty()) type.append(product_of(a.item()));
  carry_whole_axes(a, type);
  return type;
}

AccessType squeeze(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const std::size_t axis = node.axis(0, a.axes());
  if (a.dim(axis) != 1) {
    node.fail("extent " + std::to_string(a.dim(axis)) + " of axis " + std::to_string(axis), "extent 1");
  }
  AccessType type(a);
  type.erase(axis);
  if (axis < a.split()) --type.split;
  for (ZeroRegion region : a.zero_regions()) {
    const auto from = static_cast<std::size_t>(region.axis);
    if (from == axis) continue;  // then all axes are zero throughout, and say so
    if (from > axis) --region.axis;
    type.zero.push_back(region);
  }
  return type;
}

AccessType insert_axis(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const std::size_t axis = node.axis(0, a.axes() + 1);
  AccessType type(a);
  type.insert(axis, 1);
  if (axis <= a.split()) ++type.split;
  for (ZeroRegion region : a.zero_regions()) {
    if (static_cast<std::size_t>(region.axis) >= axis) ++region.axis;
    type.zero.push_back(region);
  }
  return type;
}

AccessType broadcast(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const Value& to = node.access_shape(0);
  const std::span<const std::int64_t> dims = to.dims();
  bool fits = dims.size() == a.axes();
  for (std::size_t axis = 0; fits && axis < dims.size(); ++axis) fits = a.dim(axis) == 1 || a.dim(axis) == dims[axis];
  if (!fits) node.fail(to.to_string(), "as many axes, each extent equal to the operand's or the operand's 1");
  AccessType type(a.dtype(), dims, to.split);
  for (ZeroRegion region : a.zero_regions()) {
    const auto axis = static_cast<std::size_t>(region.axis);
    if (a.dim(axis) == 1) region.high = dims[axis];
    type.zero.push_back(region);
  }
  return type;
}

AccessType slice(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const std::size_t axis = node.axis(0, a.axes());
  const std::int64_t low = node.integer(1);
  const std::int64_t high = node.integer(2);
  if (low < 0 || low >= high || high > a.dim(axis)) {
    node.fail("the range " + std::to_string(low) + " to " + std::to_string(high) + " of axis " + std::to_string(axis),
              "0 <= low < high <= " + std::to_string(a.dim(axis)));
  }
  AccessType type(a);
  type.dim(axis) = high - low;
  for (const ZeroRegion& region : a.zero_regions()) {
    if (static_cast<std::size_t>(region.axis) != axis) type.zero.push_back(region);
  }
  carry_axis(a.zero_regions(), static_cast<std::int64_t>(axis), low, high, -low, static_cast<std::int64_t>(axis),
             type.zero);
  return type;
}

AccessType concatenate(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const TensorType b = node.kid(1);
  node.expect_equal_dtypes(a, b);
  const std::size_t axis = node.axis(0, a.axes());
  bool fits = a.axes() == b.axes() && a.split() == b.split();
  for (std::size_t k = 0; fits && k < a.axes(); ++k) fits = k == axis || a.dim(k) == b.dim(k);
  if (!fits) {
    node.fail(shape_text(a.dims(), a.split()) + " and " + shape_text(b.dims(), b.split()),
              "equal splits, and equal extents except along axis " + std::to_string(axis));
  }
  AccessType type(a);
  type.dim(axis) = a.dim(axis) + b.dim(axis);
  const ZeroRegions zero_a = a.zero_regions();
  const ZeroRegions zero_b = b.zero_regions();
  for (std::size_t k = 0; k < a.axes(); ++k) {
    const auto at = static_cast<std::int64_t>(k);
    if (k != axis) {
      carry_common(zero_a, at, zero_b, at, at, type.zero);
      continue;
    }
    carry_axis(zero_a, at, 0, a.dim(k), 0, at, type.zero);
    carry_axis(zero_b, at, 0, b.dim(k), a.dim(k), at, type.zero);
  }
  return type;
}

AccessType pad(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  if (node.name(0).text() != "zero-padding") {
    node.fail("padding '" + std::string(node.name(0).text()) + "'", "zero-padding");
  }
  const std::size_t axis = node.axis(1, a.axes());
  const std::int64_t before = node.integer(2);
  const std::int64_t after = node.integer(3);
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  if (before < 0 || after < 0 || before > kMost || after > kMost) {
    node.fail("paddings " + std::to_string(before) + " and " + std::to_string(after), "0 or more, at most 2^40");
  }
  AccessType type(a);
  const std::int64_t extent = a.dim(axis);
  const auto at = static_cast<std::int64_t>(axis);
  type.dim(axis) = before + extent + after;
  for (ZeroRegion region : a.zero_regions()) {
    if (region.axis == at) {
      region.low += before;
      region.high += before;
    }
    type.zero.push_back(region);
  }
  type.zero.push_back({at, 0, before});
  type.zero.push_back({at, before + extent, before + extent + after});
  return type;
}

AccessType windows(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const std::span<const std::int64_t> extent = node.extents(0);
  const std::span<const std::int64_t> stride = node.extents(1);
  const std::size_t axes = a.item().size();
  if (extent.size() != axes || stride.size() != axes) {
    node.fail(
        "windows of " + std::to_string(extent.size()) + " axes with " + std::to_string(stride.size()) + " strides",
        std::to_string(axes) + " of each, one for each item axis");
  }
  AccessType type(a.dtype(), a.shape(), a.split() + axes);
  for (std::size_t k = 0; k < axes; ++k) {
    if (extent[k] < 1 || extent[k] > a.item()[k] || stride[k] < 1) {
      node.fail("a window of " + std::to_string(extent[k]) + " with stride " + std::to_string(stride[k]) +
                    " on item axis " + std::to_string(k),
                "a window of 1 to " + std::to_string(a.item()[k]) + " and a stride of 1 or more");
    }
    type.append((a.item()[k] - extent[k]) / stride[k] + 1);
  }
  type.append(extent);
  return type;
}

// Stacks an item of a on an item of b. An axis of the item is zero where it is in both; a shape axis only says which
// item of one operand is meant, and the other operand's is still there.
AccessType cartesian_product(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const TensorType b = node.kid(1);
  node.expect_equal_dtypes(a, b);
  if (!std::ranges::equal(a.item(), b.item())) {
    node.fail("item shapes " + extents_text(a.item()) + " and " + extents_text(b.item()), "equal item shapes");
  }
  AccessType type(a.dtype(), a.shape(), a.split() + b.split());
  type.append(b.shape());
  type.append(2);
  type.append(a.item());
  const ZeroRegions zero_a = a.zero_regions();
  const ZeroRegions zero_b = b.zero_regions();
  for (std::size_t k = 0; k < a.item().size(); ++k) {
    carry_common(zero_a, static_cast<std::int64_t>(a.split() + k), zero_b, static_cast<std::int64_t>(b.split() + k),
                 static_cast<std::int64_t>(a.split() + b.split() + 1 + k), type.zero);
  }
  return type;
}

AccessType pair(const NodeTypes& node) {
  const TensorType a = node.kid(0);
  const TensorType b = node.kid(1);
  node.expect_equal_dtypes(a, b);
  if (a.split() != b.split() || !std::ranges::equal(a.dims(), b.dims())) {
    node.fail(shape_text(a.dims(), a.split()) + " and " + shape_text(b.dims(), b.split()),
              "equal shapes and equal item shapes");
  }
  AccessType type(a);
  type.insert(a.split(), 2);
  const ZeroRegions zero_a = a.zero_regions();
  const ZeroRegions zero_b = b.zero_regions();
  for (std::size_t k = 0; k < a.axes(); ++k) {
    const auto from = static_cast<std::int64_t>(k);
    carry_common(zero_a, from, zero_b, from, k < a.split() ? from : from + 1, type.zero);
  }
  return type;
}

AccessType constant_tensor(const NodeTypes& node) {
  const std::span<const std::int64_t> dims = node.extents(1);
  for (const std::int64_t extent : dims) {
    if (extent < 1) node.fail("an extent of " + std::to_string(extent), "extents of 1 or more");
  }
  return {DType::kFloat32, dims, 0};
}

void construct_tuple(const NodeTypes& node, DataWords& out) {
  if (!node.attributes().empty()) node.fail(node.attributes()[0].to_string(), "operands only");
  std::vector<DataView> parts;
  for (std::size_t i = 0; i < node.arity(); ++i) parts.push_back(node.any_kid(i).words());
  encode_tuple(parts, out);
}

void tuple_get_item(const NodeTypes& node, DataWords& out) {
  node.expect_arity(1);
  const TensorType tuple = node.any_kid(0);
  if (!tuple.is_tuple()) node.fail("an access", "a tuple");
  const std::int64_t index = node.integer(0);
  if (index < 0 || index >= static_cast<std::int64_t>(tuple.part_count())) {
    node.fail("item " + std::to_string(index), "an item from 0 to below " + std::to_string(tuple.part_count()));
  }
  const DataView part = tuple.part(static_cast<std::size_t>(index));
  out.assign(part.begin(), part.end());
}

AccessType infer(TensorOperator op, const NodeTypes& node) {
  const bool two =
      op == TensorOperator::kConcatenate || op == TensorOperator::kCartesianProduct || op == TensorOperator::kPair;
  const bool none = op == TensorOperator::kLiteral || op == TensorOperator::kConstantTensor;
  node.expect_arity(none ? 0 : (two ? 2 : 1));
  switch (op) {
    case TensorOperator::kAccess:
      return access(node);
    case TensorOperator::kTranspose:
      return transpose(node);
    case TensorOperator::kReshape:
      return reshape(node);
    case TensorOperator::kFlatten:
      return flatten(node);
    case TensorOperator::kSqueeze:
      return squeeze(node);
    case TensorOperator::kInsertAxis:
      return insert_axis(node);
    case TensorOperator::kBroadcast:
      return broadcast(node);
    case TensorOperator::kSlice:
      return slice(node);
    case TensorOperator::kConcatenate:
      return concatenate(node);
    case TensorOperator::kPad:
      return pad(node);
    case TensorOperator::kWindows:
      return windows(node);
    case TensorOperator::kCartesianProduct:
      return cartesian_product(node);
    case TensorOperator::kPair:
      return pair(node);
    case TensorOperator::kShiftRight:
      return shift_right(node);
    case TensorOperator::kLiteral:
      return {DType::kFloat32, {}, 0};
    case TensorOperator::kConstantTensor:
      return constant_tensor(node);
    default:
      CHECK(false);
  }
}

}  // namespace

void infer_access(TensorOperator op, const NodeTypes& node, DataWords& out) {
  if (op == TensorOperator::kConstructTuple) return construct_tuple(node, out);
  if (op == TensorOperator::kTupleGetItem) return tuple_get_item(node, out);
  infer(op, node).encode(out);
}

}  // namespace tessera::inference
