#include "engine/tensor/interpreter_convolution.hpp"

#include "engine/tensor/interpreter_gemm.hpp"

namespace tessera::interpreter {

std::int64_t window_count(std::int64_t extent, std::int64_t padding, std::int64_t window, std::int64_t stride) {
  return (extent + padding - window) / stride + 1;
}

std::string misfit(const Extents& data, const Extents& weights, const ConvolutionPlan& plan) {
  if (data.size() != 4 || weights.size() != 4) return "expected data and weights of 4 axes each";
  if (plan.groups < 1) return "found " + std::to_string(plan.groups) + " groups, expected at least 1";
  if (data[1] % plan.groups != 0 || weights[0] % plan.groups != 0) {
    return std::to_string(plan.groups) + " groups do not divide " + std::to_string(data[1]) + " input and " +
           std::to_string(weights[0]) + " output channels";
  }
  if (weights[1] != data[1] / plan.groups) {
    return "the weights have " + std::to_string(weights[1]) + " input channels, the data " + std::to_string(data[1]) +
           " in " + std::to_string(plan.groups) + " groups";
  }
  for (std::size_t side = 0; side < 2; ++side) {
    if (plan.stride[side] < 1 || plan.dilation[side] < 1) return "a stride or a dilation is less than 1";
    if (plan.padding[side] < 0 || plan.padding[side + 2] < 0) return "a padding is negative";
    const std::int64_t window = plan.dilation[side] * (weights[side + 2] - 1) + 1;
    if (window > data[side + 2] + plan.padding[side] + plan.padding[side + 2]) {
      return "a window of " + std::to_string(window) + " does not fit " + std::to_string(data[side + 2]) +
             " elements and their padding";
    }
  }
  return {};
}

template <class T>
View<T> convolve(const View<T>& data, const View<T>& weights, const ConvolutionPlan& plan) {
  View<T> source = padded(data, 2, plan.padding[0], plan.padding[2], T{0});
  source = padded(source, 3, plan.padding[1], plan.padding[3], T{0});
  const std::int64_t kh = weights.dim(2);
  const std::int64_t kw = weights.dim(3);
  const std::int64_t height = window_count(source.dim(2), 0, plan.dilation[0] * (kh - 1) + 1, plan.stride[0]);
  const std::int64_t width = window_count(source.dim(3), 0, plan.dilation[1] * (kw - 1) + 1, plan.stride[1]);
  const std::int64_t batch = source.dim(0);
  const std::int64_t inputs = weights.dim(1);
  const std::int64_t outputs = weights.dim(0) / plan.groups;
  const Extents window_starts =
      offset_table(Extents{batch, height, width},
                   Extents{source.stride(0), source.stride(2) * plan.stride[0], source.stride(3) * plan.stride[1]});
  const Extents window_offsets =
      offset_table(Extents{inputs, kh, kw},
                   Extents{source.stride(1), source.stride(2) * plan.dilation[0], source.stride(3) * plan.dilation[1]});
  const Extents filters = offset_table(Extents{outputs}, Extents{weights.stride(0)});
  const Extents filter_offsets =
      offset_table(std::span(weights.dims).subspan(1), std::span(weights.strides).subspan(1));
  Fresh<T> result = allocate<T>({weights.dim(0), batch, height, width}, 4);
  const std::int64_t group_size = outputs * batch * height * width;
  for (std::int64_t group = 0; group < plan.groups; ++group) {
    multiply_matrices<T>({weights.data + group * outputs * weights.stride(0), filters, filter_offsets},
                         {source.data + group * inputs * source.stride(1), window_starts, window_offsets},
                         result.data + group * group_size);
  }
  View<T> view = result.view;
  std::swap(view.dims[0], view.dims[1]);
  std::swap(view.strides[0], view.strides[1]);
  return view;
}

template View<float> convolve(const View<float>&, const View<float>&, const ConvolutionPlan&);
template View<double> convolve(const View<double>&, const View<double>&, const ConvolutionPlan&);
template View<std::int64_t> convolve(const View<std::int64_t>&, const View<std::int64_t>&, const ConvolutionPlan&);

}  // namespace tessera::interpreter
