// What every Exchange must do, as one typed test suite that each implementation instantiates: the ranks of one process
// (tests/partition/exchange_test.cpp) and MPI (tests/cluster/mpi_exchange_test.cpp, under mpirun). A World type has
// `static void run(const std::function<void(Exchange&)>&)`, which calls the function on every rank of that world, on
// those of this process at least. Every rank checks what it received against a formula, so a fault on any rank is seen.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/base/hash.hpp"
#include "partition/exchange.hpp"

namespace tessera {

// The message that `source` sends to `destination` in a round: `length` bytes that depend on all of these.
inline Bytes message(int source, int destination, int round, std::size_t length) {
  Bytes bytes(length);
  const std::uint64_t seed =
      hash_combine(hash_combine(static_cast<std::uint64_t>(source) + 1, static_cast<std::uint64_t>(destination) + 1),
                   static_cast<std::uint64_t>(round));
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(mix64(seed + i) & 0xffU);
  return bytes;
}

inline Bytes part(const Inbox& inbox, int source) {
  const auto s = static_cast<std::size_t>(source);
  Bytes bytes;
  bytes.assign(inbox.bytes.all().subspan(inbox.offset.at(s), inbox.offset.at(s + 1) - inbox.offset.at(s)));
  return bytes;
}

using LengthOf = std::function<std::size_t(int source, int destination, int round)>;

// Runs `rounds` supersteps in which lengths are given by `length`, and checks every byte received and the traffic
// counted.
inline void exchange_and_check(Exchange& exchange, int rounds, const LengthOf& length) {
  const int size = exchange.size();
  const int me = exchange.rank();
  const Traffic before = exchange.traffic();
  Traffic expected = before;
  Inbox inbox;  // reused: what an earlier round left must not show
  for (int round = 0; round < rounds; ++round) {
    std::vector<Bytes> outgoing;
    outgoing.reserve(static_cast<std::size_t>(size));
    for (int d = 0; d < size; ++d) outgoing.push_back(message(me, d, round, length(me, d, round)));
    const std::vector<Bytes> untouched = outgoing;
    exchange.all_to_all(outgoing, inbox);
    EXPECT_EQ(outgoing, untouched);
    ASSERT_EQ(inbox.offset.size(), static_cast<std::size_t>(size) + 1);
    EXPECT_EQ(inbox.offset.front(), 0U);
    EXPECT_EQ(inbox.offset.back(), inbox.bytes.size());
    for (int s = 0; s < size; ++s) {
      const std::size_t received = length(s, me, round);
      EXPECT_EQ(part(inbox, s), message(s, me, round, received)) << "round " << round << ", " << s << " to " << me;
      if (s == me) continue;
      const std::size_t sent = length(me, s, round);
      expected.bytes_sent += sent;
      expected.bytes_received += received;
      expected.messages_sent += sent > 0 ? 1U : 0U;
      expected.messages_received += received > 0 ? 1U : 0U;
    }
  }
  const Traffic& after = exchange.traffic();
  EXPECT_EQ(after.exchanges, before.exchanges + static_cast<std::uint64_t>(rounds));
  EXPECT_EQ(after.bytes_sent, expected.bytes_sent);
  EXPECT_EQ(after.bytes_received, expected.bytes_received);
  EXPECT_EQ(after.messages_sent, expected.messages_sent);
  EXPECT_EQ(after.messages_received, expected.messages_received);
  EXPECT_GE(after.wait_seconds, before.wait_seconds);
}

template <class World>
class ExchangeConformance : public testing::Test {};

TYPED_TEST_SUITE_P(ExchangeConformance);

TYPED_TEST_P(ExchangeConformance, KnowsRankAndSize) {
  TypeParam::run([](Exchange& exchange) {
    EXPECT_GE(exchange.size(), 1);
    EXPECT_GE(exchange.rank(), 0);
    EXPECT_LT(exchange.rank(), exchange.size());
    // Every rank has a number of its own: the bits of all ranks make a full mask.
    std::uint64_t mask = std::uint64_t{1} << exchange.rank();
    exchange.all_reduce({&mask, 1}, Reduction::kSum);
    EXPECT_EQ(mask, (std::uint64_t{1} << exchange.size()) - 1);
  });
}

TYPED_TEST_P(ExchangeConformance, DeliversUnevenMessagesInSourceOrder) {
  TypeParam::run([](Exchange& exchange) {
    exchange_and_check(exchange, 6, [](int source, int destination, int round) {
      return static_cast<std::size_t>((source * 7 + destination * 3 + round * 5) % 11);  // 0 among them
    });
  });
}

TYPED_TEST_P(ExchangeConformance, DeliversEmptySupersteps) {
  TypeParam::run(
      [](Exchange& exchange) { exchange_and_check(exchange, 20, [](int, int, int) { return std::size_t{0}; }); });
}

TYPED_TEST_P(ExchangeConformance, OneRankSendsToAllThenAllToOne) {
  TypeParam::run([](Exchange& exchange) {
    exchange_and_check(exchange, 1, [](int source, int, int) { return source == 0 ? std::size_t{1000} : 0; });
    exchange_and_check(exchange, 1, [](int, int destination, int) { return destination == 0 ? std::size_t{1000} : 0; });
  });
}

// Sizes below, at and above what an implementation may treat differently (packed, direct, in pieces).
TYPED_TEST_P(ExchangeConformance, DeliversLargeMessages) {
  TypeParam::run([](Exchange& exchange) {
    exchange_and_check(exchange, 2, [](int source, int destination, int round) {
      constexpr std::size_t kSizes[] = {1, 65536, 262144, 262145, 1000003};
      return kSizes[static_cast<std::size_t>(source + 2 * destination + round) % 5];
    });
  });
}

TYPED_TEST_P(ExchangeConformance, ReducesElementwise) {
  TypeParam::run([](Exchange& exchange) {
    const auto me = static_cast<std::uint64_t>(exchange.rank());
    const auto size = static_cast<std::uint64_t>(exchange.size());
    constexpr std::uint64_t kTop = std::uint64_t{1} << 63;  // unsigned: the top bit is no sign
    const std::vector<std::uint64_t> start = {me, 10 + me, kTop + me, std::uint64_t{1} << me};

    std::vector<std::uint64_t> sum = start;
    exchange.all_reduce(sum, Reduction::kSum);
    const std::uint64_t gauss = size * (size - 1) / 2;
    EXPECT_EQ(sum, (std::vector<std::uint64_t>{gauss, 10 * size + gauss, size * kTop + gauss,
                                               (std::uint64_t{1} << size) - 1}));
    std::vector<std::uint64_t> least = start;
    exchange.all_reduce(least, Reduction::kMin);
    EXPECT_EQ(least, (std::vector<std::uint64_t>{0, 10, kTop, 1}));
    std::vector<std::uint64_t> most = start;
    exchange.all_reduce(most, Reduction::kMax);
    EXPECT_EQ(most, (std::vector<std::uint64_t>{size - 1, 9 + size, kTop + size - 1, std::uint64_t{1} << (size - 1)}));
    std::vector<std::uint64_t> any = {me == 0 ? kTop : 0, std::uint64_t{1} << me};
    exchange.all_reduce(any, Reduction::kOr);
    EXPECT_EQ(any, (std::vector<std::uint64_t>{kTop, (std::uint64_t{1} << size) - 1}));
    std::vector<std::uint64_t> nothing;
    exchange.all_reduce(nothing, Reduction::kSum);
    EXPECT_TRUE(nothing.empty());
    EXPECT_EQ(exchange.traffic().reductions, 5U);
  });
}

// A rank that is ahead must not overwrite what a slower one still reads: many reductions on end, each rank slow in
// turn.
TYPED_TEST_P(ExchangeConformance, ManyReductionsInARow) {
  TypeParam::run([](Exchange& exchange) {
    const auto size = static_cast<std::uint64_t>(exchange.size());
    for (std::uint64_t step = 0; step < 200; ++step) {
      std::vector<std::uint64_t> values(1 + step % 40, step * static_cast<std::uint64_t>(exchange.rank() + 1));
      volatile std::uint64_t idle = 0;
      if (step % size == static_cast<std::uint64_t>(exchange.rank())) {
        for (int i = 0; i < 2000; ++i) idle = idle + 1;
      }
      exchange.all_reduce(values, Reduction::kSum);
      const std::uint64_t expected = step * (size * (size + 1) / 2);
      ASSERT_EQ(values, std::vector<std::uint64_t>(1 + step % 40, expected)) << "step " << step;
    }
  });
}

TYPED_TEST_P(ExchangeConformance, GathersInRankOrder) {
  TypeParam::run([](Exchange& exchange) {
    const int size = exchange.size();
    std::uint64_t from_others = 0;
    Inbox all;
    for (int round = 0; round < 4; ++round) {
      const auto length = [&](int source) { return static_cast<std::size_t>((source * 5 + round * 3) % 7) * 100; };
      const Bytes mine = message(exchange.rank(), 0, round, length(exchange.rank()));
      exchange.all_gather(mine, all);
      ASSERT_EQ(all.offset.size(), static_cast<std::size_t>(size) + 1);
      EXPECT_EQ(all.offset.back(), all.bytes.size());
      for (int s = 0; s < size; ++s) {
        EXPECT_EQ(part(all, s), message(s, 0, round, length(s)));
        if (s != exchange.rank()) from_others += length(s);
      }
    }
    exchange.all_gather({}, all);
    EXPECT_TRUE(all.bytes.empty());
    EXPECT_EQ(exchange.traffic().bytes_gathered, from_others);
    EXPECT_EQ(exchange.traffic().bytes_sent, 0U);  // gathers are counted apart
  });
}

// A program of mixed calls in an order that depends on the data received, as the engine makes them.
TYPED_TEST_P(ExchangeConformance, MixedCallsStayInStep) {
  TypeParam::run([](Exchange& exchange) {
    const auto size = static_cast<std::size_t>(exchange.size());
    const auto me = static_cast<std::size_t>(exchange.rank());
    std::uint64_t state = 1;
    Inbox inbox;
    for (int step = 0; step < 100; ++step) {
      switch (state % 3) {
        case 0: {
          std::vector<Bytes> outgoing(size);
          for (std::size_t d = 0; d < size; ++d)
            outgoing[d] = Bytes(state % 50 + me, static_cast<std::byte>(state + d));
          exchange.all_to_all(outgoing, inbox);
          for (std::size_t s = 0; s < size; ++s) {
            ASSERT_EQ(part(inbox, static_cast<int>(s)), Bytes(state % 50 + s, static_cast<std::byte>(state + me)));
          }
          state = mix64(state);
          break;
        }
        case 1: {
          std::vector<std::uint64_t> values = {state & 0xffffU, me};
          exchange.all_reduce(values, Reduction::kSum);
          ASSERT_EQ(values[0], (state & 0xffffU) * size);
          state = mix64(state + values[1]);
          break;
        }
        default: {
          exchange.all_gather(Bytes(me + 1, static_cast<std::byte>(state)), inbox);
          ASSERT_EQ(inbox.bytes, Bytes(size * (size + 1) / 2, static_cast<std::byte>(state)));
          state = mix64(state + inbox.bytes.size());
        }
      }
    }
  });
}

REGISTER_TYPED_TEST_SUITE_P(ExchangeConformance, KnowsRankAndSize, DeliversUnevenMessagesInSourceOrder,
                            DeliversEmptySupersteps, OneRankSendsToAllThenAllToOne, DeliversLargeMessages,
                            ReducesElementwise, ManyReductionsInARow, GathersInRankOrder, MixedCallsStayInStep);

}  // namespace tessera
