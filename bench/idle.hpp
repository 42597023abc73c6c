// What a superstep costs when there is nothing to do: iterations of a search whose small e-graph is saturated, beside
// the raw exchange of the same size, with nothing around it: as many all-to-alls of as many bytes, with a reduction
// each, which is the least that a superstep is; and, like for like, with as many reductions as the iteration really
// makes. Used by exchange_bench (ranks in one process) and idle_superstep (under mpirun).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/graphs.hpp"

namespace tessera::bench {

// What one idle iteration hands to the exchange, on this rank.
struct IdleTraffic {
  std::uint64_t exchanges = 0;
  std::uint64_t reductions = 0;
  std::uint64_t bytes = 0;       // sent to other ranks
  std::uint64_t supersteps = 0;  // logical ones, as the report counts them
};

class IdleSearch {
 public:
  // Collective. Saturates sums of six numbers in every order (608 e-nodes); throws Error(kInternal) if that ends
  // otherwise.
  IdleSearch(Exchange& exchange, std::int64_t threads);
  // Collective. Seconds of so many idle iterations, all together. At most 60,000 over the object's life, for an
  // e-graph knows no more iterations than that.
  double iterate(int count);
  // Collective. Seconds of the raw exchanges of so many idle iterations: of each superstep one, at least one.
  double raw(int count);
  // Collective. Seconds of as many collective calls as so many idle iterations make.
  double same_calls(int count);
  [[nodiscard]] const IdleTraffic& traffic() const { return traffic_; }  // of one iteration

 private:
  double calls(int count, std::uint64_t exchanges, std::uint64_t reductions);

  Exchange& exchange_;
  TermSearch run_;
  IdleTraffic traffic_;
  std::vector<Bytes> outgoing_;
  Inbox inbox_;
};

}  // namespace tessera::bench
