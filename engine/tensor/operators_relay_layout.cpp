// Types of opaque operators that reshape, select, join or reduce.
#include <algorithm>

#include "engine/tensor/operators_relay.hpp"

namespace tessera::inference {
namespace {

using Extents = std::vector<std::int64_t>;

Extents extents_of(const TensorType& x) { return {x.dims().begin(), x.dims().end()}; }

void finish(const TensorType& x, const Extents& dims, DataWords& out) { plain(x.dtype(), dims).encode(out); }

void batch_flatten(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 0);
  const TensorType x = call.kid(0);
  if (x.axes() == 0) call.fail("a scalar", "at least one axis");
  finish(x, {x.dim(0), product_of(x.dims().subspan(1))}, out);
}

void expand_dims(const RelayCall& call, DataWords& out) {
  call.expect(1, 1, 2);
  const TensorType x = call.kid(0);
  const std::int64_t count = call.integer(1, 1);
  if (count < 0 || count > kMaxAxes) call.fail(std::to_string(count) + " new axes", "0 or more, few");
  const auto added = static_cast<std::size_t>(count);
  std::int64_t axis = call.integer(0);
  // A negative axis counts from the end of the result's axes, where -1 is "after the last".
  const auto rank = static_cast<std::int64_t>(x.axes());
  if (axis < -rank - 1 || axis > rank) {
    call.fail("axis " + std::to_string(axis),
              "an axis from " + std::to_string(-rank - 1) + " to " + std::to_string(rank));
  }
  if (axis < 0) axis += rank + 1;
  Extents dims = extents_of(x);
  dims.insert(dims.begin() + axis, added, 1);
  finish(x, dims, out);
}

// The axes an optional attribute names: an integer, a shape, or all.
std::vector<bool> chosen_axes(const RelayCall& call, std::size_t attribute, std::size_t axes) {
  std::vector<bool> chosen(axes, !call.has(attribute));
  if (!call.has(attribute)) return chosen;
  if (call.attribute(attribute).kind == ValueKind::kInt) {
    chosen[call.axis(attribute, axes)] = true;
    return chosen;
  }
  for (const std::int64_t axis : call.extents(attribute)) chosen[call.normalized_axis(axis, axes)] = true;
  return chosen;
}

void squeeze(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 1);
  const TensorType x = call.kid(0);
  const std::vector<bool> chosen = chosen_axes(call, 0, x.axes());
  Extents dims;
  for (std::size_t k = 0; k < x.axes(); ++k) {
    if (chosen[k] && x.dim(k) == 1) continue;
    if (chosen[k] && call.has(0)) {
      call.fail("extent " + std::to_string(x.dim(k)) + " of axis " + std::to_string(k), "extent 1");
    }
    dims.push_back(x.dim(k));
  }
  finish(x, dims, out);
}

void reshape(const RelayCall& call, DataWords& out) {
  call.expect(1, 1, 1);
  const TensorType x = call.kid(0);
  const std::span<const std::int64_t> to = call.extents(0);
  Extents dims(to.begin(), to.end());
  std::optional<std::size_t> inferred;
  for (std::size_t k = 0; k < dims.size(); ++k) {
    if (dims[k] == 0 && k < x.axes()) dims[k] = x.dim(k);
    if (dims[k] == -1 && !inferred) {
      inferred = k;
      dims[k] = 1;
    }
    if (dims[k] < 1)
      call.fail(call.attribute(0).to_string(), "positive extents, at most one -1, 0 only for an axis that exists");
  }
  const std::int64_t elements = x.elements();
  const std::int64_t known = product_of(dims);
  if (inferred && elements % known == 0) dims[*inferred] = elements / known;
  if (product_of(dims) != elements) {
    call.fail(call.attribute(0).to_string(), std::to_string(elements) + " elements");
  }
  finish(x, dims, out);
}

void transpose(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 1);
  const TensorType x = call.kid(0);
  Extents dims = extents_of(x);
  if (!call.has(0)) {
    std::reverse(dims.begin(), dims.end());
    return finish(x, dims, out);
  }
  const std::span<const std::int64_t> order = call.extents(0);
  const std::string expected = "each of " + std::to_string(x.axes()) + " axes once";
  if (order.size() != x.axes()) call.fail(call.attribute(0).to_string(), expected);
  std::vector<bool> seen(x.axes());
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::size_t from = call.normalized_axis(order[k], x.axes());
    if (seen[from]) call.fail(call.attribute(0).to_string(), expected);
    seen[from] = true;
    dims[k] = x.dim(from);
  }
  finish(x, dims, out);
}

void concatenate(const RelayCall& call, DataWords& out) {
  call.expect_attributes(1, 1);
  const std::vector<TensorType> parts = call.list();
  Extents dims = extents_of(parts[0]);
  const std::size_t axis = call.axis(0, dims.size());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    bool fits = parts[i].axes() == dims.size();
    for (std::size_t k = 0; fits && k < dims.size(); ++k) fits = k == axis || parts[i].dim(k) == dims[k];
    if (!fits) {
      call.fail(extents_text(parts[i].dims()),
                extents_text(parts[0].dims()) + " except along axis " + std::to_string(axis));
    }
    dims[axis] += parts[i].dim(axis);
  }
  finish(parts[0], dims, out);
}

void stack(const RelayCall& call, DataWords& out) {
  call.expect_attributes(1, 1);
  const std::vector<TensorType> parts = call.list();
  for (const TensorType& part : parts) {
    if (!std::ranges::equal(part.dims(), parts[0].dims())) {
      call.fail(extents_text(part.dims()), extents_text(parts[0].dims()) + ", as the first");
    }
  }
  Extents dims = extents_of(parts[0]);
  const std::size_t axis = call.axis(0, dims.size() + 1);
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<std::int64_t>(parts.size()));
  finish(parts[0], dims, out);
}

void split(const RelayCall& call, DataWords& out) {
  call.expect(1, 1, 2);
  const TensorType x = call.kid(0);
  const std::size_t axis = call.axis(1, x.axes(), 0);
  const std::int64_t extent = x.dim(axis);
  Extents cuts;
  if (call.attribute(0).kind == ValueKind::kInt) {
    const std::int64_t sections = call.integer(0);
    if (sections < 1 || extent % sections != 0) {
      call.fail(std::to_string(sections) + " sections", "a divisor of extent " + std::to_string(extent));
    }
    for (std::int64_t i = 1; i < sections; ++i) cuts.push_back(i * (extent / sections));
  } else {
    const std::span<const std::int64_t> given = call.extents(0);
    cuts.assign(given.begin(), given.end());
  }
  cuts.push_back(extent);
  std::vector<DataWords> parts;
  std::int64_t low = 0;
  for (const std::int64_t high : cuts) {
    if (high <= low || high > extent) {
      call.fail("a cut at " + std::to_string(high), "increasing cuts inside extent " + std::to_string(extent));
    }
    AccessType part = plain(x.dtype(), x.dims());
    part.dim(axis) = high - low;
    part.encode(parts.emplace_back());
    low = high;
  }
  const std::vector<DataView> views(parts.begin(), parts.end());
  encode_tuple(views, out);
}

void strided_slice(const RelayCall& call, DataWords& out) {
  call.expect(1, 2, 3);
  const TensorType x = call.kid(0);
  const std::span<const std::int64_t> begin = call.extents(0);
  const std::span<const std::int64_t> end = call.extents(1);
  const Extents stride = call.extents(2, Extents(begin.size(), 1));
  if (begin.size() != end.size() || begin.size() > x.axes()) {
    call.fail(std::to_string(begin.size()) + " begins and " + std::to_string(end.size()) + " ends",
              "equally many, at most " + std::to_string(x.axes()));
  }
  Extents dims = extents_of(x);
  for (std::size_t k = 0; k < begin.size(); ++k) {
    const auto clamped = [&](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? at + dims[k] : at, 0, dims[k]);
    };
    const std::int64_t length = clamped(end[k]) - clamped(begin[k]);
    if (length < 1 || stride[k] < 1) {
      call.fail("range " + std::to_string(begin[k]) + " to " + std::to_string(end[k]) + " with stride " +
                    std::to_string(stride[k]) + " on extent " + std::to_string(dims[k]),
                "a range that is not empty and a positive stride");
    }
    dims[k] = (length - 1) / stride[k] + 1;
  }
  finish(x, dims, out);
}

void take(const RelayCall& call, DataWords& out) {
  call.expect(2, 0, 1);
  const TensorType x = call.kid(0);
  const TensorType indices = call.kid(1);
  Extents dims;
  std::size_t axis = 0;
  if (call.has(0)) {
    axis = call.axis(0, x.axes());
    dims.assign(x.dims().begin(), x.dims().begin() + static_cast<std::ptrdiff_t>(axis));
  }
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  if (call.has(0)) dims.insert(dims.end(), x.dims().begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.dims().end());
  finish(x, dims, out);
}

void pad(const RelayCall& call, DataWords& out) {
  call.expect(1, 1, 2);
  const TensorType x = call.kid(0);
  static_cast<void>(call.number(1, 0.0));
  const std::span<const std::int64_t> widths = call.extents(0);
  if (widths.size() != 2 * x.axes()) {
    call.fail(std::to_string(widths.size()) + " pad widths", std::to_string(2 * x.axes()) + ", two for each axis");
  }
  Extents dims = extents_of(x);
  for (std::size_t k = 0; k < dims.size(); ++k) {
    if (widths[2 * k] < 0 || widths[2 * k + 1] < 0) call.fail(call.attribute(0).to_string(), "pad widths of 0 or more");
    dims[k] += widths[2 * k] + widths[2 * k + 1];
  }
  finish(x, dims, out);
}

void reduce(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 2);
  const TensorType x = call.kid(0);
  const std::vector<bool> chosen = chosen_axes(call, 0, x.axes());
  const bool keep = call.integer(1, 0) != 0;
  Extents dims;
  for (std::size_t k = 0; k < x.axes(); ++k) {
    if (!chosen[k]) dims.push_back(x.dim(k));
    if (chosen[k] && keep) dims.push_back(1);
  }
  finish(x, dims, out);
}

}  // namespace

void add_relay_layout(RelayTable& rules) {
  rules.emplace("relay-batch-flatten", batch_flatten);
  rules.emplace("relay-expand-dims", expand_dims);
  rules.emplace("relay-squeeze", squeeze);
  rules.emplace("relay-reshape", reshape);
  rules.emplace("relay-transpose", transpose);
  rules.emplace("relay-concatenate", concatenate);
  rules.emplace("relay-stack", stack);
  rules.emplace("relay-split", split);
  rules.emplace("relay-strided-slice", strided_slice);
  rules.emplace("relay-take", take);
  rules.emplace("relay-pad", pad);
  for (const char* op : {"relay-mean", "relay-sum", "relay-max", "relay-min"}) rules.emplace(op, reduce);
}

}  // namespace tessera::inference
