// Any bytes as a Glenside program: read, or refused by an Error(kInput); what is read prints to a program that reads
// back to the same text, with the same layers.
#include <cstdint>
#include <string_view>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "io/glenside_reader.hpp"
#include "io/program_writer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace tessera;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  SymbolTable symbols;
  TensorLanguage language;
  Network network;
  try {
    network = read_glenside(text, "fuzz", symbols, language);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    CHECK(error.where().line > 0);
    return 0;
  }
  const std::string printed = print_program(network.tensors, network.program, symbols, language);
  TensorLanguage second;
  const Network again = read_glenside(printed, "printed", symbols, second);
  CHECK(print_program(again.tensors, again.program, symbols, second) == printed);
  CHECK(again.layers.size() == network.layers.size());
  return 0;
}
