// Merging unites what requests of all ranks ask for together, whatever rank they come from, and the class with the
// least name leads everywhere: against a plain union-find over the same requests.
#include "partition/merge_phase.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

constexpr std::uint32_t kClasses = 600;
using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

struct Layout {
  int ranks;
  int threads;
  std::uint32_t shards;
};
constexpr std::array<Layout, 7> kLayouts = {
    {{1, 1, 1}, {1, 2, 4}, {2, 1, 1}, {2, 2, 4}, {3, 1, 2}, {4, 1, 1}, {8, 1, 1}}};

class PlainUnionFind {
 public:
  PlainUnionFind() : parent_(kClasses) { std::iota(parent_.begin(), parent_.end(), 0U); }
  std::uint32_t find(std::uint32_t at) const {
    while (parent_[at] != at) at = parent_[at];
    return at;
  }
  void unite(std::uint32_t a, std::uint32_t b) { parent_[find(a)] = find(b); }

 private:
  std::vector<std::uint32_t> parent_;
};

// What each class must be led by.
std::vector<NamedClass> expected_leaders(const Pairs& pairs, const std::vector<NamedClass>& classes) {
  PlainUnionFind sets;
  for (const auto& [a, b] : pairs) sets.unite(a, b);
  std::vector<NamedClass> least(kClasses);
  std::vector<char> has_least(kClasses, 0);
  for (std::uint32_t i = 0; i < kClasses; ++i) {
    const std::uint32_t set = sets.find(i);
    if (has_least[set] == 0 || classes[i].name < least[set].name) least[set] = classes[i];
    has_least[set] = 1;
  }
  std::vector<NamedClass> result(kClasses);
  for (std::uint32_t i = 0; i < kClasses; ++i) result[i] = least[sets.find(i)];
  return result;
}

// Deals the pairs out to the ranks, or gives them all to every rank; of those whose ends live on one rank, every
// `united_ahead`-th is united first, as between slices of the apply phase (0: none).
void expect_merged(const Pairs& pairs, const Layout& layout, bool to_all, std::size_t united_ahead) {
  LocalWorld world(layout.ranks);
  world.run([&](Exchange& exchange) {
    const TermLanguage language;
    SymbolTable symbols;
    std::string text;
    for (std::uint32_t i = 0; i < kClasses; ++i) text += "(start x" + std::to_string(i) + ")\n";
    const RuleSet set = parse_rules(text, "leaves.rules", language, symbols, {});
    SearchOptions options;
    options.partition.threads = layout.threads;
    options.partition.shards = layout.shards;
    Search search(exchange, language, symbols, set.rules, options);
    const std::vector<NamedClass> classes = search.start(set.start);
    ASSERT_EQ(classes.size(), kClasses);
    Partition& partition = search.partition();
    std::vector<UnionRequest> requests;
    std::vector<UnionRequest> ahead;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      if (!to_all && static_cast<int>(i % static_cast<std::size_t>(layout.ranks)) != exchange.rank()) continue;
      const UnionRequest request{partition.local(classes[pairs[i].first]).value,
                                 partition.local(classes[pairs[i].second]).value, kNoRule};
      (united_ahead != 0 && i % united_ahead == 0 ? ahead : requests).push_back(request);
    }
    partition.notify_homes();
    partition.push_to_subscribers();
    std::vector<Loser> united;
    unite_now(partition, ahead, united);
    requests.insert(requests.end(), ahead.begin(), ahead.end());
    const std::int64_t owned_before = partition.owned_classes;
    const MergeResult merged = run_merge_phase(partition, std::move(requests), std::move(united));

    const std::vector<GlobalId> leaders = partition.leaders(classes);
    const std::vector<NamedClass> expected = expected_leaders(pairs, classes);
    for (std::uint32_t i = 0; i < kClasses; ++i) EXPECT_EQ(leaders[i], expected[i].id) << "class " << i;
    // Whoever knows a class that lost, its home among them, now has it point at its leader.
    std::int64_t lost_here = 0;
    std::size_t losers = 0;
    for (std::uint32_t i = 0; i < kClasses; ++i) {
      if (classes[i].id == expected[i].id) continue;
      const ClassId here = partition.find_local(classes[i].id);
      if (here.is_none()) continue;
      ++losers;
      const ClassId leader(partition.graph.classes[here].parent);
      EXPECT_EQ(partition.global(leader), expected[i].id) << "class " << i;
      EXPECT_TRUE(partition.graph.classes.is_leader(leader)) << "class " << i;
      if (classes[i].id.home() == exchange.rank()) ++lost_here;
    }
    EXPECT_EQ(merged.losers.size(), losers);
    EXPECT_EQ(partition.owned_classes, owned_before - lost_here);
  });
}

void expect_merged_everywhere(const Pairs& pairs) {
  for (const Layout& layout : kLayouts) {
    SCOPED_TRACE(std::to_string(layout.ranks) + " ranks, " + std::to_string(layout.threads) + " threads, " +
                 std::to_string(layout.shards) + " shards");
    for (const std::size_t united_ahead : {0U, 3U, 1U}) expect_merged(pairs, layout, false, united_ahead);
    expect_merged(pairs, layout, true, 0);
  }
}

TEST(MergePhase, UnitesRandomPairs) {
  std::mt19937 random(7);
  for (const std::size_t count : {std::size_t{1}, std::size_t{40}, std::size_t{300}, std::size_t{550}}) {
    Pairs pairs;
    for (std::size_t i = 0; i < count; ++i) {
      const auto a = static_cast<std::uint32_t>(random() % kClasses);
      const auto b = static_cast<std::uint32_t>(random() % kClasses);
      if (a != b) pairs.emplace_back(a, b);
    }
    expect_merged_everywhere(pairs);
  }
}

TEST(MergePhase, UnitesAChainOfAllClasses) {
  Pairs pairs;
  for (std::uint32_t i = 0; i + 1 < kClasses; ++i) pairs.emplace_back(i, i + 1);
  expect_merged_everywhere(pairs);
}

TEST(MergePhase, UnitesAStarWhoseCentreIsAskedForAgainAndAgain) {
  Pairs pairs;
  for (int times = 0; times < 3; ++times)
    for (std::uint32_t i = 1; i < kClasses; ++i) pairs.emplace_back(i % 2 == 0 ? 0 : i, i % 2 == 0 ? i : 0);
  expect_merged_everywhere(pairs);
}

TEST(MergePhase, UnitesCyclesAndLeavesTheRestAlone) {
  Pairs pairs;
  for (std::uint32_t begin = 0; begin + 7 <= kClasses / 2; begin += 7)
    for (std::uint32_t i = 0; i < 7; ++i) pairs.emplace_back(begin + i, begin + (i + 1) % 7);
  expect_merged_everywhere(pairs);
}

// Small sets of all sizes, in which what one rank may unite by itself and what it must ask for alternate.
TEST(MergePhase, UnitesSetsInAnyOrder) {
  std::mt19937 random(11);
  for (int repetition = 0; repetition < 6; ++repetition) {
    std::vector<std::uint32_t> order(kClasses);
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), random);
    Pairs pairs;
    for (std::uint32_t begin = 0, size = 1; begin + size <= kClasses; begin += size, ++size)
      for (std::uint32_t i = 1; i < size; ++i) pairs.emplace_back(order[begin + i], order[begin + random() % i]);
    std::shuffle(pairs.begin(), pairs.end(), random);
    expect_merged_everywhere(pairs);
  }
}

}  // namespace
}  // namespace tessera
