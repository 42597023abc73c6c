#include "bench/workload_networks.hpp"

#include <algorithm>

#include "engine/base/error.hpp"
#include "engine/language/expression_edit.hpp"
#include "io/builtin_networks.hpp"
#include "io/program_writer.hpp"
#include "io/relay_reader.hpp"

namespace tessera::bench {
namespace {

constexpr const char* kFirstConvolution = "mobilenet-first-convolution";
constexpr const char* kSweep = "blocking-sweep";
constexpr const char* kSmallSweep = "blocking-sweep-small";
constexpr std::int64_t kLargestSmall = 4096;  // weights of a layer in it

void add_unless_known(std::vector<Layer>& layers, Layer layer) {
  layers.push_back(std::move(layer));
  if (distinct_layers(layers).back() != layers.size() - 1) layers.pop_back();
}

// A square convolution that keeps the image's extent but for its stride.
Layer convolution(const std::string& name, std::int64_t extent, std::int64_t in, std::int64_t out, std::int64_t kernel,
                  std::int64_t stride) {
  const std::int64_t pad = kernel / 2;
  const Conv2d conv = {1, in, extent, extent, out, kernel, kernel, stride, stride, pad, pad, pad, pad, 1};
  return make_layer(name, LayerKind::kConv2d, conv, DType::kFloat32, Name(name + "_weight"));
}

}  // namespace

std::vector<Layer> resnet50_layers(std::int64_t resolution) {
  struct Stage {
    std::int64_t width;
    int blocks;
  };
  constexpr Stage kStages[] = {{64, 3}, {128, 4}, {256, 6}, {512, 3}};
  constexpr std::int64_t kExpansion = 4;
  constexpr std::int64_t kClasses = 1000;
  std::vector<Layer> layers;
  add_unless_known(layers, convolution("resnet_conv1", resolution, 3, 64, 7, 2));
  std::int64_t extent = resolution / 4;  // after the first convolution and the pooling
  std::int64_t in = 64;
  int number = 2;
  for (const Stage& stage : kStages) {
    const std::int64_t out = stage.width * kExpansion;
    for (int block = 0; block < stage.blocks; ++block) {
      const std::int64_t stride = block == 0 && number > 2 ? 2 : 1;
      const std::string prefix = "resnet_conv" + std::to_string(number) + "_" + std::to_string(block + 1);
      if (block == 0) add_unless_known(layers, convolution(prefix + "_shortcut", extent, in, out, 1, stride));
      add_unless_known(layers, convolution(prefix + "_reduce", extent, in, stage.width, 1, 1));
      add_unless_known(layers, convolution(prefix, extent, stage.width, stage.width, 3, stride));
      extent /= stride;
      add_unless_known(layers, convolution(prefix + "_expand", extent, stage.width, out, 1, 1));
      in = out;
    }
    ++number;
  }
  add_unless_known(layers, make_layer("resnet_fc", LayerKind::kDense, dense_as_conv2d(1, in, kClasses), DType::kFloat32,
                                      Name("resnet_fc_weight")));
  return layers;
}

std::vector<Layer> mobilenet_layers(double width, std::int64_t resolution) {
  SymbolTable symbols;
  TensorLanguage language;
  const Network network = read_relay(mobilenet_v1_relay(width, resolution), "mobilenet-v1", symbols, language);
  std::vector<Layer> layers;
  for (const Layer& layer : network.layers) add_unless_known(layers, layer);
  return layers;
}

std::string layers_as_glenside(const std::vector<Layer>& layers) {
  SymbolTable symbols;
  TensorLanguage language;
  Expression program;
  std::vector<TensorDeclaration> tensors;
  std::vector<Layer> distinct;
  for (const Layer& layer : layers) add_unless_known(distinct, layer);
  for (const Layer& layer : distinct) {
    const Network alone = layer_network(layer, symbols);
    for (const TensorDeclaration& tensor : alone.tensors) {
      language.declare(tensor);
      tensors.push_back(tensor);
    }
    Substitution places;
    program.roots.push_back(copy_into(program, alone.program, alone.program.roots, places).front());
  }
  return print_program(tensors, program, symbols, language);
}

std::vector<std::string> workload_programs() { return {kFirstConvolution, kSweep, kSmallSweep}; }

std::string workload_program(const std::string& name) {
  if (name == kFirstConvolution) return layers_as_glenside({mobilenet_layers(1, 224).front()});
  if (name == kSweep || name == kSmallSweep) {
    const bool small = name == kSmallSweep;
    std::vector<Layer> layers = small ? mobilenet_layers(0.125, 32) : mobilenet_layers(1, 224);
    for (Layer& layer : resnet50_layers(small ? 32 : 224)) {
      if (small && layer.k * layer.n > kLargestSmall) continue;
      add_unless_known(layers, std::move(layer));
    }
    return layers_as_glenside(layers);
  }
  std::string known;
  for (const std::string& program : workload_programs()) known += (known.empty() ? "" : ", ") + program;
  throw Error(ErrorCode::kInput, "found '" + name + "', expected one of the workload programs: " + known);
}

}  // namespace tessera::bench
