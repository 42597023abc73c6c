// The MPI exchange: the common suite on whatever number of ranks mpirun started, and the same with limits so small that
// every way a message can travel is taken. Each rank runs all tests in step; a failure on any rank fails the program.
#include "cluster/mpi_exchange.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "cluster/mpi_session.hpp"
#include "engine/base/error.hpp"
#include "tests/partition/exchange_conformance.hpp"

namespace tessera {
namespace {

MpiSession* session = nullptr;

struct Mpi {
  static void run(const std::function<void(Exchange&)>& body) {
    MpiExchange exchange(session->mpi());
    EXPECT_EQ(exchange.size(), session->size());
    EXPECT_EQ(exchange.rank(), session->rank());
    body(exchange);
  }
};

// What the program itself gets: the short cut for a single rank, MPI otherwise.
struct Made {
  static void run(const std::function<void(Exchange&)>& body) { body(*session->make_exchange()); }
};

template <std::size_t kPacked, std::size_t kPiece, std::size_t kContiguous>
struct Limited {
  static void run(const std::function<void(Exchange&)>& body) {
    MpiExchange exchange(session->mpi(), {kPacked, kPiece, kContiguous});
    body(exchange);
  }
};

constexpr std::size_t kAny = std::size_t{1} << 30;
using Worlds = testing::Types<Mpi, Made, Limited<0, kAny, kAny>, Limited<4, 1000, kAny>, Limited<4, 1000, 0>,
                              Limited<100000, 4096, 500>>;

INSTANTIATE_TYPED_TEST_SUITE_P(UnderMpirun, ExchangeConformance, Worlds);

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
