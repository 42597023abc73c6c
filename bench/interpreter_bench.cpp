// The interpreter of the tensor language, on layers as they are written (windows, products, pairs) and on the programs
// that blocking makes of them (slices, paddings, array calls). Integers in float32, so small that every sum is exact:
// the result must equal an independent loop's, bit for bit.
#include "bench/graphs.hpp"
#include "cluster/random_tensors.hpp"
#include "cluster/reference_convolution.hpp"

namespace tessera::bench {
namespace {

enum class Form : std::uint8_t { kAsWritten, kBlocked };

struct Problem {
  const char* name;
  LayerKind kind;
  Conv2d conv;
};

// Data n, c, h, w; channels out, kernel h, w; strides; padding top, left, bottom, right; groups.
constexpr Problem kSmallConvolution = {"small", LayerKind::kConv2d, {1, 8, 14, 14, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
constexpr Problem kPointwise = {"pointwise", LayerKind::kConv2d, {1, 64, 56, 56, 128, 1, 1, 1, 1, 0, 0, 0, 0, 1}};
constexpr Problem kConvolution = {"conv", LayerKind::kConv2d, {1, 64, 28, 28, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1}};
constexpr Problem kDepthwise = {"depthwise", LayerKind::kDepthwise, {1, 64, 56, 56, 64, 3, 3, 1, 1, 1, 1, 1, 1, 64}};

std::vector<float> as_floats(const std::vector<std::int64_t>& values) { return {values.begin(), values.end()}; }

void interpret_layer(benchmark::State& state, const Problem& problem, Form form) {
  constexpr std::int64_t kMagnitude = 4;
  SoloExchange exchange;
  const Layer layer = make_layer(problem.name, problem.kind, problem.conv, DType::kFloat32, Name("w"));
  LayerSearch search(
      exchange,
      [&](SymbolTable& symbols, TensorLanguage& language) {
        Network network = layer_network(layer, symbols);
        for (const TensorDeclaration& tensor : network.tensors) language.declare(tensor);
        return network;
      },
      "blocking", {{16, 16}}, search_options(1));
  Expression program = search.model.layers.at(0).alone.program;
  if (form == Form::kBlocked) {
    search.search->run();
    program = search.extract().program;
    if (!expect_count(state, "programs on arrays", search.on_arrays(program) ? 1 : 0, 1)) return;
  }
  const std::vector<std::int64_t> data_extents = data_dims(layer);
  const std::vector<std::int64_t> weight_extents = weight_dims(layer);
  const auto elements = [](const std::vector<std::int64_t>& dims) {
    std::size_t count = 1;
    for (const std::int64_t extent : dims) count *= static_cast<std::size_t>(extent);
    return count;
  };
  const std::vector<std::int64_t> data = random_integers(elements(data_extents), kMagnitude, 1);
  const std::vector<std::int64_t> weights = random_integers(elements(weight_extents), kMagnitude, 2);
  const std::vector<float> expected = as_floats(exact_layer(layer, data, weights));
  const std::vector<TensorDeclaration>& tensors = search.model.layers.at(0).alone.tensors;
  Environment<float> environment;
  environment[tensors.at(0).name] = make_tensor<float>(data_extents, 0, as_floats(data));
  environment[tensors.at(1).name] = make_tensor<float>(weight_extents, 0, as_floats(weights));
  for (auto _ : state) {
    const std::vector<Tensor<float>> result = interpret<float>(search.symbols, program, program.roots, environment);
    state.PauseTiming();
    const std::span<const float> values = result.at(0).values();
    const bool same = std::equal(values.begin(), values.end(), expected.begin(), expected.end());
    state.ResumeTiming();
    if (!expect_count(state, "equal results", same ? 1 : 0, 1)) break;
  }
  const std::int64_t products = layer.m * layer.k * layer.n * layer.groups;
  state.SetItemsProcessed(state.iterations() * products);
  state.counters["multiply-adds"] = static_cast<double>(products);
  state.counters["nodes"] = static_cast<double>(program.size());
}

BENCHMARK_CAPTURE(interpret_layer, small_as_written, kSmallConvolution, Form::kAsWritten)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(interpret_layer, small_blocked, kSmallConvolution, Form::kBlocked)->Unit(benchmark::kMillisecond);

void full(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("full")->Arg(1)->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(interpret_layer, pointwise_as_written, kPointwise, Form::kAsWritten)->Apply(full);
BENCHMARK_CAPTURE(interpret_layer, pointwise_blocked, kPointwise, Form::kBlocked)->Apply(full);
BENCHMARK_CAPTURE(interpret_layer, convolution_as_written, kConvolution, Form::kAsWritten)->Apply(full);
BENCHMARK_CAPTURE(interpret_layer, convolution_blocked, kConvolution, Form::kBlocked)->Apply(full);
BENCHMARK_CAPTURE(interpret_layer, depthwise_as_written, kDepthwise, Form::kAsWritten)->Apply(full);
BENCHMARK_CAPTURE(interpret_layer, depthwise_blocked, kDepthwise, Form::kBlocked)->Apply(full);

}  // namespace
}  // namespace tessera::bench
