// Any bytes as an egglog program: read, or refused by an Error(kInput) with a place; every rule and query that is read
// compiles to match plans, every command refers to what there is, and every term that is not huge prints to text that
// reads back to the same term.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/language/expression_edit.hpp"
#include "io/egglog_reader.hpp"

namespace {

using namespace tessera;

constexpr std::uint64_t kMostPrinted = 10'000;

std::string declarations(const EgglogLanguage& language) {
  std::string text;
  EgglogSort sorts = kEgglogPrimitives;
  for (const EgglogConstructor& constructor : language.constructors()) {
    sorts = std::max(sorts, constructor.result + 1);
    for (const EgglogSort sort : constructor.arguments) sorts = std::max(sorts, sort + 1);
  }
  for (EgglogSort sort = kEgglogPrimitives; sort < sorts; ++sort) text += "(sort " + language.sort_name(sort) + ")\n";
  for (const EgglogConstructor& constructor : language.constructors()) {
    text += "(constructor " + constructor.name + " (";
    for (const EgglogSort sort : constructor.arguments) text += " " + language.sort_name(sort);
    text += ") " + language.sort_name(constructor.result) + ")\n";
  }
  return text;
}

void check_term(const EgglogProgram& program, std::uint32_t root, const SymbolTable& symbols) {
  CHECK(root < program.terms.size());
  const auto text = egglog_text(program.terms, root, symbols, program.language, kMostPrinted);
  if (!text) return;
  SymbolTable other_symbols;
  const EgglogProgram again =
      parse_egglog(declarations(program.language) + "(extract " + *text + ")", "printed", other_symbols);
  Expression term = program.terms;
  term.roots = {root};
  Expression read_back = again.terms;
  read_back.roots = again.commands.front().roots;
  CHECK(structural_hash(term, symbols) == structural_hash(read_back, other_symbols));
}

void check_command(const EgglogProgram& program, const EgglogCommand& command, const SymbolTable& symbols) {
  CHECK(command.rules <= program.rules.size());
  CHECK(command.constructor <= program.language.constructors().size());
  for (const std::uint32_t root : command.roots) check_term(program, root, symbols);
  for (const EgglogGroundFact& fact : command.facts) {
    check_term(program, fact.left, symbols);
    check_term(program, fact.right, symbols);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  // A file that includes others is as good as those, and fuzzing must not open files.
  if (text.find("include") != std::string_view::npos) return 0;
  SymbolTable symbols;
  try {
    const EgglogProgram program = parse_egglog(text, "fuzz", symbols);
    for (const EgglogCommand& command : program.commands) check_command(program, command, symbols);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    CHECK(error.where().line > 0);
  }
  return 0;
}
