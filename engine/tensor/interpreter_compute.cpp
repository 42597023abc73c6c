// `(compute type a)`: what is done with every item of an access. A dot product over a Cartesian product is one matrix
// product of the two operands' views; over a pair it walks both views; neither is ever formed.
#include <algorithm>
#include <cmath>

#include "engine/tensor/interpreter_fold.hpp"
#include "engine/tensor/interpreter_gemm.hpp"
#include "engine/tensor/interpreter_operator.hpp"

namespace tessera::interpreter {
namespace {

template <class T>
using Form = typename Operand<T>::Form;

template <class T>
View<T> dot_product_of_product(const Operand<T>& product) {
  const View<T>& left = product.views[0];
  const View<T>& right = product.views[1];
  Extents dims(product.dims.begin(), product.dims.begin() + product.split);
  Fresh<T> result = allocate<T>(std::move(dims), product.split);
  const Extents left_outer = offset_table(left.shape(), left.shape_strides());
  const Extents left_inner = offset_table(left.item(), left.item_strides());
  const Extents right_outer = offset_table(right.shape(), right.shape_strides());
  const Extents right_inner = offset_table(right.item(), right.item_strides());
  multiply_matrices<T>({left.data, left_outer, left_inner}, {right.data, right_outer, right_inner}, result.data);
  return result.view;
}

template <class T>
View<T> dot_product_of_pair(const Operand<T>& pair) {
  const View<T>& left = pair.views[0];
  const View<T>& right = pair.views[1];
  Fresh<T> result = allocate<T>(Extents(left.shape().begin(), left.shape().end()), left.split);
  std::fill_n(result.data, element_count(result.view.dims), T{});
  const Extents left_item = offset_table(left.item(), left.item_strides());
  const Extents right_item = offset_table(right.item(), right.item_strides());
  for_each_run<3>(result.view.dims, {result.view.strides, left.shape_strides(), right.shape_strides()},
                  [&](const auto& start, const auto& steps, std::int64_t length) {
                    for (std::size_t i = 0; i < left_item.size(); ++i) {
                      T* to = result.data + start[0];
                      const T* x = left.data + start[1] + left_item[i];
                      const T* y = right.data + start[2] + right_item[i];
                      for (std::int64_t n = 0; n < length; ++n) {
                        to[n] = wrapping_add(to[n], wrapping_multiply(x[n * steps[1]], y[n * steps[2]]));
                      }
                    }
                  });
  return result.view;
}

// The general case: item [n i…], the product over n summed over i….
template <class T>
View<T> dot_product_of_view(const View<T>& x) {
  View<T> inner = x;  // one of the n stacked tensors
  inner.dims.erase(inner.dims.begin() + x.split);
  inner.strides.erase(inner.strides.begin() + x.split);
  View<T> terms = inner;
  for (std::int64_t n = 1; n < x.dim(x.split); ++n) {
    inner.data += x.stride(x.split);
    terms = map_pairs(terms, inner, x.split, [](T a, T b) { return wrapping_multiply(a, b); });
  }
  return fold(terms, [](T a, T b) { return wrapping_add(a, b); });
}

template <class T>
void expect_stacked_item(const Call<T>& call, const Operand<T>& operand) {
  if (operand.dims.size() == static_cast<std::size_t>(operand.split)) {
    call.fail("expected an item [n …] of stacked tensors, found a scalar item");
  }
}

template <class T>
View<T> dot_product(const Call<T>& call) {
  Operand<T>& operand = call.operand(0);
  expect_stacked_item(call, operand);
  if (operand.form == Form<T>::kProduct) return dot_product_of_product(operand);
  if (operand.form == Form<T>::kPair) return dot_product_of_pair(operand);
  return dot_product_of_view(form_view(operand));
}

template <class T, class Function>
View<T> elementwise(const Call<T>& call, Function&& f) {
  Operand<T>& operand = call.operand(0);
  expect_stacked_item(call, operand);
  if (operand.form == Form<T>::kPair) return map_pairs(operand.views[0], operand.views[1], operand.split, f);
  View<T> part = form_view(operand);
  const std::int64_t count = part.dim(part.split);
  const std::int64_t step = part.stride(part.split);
  part.dims.erase(part.dims.begin() + part.split);
  part.strides.erase(part.strides.begin() + part.split);
  View<T> result = part;
  for (std::int64_t n = 1; n < count; ++n) {
    part.data += step;
    result = map_pairs(result, part, part.split, f);
  }
  return result;
}

// Sum over the item. Of a pair of scalars (the usual sum of two partial products) it is one elementwise addition.
template <class T>
View<T> reduce_sum(const Call<T>& call) {
  Operand<T>& operand = call.operand(0);
  const auto add = [](T a, T b) { return wrapping_add(a, b); };
  if (operand.form == Form<T>::kPair && operand.views[0].item().empty()) {
    return map_pairs(operand.views[0], operand.views[1], operand.split, add);
  }
  return fold(form_view(operand), add);
}

template <class T>
View<T> softmax(const Call<T>& call) {
  expect_floating_point(call);
  const View<T>& x = call.view(0);
  if (x.item().size() != 1) call.fail("softmax expects an item of one axis");
  View<T> rows = x;
  Fresh<T> result = allocate<T>(x.dims, x.split);
  copy_to(x, result.data, result.view.strides);
  const std::int64_t width = x.item()[0];
  const std::int64_t count = element_count(x.shape());
  for (std::int64_t row = 0; row < count; ++row) {
    T* values = result.data + row * width;
    const T top = *std::max_element(values, values + width);
    T sum{};
    for (std::int64_t i = 0; i < width; ++i) {
      values[i] = static_cast<T>(std::exp(static_cast<double>(values[i] - top)));
      sum += values[i];
    }
    for (std::int64_t i = 0; i < width; ++i) values[i] /= sum;
  }
  return result.view;
}

template <class T>
Operand<T> compute(const Call<T>& call) {
  call.expect_arity(1);
  const std::string_view type = call.name(0).text();
  if (type == "dot-product") return dot_product(call);
  if (type == "reduce-sum") return reduce_sum(call);
  if (type == "elementwise-add") return elementwise(call, [](T a, T b) { return wrapping_add(a, b); });
  if (type == "elementwise-mul") return elementwise(call, [](T a, T b) { return wrapping_multiply(a, b); });
  if (type == "elementwise-div") return elementwise(call, [&](T a, T b) { return checked_divide(call, a, b); });
  if (type == "softmax") return softmax(call);
  const View<T>& x = call.view(0);
  if (type == "reduce-max") return fold(x, [](T a, T b) { return std::max(a, b); });
  if (type == "reduce-mean") {
    const View<T> sum = fold(x, [](T a, T b) { return wrapping_add(a, b); });
    const T count = static_cast<T>(element_count(x.item()));
    return map_elements(sum, sum.split, [count](T a) { return static_cast<T>(a / count); });
  }
  if (type == "relu") return map_elements(x, x.split, [](T a) { return std::max(a, T{0}); });
  if (type == "negative") return map_elements(x, x.split, [](T a) { return wrapping_subtract(T{0}, a); });
  if (type == "sqrt") {
    expect_floating_point(call);
    return map_elements(x, x.split, [](T a) { return static_cast<T>(std::sqrt(a)); });
  }
  call.fail("`" + std::string(type) + "` is not a compute type");
}

}  // namespace

template <class T>
void add_compute_operators(HandlerTable<T>& table) {
  table.insert({{"compute", compute<T>}});
}

template void add_compute_operators(HandlerTable<float>&);
template void add_compute_operators(HandlerTable<double>&);
template void add_compute_operators(HandlerTable<std::int64_t>&);

}  // namespace tessera::interpreter
