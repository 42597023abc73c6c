// Elementwise, normalizing and bias operators of Relay.
#include <algorithm>
#include <string>

#include "engine/tensor/dtype.hpp"
#include "io/relay_operators.hpp"

namespace tessera {
namespace {

bool is_floating(const RelayType& type) { return type.dtype.starts_with("float"); }

// `nn.leaky_relu` is `relay-leaky-relu`: no namespace, dashes, our prefix.
std::string own_name(const std::string& name) {
  std::string out = name.starts_with("nn.") ? name.substr(3) : name;
  std::replace(out.begin(), out.end(), '_', '-');
  return "relay-" + out;
}

void require_same_dtype(const RelayCall& call, const RelayType& a, const RelayType& b) {
  if (a.dtype == b.dtype) return;
  call.fail("operands of different types: found " + a.to_string() + " and " + b.to_string() +
            ", expected one dtype (insert a cast)");
}

RelayLowering elementwise(const RelayCall& call) {
  RelayLowering result;
  result.op = own_name(call.name());
  result.type = call.tensor(0);
  return result;
}

RelayLowering floating_elementwise(const RelayCall& call) {
  if (!is_floating(call.tensor(0))) call.fail("expected a floating-point operand, found " + call.tensor(0).to_string());
  return elementwise(call);
}

RelayLowering broadcast(const RelayCall& call) {
  const RelayType& a = call.tensor(0);
  const RelayType& b = call.tensor(1);
  require_same_dtype(call, a, b);
  RelayLowering result;
  result.op = own_name(call.name());
  result.type.dtype = a.dtype;
  const std::size_t axes = std::max(a.dims.size(), b.dims.size());
  result.type.dims.resize(axes);
  for (std::size_t i = 0; i < axes; ++i) {  // aligned at the end
    const std::int64_t da = i < a.dims.size() ? a.dims[a.dims.size() - 1 - i] : 1;
    const std::int64_t db = i < b.dims.size() ? b.dims[b.dims.size() - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) {
      call.fail("operands do not broadcast: found " + a.to_string() + " and " + b.to_string() +
                ", expected extents that are equal or 1, aligned at the end");
    }
    result.type.dims[axes - 1 - i] = da == 1 ? db : da;
  }
  return result;
}

RelayLowering integer_broadcast(const RelayCall& call) {
  if (is_floating(call.tensor(0))) call.fail("expected integer operands, found " + call.tensor(0).to_string());
  return broadcast(call);
}

RelayLowering leaky_relu(const RelayCall& call) {
  RelayLowering result = elementwise(call);
  result.attributes = {Value::literal(call.number("alpha", 0.01))};
  return result;
}

RelayLowering clip(const RelayCall& call) {
  RelayLowering result = elementwise(call);
  const double low = call.number("a_min");
  const double high = call.number("a_max");
  if (low > high) call.fail_at("a_min", "expected a_min <= a_max");
  result.attributes = {Value::literal(low), Value::literal(high)};
  return result;
}

RelayLowering cast(const RelayCall& call) {
  RelayLowering result = elementwise(call);
  const std::string dtype = call.text("dtype", "");
  if (!find_dtype(dtype)) {
    call.fail_at("dtype", "expected one of " + dtype_names() + ", found \"" + dtype + "\"");
  }
  result.type.dtype = dtype;
  result.attributes = {Value::name(Name(dtype))};
  return result;
}

RelayLowering dropout(const RelayCall& call) {
  RelayLowering result;
  result.form = RelayForm::kDropout;
  result.op = "relay-dropout";
  result.attributes = {Value::literal(call.number("rate", 0.5))};
  result.type.is_tuple = true;
  result.type.fields = {call.tensor(0), call.tensor(0)};
  return result;
}

RelayLowering bias_add(const RelayCall& call) {
  const RelayType& x = call.tensor(0);
  const RelayType& bias = call.tensor(1, 1, "the bias");
  require_same_dtype(call, x, bias);
  const std::int64_t axis = call.axis("axis", 1, x.dims.size());
  call.require_dims(bias, {x.dims[static_cast<std::size_t>(axis)]}, "the bias");
  RelayLowering result = elementwise(call);
  result.attributes = {Value::integer(axis)};
  return result;
}

RelayLowering softmax(const RelayCall& call) {
  RelayLowering result = floating_elementwise(call);
  if (result.type.dims.empty()) call.fail("expected at least one axis, found a scalar");
  result.attributes = {Value::integer(call.axis("axis", -1, result.type.dims.size()))};
  return result;
}

// Shared by batch and layer normalization: parameters are vectors along the axis; epsilon is written if it is not 1e-5.
RelayLowering normalization(const RelayCall& call, std::string op, std::int64_t standard_axis) {
  const RelayType& x = call.tensor(0);
  if (!is_floating(x)) call.fail("expected a floating-point operand, found " + x.to_string());
  if (x.dims.empty()) call.fail("expected at least one axis, found a scalar");
  const std::int64_t axis = call.axis("axis", standard_axis, x.dims.size());
  for (std::size_t i = 1; i < call.size(); ++i) {
    require_same_dtype(call, x, call.tensor(i));
    call.require_dims(call.tensor(i), {x.dims[static_cast<std::size_t>(axis)]}, "argument " + std::to_string(i + 1));
  }
  // Without `center` or `scale` Relay ignores beta or gamma; such a call has no opaque counterpart.
  for (const std::string_view flag : {"center", "scale"}) {
    if (!call.boolean(flag, true)) call.fail_at(flag, "only True is supported");
  }
  RelayLowering result;
  result.op = std::move(op);
  result.type = x;
  result.attributes = {Value::integer(axis)};
  const double epsilon = call.number("epsilon", 1e-5);
  if (epsilon != 1e-5) result.attributes.push_back(Value::literal(epsilon));
  return result;
}

RelayLowering batch_norm(const RelayCall& call) {
  RelayLowering result = normalization(call, "relay-batch-norm-inference", 1);
  RelayType tuple;
  tuple.is_tuple = true;
  tuple.fields = {result.type, call.tensor(3), call.tensor(4)};
  result.type = std::move(tuple);
  result.form = RelayForm::kBatchNorm;
  return result;
}

RelayLowering layer_norm(const RelayCall& call) { return normalization(call, "relay-layer-norm", -1); }

}  // namespace

std::span<const RelayOperator> relay_elementwise_operators() {
  static const std::vector<RelayOperator> table = {
      {"add", 2, 2, {}, broadcast},
      {"subtract", 2, 2, {}, broadcast},
      {"multiply", 2, 2, {}, broadcast},
      {"divide", 2, 2, {}, broadcast},
      {"maximum", 2, 2, {}, broadcast},
      {"minimum", 2, 2, {}, broadcast},
      {"power", 2, 2, {}, broadcast},
      {"left_shift", 2, 2, {}, integer_broadcast},
      {"right_shift", 2, 2, {}, integer_broadcast},
      {"nn.relu", 1, 1, {}, elementwise},
      {"negative", 1, 1, {}, elementwise},
      {"abs", 1, 1, {}, elementwise},
      {"copy", 1, 1, {}, elementwise},
      {"round", 1, 1, {}, elementwise},
      {"floor", 1, 1, {}, elementwise},
      {"ceil", 1, 1, {}, elementwise},
      {"sqrt", 1, 1, {}, floating_elementwise},
      {"rsqrt", 1, 1, {}, floating_elementwise},
      {"exp", 1, 1, {}, floating_elementwise},
      {"log", 1, 1, {}, floating_elementwise},
      {"sigmoid", 1, 1, {}, floating_elementwise},
      {"tanh", 1, 1, {}, floating_elementwise},
      {"erf", 1, 1, {}, floating_elementwise},
      {"nn.leaky_relu", 1, 1, {"alpha"}, leaky_relu},
      {"clip", 1, 1, {"a_min", "a_max"}, clip},
      {"cast", 1, 1, {"dtype"}, cast},
      {"nn.dropout", 1, 1, {"rate"}, dropout},
      {"nn.bias_add", 2, 2, {"axis"}, bias_add},
      {"nn.softmax", 1, 1, {"axis"}, softmax},
      {"nn.log_softmax", 1, 1, {"axis"}, softmax},
      {"nn.batch_norm", 5, 5, {"axis", "epsilon", "center", "scale"}, batch_norm},
      {"nn.layer_norm", 3, 3, {"axis", "epsilon", "center", "scale"}, layer_norm},
  };
  return table;
}

}  // namespace tessera
