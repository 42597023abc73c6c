#include "cluster/reference_convolution.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <dnnl.hpp>
#pragma GCC diagnostic pop

#include <dlfcn.h>

#include <cstring>
#include <string>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

using Tag = dnnl::memory::format_tag;
constexpr auto kFloat = dnnl::memory::data_type::f32;

void expect_sizes(const Conv2d& conv, std::size_t data, std::size_t weights) {
  const bool sane = conv.n > 0 && conv.channels_in > 0 && conv.channels_out > 0 && conv.groups > 0 && conv.height > 0 &&
                    conv.width > 0 && conv.kernel_h > 0 && conv.kernel_w > 0 && conv.stride_h > 0 &&
                    conv.stride_w > 0 && conv.pad_top >= 0 && conv.pad_left >= 0 && conv.pad_bottom >= 0 &&
                    conv.pad_right >= 0 && conv.channels_in % conv.groups == 0 &&
                    conv.channels_out % conv.groups == 0 &&
                    conv.kernel_h <= conv.height + conv.pad_top + conv.pad_bottom &&
                    conv.kernel_w <= conv.width + conv.pad_left + conv.pad_right;
  if (!sane) throw Error(ErrorCode::kInput, "reference convolution: the dimensions describe no convolution");
  const std::int64_t expected_data = conv.n * conv.channels_in * conv.height * conv.width;
  const std::int64_t expected_weights =
      conv.channels_out * (conv.channels_in / conv.groups) * conv.kernel_h * conv.kernel_w;
  if (static_cast<std::int64_t>(data) != expected_data || static_cast<std::int64_t>(weights) != expected_weights) {
    throw Error(ErrorCode::kInput, "reference convolution: found " + std::to_string(data) + " data and " +
                                       std::to_string(weights) + " weight elements, expected " +
                                       std::to_string(expected_data) + " and " + std::to_string(expected_weights));
  }
}

// One engine and stream for a thread: making them takes longer than a small convolution.
struct Session {
  // oneDNN's own threads (OpenMP) spin at barriers: where ranks share cores, ten times slower than one thread a rank.
  // Asked for by name, because oneDNN may have been built without OpenMP.
  Session() {
    using SetThreads = void (*)(int);
    if (const auto set_threads = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads")))
      set_threads(1);
  }
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

Session& session() {
  static thread_local Session instance;
  return instance;
}

dnnl::memory memory_of(std::span<const float> values, const dnnl::memory::desc& description) {
  dnnl::memory memory(description, session().engine);
  std::memcpy(memory.get_data_handle(), values.data(), values.size_bytes());
  return memory;
}

// In the layout the primitive asks for.
dnnl::memory reordered(dnnl::memory memory, const dnnl::memory::desc& wanted) {
  if (memory.get_desc() == wanted) return memory;
  dnnl::memory result(wanted, session().engine);
  dnnl::reorder(memory, result).execute(session().stream, memory, result);
  return result;
}

std::vector<float> values_of(const dnnl::memory& memory, std::size_t count) {
  session().stream.wait();
  std::vector<float> values(count);
  std::memcpy(values.data(), memory.get_data_handle(), count * sizeof(float));
  return values;
}

std::vector<float> convolve(const Conv2d& conv, std::span<const float> data, std::span<const float> weights) {
  const std::int64_t height = reference_output_height(conv);
  const std::int64_t width = reference_output_width(conv);
  const dnnl::memory::dims data_dims{conv.n, conv.channels_in, conv.height, conv.width};
  const dnnl::memory::dims weight_dims{conv.groups, conv.channels_out / conv.groups, conv.channels_in / conv.groups,
                                       conv.kernel_h, conv.kernel_w};
  const dnnl::memory::dims output_dims{conv.n, conv.channels_out, height, width};
  // The library chooses its own layouts (`any`): its fast paths, none of which shares code with ours.
  const dnnl::convolution_forward::desc description(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, {data_dims, kFloat, Tag::any},
      {weight_dims, kFloat, Tag::any}, {output_dims, kFloat, Tag::any}, {conv.stride_h, conv.stride_w},
      {conv.pad_top, conv.pad_left}, {conv.pad_bottom, conv.pad_right});
  const dnnl::convolution_forward::primitive_desc primitive(description, session().engine);
  const dnnl::memory source = reordered(memory_of(data, {data_dims, kFloat, Tag::nchw}), primitive.src_desc());
  const dnnl::memory filter =
      reordered(memory_of(weights, {weight_dims, kFloat, Tag::goihw}), primitive.weights_desc());
  const dnnl::memory target(primitive.dst_desc(), session().engine);
  dnnl::convolution_forward(primitive).execute(
      session().stream, {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, filter}, {DNNL_ARG_DST, target}});
  const std::int64_t count = conv.n * conv.channels_out * height * width;
  return values_of(reordered(target, {output_dims, kFloat, Tag::nchw}), static_cast<std::size_t>(count));
}

}  // namespace

std::int64_t reference_output_height(const Conv2d& conv) {
  return (conv.height + conv.pad_top + conv.pad_bottom - conv.kernel_h) / conv.stride_h + 1;
}

std::int64_t reference_output_width(const Conv2d& conv) {
  return (conv.width + conv.pad_left + conv.pad_right - conv.kernel_w) / conv.stride_w + 1;
}

std::vector<float> reference_conv2d(const Conv2d& conv, std::span<const float> data, std::span<const float> weights) {
  expect_sizes(conv, data.size(), weights.size());
  try {
    return convolve(conv, data, weights);
  } catch (const dnnl::error& error) {
    throw Error(ErrorCode::kInternal, std::string("oneDNN: ") + error.what());
  }
}

std::vector<std::int64_t> exact_conv2d(const Conv2d& conv, std::span<const std::int64_t> data,
                                       std::span<const std::int64_t> weights) {
  expect_sizes(conv, data.size(), weights.size());
  const std::int64_t height = reference_output_height(conv);
  const std::int64_t width = reference_output_width(conv);
  const std::int64_t group_inputs = conv.channels_in / conv.groups;
  const std::int64_t group_outputs = conv.channels_out / conv.groups;
  std::vector<std::int64_t> output;
  output.reserve(static_cast<std::size_t>(conv.n * conv.channels_out * height * width));
  for (std::int64_t n = 0; n < conv.n; ++n) {
    for (std::int64_t o = 0; o < conv.channels_out; ++o) {
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          std::int64_t sum = 0;
          for (std::int64_t i = 0; i < group_inputs; ++i) {
            const std::int64_t plane = n * conv.channels_in + o / group_outputs * group_inputs + i;
            for (std::int64_t r = 0; r < conv.kernel_h; ++r) {
              const std::int64_t row = y * conv.stride_h - conv.pad_top + r;
              if (row < 0 || row >= conv.height) continue;
              for (std::int64_t s = 0; s < conv.kernel_w; ++s) {
                const std::int64_t column = x * conv.stride_w - conv.pad_left + s;
                if (column < 0 || column >= conv.width) continue;
                sum +=
                    data[static_cast<std::size_t>((plane * conv.height + row) * conv.width + column)] *
                    weights[static_cast<std::size_t>(((o * group_inputs + i) * conv.kernel_h + r) * conv.kernel_w + s)];
              }
            }
          }
          output.push_back(sum);
        }
      }
    }
  }
  return output;
}

std::vector<float> reference_dense(std::int64_t m, std::int64_t k, std::int64_t n, std::span<const float> data,
                                   std::span<const float> weights) {
  if (m < 1 || k < 1 || n < 1 || static_cast<std::int64_t>(data.size()) != m * k ||
      static_cast<std::int64_t>(weights.size()) != n * k) {
    throw Error(ErrorCode::kInput, "reference dense layer: the operands' sizes do not fit " + std::to_string(m) +
                                       " x " + std::to_string(k) + " x " + std::to_string(n));
  }
  try {
    const dnnl::matmul::desc description({{m, k}, kFloat, Tag::ab}, {{k, n}, kFloat, Tag::ba},
                                         {{m, n}, kFloat, Tag::ab});
    const dnnl::matmul::primitive_desc primitive(description, session().engine);
    const dnnl::memory source = memory_of(data, primitive.src_desc());
    const dnnl::memory filter = memory_of(weights, primitive.weights_desc());
    const dnnl::memory target(primitive.dst_desc(), session().engine);
    dnnl::matmul(primitive).execute(session().stream,
                                    {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, filter}, {DNNL_ARG_DST, target}});
    return values_of(target, static_cast<std::size_t>(m * n));
  } catch (const dnnl::error& error) {
    throw Error(ErrorCode::kInternal, std::string("oneDNN: ") + error.what());
  }
}

std::vector<float> reference_layer(const Layer& layer, std::span<const float> data, std::span<const float> weights) {
  const Conv2d& conv = layer.conv;
  if (layer.product && !layer.product->is_pair) {
    return reference_dense(conv.channels_out, conv.channels_in, conv.n, weights, data);
  }
  if (layer.kind == LayerKind::kDense && !layer.product) {
    return reference_dense(conv.n, conv.channels_in, conv.channels_out, data, weights);
  }
  return reference_conv2d(conv, data, weights);
}

std::vector<std::int64_t> exact_layer(const Layer& layer, std::span<const std::int64_t> data,
                                      std::span<const std::int64_t> weights) {
  const Conv2d& conv = layer.conv;
  if (layer.product && !layer.product->is_pair) {
    return exact_conv2d(dense_as_conv2d(conv.channels_out, conv.channels_in, conv.n), weights, data);
  }
  return exact_conv2d(conv, data, weights);
}

}  // namespace tessera
