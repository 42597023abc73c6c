// Memory and work really are divided: no rank gathers the e-graph, all unions or all matches. Watched from outside, by
// an Exchange that writes down what passes through it, and by the sizes of each rank's tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/digest.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kIterations = 9;  // 28,303 e-nodes in 12,445 e-classes
constexpr double kMostImbalance = 1.25;

// Passes every call on and keeps its size.
class WatchedExchange final : public Exchange {
 public:
  explicit WatchedExchange(Exchange& inner) : inner_(inner) {}

  struct Superstep {
    std::uint64_t sent = 0;      // to other ranks
    std::uint64_t received = 0;  // from other ranks
  };

  [[nodiscard]] int rank() const override { return inner_.rank(); }
  [[nodiscard]] int size() const override { return inner_.size(); }
  void all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) override {
    inner_.all_to_all(outgoing, inbox);
    Superstep step;
    const auto me = static_cast<std::size_t>(rank());
    for (std::size_t r = 0; r < outgoing.size(); ++r) {
      if (r == me) continue;
      step.sent += outgoing[r].size();
      step.received += inbox.offset[r + 1] - inbox.offset[r];
    }
    supersteps.push_back(step);
  }
  void all_reduce(std::span<std::uint64_t> values, Reduction reduction) override {
    inner_.all_reduce(values, reduction);
    longest_reduction = std::max(longest_reduction, values.size());
  }
  void all_gather(std::span<const std::byte> mine, Inbox& all) override {
    inner_.all_gather(mine, all);
    gathered += all.bytes.size() - mine.size();
    ++gathers;
  }
  [[nodiscard]] const Traffic& traffic() const override { return inner_.traffic(); }

  std::vector<Superstep> supersteps;
  std::size_t longest_reduction = 0;
  std::uint64_t gathered = 0;
  std::uint64_t gathers = 0;

 private:
  Exchange& inner_;
};

// What one rank held and did.
struct Share {
  std::uint64_t live_rows = 0;
  std::uint64_t row_slots = 0;    // dead rows included
  std::uint64_t class_slots = 0;  // owned classes and ghosts, losers included
  std::uint64_t owned_classes = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t visited = 0;
  std::uint64_t rekeyed = 0;
  std::vector<std::uint64_t> stored_matches;  // per iteration, over all rules
  std::vector<std::uint64_t> all_matches;     // per iteration, over all rules and ranks
  std::vector<WatchedExchange::Superstep> supersteps;
  std::size_t longest_reduction = 0;
  std::uint64_t gathered = 0;
  Traffic traffic;
};

std::uint64_t slots_used(const ShardedIds& ids) {
  std::uint64_t sum = 0;
  for (std::uint32_t shard = 0; shard < ids.shards(); ++shard) sum += ids.used(shard);
  return sum;
}

// Runs the match phase of the coming iteration by itself: how many matches this rank would keep, and how many there
// are.
void count_stored_matches(Search& search, std::span<const RulePlan> plans, Share& share) {
  const std::size_t rules = plans.size();
  const std::vector<char> active(rules, 1);
  const std::vector<std::uint64_t> store_limit(rules, ~std::uint64_t{0});
  std::vector<std::uint32_t> seen;
  for (const RuleSchedule& rule : search.scheduler().rules()) seen.push_back(rule.seen);
  const MatchResult found = run_match_phase(search.partition(), {plans, active, seen, store_limit, {}});
  std::uint64_t stored = 0;
  for (const MatchOutput& output : found.outputs)
    stored += std::accumulate(output.count.begin(), output.count.end(), std::uint64_t{0});
  share.stored_matches.push_back(stored);
  share.all_matches.push_back(std::accumulate(found.matches.begin(), found.matches.end(), std::uint64_t{0}));
}

enum class Watch { kTraffic, kMatches };  // counting matches beforehand doubles the traffic of matching

std::vector<Share> shares_of(int ranks, Watch watch) {
  std::vector<Share> shares(static_cast<std::size_t>(ranks));
  LocalWorld(ranks).run([&](Exchange& inner) {
    Share& share = shares[static_cast<std::size_t>(inner.rank())];
    WatchedExchange exchange(inner);
    const TermLanguage language;
    SymbolTable symbols;
    const RuleSet rules = load_rules("math", language, symbols, {});
    std::vector<RulePlan> plans;
    for (const Rule& rule : rules.rules) plans.push_back(compile(rule, symbols));
    Search search(exchange, language, symbols, rules.rules, {});
    search.start(rules.start);
    for (std::uint64_t i = 0; i < kIterations; ++i) {
      if (watch == Watch::kMatches) count_stored_matches(search, plans, share);
      const IterationRecord& record = search.iterate();
      share.visited += record.visited;
      share.rekeyed += record.rekeyed;
      if (watch == Watch::kMatches) {
        std::uint64_t matches = 0;
        for (const RuleRecord& rule : record.rules) matches += rule.matches;
        EXPECT_EQ(share.all_matches.back(), matches) << "iteration " << i + 1;
      }
    }
    const Partition& partition = search.partition();
    share.live_rows = partition.graph.nodes.live_count();
    share.row_slots = slots_used(partition.graph.nodes.ids());
    share.class_slots = partition.graph.classes.count();
    share.owned_classes = static_cast<std::uint64_t>(partition.owned_classes);
    share.table_bytes = partition.table_bytes();
    share.supersteps = exchange.supersteps;
    share.longest_reduction = exchange.longest_reduction;
    share.gathered = exchange.gathered;
    share.traffic = exchange.traffic();
  });
  return shares;
}

// One figure of all ranks.
struct Figures {
  std::vector<std::uint64_t> values;

  template <class Get>
  Figures(const std::vector<Share>& shares, Get&& get) {
    for (const Share& share : shares) values.push_back(get(share));
  }
  [[nodiscard]] std::uint64_t sum() const { return std::accumulate(values.begin(), values.end(), std::uint64_t{0}); }
  [[nodiscard]] std::uint64_t most() const { return *std::ranges::max_element(values); }
  [[nodiscard]] double imbalance() const {
    return static_cast<double>(most()) * static_cast<double>(values.size()) / static_cast<double>(sum());
  }
  [[nodiscard]] std::string text() const {
    std::string list;
    for (const std::uint64_t value : values) list += (list.empty() ? "" : ", ") + std::to_string(value);
    return list;
  }
};

class Sharing : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    for (const int ranks : {1, 2, 4, 8})
      runs_[ranks] = std::make_unique<std::vector<Share>>(shares_of(ranks, Watch::kTraffic));
  }
  static void TearDownTestSuite() { runs_.clear(); }
  static const std::vector<Share>& run(int ranks) { return *runs_.at(ranks); }

 private:
  static inline std::map<int, std::unique_ptr<std::vector<Share>>> runs_;
};

TEST_F(Sharing, RowsAreDivided) {
  for (const int ranks : {2, 4, 8}) {
    const Figures live(run(ranks), [](const Share& s) { return s.live_rows; });
    EXPECT_EQ(live.sum(), 28303U) << ranks << " ranks";
    EXPECT_LE(live.imbalance(), kMostImbalance) << ranks << " ranks: live rows " << live.text();
    const Figures slots(run(ranks), [](const Share& s) { return s.row_slots; });
    EXPECT_LE(slots.imbalance(), kMostImbalance) << ranks << " ranks: rows, dead ones included, " << slots.text();
    const Figures owned(run(ranks), [](const Share& s) { return s.owned_classes; });
    EXPECT_EQ(owned.sum(), 12445U) << ranks << " ranks";
    EXPECT_LE(owned.imbalance(), kMostImbalance) << ranks << " ranks: owned e-classes " << owned.text();
  }
}

TEST_F(Sharing, WorkIsDivided) {
  const std::uint64_t alone = run(1).front().visited;
  for (const int ranks : {2, 4, 8}) {
    const Figures visited(run(ranks), [](const Share& s) { return s.visited; });
    EXPECT_LE(visited.imbalance(), kMostImbalance) << ranks << " ranks: rows visited " << visited.text();
    // No rank looks again at what another one looks at.
    EXPECT_LE(visited.sum(), alone + alone / 4) << ranks << " ranks";
    const Figures rekeyed(run(ranks), [](const Share& s) { return s.rekeyed; });
    EXPECT_LE(rekeyed.imbalance(), kMostImbalance) << ranks << " ranks: rows re-keyed " << rekeyed.text();
  }
}

TEST_F(Sharing, TablesShrinkAsRanksAreAdded) {
  const std::uint64_t alone = run(1).front().table_bytes;
  std::string sizes = std::to_string(alone);
  std::uint64_t before = alone;
  for (const int ranks : {2, 4, 8}) {
    const Figures bytes(run(ranks), [](const Share& s) { return s.table_bytes; });
    sizes += "; " + bytes.text();
    EXPECT_LE(bytes.imbalance(), kMostImbalance) << ranks << " ranks: bytes " << bytes.text();
    EXPECT_LT(bytes.most(), before) << ranks << " ranks; bytes by rank with 1, 2, 4, 8 ranks: " << sizes;
    before = bytes.most();
  }
  EXPECT_LT(before * 5, alone * 2) << "on eight ranks a rank needs more than 40 % of what one alone needs";
  RecordProperty("table_bytes", sizes);
}

TEST_F(Sharing, TrafficIsDivided) {
  for (const int ranks : {2, 4, 8}) {
    const Figures received(run(ranks), [](const Share& s) { return s.traffic.bytes_received; });
    const Figures sent(run(ranks), [](const Share& s) { return s.traffic.bytes_sent; });
    EXPECT_EQ(received.sum(), sent.sum());
    EXPECT_LE(received.imbalance(), 1.5) << ranks << " ranks: bytes received " << received.text();
    EXPECT_LE(sent.imbalance(), 1.5) << ranks << " ranks: bytes sent " << sent.text();
  }
}

// A step in which one rank receives from all (a gather) or sends to all (a broadcast, a serial step) would show as a
// superstep of which it has nearly all bytes.
TEST_F(Sharing, NoSuperstepRunsThroughOneRank) {
  constexpr std::uint64_t kNoticeable = 32 << 10;  // bytes over all ranks
  constexpr double kMostShare = 0.4;               // of them, through one rank; a gather over four or eight ranks has 1
  for (const int ranks : {4, 8}) {
    const std::vector<Share>& shares = run(ranks);
    std::size_t noticeable = 0;
    for (std::size_t step = 0; step < shares.front().supersteps.size(); ++step) {
      const Figures received(shares, [&](const Share& s) { return s.supersteps.at(step).received; });
      const Figures sent(shares, [&](const Share& s) { return s.supersteps.at(step).sent; });
      if (received.sum() < kNoticeable) continue;
      ++noticeable;
      const double limit = kMostShare * static_cast<double>(received.sum());
      EXPECT_LE(static_cast<double>(received.most()), limit)
          << "superstep " << step << ": received " << received.text();
      EXPECT_LE(static_cast<double>(sent.most()), limit) << "superstep " << step << ": sent " << sent.text();
    }
    EXPECT_GT(noticeable, 20U);
  }
}

// What every rank is told does not show in shares: everything would be received by all evenly. But then each rank would
// receive as much on eight ranks as on two, or more.
TEST_F(Sharing, TrafficOfARankShrinksAsRanksAreAdded) {
  const Figures on_two(run(2), [](const Share& s) { return s.traffic.bytes_received; });
  const Figures on_eight(run(8), [](const Share& s) { return s.traffic.bytes_received; });
  EXPECT_LT(on_eight.most(), on_two.most()) << "on two ranks: " << on_two.text() << "; on eight: " << on_eight.text();
}

TEST_F(Sharing, GathersAndReductionsAreForControlDataOnly) {
  for (const int ranks : {2, 4, 8}) {
    for (const Share& share : run(ranks)) {
      EXPECT_EQ(share.gathered, share.traffic.bytes_gathered);
      EXPECT_LE(share.gathered * 100, 28303 * sizeof(Row)) << "bytes gathered: " << share.gathered;
      EXPECT_LE(share.longest_reduction, 100U);  // a few numbers a rule
    }
  }
}

TEST(SharingOfMatches, NoRankKeepsMoreThanItsShare) {
  constexpr std::uint64_t kNoticeable = 1000;
  for (const int ranks : {2, 4}) {
    const std::vector<Share> shares = shares_of(ranks, Watch::kMatches);
    std::size_t noticeable = 0;
    for (std::size_t i = 0; i < kIterations; ++i) {
      const Figures stored(shares, [&](const Share& s) { return s.stored_matches[i]; });
      EXPECT_EQ(stored.sum(), shares.front().all_matches[i]) << "iteration " << i + 1;
      if (stored.sum() < kNoticeable) continue;
      ++noticeable;
      EXPECT_LE(stored.imbalance(), 1.5) << "iteration " << i + 1 << ": " << stored.text();
    }
    EXPECT_GE(noticeable, 3U);
    // The last iteration has most of all matches.
    const Figures last(shares, [](const Share& s) { return s.stored_matches.back(); });
    EXPECT_LE(last.imbalance(), kMostImbalance) << last.text();
  }
}

}  // namespace
}  // namespace tessera
