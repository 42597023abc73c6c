// What the machine offers and what of it one rank may take by default: threads, shards and memory. Ranks that share a
// machine share it evenly.
#pragma once

#include <cstdint>

#include "cluster/options.hpp"

namespace tessera {

struct Machine {
  int hardware_threads = 1;        // that this process may run on
  std::uint64_t memory_bytes = 0;  // physical, or the control group's limit where that is lower; 0: unknown
  int local_ranks = 1;             // ranks of this job on this machine
};

[[nodiscard]] Machine this_machine(int local_ranks);

// What one rank works with: nothing is left open.
struct Resources {
  int threads = 1;
  int shards = 1;                        // a power of two
  std::uint64_t memory_limit_bytes = 0;  // 0: none known
};

// Options' own values where given; else threads: the machine's, divided by its ranks; shards: one for a single thread,
// else four a thread, rounded up to a power of two; memory: nine tenths of the machine's, divided by its ranks.
[[nodiscard]] Resources share_of(const Machine& machine, const Options& options);

}  // namespace tessera
