#include "cluster/mpi_session.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <thread>

#include "cluster/mpi_exchange.hpp"
#include "engine/base/error.hpp"
#include "partition/local_exchange.hpp"

namespace tessera {
namespace {

constexpr int kFailed = 1;  // tag of the notice that its sender has failed

// mpirun (Open MPI), any PMIx launcher (srun --mpi=pmix, prterun), PMI-1 and PMI-2 (srun --mpi=pmi2) say so in the
// environment.
bool launched() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (std::getenv(variable) != nullptr) return true;
  }
  return false;
}

// One write, so that the lines of several ranks do not mix.
void print_error(const std::string& text) {
  const std::string line = "tessera: " + text + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

void check_mpi(int result, std::string_view call) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw Error(ErrorCode::kInternal, std::string(call) + " failed: " + text);
}

int exit_code_of(const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  return known != nullptr && known->code() == ErrorCode::kInput ? 2 : 3;
}

MpiSession::MpiSession(int& argc, char**& argv, Start when) {
  if (when == Start::kAlways || launched()) start(&argc, &argv);
}

void MpiSession::start(int* argc, char*** argv) {
  int granted = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &granted), "MPI_Init_thread");
  started_ = true;
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  if (granted < MPI_THREAD_FUNNELED) {
    throw Error(ErrorCode::kInternal, "this MPI does not allow threads beside it (MPI_THREAD_FUNNELED)");
  }
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &world_), "MPI_Comm_dup");  // duplicates inherit the error handler
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &failures_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_rank(world_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(world_, &size_), "MPI_Comm_size");
  MPI_Comm machine = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(world_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine), "MPI_Comm_split_type");
  check_mpi(MPI_Comm_rank(machine, &local_rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(machine, &local_size_), "MPI_Comm_size");
  check_mpi(MPI_Comm_free(&machine), "MPI_Comm_free");
}

MpiSession::~MpiSession() {
  if (!started_) return;
  if (failures_ != MPI_COMM_NULL) MPI_Comm_free(&failures_);
  if (world_ != MPI_COMM_NULL) MPI_Comm_free(&world_);
  MPI_Finalize();
}

MPI_Comm MpiSession::mpi() {
  if (!started_) start(nullptr, nullptr);
  return world_;
}

std::unique_ptr<Exchange> MpiSession::make_exchange(ExchangeWay way) {
  if (size_ == 1) return std::make_unique<SoloExchange>();
  return std::make_unique<MpiExchange>(world_, way);
}

bool MpiSession::all_ranks_failed() const {
  if (size_ == 1) return true;
  // Whoever fails tells the ranks above, so that the lowest of them speaks.
  for (int peer = rank_ + 1; peer < size_; ++peer) {
    MPI_Request notice = MPI_REQUEST_NULL;
    if (MPI_Isend(nullptr, 0, MPI_BYTE, peer, kFailed, failures_, &notice) != MPI_SUCCESS) return false;
    MPI_Request_free(&notice);
  }
  // Ranks that agreed on an error meet within moments of each other.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(failures_, &request) != MPI_SUCCESS) return false;
  for (;;) {
    int done = 0;
    if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return false;
    if (done != 0) break;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (int peer = 0; peer < rank_; ++peer) MPI_Recv(nullptr, 0, MPI_BYTE, peer, kFailed, failures_, MPI_STATUS_IGNORE);
  return true;
}

bool MpiSession::lower_rank_failed() const {
  int found = 0;
  return MPI_Iprobe(MPI_ANY_SOURCE, kFailed, failures_, &found, MPI_STATUS_IGNORE) == MPI_SUCCESS && found != 0;
}

int MpiSession::run(const std::function<int()>& body) {
  std::string text;
  int code = 3;
  try {
    return body();
  } catch (const std::bad_alloc&) {
    text = "out of memory";
  } catch (const std::exception& error) {
    text = error.what();
    code = exit_code_of(error);
  } catch (...) {
    text = "unknown exception";
  }
  if (all_ranks_failed()) {
    if (rank_ == 0) print_error(text);
    return code;
  }
  // A lower rank that failed too speaks and aborts this one; unless it ended before it could.
  if (lower_rank_failed()) std::this_thread::sleep_for(std::chrono::seconds(5));
  print_error("rank " + std::to_string(rank_) + " of " + std::to_string(size_) + ": " + text);
  MPI_Abort(MPI_COMM_WORLD, code);
  return code;
}

}  // namespace tessera
