// N ranks in one process, one thread a rank, behind the same Exchange as MPI: unit tests, ThreadSanitizer, and
// debugging a distributed fault under gdb need no mpirun. Delivery is bulk-synchronous (BSP; Valiant, CACM 1990) and in
// source order, hence deterministic. Unlike MPI, a mistake in the order of collective calls is found, not hung on:
// ranks that make different calls, or that wait for a rank that has ended or failed, throw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "partition/exchange.hpp"

namespace tessera {

// The exchange of a single rank: every call is a copy at most, no clock is read and nothing is locked, so
// traffic().wait_seconds stays 0.
class SoloExchange final : public Exchange {
 public:
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 1; }
  void all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) override;
  void all_reduce(std::span<std::uint64_t> values, Reduction reduction) override;
  void all_gather(std::span<const std::byte> mine, Inbox& all) override;
  [[nodiscard]] const Traffic& traffic() const override { return traffic_; }

 private:
  Traffic traffic_;
};

// A number of ranks that can run a function together, any number of times.
class LocalWorld {
 public:
  // Throws Error(kInput) unless ranks >= 1.
  explicit LocalWorld(int ranks);

  [[nodiscard]] int size() const { return ranks_; }

  // Calls body once for each rank, each on a thread of its own (a single rank: on the caller's), and returns when all
  // have ended. The Exchange lives only for the call. An exception in one rank ends the others at their next collective
  // call; the exception of the lowest rank that failed by itself is rethrown. Broken collective discipline throws
  // Error(kInternal). Not reentrant from body.
  void run(const std::function<void(Exchange&)>& body) const;

 private:
  int ranks_;
};

}  // namespace tessera
