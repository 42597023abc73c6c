// The engine as an EngineUnderTest: partition/search.hpp on a LocalWorld of any number of ranks. Beside counts it reads
// all ranks' rows into one naive e-graph, which checks the invariants that only show when the shares lie side by side
// (one e-node on two ranks, a child's e-class that nobody has) and lets the partition be compared with the oracle's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/language/expression.hpp"
#include "engine/language/symbol_table.hpp"
#include "partition/partition.hpp"
#include "partition/search_state.hpp"
#include "tests/property/engine_under_test.hpp"
#include "tests/property/naive_egraph.hpp"

namespace tessera::oracle {

struct Layout {
  int ranks = 1;
  int threads = 1;
  std::uint32_t shards = 1;
  PlacementPolicy placement = PlacementPolicy::kNeighbour;  // from the first iteration on
  std::size_t least_crowd = PartitionOptions().least_crowd;
};

// "r2t1s4": two ranks, one thread each, four shards each; "r2t1s4hash" if e-nodes are placed by hash; "r2t1s4c1" if a
// partial match alone makes a crowd.
[[nodiscard]] std::string layout_name(const Layout& layout);

// This rank's live rows, with global class numbers.
[[nodiscard]] std::vector<ForeignRow> live_rows(Partition& partition);

class SearchEngine : public EngineUnderTest {
 public:
  // `before`: the layout in which the first half of the iterations is run, after which the search is taken up anew.
  explicit SearchEngine(Layout layout, std::uint64_t partition_size = 0, std::optional<Layout> before = {})
      : layout_(layout), partition_size_(partition_size), before_(before) {}

  [[nodiscard]] std::string name() const override {
    return before_ ? layout_name(*before_) + " then " + layout_name(layout_) : layout_name(layout_);
  }
  // Throws std::logic_error when ranks disagree or an invariant is broken.
  History run(const SearchInput& input, int iterations) override;

 private:
  Layout layout_;
  std::uint64_t partition_size_;  // as OracleLimits::partition_size
  std::optional<Layout> before_;
};

}  // namespace tessera::oracle
