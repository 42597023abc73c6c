#include "bench/idle.hpp"

#include <algorithm>
#include <array>

namespace tessera::bench {
namespace {

constexpr const char* kSums = R"(
(rewrite commute (Add ?a ?b) (Add ?b ?a))
(rewrite associate (Add ?a (Add ?b ?c)) (Add (Add ?a ?b) ?c))
(start (Add 1 (Add 2 (Add 3 (Add 4 (Add 5 6))))))
)";
constexpr std::uint64_t kEnodes = 608;  // 3^6 - 2^7 + 1 ordered splits of six summands, and six numbers
constexpr std::size_t kReducedWords = 2;

}  // namespace

IdleSearch::IdleSearch(Exchange& exchange, std::int64_t threads)
    : exchange_(exchange), run_(exchange, kSums, search_options(threads)) {
  const StopReason reason = run_.search.run();
  if (reason != StopReason::kSaturated || run_.search.enodes() != kEnodes)
    throw Error(ErrorCode::kInternal, "the idle e-graph: found " + std::to_string(run_.search.enodes()) +
                                          " e-nodes, stopped: " + stop_reason_name(reason) + ", expected " +
                                          std::to_string(kEnodes) + ", saturated");
  constexpr int kProbes = 8;
  const Traffic before = exchange.traffic();
  iterate(kProbes);
  const Traffic after = exchange.traffic();
  traffic_.exchanges = (after.exchanges - before.exchanges) / kProbes;
  traffic_.reductions = (after.reductions - before.reductions) / kProbes;
  traffic_.bytes = (after.bytes_sent - before.bytes_sent) / kProbes;
  for (const PhaseRecord& phase : run_.search.iterations().back().phases) traffic_.supersteps += phase.supersteps;
  const auto ranks = static_cast<std::uint64_t>(exchange.size());
  const std::uint64_t peers = traffic_.exchanges * (ranks - 1);
  const std::uint64_t each = peers == 0 ? 0 : (traffic_.bytes + peers - 1) / peers;
  outgoing_.assign(ranks, Bytes(each));
}

double IdleSearch::iterate(int count) {
  const Stopwatch watch;
  for (int i = 0; i < count; ++i) {
    const IterationRecord& record = run_.search.iterate();
    if (record.changed) throw Error(ErrorCode::kInternal, "an iteration of a saturated e-graph changed it");
  }
  return watch.seconds();
}

double IdleSearch::raw(int count) {
  const std::uint64_t steps = std::max<std::uint64_t>(1, traffic_.exchanges);
  return calls(count, steps, steps);
}

double IdleSearch::same_calls(int count) { return calls(count, traffic_.exchanges, traffic_.reductions); }

double IdleSearch::calls(int count, std::uint64_t exchanges, std::uint64_t reductions) {
  std::array<std::uint64_t, kReducedWords> words{};
  const Stopwatch watch;
  for (int i = 0; i < count; ++i) {
    for (std::uint64_t e = 0; e < exchanges; ++e) exchange_.all_to_all(outgoing_, inbox_);
    for (std::uint64_t r = 0; r < reductions; ++r) exchange_.all_reduce(words, Reduction::kMax);
  }
  return watch.seconds();
}

}  // namespace tessera::bench
