// What ranks need of each other, and nothing more: one personalized all-to-all of bytes a superstep, small reductions,
// and a gather for control data. Two implementations: in-process (partition/local_exchange.hpp; one thread a rank, no
// MPI: unit tests, ThreadSanitizer, gdb) and MPI (cluster/mpi_exchange.hpp). Every call here except rank(), size(),
// traffic() and what only records is collective: all ranks of the exchange must make the same calls in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/growing_array.hpp"
#include "partition/work_record.hpp"

namespace tessera {

using Bytes = GrowingArray<std::byte>;

// What this rank received in one superstep: the messages of all sources, laid end to end in source order.
struct Inbox {
  Bytes bytes;
  std::vector<std::size_t> offset;  // size()+1 entries; bytes of source s are [offset[s], offset[s+1])
};

// Counted for every exchange since construction; a rank's messages to itself are not traffic.
struct Traffic {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t messages_sent = 0;  // nonempty buffers to other ranks
  std::uint64_t messages_received = 0;
  std::uint64_t exchanges = 0;       // all_to_all calls
  std::uint64_t reductions = 0;      // all_reduce calls
  std::uint64_t bytes_gathered = 0;  // all_gather payload received from other ranks
  double wait_seconds = 0;           // wall time inside collective calls
};

enum class Reduction : std::uint8_t { kSum, kMin, kMax, kOr };

class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;

  // outgoing has size() entries; outgoing[d] goes to rank d (outgoing[rank()] comes back to this rank). Buffers are not
  // changed. Payloads above 2 GiB are allowed.
  virtual void all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) = 0;
  // Elementwise over the ranks' arrays of equal length, in place.
  virtual void all_reduce(std::span<std::uint64_t> values, Reduction reduction) = 0;
  // Every rank's bytes, in rank order. For control data (new symbols, errors, statistics), never for e-graph rows.
  virtual void all_gather(std::span<const std::byte> mine, Inbox& all) = 0;

  [[nodiscard]] virtual const Traffic& traffic() const = 0;

  // --- for whoever records the run (partition/recording_exchange.hpp); nothing is done with it here; not collective
  // --- What follows belongs to this phase of this iteration.
  virtual void enter_phase(std::uint32_t /*iteration*/, const char* /*phase*/) {}
  // What the next call is for, e.g. "requests". The text outlives the exchange.
  virtual void name_step(const char* /*step*/) {}
  // Work done since the last call.
  virtual void count_work(Work /*work*/, std::uint64_t /*amount*/) {}
};

}  // namespace tessera
