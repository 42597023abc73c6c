// Operators of Relay that move, cut, join or reduce axes.
#include <algorithm>
#include <limits>
#include <string>

#include "io/relay_operators.hpp"

namespace tessera {
namespace {

using Dims = std::vector<std::int64_t>;

std::int64_t product(const Dims& dims) {
  std::int64_t result = 1;
  for (const std::int64_t d : dims) result *= d;
  return result;
}

std::size_t index(std::int64_t axis) { return static_cast<std::size_t>(axis); }

RelayLowering start(const RelayCall& call, std::string op) {
  RelayLowering result;
  result.op = std::move(op);
  result.type = call.tensor(0);
  return result;
}

// Axes given by a list, each in range, none twice; non-negative and in the order given.
Dims axes_of(const RelayCall& call, std::string_view attribute, std::size_t count) {
  Dims axes = call.integers(attribute);
  std::vector<bool> seen(count, false);
  const auto n = static_cast<std::int64_t>(count);
  for (std::int64_t& axis : axes) {
    if (axis < -n || axis >= n) {
      call.fail_at(attribute,
                   "axis " + std::to_string(axis) + " does not exist: the operand has " + std::to_string(count));
    }
    if (axis < 0) axis += n;
    if (seen[index(axis)]) call.fail_at(attribute, "axis " + std::to_string(axis) + " is given twice");
    seen[index(axis)] = true;
  }
  return axes;
}

RelayLowering batch_flatten(const RelayCall& call) {
  RelayLowering result = start(call, "relay-batch-flatten");
  const Dims dims = result.type.dims;
  if (dims.empty()) call.fail("expected at least one axis, found a scalar");
  result.type.dims = {dims[0], product({dims.begin() + 1, dims.end()})};
  return result;
}

RelayLowering expand_dims(const RelayCall& call) {
  RelayLowering result = start(call, "relay-expand-dims");
  Dims& dims = result.type.dims;
  const std::int64_t count = call.integer("num_newaxis", 1);
  if (count < 1 || count > Value::kMaxDims) {
    call.fail_at("num_newaxis",
                 "expected 1 to " + std::to_string(Value::kMaxDims) + ", found " + std::to_string(count));
  }
  const auto rank = static_cast<std::int64_t>(dims.size());
  std::int64_t axis = call.integer("axis");
  if (axis < -(rank + 1) || axis > rank) {
    call.fail_at("axis", "expected -" + std::to_string(rank + 1) + " to " + std::to_string(rank) + ", found " +
                             std::to_string(axis));
  }
  // Relay: a negative axis is an insertion point counted from the end, -1 being behind the last axis.
  if (axis < 0) axis += rank + 1;
  dims.insert(dims.begin() + axis, index(count), 1);
  result.attributes = {Value::integer(axis)};
  if (count != 1) result.attributes.push_back(Value::integer(count));
  return result;
}

RelayLowering squeeze(const RelayCall& call) {
  RelayLowering result = start(call, "relay-squeeze");
  const Dims dims = result.type.dims;
  Dims axes;
  if (call.has("axis")) {
    axes = axes_of(call, "axis", dims.size());
    std::sort(axes.begin(), axes.end());
    result.attributes = {Value::shape(axes)};
  } else {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] == 1) axes.push_back(static_cast<std::int64_t>(i));
    }
  }
  result.type.dims.clear();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) == axes.end()) {
      result.type.dims.push_back(dims[i]);
    } else if (dims[i] != 1) {
      call.fail_at("axis", "axis " + std::to_string(i) + " of " + call.tensor(0).to_string() +
                               " cannot be squeezed: expected extent 1, found " + std::to_string(dims[i]));
    }
  }
  return result;
}

RelayLowering reshape(const RelayCall& call) {
  RelayLowering result = start(call, "relay-reshape");
  const Dims from = result.type.dims;
  const Dims wanted = call.integers("newshape");
  if (call.boolean("allowzero", false)) call.fail_at("allowzero", "only False is supported");
  Dims to;
  std::size_t inferred = wanted.size();
  std::int64_t known = 1;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::int64_t extent = wanted[i];
    if (extent < -1) {
      call.fail_at("newshape", "found " + std::to_string(extent) + ", expected extents, 0 (copy) or one -1 (infer)");
    }
    if (extent == 0) {
      if (i >= from.size()) call.fail_at("newshape", "0 at place " + std::to_string(i) + " has no extent to copy");
      extent = from[i];
    }
    if (extent == -1) {
      if (inferred != wanted.size()) call.fail_at("newshape", "found -1 twice, expected it once");
      inferred = i;
      extent = 1;
    }
    if (extent > kMaxRelayInteger / known) call.fail_at("newshape", "more than 2^40 elements");
    known *= extent;
    to.push_back(extent);
  }
  const std::int64_t elements = product(from);
  if (inferred != wanted.size() && elements % known == 0) {
    to[inferred] = elements / known;
    known = elements;
  }
  if (known != elements) {
    call.fail_at("newshape", "expected " + std::to_string(elements) + " elements as in " + call.tensor(0).to_string() +
                                 ", found a shape of " + std::to_string(known));
  }
  result.type.dims = to;
  result.attributes = {Value::shape(to)};
  return result;
}

RelayLowering transpose(const RelayCall& call) {
  RelayLowering result = start(call, "relay-transpose");
  const Dims from = result.type.dims;
  Dims axes;
  if (call.has("axes") && !call.integers("axes").empty()) {
    axes = axes_of(call, "axes", from.size());
    if (axes.size() != from.size()) {
      call.fail_at("axes", "expected " + std::to_string(from.size()) + " axes, found " + std::to_string(axes.size()));
    }
  } else {
    for (std::size_t i = from.size(); i > 0; --i) axes.push_back(static_cast<std::int64_t>(i - 1));
  }
  for (std::size_t i = 0; i < from.size(); ++i) result.type.dims[i] = from[index(axes[i])];
  result.attributes = {Value::list(axes)};
  return result;
}

// The operands of concatenate and stack: the fields of one tuple.
const std::vector<RelayType>& tuple_fields(const RelayCall& call) {
  const RelayType& tuple = call.argument(0);
  if (!tuple.is_tuple) call.fail("expected a tuple of tensors, found " + tuple.to_string());
  if (tuple.fields.empty()) call.fail("expected at least one tensor, found an empty tuple");
  for (const RelayType& field : tuple.fields) {
    if (field.is_tuple) call.fail("expected a tuple of tensors, found a tuple within the tuple");
    if (field.dtype != tuple.fields[0].dtype || field.dims.size() != tuple.fields[0].dims.size()) {
      call.fail("operands do not fit: found " + tuple.fields[0].to_string() + " and " + field.to_string());
    }
  }
  return tuple.fields;
}

RelayLowering concatenate(const RelayCall& call) {
  const std::vector<RelayType>& fields = tuple_fields(call);
  RelayLowering result;
  result.op = "relay-concatenate";
  result.type = fields[0];
  const std::int64_t axis = call.axis("axis", 0, fields[0].dims.size());
  result.type.dims[index(axis)] = 0;
  for (const RelayType& field : fields) {
    Dims other = field.dims;
    other[index(axis)] = fields[0].dims[index(axis)];
    if (other != fields[0].dims) {
      call.fail("operands do not fit: found " + fields[0].to_string() + " and " + field.to_string() +
                ", expected equal extents on all axes but " + std::to_string(axis));
    }
    result.type.dims[index(axis)] += field.dims[index(axis)];
  }
  result.attributes = {Value::integer(axis)};
  return result;
}

RelayLowering stack(const RelayCall& call) {
  const std::vector<RelayType>& fields = tuple_fields(call);
  for (const RelayType& field : fields) {
    if (field.dims != fields[0].dims) {
      call.fail("operands do not fit: found " + fields[0].to_string() + " and " + field.to_string() +
                ", expected equal extents");
    }
  }
  RelayLowering result;
  result.op = "relay-stack";
  result.type = fields[0];
  const std::int64_t axis = call.axis("axis", 0, fields[0].dims.size() + 1);
  result.type.dims.insert(result.type.dims.begin() + axis, static_cast<std::int64_t>(fields.size()));
  result.attributes = {Value::integer(axis)};
  return result;
}

RelayLowering split(const RelayCall& call) {
  const RelayType& data = call.tensor(0);
  const std::int64_t axis = call.axis("axis", 0, data.dims.size());
  const std::int64_t extent = data.dims[index(axis)];
  RelayLowering result;
  result.form = RelayForm::kSplit;
  result.op = "relay-split";
  Dims cuts = call.integers("indices_or_sections");
  const bool is_number = !call.is_list("indices_or_sections");
  if (is_number) {
    const std::int64_t sections = cuts[0];
    if (sections < 1 || extent % sections != 0 || sections > kMaxSections) {
      call.fail_at("indices_or_sections", "expected a divisor of " + std::to_string(extent) + " (at most " +
                                              std::to_string(kMaxSections) + "), found " + std::to_string(sections));
    }
    result.attributes = {Value::integer(sections)};
    cuts.clear();
    for (std::int64_t i = 1; i < sections; ++i) cuts.push_back(i * (extent / sections));
  } else {
    result.attributes = {Value::shape(cuts)};
  }
  if (axis != 0) result.attributes.push_back(Value::integer(axis));
  result.type.is_tuple = true;
  cuts.push_back(extent);
  std::int64_t low = 0;
  for (const std::int64_t high : cuts) {
    if (high <= low || high > extent) {
      call.fail_at("indices_or_sections", "expected increasing positions within the extent " + std::to_string(extent) +
                                              ", found " + std::to_string(high));
    }
    RelayType field = data;
    field.dims[index(axis)] = high - low;
    result.type.fields.push_back(std::move(field));
    low = high;
  }
  return result;
}

RelayLowering strided_slice(const RelayCall& call) {
  RelayLowering result = start(call, "relay-strided-slice");
  Dims& dims = result.type.dims;
  const Dims from = dims;
  const std::string mode = call.text("slice_mode", "end");
  if (mode != "end" && mode != "size")
    call.fail_at("slice_mode", "expected \"end\" or \"size\", found \"" + mode + "\"");
  const Dims begin = call.integers("begin");
  const Dims end = call.integers("end");
  const Dims strides = call.integers("strides", Dims{1});
  Dims axes;
  if (call.has("axes")) {
    axes = axes_of(call, "axes", from.size());
  } else {
    for (std::size_t i = 0; i < begin.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (begin.size() != end.size() || begin.size() != axes.size() || begin.size() > from.size() ||
      (strides.size() != 1 && strides.size() != begin.size())) {
    call.fail(
        "expected as many numbers in 'begin' as in 'end' (and one stride for each, or one), at most one for each "
        "of the operand's " +
        std::to_string(from.size()) + " axes");
  }
  // Written out for every axis up to the last one sliced, with bounds clamped.
  std::size_t last = 0;
  for (const std::int64_t axis : axes) last = std::max(last, index(axis) + 1);
  Dims low(last, 0);
  Dims high(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(last));
  Dims step(last, 1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = index(axes[i]);
    const std::int64_t extent = from[axis];
    const std::int64_t stride = mode == "size" ? 1 : strides[strides.size() == 1 ? 0 : i];
    if (stride < 1) call.fail_at("strides", "expected positive strides, found " + std::to_string(stride));
    std::int64_t lo = begin[i] < 0 ? begin[i] + extent : begin[i];
    std::int64_t hi = end[i] < 0 ? end[i] + extent : end[i];
    if (mode == "size") hi = end[i] < 0 ? extent : lo + end[i];
    lo = std::clamp<std::int64_t>(lo, 0, extent);
    hi = std::clamp<std::int64_t>(hi, 0, extent);
    if (lo >= hi) call.fail("axis " + std::to_string(axis) + ": the slice is empty");
    low[axis] = lo;
    high[axis] = hi;
    step[axis] = stride;
    dims[axis] = (hi - lo + stride - 1) / stride;
  }
  result.attributes = {Value::shape(low), Value::shape(high)};
  if (std::any_of(step.begin(), step.end(), [](std::int64_t s) { return s != 1; })) {
    result.attributes.push_back(Value::shape(step));
  }
  return result;
}

RelayLowering take(const RelayCall& call) {
  RelayLowering result = start(call, "relay-take");
  const RelayType& indices = call.tensor(1);
  if (indices.dtype.starts_with("float")) call.fail("expected integer indices, found " + indices.to_string());
  if (call.integer("batch_dims", 0) != 0) call.fail_at("batch_dims", "only 0 is supported");
  call.only("mode", "clip");
  if (!call.has("axis")) {
    result.type.dims = indices.dims;
    return result;
  }
  const std::int64_t axis = call.axis("axis", std::nullopt, result.type.dims.size());
  Dims& dims = result.type.dims;
  dims.erase(dims.begin() + axis);
  dims.insert(dims.begin() + axis, indices.dims.begin(), indices.dims.end());
  result.attributes = {Value::integer(axis)};
  return result;
}

RelayLowering pad(const RelayCall& call) {
  RelayLowering result = start(call, "relay-pad");
  call.only("pad_mode", "constant");
  double value = call.number("pad_value", 0);
  if (call.size() == 2) {
    const std::optional<double> literal = call.literal(1);
    if (!literal) call.fail("the pad value: expected a literal, found an expression");
    value = *literal;
  }
  const Dims widths = call.integers("pad_width");
  Dims& dims = result.type.dims;
  if (widths.size() != 2 * dims.size()) {
    call.fail_at("pad_width", "expected a pair of numbers for each of " + std::to_string(dims.size()) +
                                  " axes, found " + std::to_string(widths.size()) + " numbers");
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] < 0) call.fail_at("pad_width", "expected no negative number, found " + std::to_string(widths[i]));
    dims[i / 2] += widths[i];
  }
  result.attributes = {Value::shape(widths)};
  if (value != 0) result.attributes.push_back(Value::literal(value));
  result.children = 1;
  return result;
}

RelayLowering reduce(const RelayCall& call) {
  RelayLowering result = start(call, "relay-" + call.name());
  const Dims from = result.type.dims;
  const bool keep = call.boolean("keepdims", false);
  Dims axes;
  if (call.has("axis")) axes = axes_of(call, "axis", from.size());
  if (call.boolean("exclude", false)) {
    Dims others;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto axis = static_cast<std::int64_t>(i);
      if (std::find(axes.begin(), axes.end(), axis) == axes.end()) others.push_back(axis);
    }
    axes = others;
  } else if (axes.empty()) {
    for (std::size_t i = 0; i < from.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  std::sort(axes.begin(), axes.end());
  result.type.dims.clear();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) != axes.end();
    if (!reduced) result.type.dims.push_back(from[i]);
    if (reduced && keep) result.type.dims.push_back(1);
  }
  result.attributes = {Value::shape(axes)};
  if (keep) result.attributes.push_back(Value::boolean(true));
  return result;
}

}  // namespace

std::span<const RelayOperator> relay_shape_operators() {
  static const std::vector<RelayOperator> table = {
      {"nn.batch_flatten", 1, 1, {}, batch_flatten},
      {"expand_dims", 1, 1, {"axis", "num_newaxis"}, expand_dims},
      {"squeeze", 1, 1, {"axis"}, squeeze},
      {"reshape", 1, 1, {"newshape", "allowzero"}, reshape},
      {"transpose", 1, 1, {"axes"}, transpose},
      {"concatenate", 1, 1, {"axis"}, concatenate},
      {"stack", 1, 1, {"axis"}, stack},
      {"split", 1, 1, {"indices_or_sections", "axis"}, split},
      {"strided_slice", 1, 1, {"begin", "end", "strides", "slice_mode", "axes"}, strided_slice},
      {"take", 2, 2, {"axis", "batch_dims", "mode"}, take},
      {"nn.pad", 1, 2, {"pad_width", "pad_mode", "pad_value"}, pad},
      {"mean", 1, 1, {"axis", "keepdims", "exclude"}, reduce},
      {"sum", 1, 1, {"axis", "keepdims", "exclude"}, reduce},
      {"max", 1, 1, {"axis", "keepdims", "exclude"}, reduce},
      {"min", 1, 1, {"axis", "keepdims", "exclude"}, reduce},
  };
  return table;
}

}  // namespace tessera
