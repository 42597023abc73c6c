// The seeds of the fuzz targets are good input: a seed that is refused teaches a fuzzer nothing.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "engine/base/error.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "engine/text/sexpr.hpp"
#include "io/atomic_file.hpp"
#include "io/egglog_reader.hpp"
#include "io/egraph_json.hpp"
#include "io/glenside_reader.hpp"
#include "io/layer_finder.hpp"
#include "io/relay_reader.hpp"
#include "io/snapshot.hpp"

namespace tessera {
namespace {

// Calls `read` with the text and path of every seed of a subject; there must be some.
template <class Read>
void for_each_seed(const std::string& subject, Read read) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_SOURCE_DIR "/tests/data/fuzz/" + subject)) {
    SCOPED_TRACE(entry.path().string());
    EXPECT_NO_THROW(read(read_file(entry.path()), entry.path().string()));
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(FuzzSeeds, Relay) {
  for_each_seed("relay", [](const std::string& text, const std::string& path) {
    SymbolTable symbols;
    TensorLanguage language;
    const Network network = read_relay(text, path, symbols, language);
    (void)infer_types(network.program, symbols, language);
  });
}

TEST(FuzzSeeds, Glenside) {
  for_each_seed("glenside", [](const std::string& text, const std::string& path) {
    SymbolTable symbols;
    TensorLanguage language;
    EXPECT_FALSE(read_glenside(text, path, symbols, language).layers.empty());
  });
}

TEST(FuzzSeeds, Rules) {
  for_each_seed("rules", [](const std::string& text, const std::string& path) {
    SymbolTable symbols;
    const TermLanguage terms;
    const TensorLanguage tensors;
    const bool is_tensor = text.find("(language tensor)") != std::string::npos;
    const Language& language = is_tensor ? static_cast<const Language&>(tensors) : terms;
    EXPECT_FALSE(parse_rules(text, path, language, symbols, {}).rules.empty());
  });
}

TEST(FuzzSeeds, Egglog) {
  for_each_seed("egglog", [](const std::string& text, const std::string& path) {
    SymbolTable symbols;
    const EgglogProgram program = parse_egglog(text, path, symbols);
    EXPECT_FALSE(program.rules.empty());
    EXPECT_FALSE(program.commands.empty());
  });
}

TEST(FuzzSeeds, Egraph) {
  for_each_seed("egraph", [](const std::string& text, const std::string& path) {
    EXPECT_FALSE(parse_egraph_json(text, path).state.symbols.empty());
  });
}

TEST(FuzzSeeds, Snapshot) {
  for_each_seed("snapshot", [](const std::string& text, const std::string& path) {
    Snapshot snapshot;
    if (path.find("header") != std::string::npos)
      parse_snapshot_header(text, path, snapshot);
    else if (path.find("symbols") != std::string::npos)
      EXPECT_FALSE(parse_symbols(text, path).empty());
    else
      EXPECT_FALSE(parse_seal(text, path).datasets.empty());
  });
}

TEST(FuzzSeeds, Sexpr) {
  for_each_seed("sexpr", [](const std::string& text, const std::string& path) {
    EXPECT_FALSE(Sexpr(text, path).forms().empty());
  });
}

}  // namespace
}  // namespace tessera
