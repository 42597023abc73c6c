// The in-process exchange: the common suite at several rank counts, and what is its own: failing and ending ranks.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "engine/base/error.hpp"
#include "partition/local_exchange.hpp"
#include "tests/partition/exchange_conformance.hpp"

namespace tessera {
namespace {

template <int kRanks>
struct Local {
  static void run(const std::function<void(Exchange&)>& body) {
    std::atomic<int> calls{0};
    LocalWorld(kRanks).run([&](Exchange& exchange) {
      ++calls;
      EXPECT_EQ(exchange.size(), kRanks);
      body(exchange);
    });
    EXPECT_EQ(calls, kRanks);
  }
};

using Worlds = testing::Types<Local<1>, Local<2>, Local<3>, Local<4>, Local<8>>;

INSTANTIATE_TYPED_TEST_SUITE_P(InProcess, ExchangeConformance, Worlds);

// Runs `body` on `ranks` ranks and returns the message of the Error that comes out.
std::string message_of_failure(int ranks, const std::function<void(Exchange&)>& body) {
  try {
    LocalWorld(ranks).run(body);
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

void reduce_once(Exchange& exchange) {
  std::uint64_t value = 1;
  exchange.all_reduce({&value, 1}, Reduction::kSum);
}

TEST(LocalWorld, RefusesNoRanks) {
  EXPECT_THROW(LocalWorld(0), Error);
  EXPECT_THROW(LocalWorld(-3), Error);
}

TEST(LocalWorld, RunsAgainAfterAFailure) {
  const LocalWorld world(3);
  EXPECT_THROW(world.run([](Exchange&) { throw std::runtime_error("once"); }), std::runtime_error);
  std::atomic<std::uint64_t> total{0};
  world.run([&](Exchange& exchange) {
    std::uint64_t value = 2;
    exchange.all_reduce({&value, 1}, Reduction::kSum);
    total += value;
    EXPECT_EQ(exchange.traffic().reductions, 1U);  // counts start anew
  });
  EXPECT_EQ(total, 18U);
}

TEST(LocalWorld, AnExceptionInASoloRankComesOut) {
  EXPECT_THROW(LocalWorld(1).run([](Exchange&) { throw std::out_of_range("solo"); }), std::out_of_range);
}

TEST(LocalWorld, AFailingRankEndsTheOthersInEveryKindOfCall) {
  for (int kind = 0; kind < 3; ++kind) {
    for (const int culprit : {0, 1, 3}) {
      std::atomic<int> ended{0};
      const std::string message = message_of_failure(4, [&](Exchange& exchange) {
        struct AtEnd {
          std::atomic<int>& count;
          ~AtEnd() { ++count; }
        } const at_end{ended};
        reduce_once(exchange);
        if (exchange.rank() == culprit) throw Error(ErrorCode::kInput, "rank " + std::to_string(culprit) + " failed");
        Inbox inbox;
        const std::vector<Bytes> outgoing(4, Bytes(100));
        for (;;) {
          if (kind == 0) reduce_once(exchange);
          if (kind == 1) exchange.all_to_all(outgoing, inbox);
          if (kind == 2) exchange.all_gather(outgoing[0], inbox);
        }
      });
      EXPECT_EQ(message, "rank " + std::to_string(culprit) + " failed");
      EXPECT_EQ(ended, 4);
    }
  }
}

TEST(LocalWorld, TheLowestFailingRankIsReported) {
  for (int repeat = 0; repeat < 50; ++repeat) {
    const std::string message = message_of_failure(8, [](Exchange& exchange) {
      Inbox inbox;
      exchange.all_to_all(std::vector<Bytes>(8, Bytes(10)), inbox);
      if (exchange.rank() >= 2) throw Error(ErrorCode::kInput, "from " + std::to_string(exchange.rank()));
      reduce_once(exchange);
    });
    ASSERT_EQ(message, "from 2");
  }
}

TEST(LocalWorld, ARankThatSwallowsTheFailureDoesNotHideIt) {
  const std::string message = message_of_failure(2, [](Exchange& exchange) {
    if (exchange.rank() == 1) throw Error(ErrorCode::kInput, "the cause");
    try {
      reduce_once(exchange);
    } catch (const std::exception&) {
    }
  });
  EXPECT_EQ(message, "the cause");
}

TEST(LocalWorld, DifferentCallsAreFound) {
  const std::string message = message_of_failure(3, [](Exchange& exchange) {
    Inbox inbox;
    if (exchange.rank() == 2) {
      exchange.all_gather({}, inbox);
    } else {
      exchange.all_to_all(std::vector<Bytes>(3), inbox);
    }
  });
  EXPECT_EQ(message, "ranks make different collective calls: rank 0 all_to_all, rank 2 all_gather");
}

TEST(LocalWorld, DifferentReductionsAreFound) {
  const std::string lengths = message_of_failure(2, [](Exchange& exchange) {
    std::vector<std::uint64_t> values(static_cast<std::size_t>(exchange.rank() + 4));
    exchange.all_reduce(values, Reduction::kSum);
  });
  EXPECT_EQ(lengths, "ranks reduce arrays of different lengths: rank 0 4, rank 1 5");
  const std::string kinds = message_of_failure(2, [](Exchange& exchange) {
    std::uint64_t value = 0;
    exchange.all_reduce({&value, 1}, exchange.rank() == 0 ? Reduction::kMin : Reduction::kMax);
  });
  EXPECT_EQ(kinds, "ranks reduce differently: rank 0 and rank 1");
}

TEST(LocalWorld, ARankThatEndsEarlyIsFound) {
  for (const int early : {0, 1}) {
    const std::string message = message_of_failure(2, [early](Exchange& exchange) {
      reduce_once(exchange);
      if (exchange.rank() != early) reduce_once(exchange);
    });
    EXPECT_EQ(message, "a rank waits in a collective call after another ended");
  }
}

TEST(SoloExchange, CountsNoTrafficToItself) {
  SoloExchange exchange;
  Inbox inbox;
  const std::vector<Bytes> outgoing(1, Bytes(1000, std::byte{7}));
  exchange.all_to_all(outgoing, inbox);
  EXPECT_EQ(inbox.bytes, outgoing[0]);
  EXPECT_EQ(exchange.traffic().exchanges, 1U);
  EXPECT_EQ(exchange.traffic().bytes_sent, 0U);
  EXPECT_EQ(exchange.traffic().wait_seconds, 0);
}

}  // namespace
}  // namespace tessera
