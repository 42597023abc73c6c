#include "cluster/machine.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <thread>

namespace tessera {
namespace {

constexpr int kMostShards = 256;  // by default: the fixed cost of a superstep grows with them

// The limit of this process's control group (version 2, as containers and Slurm set it); 0: none.
std::uint64_t control_group_limit() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::uint64_t bytes = 0;
  return file >> bytes ? bytes : 0;  // "max" is no number
}

}  // namespace

Machine this_machine(int local_ranks) {
  Machine machine;
  machine.hardware_threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  machine.local_ranks = std::max(1, local_ranks);
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) {
    machine.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  }
  const std::uint64_t limit = control_group_limit();
  if (limit > 0 && (machine.memory_bytes == 0 || limit < machine.memory_bytes)) machine.memory_bytes = limit;
  return machine;
}

Resources share_of(const Machine& machine, const Options& options) {
  Resources share;
  share.threads = options.threads > 0 ? options.threads : std::max(1, machine.hardware_threads / machine.local_ranks);
  share.shards = options.shards;
  if (share.shards == 0) {
    // Rows that are made together lie together within a shard only. So there is one a thread; more where their number,
    // a power of two, cannot be shared evenly among the threads.
    const auto threads = static_cast<unsigned>(std::min(share.threads, kMostShards));
    const unsigned wanted = std::has_single_bit(threads) ? threads : std::bit_ceil(2 * threads);
    share.shards = std::min(static_cast<int>(wanted), kMostShards);
  }
  share.memory_limit_bytes = options.memory_limit_bytes;
  if (share.memory_limit_bytes == 0) {
    share.memory_limit_bytes = machine.memory_bytes / 10 * 9 / static_cast<std::uint64_t>(machine.local_ranks);
  }
  return share;
}

}  // namespace tessera
