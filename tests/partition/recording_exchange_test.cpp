// A recorded run: what is written down is what the exchange itself counts, the work is what the search itself counts,
// and recording changes no result.
#include "partition/recording_exchange.hpp"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <numeric>
#include <set>

#include "engine/base/error.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

struct Recorded {
  WorkRecord record;
  std::vector<Traffic> traffic;  // by rank, as the exchange beneath counted until the record was collected
  std::uint64_t visited = 0;     // over ranks, as the search counted
  std::uint64_t rekeyed = 0;
  std::uint64_t enodes = 0;
};

Recorded run_recorded(int ranks, std::uint64_t iterations) {
  Recorded run;
  run.traffic.resize(static_cast<std::size_t>(ranks));
  std::mutex mutex;
  LocalWorld(ranks).run([&](Exchange& exchange) {
    RecordingExchange recording(exchange);
    const TermLanguage language;
    SymbolTable symbols;
    const RuleSet set = load_rules("math", language, symbols, {});
    SearchOptions options;
    options.iteration_limit = iterations;
    Search search(recording, language, symbols, set.rules, options);
    search.start(set.start);
    search.run();
    const Traffic traffic = exchange.traffic();
    WorkRecord record = recording.collect();
    const std::scoped_lock lock(mutex);
    run.traffic[static_cast<std::size_t>(exchange.rank())] = traffic;
    for (const IterationRecord& iteration : search.iterations()) {
      run.visited += iteration.visited;
      run.rekeyed += iteration.rekeyed;
    }
    if (exchange.rank() != 0) {
      EXPECT_TRUE(record.work.empty());
      return;
    }
    run.enodes = search.enodes();
    run.record = std::move(record);
  });
  return run;
}

std::uint64_t total(const WorkRecord& record, Work work) {
  std::uint64_t sum = 0;
  for (const auto& step : record.work)
    for (const StepWork& rank : step) sum += rank.work[static_cast<std::size_t>(work)];
  return sum;
}

class RecordingOnRanks : public ::testing::TestWithParam<int> {};

TEST_P(RecordingOnRanks, AgreesWithTheCountersOfTheExchangeAndOfTheSearch) {
  const auto ranks = static_cast<std::size_t>(GetParam());
  const Recorded run = run_recorded(GetParam(), 7);
  EXPECT_EQ(run.enodes, 3160U);
  ASSERT_EQ(run.record.ranks, GetParam());
  ASSERT_EQ(run.record.steps.size(), run.record.work.size());
  std::vector<Traffic> seen(ranks);
  for (std::size_t s = 0; s < run.record.steps.size(); ++s) {
    ASSERT_EQ(run.record.work[s].size(), ranks);
    for (std::size_t r = 0; r < ranks; ++r) {
      const StepWork& work = run.record.work[s][r];
      EXPECT_GE(work.work_seconds, 0);
      if (run.record.steps[s].call == StepCall::kReduce) ++seen[r].reductions;
      if (run.record.steps[s].call != StepCall::kAllToAll) continue;
      ASSERT_EQ(work.bytes.size(), ranks);
      ++seen[r].exchanges;
      for (std::size_t d = 0; d < ranks; ++d) {
        if (d == r || work.bytes[d] == 0) continue;
        seen[r].bytes_sent += work.bytes[d];
        seen[d].bytes_received += work.bytes[d];
        ++seen[r].messages_sent;
        ++seen[d].messages_received;
      }
    }
  }
  for (std::size_t r = 0; r < ranks; ++r) {
    EXPECT_EQ(seen[r].bytes_sent, run.traffic[r].bytes_sent);
    EXPECT_EQ(seen[r].bytes_received, run.traffic[r].bytes_received);
    EXPECT_EQ(seen[r].messages_sent, run.traffic[r].messages_sent);
    EXPECT_EQ(seen[r].messages_received, run.traffic[r].messages_received);
    EXPECT_EQ(seen[r].exchanges, run.traffic[r].exchanges);
    EXPECT_EQ(seen[r].reductions, run.traffic[r].reductions);
  }
  EXPECT_EQ(total(run.record, Work::kVisited), run.visited);
  EXPECT_EQ(total(run.record, Work::kRekeyed), run.rekeyed);
  EXPECT_GT(total(run.record, Work::kRequests), run.enodes);
  // What is asked is served. A rank alone has nobody to ask, and counts only what it serves.
  EXPECT_EQ(total(run.record, Work::kAsked), ranks == 1 ? 0 : total(run.record, Work::kRequests));
}

TEST_P(RecordingOnRanks, NamesEveryCallInEveryPhase) {
  const Recorded run = run_recorded(GetParam(), 5);
  std::set<std::string> phases;
  std::uint32_t last = 0;
  for (const StepName& step : run.record.steps) {
    EXPECT_EQ(step.step.empty(), step.call == StepCall::kNone) << step.phase << ": " << step.step;
    EXPECT_GE(step.iteration, last);
    last = step.iteration;
    phases.insert(step.phase);
  }
  EXPECT_EQ(last, 5U);
  EXPECT_EQ(phases, (std::set<std::string>{"", "match", "apply", "merge", "rebuild", "analyze"}));
}

TEST_P(RecordingOnRanks, CountsRepeat) {
  const Recorded a = run_recorded(GetParam(), 6);
  const Recorded b = run_recorded(GetParam(), 6);
  ASSERT_EQ(a.record.steps, b.record.steps);
  for (std::size_t s = 0; s < a.record.work.size(); ++s)
    for (std::size_t r = 0; r < a.record.work[s].size(); ++r) {
      EXPECT_EQ(a.record.work[s][r].work, b.record.work[s][r].work) << a.record.steps[s].step;
      EXPECT_EQ(a.record.work[s][r].bytes, b.record.work[s][r].bytes) << a.record.steps[s].step;
    }
}

INSTANTIATE_TEST_SUITE_P(Ranks, RecordingOnRanks, ::testing::Values(1, 2, 5));

TEST(RecordingExchange, RefusesStepsThatDiffer) {
  try {
    LocalWorld(2).run([](Exchange& exchange) {
      RecordingExchange recording(exchange);
      recording.name_step(exchange.rank() == 0 ? "one" : "other");
      std::uint64_t value = 1;
      recording.all_reduce(std::span(&value, 1), Reduction::kSum);
      EXPECT_EQ(value, 2U);
      static_cast<void>(recording.collect());
    });
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_NE(error.message().find("rank 1 recorded other steps than rank 0, from step 1 on"), std::string::npos)
        << error.message();
  }
}

TEST(RecordingExchange, GathersAreRecordedByWhatEachRankGives) {
  LocalWorld(3).run([](Exchange& exchange) {
    RecordingExchange recording(exchange);
    const std::vector<std::byte> mine(static_cast<std::size_t>(exchange.rank()) * 8);
    Inbox all;
    recording.enter_phase(4, "test");
    recording.name_step("gifts");
    recording.all_gather(mine, all);
    EXPECT_EQ(all.bytes.size(), 24U);
    const WorkRecord record = recording.collect();
    if (exchange.rank() != 0) return;
    ASSERT_EQ(record.steps.size(), 3U);  // before the phase, the gather, after it
    EXPECT_EQ(record.steps[1], (StepName{4, "test", "gifts", StepCall::kGather}));
    for (std::size_t r = 0; r < 3; ++r) EXPECT_EQ(record.work[1][r].bytes, (std::vector<std::uint64_t>{r * 8}));
  });
}

}  // namespace
}  // namespace tessera
