// Any bytes as a snapshot's seal and as the two texts within: read, or refused by an Error(kInput). Behind a seal that
// matches, HDF5 sees only what was written; the columns' numbers are checked by import_state.
#include <cstdint>
#include <string>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "io/snapshot.hpp"

namespace {

template <class Read>
void expect_refusal_at_most(Read&& read) {
  try {
    read();
  } catch (const tessera::Error& error) {
    CHECK(error.code() == tessera::ErrorCode::kInput);
    CHECK(error.where().file == "fuzz");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace tessera;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  expect_refusal_at_most([&] { (void)parse_seal(text, "fuzz"); });
  expect_refusal_at_most([&] { (void)parse_symbols(text, "fuzz"); });
  expect_refusal_at_most([&] {
    Snapshot snapshot;
    parse_snapshot_header(text, "fuzz", snapshot);
  });
  return 0;
}
