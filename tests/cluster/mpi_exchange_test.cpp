// The MPI exchange: the common suite on whatever number of ranks mpirun started, and the same with limits so small that
// every way a message can travel is taken. Each rank runs all tests in step; a failure on any rank fails the program.
#include "cluster/mpi_exchange.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

#include "cluster/mpi_session.hpp"
#include "engine/base/error.hpp"
#include "tests/partition/exchange_conformance.hpp"

namespace tessera {
namespace {

MpiSession* session = nullptr;

// What the program itself gets: the short cut for a single rank, MPI otherwise.
struct Made {
  static void run(const std::function<void(Exchange&)>& body) { body(*session->make_exchange()); }
};

template <ExchangeWay kWay>
struct Mpi {
  static void run(const std::function<void(Exchange&)>& body) {
    MpiExchange exchange(session->mpi(), kWay);
    EXPECT_EQ(exchange.way(), kWay);
    EXPECT_EQ(exchange.size(), session->size());
    EXPECT_EQ(exchange.rank(), session->rank());
    body(exchange);
  }
};

template <ExchangeWay kWay, std::size_t kPacked, std::size_t kPiece, std::size_t kContiguous>
struct Limited {
  static void run(const std::function<void(Exchange&)>& body) {
    MpiExchange exchange(session->mpi(), kWay, {kPacked, kPiece, kContiguous});
    body(exchange);
  }
};

constexpr std::size_t kAny = std::size_t{1} << 30;
constexpr ExchangeWay kDense = ExchangeWay::kDense;
constexpr ExchangeWay kSparse = ExchangeWay::kSparse;
using Worlds =
    testing::Types<Made, Mpi<kDense>, Limited<kDense, 0, kAny, kAny>, Limited<kDense, 4, 1000, kAny>,
                   Limited<kDense, 4, 1000, 0>, Limited<kDense, 100000, 4096, 500>, Mpi<kSparse>,
                   Limited<kSparse, 0, kAny, kAny>, Limited<kSparse, 4, 1000, kAny>, Limited<kSparse, kAny, 4096, 0>>;

INSTANTIATE_TYPED_TEST_SUITE_P(UnderMpirun, ExchangeConformance, Worlds);

TEST(ExchangeWays, AreChosenByTheNumberOfRanksAlone) {
  EXPECT_EQ(chosen_way(ExchangeWay::kAuto, kSparseFromRanks - 1), kDense);
  EXPECT_EQ(chosen_way(ExchangeWay::kAuto, kSparseFromRanks), kSparse);
  EXPECT_EQ(chosen_way(kSparse, 2), kSparse);
  EXPECT_EQ(chosen_way(kDense, 4096), kDense);
  EXPECT_EQ(MpiExchange(session->mpi()).way(), chosen_way(ExchangeWay::kAuto, session->size()));
}

// Lengths that are 0 for most pairs and rounds, and for all pairs in every fifth round; now and then long ones.
std::size_t rarely(int source, int destination, int round) {
  if (round % 5 == 3) return 0;
  const std::uint64_t dice =
      mix64((static_cast<std::uint64_t>(source) * 1000 + static_cast<std::uint64_t>(destination)) * 1000 +
            static_cast<std::uint64_t>(round));
  if (dice % 4 != 0) return 0;
  constexpr std::size_t kSizes[] = {1, 8, 24, 400, 5000, 70000, 300000};
  return kSizes[(dice >> 8) % (round % 10 == 0 ? 7 : 5)] + (dice >> 20) % 8;
}

// Ranks that run ahead send messages of the next superstep, or of the one after, to ranks that are still in this one:
// they must not be taken for this one's. Each rank is slow in turn, before or after an exchange; reductions between
// some of the supersteps keep the ranks together, and long stretches without let them drift apart.
void drift(Exchange& exchange) {
  const int me = exchange.rank();
  for (int stretch = 0; stretch < 20; ++stretch) {
    exchange_and_check(exchange, 1 + 7 * (stretch % 3), [&](int source, int destination, int round) {
      return rarely(source, destination, 100 * stretch + round);
    });
    for (int round = 0; round < 25; ++round) {  // nothing but a token to the next rank, which waits for nobody else
      if (round % exchange.size() == me) std::this_thread::sleep_for(std::chrono::microseconds(200));
      std::vector<Bytes> outgoing(static_cast<std::size_t>(exchange.size()));
      const int next = (me + 1 + round) % exchange.size();
      outgoing[static_cast<std::size_t>(next)] = message(me, next, round, 16);
      Inbox inbox;
      exchange.all_to_all(outgoing, inbox);
      const int from = (me + exchange.size() - (1 + round) % exchange.size()) % exchange.size();
      ASSERT_EQ(inbox.bytes, message(from, me, round, 16)) << "stretch " << stretch << ", round " << round;
      ASSERT_EQ(part(inbox, from).size(), 16U);
    }
    std::uint64_t sum = static_cast<std::uint64_t>(stretch);
    exchange.all_reduce({&sum, 1}, Reduction::kSum);
    ASSERT_EQ(sum, static_cast<std::uint64_t>(stretch * exchange.size()));
  }
}

TEST(SparseSupersteps, AreKeptApartFromEachOther) {
  for (const ExchangeWay way : {kSparse, kDense}) {
    MpiExchange exchange(session->mpi(), way);
    drift(exchange);
  }
  MpiExchange with_long_messages(session->mpi(), kSparse, {2000, 900, kAny});
  drift(with_long_messages);
}

// Two exchanges in turn do not hear each other.
TEST(SparseSupersteps, OfSeveralExchangesDoNotMix) {
  MpiExchange one(session->mpi(), kSparse);
  MpiExchange other(session->mpi(), kSparse);
  for (int turn = 0; turn < 20; ++turn)
    exchange_and_check(turn % 3 == 0 ? one : other, 3, [&](int s, int d, int r) { return rarely(s, d, 7 * turn + r); });
}

TEST(MpiSession, KnowsItsMachine) {
  EXPECT_GE(session->local_rank(), 0);
  EXPECT_LT(session->local_rank(), session->local_size());
  EXPECT_LE(session->local_size(), session->size());
}

TEST(MpiSession, ReturnsWhatTheBodyReturns) {
  EXPECT_EQ(session->run([] { return 1; }), 1);
}

TEST(MpiSession, ErrorsOfTheLibraryAreThrown) {
  MPI_Comm world = session->mpi();
  try {
    int value = 0;
    check_mpi(MPI_Bcast(&value, 1, MPI_INT, session->size() + 5, world), "MPI_Bcast");
    ADD_FAILURE() << "an impossible root was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_EQ(error.message().find("MPI_Bcast failed: "), 0U) << error.message();
  }
}

TEST(MpiSession, AnErrorOfAllRanksBecomesAnExitCode) {
  testing::internal::CaptureStderr();
  const int code = session->run([]() -> int { throw Error(ErrorCode::kInput, "no such model", {"m.relay", 3, 4}); });
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, 2);
  EXPECT_EQ(printed, session->rank() == 0 ? "tessera: m.relay:3:4: no such model\n" : "");
}

TEST(ExitCode, TellsTheUsersFaultsFromOurs) {
  EXPECT_EQ(exit_code_of(Error(ErrorCode::kInput, "x")), 2);
  EXPECT_EQ(exit_code_of(Error(ErrorCode::kUnsound, "x")), 3);
  EXPECT_EQ(exit_code_of(Error(ErrorCode::kResource, "x")), 3);
  EXPECT_EQ(exit_code_of(std::runtime_error("x")), 3);
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
  tessera::MpiSession session(argc, argv, tessera::MpiSession::Start::kAlways);
  tessera::session = &session;
  testing::InitGoogleTest(&argc, argv);
  if (session.rank() != 0) {  // the other ranks speak only of failures
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    class FailuresOnly : public testing::EmptyTestEventListener {
      void OnTestPartResult(const testing::TestPartResult& result) override {
        if (result.failed()) {
          std::fprintf(stderr, "%s:%d: %s\n", result.file_name(), result.line_number(), result.message());
        }
      }
    };
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly);
  }
  return RUN_ALL_TESTS();
}
