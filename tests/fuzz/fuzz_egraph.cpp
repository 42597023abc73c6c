// Any bytes as an e-graph in JSON: refused by an Error(kInput) that names the file, or read into an e-graph that is
// closed under congruence and is the same after it was written and read again.
#include <cstdint>
#include <string>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/language/term_language.hpp"
#include "io/egraph_json.hpp"
#include "partition/digest.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace tessera;
  EgraphFile file;
  try {
    file = parse_egraph_json(std::string(reinterpret_cast<const char*>(bytes), size), "fuzz");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    CHECK(error.where().file == "fuzz");
    return 0;
  }
  check_indices(file.state);
  CHECK(file.nodes == file.state.share.sizes.rows + file.repeated);
  std::string text;
  write_egraph_json(file.state, TermLanguage(), [&](std::string_view piece) { text += piece; });
  const EgraphFile back = parse_egraph_json(text, "back");
  CHECK(back.repeated == 0 && back.merged_classes == 0);
  CHECK(back.state.share.sizes == file.state.share.sizes);
  CHECK(back.state.roots.size() == file.state.roots.size());
  CHECK(digest(back.state) == digest(file.state));
  return 0;
}
