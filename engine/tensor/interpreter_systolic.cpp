// The hardware's operators: a matrix product on one RxC weight-stationary array, the same with blocking by the
// hardware, and the array's convolution modes. They compute what the array would, in the interpreter's fixed order of
// summation; sizes that the array could not take are errors.
#include "engine/tensor/interpreter_convolution.hpp"
#include "engine/tensor/interpreter_gemm.hpp"
#include "engine/tensor/interpreter_operator.hpp"

namespace tessera::interpreter {
namespace {

struct ArraySize {
  std::int64_t rows;
  std::int64_t columns;
};

template <class T>
ArraySize array_size(const Call<T>& call) {
  const ArraySize size{call.integer(0), call.integer(1)};
  if (size.rows < 1 || size.columns < 1) {
    call.fail("found an array of " + std::to_string(size.rows) + "x" + std::to_string(size.columns) +
              ", expected at least 1x1");
  }
  return size;
}

// a: [M][K] or [][K]; b: [][K N]. The result, [M N][] or [N][], is laid out as a is: streamed vectors that are columns
// of a row-major matrix give columns, so that the transposes around a product cost nothing.
template <class T>
Operand<T> multiply(const Call<T>& call, bool blocking) {
  call.expect_arity(2);
  const ArraySize size = array_size(call);
  const View<T>& a = call.view(0);
  const View<T>& b = call.view(1);
  if (a.split > 1 || a.item().size() != 1) call.fail("expected a first operand [M][K] or [][K]");
  if (b.split != 0 || b.rank() != 2) call.fail("expected a second operand [][K N]");
  const std::int64_t depth = a.item()[0];
  const std::int64_t columns = b.dim(1);
  if (depth != b.dim(0)) call.fail("the operands disagree on the summed extent");
  const bool fits =
      blocking ? depth % size.rows == 0 && columns % size.columns == 0 : depth == size.rows && columns == size.columns;
  if (!fits) {
    call.fail("a " + std::to_string(size.rows) + "x" + std::to_string(size.columns) + " array does not " +
              (blocking ? "divide" : "hold") + " a " + std::to_string(depth) + "x" + std::to_string(columns) +
              " operand");
  }
  const Extents a_outer = offset_table(a.shape(), a.shape_strides());
  const Extents a_inner = offset_table(a.item(), a.item_strides());
  const Extents b_outer = offset_table(std::span(b.dims).last(1), std::span(b.strides).last(1));
  const Extents b_inner = offset_table(std::span(b.dims).first(1), std::span(b.strides).first(1));
  const MatrixOperand<T> streamed{a.data, a_outer, a_inner};
  const MatrixOperand<T> stationary{b.data, b_outer, b_inner};
  if (a.split == 1 && a.dim(0) > 1 && a.stride(0) == 1) {
    Fresh<T> result = allocate<T>({columns, a.dim(0)}, 2);
    multiply_matrices(stationary, streamed, result.data);
    View<T> view = result.view;
    std::swap(view.dims[0], view.dims[1]);
    std::swap(view.strides[0], view.strides[1]);
    return view;
  }
  Extents dims(a.shape().begin(), a.shape().end());
  dims.push_back(columns);
  Fresh<T> result = allocate<T>(std::move(dims), a.split + 1);
  multiply_matrices(streamed, stationary, result.data);
  return result.view;
}

template <class T>
Operand<T> systolic_array(const Call<T>& call) {
  return multiply(call, false);
}

template <class T>
Operand<T> systolic_array_with_blocking(const Call<T>& call) {
  return multiply(call, true);
}

// Weights and data of 4 axes each, of any split; the data padded already; attributes R C kh kw sh sw.
template <class T>
View<T> convolution_mode(const Call<T>& call, View<T> weights, View<T> data) {
  const ArraySize size = array_size(call);
  ConvolutionPlan plan;
  plan.stride = {call.integer(4), call.integer(5)};
  const std::string wrong = misfit(data.dims, weights.dims, plan);
  if (!wrong.empty()) call.fail(wrong);
  if (weights.dim(2) != call.integer(2) || weights.dim(3) != call.integer(3)) {
    call.fail("the kernel was expected to be " + std::to_string(call.integer(2)) + " by " +
              std::to_string(call.integer(3)));
  }
  if (weights.dim(1) % size.rows != 0 || weights.dim(0) % size.columns != 0) {
    call.fail("a " + std::to_string(size.rows) + "x" + std::to_string(size.columns) + " array does not divide " +
              std::to_string(weights.dim(1)) + " input and " + std::to_string(weights.dim(0)) + " output channels");
  }
  return convolve(data, weights, plan);
}

template <class T>
void expect_four_axes(const Call<T>& call) {
  call.expect_arity(2);
  if (call.view(0).rank() != 4 || call.view(1).rank() != 4) call.fail("expected weights and data of 4 axes each");
}

template <class T>
Operand<T> convolution_nchw(const Call<T>& call) {
  expect_four_axes(call);
  return convolution_mode(call, call.view(0), call.view(1));
}

template <class T>
Operand<T> convolution_nhwc(const Call<T>& call) {
  expect_four_axes(call);
  const View<T> weights = transposed(call.view(0), std::array{3, 2, 0, 1});
  const View<T> data = transposed(call.view(1), std::array{0, 3, 1, 2});
  return transposed(convolution_mode(call, weights, data), std::array{0, 2, 3, 1});
}

}  // namespace

template <class T>
void add_systolic_operators(HandlerTable<T>& table) {
  table.insert({{"systolic-array", systolic_array<T>},
                {"systolic-array-with-blocking", systolic_array_with_blocking<T>},
                {"systolic-array-conv2d-nchw-oihw-with-blocking", convolution_nchw<T>},
                {"systolic-array-conv2d-nhwc-hwio-with-blocking", convolution_nhwc<T>},
                {"systolic-array-conv2d-im2col-nchw-oihw-with-blocking", convolution_nchw<T>},
                {"systolic-array-conv2d-im2col-nhwc-hwio-with-blocking", convolution_nhwc<T>}});
}

template void add_systolic_operators(HandlerTable<float>&);
template void add_systolic_operators(HandlerTable<double>&);
template void add_systolic_operators(HandlerTable<std::int64_t>&);

}  // namespace tessera::interpreter
