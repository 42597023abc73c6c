// A fingerprint of the e-graph that does not depend on ids, ranks, threads, shards or the order of anything: equal
// digests mean equal partitions of equal terms into classes (up to 128-bit hash collisions). Every class is named by
// its lowest term: least height first, then least structural hash. (The design says "smallest terms"; height instead of
// size, because sizes overflow on shared terms and heights need one superstep a level, not one a size.) The digest is
// the sum, over all e-nodes, of a hash of the e-node with its children's and its class's names.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/hash.hpp"
#include "partition/partition.hpp"

namespace tessera {

struct SearchState;

// Collective; 32 hexadecimal digits, the same on every rank. By all threads of each rank; between ranks, a round of two
// supersteps and a reduction for each height.
[[nodiscard]] std::string digest(Partition& partition);

// The same of a state whose share is the whole: on one rank, by itself.
[[nodiscard]] std::string digest(const SearchState& whole);
// Per e-class of such a state, the hash of its lowest term; 0: it has no finite term.
[[nodiscard]] std::vector<std::uint64_t> lowest_terms(const SearchState& whole);

// What a digest adds up: e-nodes by the hash of operator and children's lowest terms, and their class's lowest term.
struct DigestSum {
  std::array<std::uint64_t, 3> sums = {0, 0, 0};
  void add(std::uint64_t node, std::uint64_t cls) {
    sums[0] += hash_combine(hash_combine(1, node), cls);
    sums[1] += hash_combine(hash_combine(2, node), cls);
    ++sums[2];
  }
  [[nodiscard]] std::string text() const;
};

}  // namespace tessera
