// Ranks that fail on purpose, for mpi_failure.sh: `all` fail with the same error, `one` alone fails while the others
// wait in a collective call, `two` of them fail with different errors, or `none` does. And, for ranks that watch each
// other: the `last` or the `first` is killed, the last is `frozen`, finds a broken `invariant`, lets an exception out
// of a `thread`, or is `slow` for longer than it may be silent; or all are `waiting` to be ended.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

#include "cluster/mpi_session.hpp"
#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "partition/exchange.hpp"

int main(int argc, char** argv) {
  using namespace tessera;
  MpiSession session(argc, argv);
  return session.run([&] {
    const std::string how = argc > 1 ? argv[1] : "none";
    if (argc > 2) (void)session.watch(std::chrono::milliseconds(std::stoi(argv[2])));
    const auto exchange = session.make_exchange();
    const int last = exchange->size() - 1;
    if (how == "all") throw Error(ErrorCode::kInput, "all ranks agree that this is wrong");
    if ((how == "one" || how == "two") && exchange->rank() == last) {
      throw Error(ErrorCode::kInternal, "the last rank is broken");
    }
    if (how == "two" && exchange->rank() == last - 1)
      throw Error(ErrorCode::kInternal, "the last rank but one is broken");
    exchange->enter_phase(7, "merge");
    const bool is_last = exchange->rank() == last;
    const auto seconds = [](int count) { std::this_thread::sleep_for(std::chrono::seconds(count)); };
    if ((how == "last" && is_last) || (how == "first" && exchange->rank() == 0)) std::raise(SIGKILL);
    if (how == "frozen" && is_last) std::raise(SIGSTOP);
    if (how == "invariant") CHECK(!is_last);
    if (how == "thread" && is_last) std::thread([] { throw std::runtime_error("out of ideas"); }).join();
    if (how == "slow" && is_last) seconds(4);
    if (how == "waiting") seconds(60);
    std::uint64_t value = 1;
    exchange->all_reduce({&value, 1}, Reduction::kSum);
    return value == static_cast<std::uint64_t>(exchange->size()) ? 0 : 1;
  });
}
