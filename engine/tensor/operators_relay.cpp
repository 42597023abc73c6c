#include "engine/tensor/operators_relay.hpp"

#include <algorithm>

#include "engine/base/error.hpp"

namespace tessera {
namespace inference {
namespace {

const RelayTable& table() {
  static const RelayTable rules = [] {
    RelayTable all;
    add_relay_elementwise(all);
    add_relay_network(all);
    add_relay_layout(all);
    return all;
  }();
  return rules;
}

void same(const RelayCall& call, DataWords& out) { plain(call.kid(0).dtype(), call.kid(0).dims()).encode(out); }

// Extents aligned at the end; each pair equal or one of the two 1.
void broadcast(const RelayCall& call, DataWords& out) {
  call.expect(2, 0, 0);
  const TensorType a = call.kid(0);
  const TensorType b = call.kid(1);
  call.node().expect_equal_dtypes(a, b);
  const bool a_longer = a.axes() >= b.axes();
  const std::span<const std::int64_t> longer = a_longer ? a.dims() : b.dims();
  const std::span<const std::int64_t> shorter = a_longer ? b.dims() : a.dims();
  AccessType result = plain(a.dtype(), longer);
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t k = 0; k < shorter.size(); ++k) {
    const std::int64_t x = longer[offset + k];
    const std::int64_t y = shorter[k];
    if (x != y && x != 1 && y != 1) {
      call.fail("extents " + std::to_string(x) + " and " + std::to_string(y),
                "extents that, aligned at the end, are equal or 1");
    }
    result.dim(offset + k) = std::max(x, y);
  }
  result.encode(out);
}

void shift(const RelayCall& call, DataWords& out) {
  call.expect(2, 0, 0);
  if (is_floating_point(call.kid(0).dtype())) call.fail(std::string(dtype_name(call.kid(0).dtype())), "integers");
  broadcast(call, out);
}

void unary(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 0);
  same(call, out);
}

void unary_floating(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 0);
  call.expect_floating_point(call.kid(0));
  same(call, out);
}

template <std::size_t kNumbers>
void with_numbers(const RelayCall& call, DataWords& out) {
  call.expect(1, kNumbers, kNumbers);
  for (std::size_t i = 0; i < kNumbers; ++i) static_cast<void>(call.number(i));
  same(call, out);
}

void dropout(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 1);
  static_cast<void>(call.number(0, 0.0));
  same(call, out);
}

void cast(const RelayCall& call, DataWords& out) {
  call.expect(1, 1, 1);
  const Value& to = call.attribute(0);
  const std::optional<DType> dtype = to.kind == ValueKind::kName ? find_dtype(to.as_name().text()) : std::nullopt;
  if (!dtype) call.fail(to.to_string(), "an element type: " + dtype_names());
  plain(*dtype, call.kid(0).dims()).encode(out);
}

// Children from `first` on are vectors along the axis.
void expect_vectors(const RelayCall& call, std::size_t axis) {
  const std::int64_t extent = call.kid(0).dim(axis);
  for (std::size_t i = 1; i < call.node().arity(); ++i) {
    const TensorType vector = call.kid(i, 1);
    call.node().expect_equal_dtypes(call.kid(0), vector);
    if (vector.dim(0) != extent) {
      call.fail("a vector of " + std::to_string(vector.dim(0)) + " for axis " + std::to_string(axis),
                std::to_string(extent) + " elements");
    }
  }
}

void bias_add(const RelayCall& call, DataWords& out) {
  call.expect(2, 0, 1);
  expect_vectors(call, call.axis(0, call.kid(0).axes(), 1));
  same(call, out);
}

void softmax(const RelayCall& call, DataWords& out) {
  call.expect(1, 0, 1);
  call.expect_floating_point(call.kid(0));
  static_cast<void>(call.axis(0, call.kid(0).axes(), -1));
  same(call, out);
}

template <std::size_t kKids, int kAxis>
void normalization(const RelayCall& call, DataWords& out) {
  call.expect(kKids, 0, 2);
  call.expect_floating_point(call.kid(0));
  static_cast<void>(call.number(1, 1e-5));
  expect_vectors(call, call.axis(0, call.kid(0).axes(), kAxis));
  same(call, out);
}

}  // namespace

AccessType plain(DType dtype, std::span<const std::int64_t> dims) { return {dtype, dims, dims.size()}; }

RelayCall::RelayCall(const NodeTypes& node, std::string_view op) : node_(node), op_(op) {
  for (const Value& value : node.attributes().subspan(1)) {
    const std::string_view text = value.kind == ValueKind::kName ? value.as_name().text() : std::string_view{};
    if (text.starts_with("relay-activation-layout-")) {
      if (!text.ends_with("nchw") && !text.ends_with("nhwc")) fail(std::string(text), "a layout nchw or nhwc");
      channels_last_ = text.ends_with("nhwc");
    } else if (text.starts_with("relay-kernel-layout-")) {
      if (!text.ends_with("oihw") && !text.ends_with("hwio")) fail(std::string(text), "a kernel layout oihw or hwio");
      kernel_last_ = text.ends_with("hwio");
    } else {
      attributes_.push_back(&value);
    }
  }
}

void RelayCall::expect(std::size_t count, std::size_t least, std::size_t most) const {
  node_.expect_arity(count);
  expect_attributes(least, most);
}

void RelayCall::expect_attributes(std::size_t least, std::size_t most) const {
  if (attributes_.size() >= least && attributes_.size() <= most) return;
  fail(std::to_string(attributes_.size()) + " attributes",
       least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most));
}

TensorType RelayCall::kid(std::size_t i, std::size_t axes) const {
  const TensorType type = node_.kid(i);
  if (type.axes() != axes) {
    fail(std::to_string(type.axes()) + " axes of operand " + std::to_string(i + 1), std::to_string(axes));
  }
  return type;
}

std::vector<TensorType> RelayCall::list() const {
  std::vector<TensorType> parts;
  if (node_.arity() == 1 && node_.any_kid(0).is_tuple()) {
    const TensorType tuple = node_.any_kid(0);
    for (std::size_t i = 0; i < tuple.part_count(); ++i) {
      parts.emplace_back(tuple.part(i));
      if (parts.back().is_tuple()) fail("a tuple in the tuple", "accesses");
    }
  } else {
    for (std::size_t i = 0; i < node_.arity(); ++i) parts.push_back(node_.kid(i));
  }
  if (parts.empty()) fail("no operands", "at least one");
  for (const TensorType& part : parts) node_.expect_equal_dtypes(parts[0], part);
  return parts;
}

std::int64_t RelayCall::integer(std::size_t i, std::optional<std::int64_t> otherwise) const {
  if (!has(i) && otherwise) return *otherwise;
  expect_attributes(i + 1, attributes_.size());
  if (attribute(i).kind != ValueKind::kInt) fail(attribute(i).to_string(), "an integer");
  return attribute(i).as_int();
}

double RelayCall::number(std::size_t i, std::optional<double> otherwise) const {
  if (!has(i) && otherwise) return *otherwise;
  expect_attributes(i + 1, attributes_.size());
  if (attribute(i).kind == ValueKind::kInt) return static_cast<double>(attribute(i).as_int());
  if (attribute(i).kind != ValueKind::kLiteral) fail(attribute(i).to_string(), "a number");
  return attribute(i).as_literal();
}

std::span<const std::int64_t> RelayCall::extents(std::size_t i) const {
  expect_attributes(i + 1, std::max(i + 1, attributes_.size()));
  const Value& value = attribute(i);
  if (value.kind != ValueKind::kShape && value.kind != ValueKind::kList) fail(value.to_string(), "(shape …)");
  return value.dims();
}

std::vector<std::int64_t> RelayCall::extents(std::size_t i, std::vector<std::int64_t> otherwise) const {
  if (!has(i)) return otherwise;
  const std::span<const std::int64_t> found = extents(i);
  if (found.size() != otherwise.size()) {
    fail(attribute(i).to_string(), "a shape of " + std::to_string(otherwise.size()) + " numbers");
  }
  return {found.begin(), found.end()};
}

std::size_t RelayCall::axis(std::size_t i, std::size_t axes, std::optional<std::int64_t> otherwise) const {
  return normalized_axis(integer(i, otherwise), axes);
}

std::size_t RelayCall::normalized_axis(std::int64_t axis, std::size_t axes) const {
  const auto count = static_cast<std::int64_t>(axes);
  if (axis < -count || axis >= count) {
    fail("axis " + std::to_string(axis),
         "an axis from " + std::to_string(-count) + " to below " + std::to_string(count));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

void RelayCall::expect_floating_point(const TensorType& x) const {
  if (!is_floating_point(x.dtype())) fail(std::string(dtype_name(x.dtype())), "float32 or float64");
}

void add_relay_elementwise(RelayTable& rules) {
  for (const char* op : {"relay-add", "relay-subtract", "relay-multiply", "relay-mul", "relay-divide", "relay-maximum",
                         "relay-minimum", "relay-power"}) {
    rules.emplace(op, broadcast);
  }
  for (const char* op : {"relay-left-shift", "relay-right-shift"}) rules.emplace(op, shift);
  for (const char* op :
       {"relay-relu", "relay-negative", "relay-abs", "relay-copy", "relay-round", "relay-floor", "relay-ceil"}) {
    rules.emplace(op, unary);
  }
  // Integer mode refuses these when it runs, not here: a program's declared types may be floating point all the same.
  for (const char* op :
       {"relay-sqrt", "relay-rsqrt", "relay-exp", "relay-log", "relay-sigmoid", "relay-tanh", "relay-erf"}) {
    rules.emplace(op, unary_floating);
  }
  rules.emplace("relay-leaky-relu", with_numbers<1>);
  rules.emplace("relay-clip", with_numbers<2>);
  rules.emplace("relay-dropout", dropout);
  rules.emplace("relay-cast", cast);
  rules.emplace("relay-bias-add", bias_add);
  rules.emplace("relay-softmax", softmax);
  rules.emplace("relay-log-softmax", softmax);
  rules.emplace("relay-batch-norm-inference", normalization<5, 1>);
  rules.emplace("relay-layer-norm", normalization<3, -1>);
}

void infer_relay(const NodeTypes& node, DataWords& out) {
  const std::string_view op = node.name(0).text();
  const auto rule = table().find(op);
  if (rule == table().end()) {
    std::string known;
    for (const std::string_view name : relay_operators()) known += (known.empty() ? "" : ", ") + std::string(name);
    node.fail("operator '" + std::string(op) + "'", "one of " + known);
  }
  rule->second(RelayCall(node, op), out);
}

}  // namespace inference

std::vector<std::string_view> relay_operators() {
  std::vector<std::string_view> names;
  for (const auto& [name, rule] : inference::table()) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tessera
