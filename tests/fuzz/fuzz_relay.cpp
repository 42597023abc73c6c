// Any bytes as Relay text: read, or refused by an Error(kInput) with a place; and what is read, the tensor language
// types exactly as the reader did, and prints to a program that reads back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "io/glenside_reader.hpp"
#include "io/layer_finder.hpp"
#include "io/program_writer.hpp"
#include "io/relay_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace tessera;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  SymbolTable symbols;
  TensorLanguage language;
  Network network;
  try {
    network = read_relay(text, "fuzz", symbols, language);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    CHECK(error.where().line > 0);
    return 0;
  }
  (void)infer_types(network.program, symbols, language);
  const std::string printed = print_program(network.tensors, network.program, symbols, language);
  TensorLanguage second;
  const Network again = read_glenside(printed, "printed", symbols, second);
  CHECK(print_program(again.tensors, again.program, symbols, second) == printed);
  return 0;
}
