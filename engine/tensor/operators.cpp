#include "engine/tensor/operators.hpp"

#include <algorithm>
#include <array>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

constexpr std::array<std::string_view, 11> kComputeTypes{
    "dot-product",     "reduce-sum", "reduce-max", "reduce-mean", "elementwise-add", "elementwise-mul",
    "elementwise-div", "relu",       "sqrt",       "negative",    "softmax"};

std::vector<TensorOperatorInfo> make_operators() {
  using enum ArgumentKind;
  using Op = TensorOperator;
  const std::vector<ArgumentKind> array{kInt, kInt, kChild, kChild};
  const std::vector<ArgumentKind> convolution{kInt, kInt, kChild, kChild, kInt, kInt, kInt, kInt};
  return {{"access-tensor", Op::kAccessTensor, {kName}},
          {"access", Op::kAccess, {kChild, kInt}},
          {"access-transpose", Op::kTranspose, {kChild, kList}},
          {"access-reshape", Op::kReshape, {kChild, kAccessShape}},
          {"access-flatten", Op::kFlatten, {kChild}},
          {"access-squeeze", Op::kSqueeze, {kChild, kInt}},
          {"access-insert-axis", Op::kInsertAxis, {kChild, kInt}},
          {"access-broadcast", Op::kBroadcast, {kChild, kAccessShape}},
          {"access-slice", Op::kSlice, {kChild, kInt, kInt, kInt}},
          {"access-concatenate", Op::kConcatenate, {kChild, kChild, kInt}},
          {"access-pad", Op::kPad, {kChild, kName, kInt, kInt, kInt}},
          {"access-windows", Op::kWindows, {kChild, kShape, kShape}},
          {"access-cartesian-product", Op::kCartesianProduct, {kChild, kChild}},
          {"access-pair", Op::kPair, {kChild, kChild}},
          {"access-shift-right", Op::kShiftRight, {kChild}},
          {"access-literal", Op::kLiteral, {kLiteral}},
          {"constant-tensor", Op::kConstantTensor, {kLiteral, kShape}},
          {"construct-tuple", Op::kConstructTuple, {kChildren}},
          {"tuple-get-item", Op::kTupleGetItem, {kChild, kInt}},
          {"compute", Op::kCompute, {kName, kChild}},
          {"systolic-array", Op::kSystolicArray, array},
          {"systolic-array-with-blocking", Op::kSystolicArrayWithBlocking, array},
          {"systolic-array-conv2d-nchw-oihw-with-blocking", Op::kSystolicConv2dNchw, convolution},
          {"systolic-array-conv2d-nhwc-hwio-with-blocking", Op::kSystolicConv2dNhwc, convolution},
          {"systolic-array-conv2d-im2col-nchw-oihw-with-blocking", Op::kSystolicConv2dNchw, convolution},
          {"systolic-array-conv2d-im2col-nhwc-hwio-with-blocking", Op::kSystolicConv2dNhwc, convolution},
          {"relay-operator-call", Op::kRelayCall, {kName, kRest}}};
}

}  // namespace

const std::vector<TensorOperatorInfo>& tensor_operators() {
  static const std::vector<TensorOperatorInfo> operators = make_operators();
  return operators;
}

std::span<const std::string_view> compute_types() { return kComputeTypes; }

bool is_reserved_name(std::string_view name) {
  return find_dtype(name).has_value() || name.starts_with("relay-activation-layout-") ||
         name.starts_with("relay-kernel-layout-");
}

namespace inference {

void NodeTypes::expect_arity(std::size_t count) const {
  if (kids_.size() == count) return;
  fail(std::to_string(kids_.size()) + " operands", std::to_string(count));
}

TensorType NodeTypes::any_kid(std::size_t i) const {
  if (i >= kids_.size()) fail(std::to_string(kids_.size()) + " operands", "at least " + std::to_string(i + 1));
  return TensorType(kids_[i]);
}

TensorType NodeTypes::kid(std::size_t i) const {
  const TensorType type = any_kid(i);
  if (type.is_tuple()) fail("a tuple as operand " + std::to_string(i + 1), "an access");
  return type;
}

const Value& NodeTypes::attribute(std::size_t i, const char* expected) const {
  if (i >= symbol_.attributes.size()) {
    fail(std::to_string(symbol_.attributes.size()) + " attributes",
         std::string(expected) + " as attribute " + std::to_string(i + 1));
  }
  return symbol_.attributes[i];
}

std::int64_t NodeTypes::integer(std::size_t i) const {
  const Value& value = attribute(i, "an integer");
  if (value.kind != ValueKind::kInt) fail(value.to_string(), "an integer");
  return value.as_int();
}

Name NodeTypes::name(std::size_t i) const {
  const Value& value = attribute(i, "a name");
  if (value.kind != ValueKind::kName) fail(value.to_string(), "a name");
  return value.as_name();
}

std::span<const std::int64_t> NodeTypes::extents(std::size_t i) const {
  const Value& value = attribute(i, "(shape …)");
  if (value.kind != ValueKind::kShape && value.kind != ValueKind::kList) fail(value.to_string(), "(shape …)");
  return value.dims();
}

const Value& NodeTypes::access_shape(std::size_t i) const {
  const Value& value = attribute(i, "(access-shape …)");
  if (value.kind != ValueKind::kAccessShape) fail(value.to_string(), "(access-shape …)");
  for (const std::int64_t extent : value.dims()) {
    if (extent < 1) fail("an extent of " + std::to_string(extent), "extents of 1 or more");
  }
  return value;
}

std::size_t NodeTypes::axis(std::size_t i, std::size_t limit) const {
  const std::int64_t value = integer(i);
  if (value < 0 || value >= static_cast<std::int64_t>(limit)) {
    fail("axis " + std::to_string(value), "an axis from 0 to below " + std::to_string(limit));
  }
  return static_cast<std::size_t>(value);
}

void NodeTypes::expect_equal_dtypes(const TensorType& a, const TensorType& b) const {
  if (a.dtype() == b.dtype()) return;
  fail("element types " + std::string(dtype_name(a.dtype())) + " and " + std::string(dtype_name(b.dtype())),
       "equal element types");
}

void NodeTypes::fail(const std::string& found, const std::string& expected) const {
  std::string text = "(" + std::string(symbol_.name.text());
  for (const Value& value : symbol_.attributes) text += " " + value.to_string();
  text += ")";
  for (std::size_t i = 0; i < kids_.size(); ++i) {
    const TensorType type(kids_[i]);
    text += i == 0 ? " of " : " and ";
    text += type.is_tuple() ? "a tuple"
                            : shape_text(type.dims(), type.split()) + " " + std::string(dtype_name(type.dtype()));
  }
  throw Error(ErrorCode::kInput, text + ": found " + found + ", expected " + expected);
}

}  // namespace inference
}  // namespace tessera
