// Any bytes as a rules file, in the term language and in the tensor language: read, or refused by an Error(kInput) with
// a place; every rule that is read prints to a rule that reads back to the same text.
#include <cstdint>
#include <string_view>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace {

using namespace tessera;

void check_rules(std::string_view text, const Language& language) {
  const RuleParameters parameters{{{64, 64}, {16, 32}}};
  SymbolTable symbols;
  RuleSet rules;
  try {
    rules = parse_rules(text, "fuzz", language, symbols, parameters);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    CHECK(error.where().line > 0);
    return;
  }
  for (const Rule& rule : rules.rules) {
    const std::string printed = to_string(rule, symbols, &language);
    const RuleSet again = parse_rules(printed, "printed", language, symbols, parameters);
    CHECK(again.rules.size() == 1);
    CHECK(to_string(again.rules[0], symbols, &language) == printed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  // A file that includes others is as good as those, and fuzzing must not open files.
  if (text.find("include") != std::string_view::npos) return 0;
  check_rules(text, TermLanguage());
  check_rules(text, TensorLanguage());
  return 0;
}
