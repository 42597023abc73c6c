// Any bytes as s-expressions: read, or refused by an Error(kInput) with a place; and every node of what is read can be
// shown, placed and walked, with texts that lie within the source.
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/text/sexpr.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace tessera;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  try {
    const Sexpr forms(text, "fuzz");
    std::vector<SexprId> left = forms.forms();
    std::size_t nodes = 0;
    while (!left.empty()) {
      const SexprId node = left.back();
      left.pop_back();
      CHECK(++nodes <= size);
      CHECK(forms.where(node).line > 0);
      CHECK(!forms.describe(node).empty());
      if (forms.is_list(node)) {
        (void)forms.head(node);
        for (const SexprId item : forms.items(node)) left.push_back(item);
        continue;
      }
      // Printed by itself, the atom or string is one form with the same text (behind a blank: a text may start with a
      // byte order mark, which is skipped).
      const std::string word(forms.text(node));
      const Sexpr again(" " + (forms.is_atom(node) ? word : atom_text(word)), "again");
      CHECK(again.forms().size() == 1);
      CHECK(again.text(again.forms()[0]) == word);
    }
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    CHECK(error.where().line > 0);
  }
  return 0;
}
