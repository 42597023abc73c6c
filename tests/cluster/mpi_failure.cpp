// Ranks that fail on purpose, for mpi_failure.sh: `all` fail with the same error, `one` alone fails while the others
// wait in a collective call, `two` of them fail with different errors, or `none` does.
#include <cstdint>
#include <cstdio>
#include <string>

#include "cluster/mpi_session.hpp"
#include "engine/base/error.hpp"
#include "partition/exchange.hpp"

int main(int argc, char** argv) {
  using namespace tessera;
  MpiSession session(argc, argv);
  return session.run([&] {
    const std::string how = argc > 1 ? argv[1] : "none";
    const auto exchange = session.make_exchange();
    const int last = exchange->size() - 1;
    if (how == "all") throw Error(ErrorCode::kInput, "all ranks agree that this is wrong");
    if ((how == "one" || how == "two") && exchange->rank() == last) {
      throw Error(ErrorCode::kInternal, "the last rank is broken");
    }
    if (how == "two" && exchange->rank() == last - 1)
      throw Error(ErrorCode::kInternal, "the last rank but one is broken");
    std::uint64_t value = 1;
    exchange->all_reduce({&value, 1}, Reduction::kSum);
    return value == static_cast<std::uint64_t>(exchange->size()) ? 0 : 1;
  });
}
