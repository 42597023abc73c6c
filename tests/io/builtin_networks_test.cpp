// The built-in MobileNet against the published file, its scaled versions, and the front door.
#include "io/builtin_networks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "engine/base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/layer_finder.hpp"
#include "io/relay_reader.hpp"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Read {
  SymbolTable symbols;
  TensorLanguage language;
  Network network;
};

Read find(const std::string& name) {
  Read result;
  result.network = find_network(name, result.symbols, result.language);
  return result;
}

std::string refusal(const std::string& name) {
  try {
    (void)find(name);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  ADD_FAILURE() << name << " was found";
  return {};
}

// The folder of published models, or empty.
std::string shared_folder() {
  const char* from_environment = std::getenv("TESSERA_SHARED");
#ifdef TESSERA_SHARED_DIR
  std::string folder = from_environment != nullptr ? from_environment : TESSERA_SHARED_DIR;
#else
  std::string folder = from_environment != nullptr ? from_environment : "";
#endif
  return std::filesystem::exists(folder + "/models/mobilenet-v1.relay") ? folder : std::string();
}

TEST(BuiltinNetworks, MobilenetHasItsPublishedLayers) {
  const Read r = find("mobilenet-v1");
  const std::vector<Layer>& layers = r.network.layers;
  ASSERT_EQ(layers.size(), 28U);
  EXPECT_EQ(layers.front().name, "conv_block_1_conv");
  EXPECT_EQ(layers[1].name, "separable_conv_block_1");
  EXPECT_EQ(layers[2].name, "separable_conv_block_1_conv2");
  EXPECT_EQ(layers.back().name, "fc");
  EXPECT_EQ(std::count_if(layers.begin(), layers.end(), [](const Layer& l) { return l.kind == LayerKind::kDepthwise; }),
            13);
  EXPECT_EQ(layers.back().kind, LayerKind::kDense);
  std::int64_t multiply_adds = 0;
  std::int64_t weights = 0;
  for (const Layer& l : layers) {
    multiply_adds += l.m * l.k * l.n * l.groups;
    weights += l.k * l.n * l.groups;
  }
  EXPECT_EQ(multiply_adds, 568740352);  // the paper: 569 million
  EXPECT_EQ(weights, 4209088);          // 4.2 million
  // Five equal 512 -> 512 blocks, and two depthwise shapes met before.
  const std::vector<std::size_t> first = distinct_layers(layers);
  EXPECT_EQ(std::set<std::size_t>(first.begin(), first.end()).size(), 20U);
}

TEST(BuiltinNetworks, EveryNodeIsWellTyped) {
  for (const char* name : {"mobilenet-v1", "mobilenet-v1:0.25:128", "mobilenet-v1:0.3:33", "mobilenet-v1:1:1"}) {
    const Read r = find(name);
    EXPECT_NO_THROW((void)infer_types(r.network.program, r.symbols, r.language)) << name;
  }
}

TEST(BuiltinNetworks, WidthAndResolution) {
  const Read half = find("mobilenet-v1:0.5:128");
  EXPECT_EQ(half.network.layers[0].n, 16);
  EXPECT_EQ(half.network.layers[0].m, 64 * 64);
  EXPECT_EQ(half.network.layers[1].groups, 16);
  EXPECT_EQ(half.network.layers.back().k, 512);
  EXPECT_EQ(half.network.layers.back().n, 1000);
  // Multiples of 8, never below 8, never more than 10 % down.
  const Read odd = find("mobilenet-v1:0.3");
  EXPECT_EQ(odd.network.layers[0].n, 16);                         // 9.6: 8 would be 17 % less
  EXPECT_EQ(odd.network.layers[2].n, 24);                         // 19.2: 16 would be 17 % less
  EXPECT_EQ(find("mobilenet-v1:0.01").network.layers[26].n, 16);  // 10.24
}

TEST(BuiltinNetworks, FinderAndReaderAgreeOnEveryLayer) {
  Read r = find("mobilenet-v1");
  const std::vector<Layer> found = find_layers(r.network.program, r.symbols, r.language);
  ASSERT_EQ(found.size(), r.network.layers.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].name, r.network.layers[i].name);
    EXPECT_EQ(found[i].conv, r.network.layers[i].conv);
    EXPECT_EQ(found[i].kind, r.network.layers[i].kind);
    EXPECT_EQ(found[i].root, r.network.layers[i].root);
    EXPECT_EQ(found[i].output, r.network.layers[i].output);
    EXPECT_EQ(found[i].data_node, r.network.layers[i].data_node);
    EXPECT_EQ(found[i].weight_node, r.network.layers[i].weight_node);
  }
}

TEST(BuiltinNetworks, MobilenetIsThePublishedFile) {
  const std::string shared = shared_folder();
  if (shared.empty()) GTEST_SKIP() << "no models/mobilenet-v1.relay: set TESSERA_SHARED to the folder that holds it";
  const std::string path = shared + "/models/mobilenet-v1.relay";
  EXPECT_EQ(mobilenet_v1_relay(1.0, 224), read_file(path));

  SymbolTable symbols;
  TensorLanguage language;
  const Network file = find_network(path, symbols, language);
  const Network built = find_network("mobilenet-v1", symbols, language);
  ASSERT_EQ(file.program.size(), built.program.size());
  EXPECT_EQ(file.program.roots, built.program.roots);
  for (std::uint32_t i = 0; i < file.program.size(); ++i) EXPECT_EQ(file.program[i], built.program[i]);
  ASSERT_EQ(file.layers.size(), built.layers.size());
  for (std::size_t i = 0; i < file.layers.size(); ++i) {
    EXPECT_EQ(file.layers[i].name, built.layers[i].name);
    EXPECT_EQ(file.layers[i].conv, built.layers[i].conv);
  }
}

TEST(FindNetwork, SaysWhatItKnows) {
  EXPECT_THAT(refusal("resnet"), ::testing::AllOf(HasSubstr("unknown model 'resnet'"), HasSubstr("mobilenet-v1"),
                                                  HasSubstr(".relay or .glenside")));
  EXPECT_THAT(refusal("mobilenet-v1:wide"), HasSubstr("expected a width multiplier such as 0.5, found 'wide'"));
  EXPECT_THAT(refusal("mobilenet-v1:"), HasSubstr("expected a width multiplier"));
  EXPECT_THAT(refusal("mobilenet-v1:0"), HasSubstr("above 0"));
  EXPECT_THAT(refusal("mobilenet-v1:nan"), HasSubstr("above 0"));
  EXPECT_THAT(refusal("mobilenet-v1:1:0"), HasSubstr("resolution of 1 to 4096"));
  EXPECT_THAT(refusal("mobilenet-v1:1:224:3"), HasSubstr("expected a resolution"));
  EXPECT_THAT(refusal("no/such/file.relay"), HasSubstr("no/such/file.relay: cannot be read"));
  EXPECT_THAT(refusal("no/such/file.glenside"), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace tessera
