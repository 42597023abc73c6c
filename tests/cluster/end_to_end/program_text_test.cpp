// program.glenside reads back: parsed again it is the program that was printed, and printing that gives the same bytes.
// Also what is in it, against the closed forms of the arithmetic of a blocking.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "engine/language/expression_edit.hpp"
#include "io/glenside_reader.hpp"
#include "io/program_writer.hpp"
#include "tests/cluster/end_to_end/whole_search.hpp"

namespace tessera::end_to_end {
namespace {

struct Case {
  const char* what;
  const char* model;
  Scope scope;
  std::vector<ArraySize> arrays;
};

class ProgramText : public ::testing::TestWithParam<Case> {};

TEST_P(ProgramText, ReadsBackAndRunsOnArraysAtTheBound) {
  const Case& given = GetParam();
  Options options;
  options.input = given.model;
  options.scope = given.scope;
  options.arrays = given.arrays;
  if (std::string(given.model).ends_with(".relay")) {
    options.input = std::string(TESSERA_SHARED_DIR) + "/models/" + given.model;
    if (!std::filesystem::exists(options.input)) GTEST_SKIP() << options.input << " is not there";
  }
  const Outcome outcome = search_model(options, {2, 1, 1});

  SymbolTable symbols;
  TensorLanguage language;
  const Network network = read_glenside(outcome.program, "program.glenside", symbols, language);
  const std::string again = print_program(network.tensors, network.program, symbols, language);
  EXPECT_EQ(first_difference(outcome.program, again), "");
  EXPECT_TRUE(network.layers.empty()) << "a layer was left outside the arrays: " << network.layers.front().name;

  SymbolTable other_symbols;
  TensorLanguage other_language;
  const Network reread = read_glenside(again, "program.glenside", other_symbols, other_language);
  EXPECT_EQ(structural_hash(network.program, symbols), structural_hash(reread.program, other_symbols));
  EXPECT_EQ(reachable(network.program, network.program.roots), reachable(reread.program, reread.program.roots));

  EXPECT_FALSE(outcome.layers.empty());
  for (const LayerReport& layer : outcome.layers) {
    EXPECT_TRUE(layer.tensorized) << layer.name;
    EXPECT_LE(layer.calls, layer.calls_bound) << layer.name;
    EXPECT_LE(layer.cycles, layer.cycles_bound) << layer.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ProgramText,
                         ::testing::Values(Case{"ByLayer", "mobilenet-v1", Scope::kLayer, {{64, 64}}},
                                           Case{"AsNetwork", "mobilenet-v1", Scope::kNetwork, {{64, 64}}},
                                           Case{"SmallArray", "mobilenet-v1", Scope::kLayer, {{16, 16}}},
                                           Case{"LargeArray", "mobilenet-v1", Scope::kLayer, {{128, 128}}},
                                           Case{"OblongArray", "mobilenet-v1", Scope::kNetwork, {{32, 64}}},
                                           Case{"TwoArrays", "mobilenet-v1", Scope::kLayer, {{64, 64}, {32, 64}}},
                                           Case{"Odd", "mobilenet-v1:0.3:33", Scope::kNetwork, {{24, 40}}},
                                           Case{"Relay", "mobilenet-v1.relay", Scope::kLayer, {{64, 64}}},
                                           Case{"RelayAsNetwork", "mobilenet-v1.relay", Scope::kNetwork, {{64, 64}}}),
                         [](const auto& instance) { return std::string(instance.param.what); });

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The file that the program writes, read back, is what the report beside it says.
TEST(ProgramFile, ReadsBackToTheDigestInTheReport) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tessera-program-file-" + std::to_string(::getpid()));
  const std::string command = std::string("'") + TESSERA_PROGRAM +
                              "' search mobilenet-v1:0.25:32 --no-verify --quiet --out '" + folder.string() +
                              "' > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const std::string text = file_text(folder / "program.glenside");
  const std::string report = file_text(folder / "report.json");
  std::filesystem::remove_all(folder);
  SymbolTable symbols;
  TensorLanguage language;
  const Network network = read_glenside(text, "program.glenside", symbols, language);
  std::ostringstream digest;
  digest << std::hex << std::setw(16) << std::setfill('0') << structural_hash(network.program, symbols);
  EXPECT_NE(report.find("\"program_digest\": \"" + digest.str() + "\""), std::string::npos) << digest.str();
  EXPECT_EQ(first_difference(text, print_program(network.tensors, network.program, symbols, language)), "");
}

}  // namespace
}  // namespace tessera::end_to_end
