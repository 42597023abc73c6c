// Subscriber lists against maps.
#include "partition/ghosts.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>
#include <vector>

namespace tessera {
namespace {

constexpr std::uint32_t kClasses = 40;

using Masks = std::pair<std::uint64_t, std::uint64_t>;
using Lists = std::map<std::uint32_t, std::map<std::uint32_t, Masks>>;  // class: rank: masks

Lists contents(const SubscriberLists& lists) {
  Lists found;
  for (std::uint32_t cls = 0; cls < kClasses; ++cls) {
    std::uint32_t last = 0;
    lists.for_each(ClassId(cls), [&](const Subscriber& s) {
      EXPECT_TRUE(found[cls].empty() || last < s.rank) << "class " << cls << ": each rank once, in order";
      last = s.rank;
      found[cls].emplace(s.rank, Masks{s.member_mask, s.parent_mask});
    });
    EXPECT_EQ(lists.any(ClassId(cls)), found.contains(cls));
  }
  return found;
}

TEST(SubscriberLists, HoldWhatWasEnteredUntilCleared) {
  RemoteLinks links;
  links.reserve(kClasses);
  SubscriberLists lists(links);
  Lists expected;
  std::mt19937_64 random(11);
  for (int round = 0; round < 20'000; ++round) {
    // Few classes are hubs, known to hundreds of ranks.
    const auto cls = static_cast<std::uint32_t>(random() % kClasses);
    const auto rank = static_cast<std::uint32_t>(random() % (cls < 4 ? 700 : 6));
    if (random() % 200 == 0) {
      lists.clear(ClassId(cls));
      expected.erase(cls);
      continue;
    }
    bool added = false;
    Subscriber& entry = lists.entry(ClassId(cls), rank, added);
    ASSERT_EQ(entry.rank, rank);
    ASSERT_EQ(added, !expected[cls].contains(rank));
    if (added) {
      ASSERT_EQ(entry.member_mask, 0U);
      ASSERT_EQ(entry.parent_mask, 0U);
    }
    entry.member_mask |= std::uint64_t{1} << random() % 64;
    entry.parent_mask ^= random();
    expected[cls][rank] = {entry.member_mask, entry.parent_mask};
    if (round % 1000 == 0) {
      ASSERT_EQ(contents(lists), expected);
    }
  }
  EXPECT_EQ(contents(lists), expected);
}

TEST(SubscriberLists, GiveTheirRoomToOthers) {
  RemoteLinks links;
  links.reserve(kClasses);
  SubscriberLists lists(links);
  const auto fill = [&](std::uint32_t cls) {
    bool added = false;
    for (std::uint32_t rank = 0; rank < 100; ++rank) lists.entry(ClassId(cls), rank, added);
  };
  fill(0);
  const std::size_t bytes = lists.bytes();
  for (std::uint32_t cls = 1; cls < kClasses; ++cls) {
    lists.clear(ClassId(cls - 1));
    fill(cls);
  }
  EXPECT_EQ(lists.bytes(), bytes);
}

TEST(SubscriberLists, OthersMayBeChangedWhileOneIsGoneThrough) {
  RemoteLinks links;
  links.reserve(kClasses);
  SubscriberLists lists(links);
  bool added = false;
  for (std::uint32_t rank = 0; rank < 50; ++rank) lists.entry(ClassId(0), rank, added).member_mask = rank;
  std::vector<std::uint64_t> met;
  lists.for_each(ClassId(0), [&](const Subscriber& s) {
    met.push_back(s.member_mask);
    for (std::uint32_t cls = 1; cls < kClasses; ++cls) lists.entry(ClassId(cls), s.rank, added);
  });
  ASSERT_EQ(met.size(), 50U);
  for (std::uint64_t i = 0; i < met.size(); ++i) EXPECT_EQ(met[i], i);
}

}  // namespace
}  // namespace tessera
