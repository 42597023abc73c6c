// The examples of the rules' manual are rules that load.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "engine/rule/rule_parser.hpp"
#include "engine/rule/value_functions.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace tessera {
namespace {

std::string manual() {
  std::ifstream stream(std::string(TESSERA_SOURCE_DIR) + "/engine/rules/README.md");
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

TEST(RulesManual, ExamplesLoad) {
  const std::string text = manual();
  const std::size_t section = text.find("## Examples");
  ASSERT_NE(section, std::string::npos);
  const std::size_t begin = text.find("```\n", section) + 4;
  const std::string examples = text.substr(begin, text.find("```", begin) - begin);
  const TensorLanguage language;
  SymbolTable symbols;
  const RuleParameters parameters = {{{64, 32}}};
  const RuleSet set = parse_rules(examples, "examples.rules", language, symbols, parameters);
  EXPECT_EQ(set.rules.size(), 4U);
  EXPECT_EQ(set.rules.back().name, "pad[64x32]");
}

TEST(RulesManual, NamesEveryFunction) {
  const std::string text = manual();
  std::string names = list_value_functions() + " ";
  while (!names.empty()) {
    const std::size_t blank = names.find(' ');
    EXPECT_NE(text.find("`(" + names.substr(0, blank) + " "), std::string::npos) << names.substr(0, blank);
    names.erase(0, blank + 1);
  }
}

}  // namespace
}  // namespace tessera
