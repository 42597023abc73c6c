// The main job inside one process: a model's or a rules file's whole search over a LocalWorld of any number of ranks,
// from the model's name to the text of the extracted program, with what each rank held and sent along the way. It is
// built from the same pieces as the program's run loop, less files, terminal and verification.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "cluster/options.hpp"
#include "io/report.hpp"
#include "partition/search_state.hpp"

namespace tessera::end_to_end {

struct Layout {
  int ranks = 1;
  int threads = 1;
  std::uint32_t shards = 1;
};

[[nodiscard]] std::string layout_name(const Layout& layout);  // "r2t1s4"
std::ostream& operator<<(std::ostream& out, const Layout& layout);

// What one rank held at the end and did until then.
struct RankShare {
  std::uint64_t enodes = 0;
  std::uint64_t visited = 0;  // rows looked at while matching, over all iterations: match work
  std::uint64_t rekeyed = 0;
  Traffic traffic;
};

struct Outcome {
  StopReason stop = StopReason::kSaturated;
  std::string digest;
  // Every count of every iteration: e-nodes, e-classes, supersteps of every phase; per rule what it matched, asserted,
  // and whether it was put aside.
  std::string counts;
  std::string program;               // as program.glenside; empty for terms
  std::vector<std::uint64_t> costs;  // of the roots; empty for terms
  std::vector<LayerReport> layers;   // by searched layer, as the report describes them; empty for terms
  std::uint64_t enodes = 0;
  std::uint64_t eclasses = 0;
  std::vector<RankShare> ranks;
};

// `options`: input, scope, arrays, rules, bans, pins and limits are used. Throws std::logic_error when ranks differ in
// what all of them must know.
[[nodiscard]] Outcome search_model(const Options& options, const Layout& layout);
[[nodiscard]] Outcome saturate_rules(const Options& options, const Layout& layout);

// The search's state at its start and after every iteration, the ranks' shares joined.
[[nodiscard]] std::vector<SearchState> states_of_model(const Options& options, const Layout& layout);
[[nodiscard]] std::vector<SearchState> states_of_rules(const Options& options, const Layout& layout);
// The rest of the search from such a state.
[[nodiscard]] Outcome resume_model(const Options& options, const Layout& layout, const SearchState& whole);
[[nodiscard]] Outcome resume_rules(const Options& options, const Layout& layout, const SearchState& whole);

// The same through files: a search that leaves a snapshot in the folder at its start and after every iteration, and the
// rest of the search from such a file.
[[nodiscard]] Outcome keep_model_snapshots(const Options& options, const Layout& layout, const std::string& folder);
[[nodiscard]] Outcome resume_model_snapshot(const Options& options, const Layout& layout, const std::string& file);

// Where two texts first differ, as "line N: … / …"; empty when they are equal.
[[nodiscard]] std::string first_difference(const std::string& expected, const std::string& found);

// The greatest share over the mean one.
[[nodiscard]] double imbalance(const std::vector<std::uint64_t>& shares);

}  // namespace tessera::end_to_end
