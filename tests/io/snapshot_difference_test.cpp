// Two snapshots compared: no difference where there is none, whatever wrote them, and otherwise what is different.
#include "io/snapshot_difference.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "tests/io/snapshot_support.hpp"

namespace tessera {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

// Reads, changes and writes a snapshot, on one rank.
template <class Change>
void rewrite(const std::string& from, const std::string& to, Change change) {
  Snapshot snapshot = read_whole_snapshot(from);
  change(snapshot);
  SoloExchange exchange;
  write_snapshot(to, snapshot.origin, snapshot.state, exchange);
}

// Adds data that one e-class, the fourth, may have.
void describe_class(Snapshot& snapshot, std::uint64_t value, std::uint64_t stamp) {
  GraphShare& share = snapshot.state.share;
  share.value_begin = {0};
  share.word = {77};
  share.sizes.values = share.sizes.words = 1;
  for (std::uint64_t c = 0; c < share.sizes.classes; ++c) {
    share.class_value.push_back(c == 3 ? value : GraphShare::kNoValue);
    share.class_data_stamp.push_back(c == 3 ? stamp : 0);
  }
  own_everything(share);
}

class Difference : public testing::Test {
 protected:
  Difference() { save_math(a_, 1, 5); }
  [[nodiscard]] SnapshotDifference compare(std::optional<ClassIdentity> identity = {}) const {
    return compare_snapshots(a_, b_, identity);
  }
  template <class Change>
  std::vector<std::string> after(Change change) {
    rewrite(a_, b_, change);
    return compare().differences;
  }

  TemporaryFolder folder_;
  std::string a_ = folder_.file("a.h5");
  std::string b_ = folder_.file("b.h5");
};

TEST_F(Difference, NoneBetweenNumbersOfRanks) {
  for (const int ranks : {1, 2, 4}) {
    save_math(b_, ranks, 5, ranks == 4 ? 4 : 1);
    for (const ClassIdentity identity : {ClassIdentity::kName, ClassIdentity::kLowestTerm}) {
      const SnapshotDifference difference = compare(identity);
      EXPECT_THAT(difference.differences, IsEmpty());
      EXPECT_TRUE(difference.nodes.is_same() && difference.classes.is_same());
      EXPECT_EQ(difference.nodes.both, difference.snapshots[0].state.share.sizes.rows);
      EXPECT_EQ(difference.classes.both, difference.snapshots[1].state.share.sizes.classes);
      EXPECT_EQ(difference.digests[0], difference.digests[1]);
    }
  }
}

TEST_F(Difference, OfALaterIterationEverythingIsCounted) {
  save_math(b_, 3, 7);
  for (const ClassIdentity identity : {ClassIdentity::kName, ClassIdentity::kLowestTerm}) {
    const SnapshotDifference difference = compare(identity);
    const GraphSizes& a = difference.snapshots[0].state.share.sizes;
    const GraphSizes& b = difference.snapshots[1].state.share.sizes;
    EXPECT_EQ(difference.classes.both + difference.classes.only_first, a.classes);
    EXPECT_EQ(difference.classes.both + difference.classes.only_second, b.classes);
    EXPECT_EQ(difference.nodes.both + difference.nodes.only_first, a.rows);
    EXPECT_EQ(difference.nodes.both + difference.nodes.only_second, b.rows);
    EXPECT_GT(difference.nodes.both, 0U);
    Tally sum;
    for (const auto& [name, tally] : difference.operators) {
      sum.both += tally.both;
      sum.only_first += tally.only_first;
      sum.only_second += tally.only_second;
    }
    EXPECT_EQ(sum.both, difference.nodes.both);
    EXPECT_EQ(sum.only_first, difference.nodes.only_first);
    EXPECT_EQ(sum.only_second, difference.nodes.only_second);
    for (const char* what : {"iteration", "e-classes", "e-nodes", "digest", "counts of the iterations"})
      EXPECT_THAT(difference.differences, Contains(what));
  }
}

// What has a name in the later one and is older than the earlier one's iteration had it there too.
TEST_F(Difference, NamesStayUntilClassesAreMerged) {
  save_math(b_, 2, 7);
  const SnapshotDifference difference = compare();
  EXPECT_EQ(difference.identity, ClassIdentity::kName);
  const std::vector<std::uint64_t> later = read_whole_snapshot(b_).state.share.class_name.values();
  const auto old = std::ranges::count_if(later, [](std::uint64_t name) { return ClassTable::birth(name) <= 5; });
  EXPECT_EQ(difference.classes.both, static_cast<std::uint64_t>(old));
}

TEST_F(Difference, OneENodeMore) {
  const std::vector<std::string> found = after([](Snapshot& snapshot) {
    SearchState& state = snapshot.state;
    state.symbols.push_back({OperatorId(), Name("fresh"), 1, {}});
    GraphShare& share = state.share;
    share.row_symbol.push_back(state.symbols.size() - 1);
    share.row_class.push_back(share.row_class.back());
    share.row_stamp.push_back(1);
    share.child.push_back(0);
    ++share.sizes.rows;
    ++share.sizes.children;
    own_everything(share);
  });
  EXPECT_THAT(found, ElementsAre("e-nodes", "digest"));
  const SnapshotDifference difference = compare();
  EXPECT_EQ(difference.nodes.only_first, 0U);
  EXPECT_EQ(difference.nodes.only_second, 1U);
  EXPECT_EQ(difference.operators.at("fresh").only_second, 1U);
  EXPECT_TRUE(difference.operators.at("Add").is_same());
}

TEST_F(Difference, WhatIsNotTheEgraphIsComparedToo) {
  EXPECT_THAT(after([](Snapshot& s) { ++s.state.rules[2].seen; }), ElementsAre("schedule of the rules"));
  EXPECT_THAT(after([](Snapshot& s) { s.state.share.row_stamp.set(3, 1 + s.state.share.row_stamp[3]); }),
              ElementsAre("when e-nodes became new"));
  EXPECT_THAT(after([](Snapshot& s) { describe_class(s, 0, 0); }), IsEmpty());
  EXPECT_THAT(after([](Snapshot& s) { describe_class(s, 0, 1); }), ElementsAre("e-class data"));
  EXPECT_THAT(after([](Snapshot& s) { describe_class(s, 1, 0); }), ElementsAre("e-class data"));
  EXPECT_THAT(after([](Snapshot& s) { ++s.state.iterations[2].rules[0].matches; }),
              ElementsAre("counts of the iterations"));
  EXPECT_THAT(after([](Snapshot& s) { s.origin.rules_digest = "other"; }), ElementsAre("rules"));
  EXPECT_THAT(after([](Snapshot& s) { s.origin.model_digest = "other"; }), ElementsAre("input"));
  EXPECT_THAT(after([](Snapshot& s) { s.state.roots.push_back(0); }), ElementsAre("roots"));
  // Times and command lines are not.
  EXPECT_THAT(after([](Snapshot& s) {
                s.state.seconds = 77;
                s.state.iterations[1].seconds = 77;
                s.origin.arguments = {"saturate", "elsewhere"};
              }),
              IsEmpty());
}

TEST_F(Difference, OfAnotherSearchClassesAreKnownByTheirTerms) {
  rewrite(a_, b_, [](Snapshot& s) {
    s.origin.rules_digest = "other";
    NarrowColumn& name = s.state.share.class_name;
    for (std::uint64_t c = 0; c < name.size(); ++c) name.set(c, name[c] * 5 + 1);
  });
  const SnapshotDifference difference = compare();
  EXPECT_EQ(difference.identity, ClassIdentity::kLowestTerm);
  EXPECT_THAT(difference.differences, ElementsAre("rules"));
  EXPECT_EQ(compare(ClassIdentity::kName).classes.both, 0U);
}

TEST_F(Difference, WhatIsNotASnapshotIsRefused) {
  EXPECT_THROW((void)compare(), Error);
  write_bytes(b_, "something else\n");
  EXPECT_THROW((void)compare(), Error);
  // Whole, but of nonsense: an index that points nowhere.
  rewrite(a_, b_, [](Snapshot& s) { s.state.share.child.set(5, s.state.share.sizes.classes); });
  try {
    (void)compare();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), testing::HasSubstr(b_));
    EXPECT_THAT(error.what(), testing::HasSubstr("out of range"));
  }
}

}  // namespace
}  // namespace tessera
