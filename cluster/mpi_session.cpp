#include "cluster/mpi_session.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <thread>

#include "cluster/mpi_exchange.hpp"
#include "cluster/run_status.hpp"
#include "engine/base/check.hpp"
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

MpiSession* failing_session = nullptr;  // whose process a broken invariant ends

}  // namespace

void print_error(const std::string& text) {
  const std::string line = "tessera: " + text + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

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

int MpiSession::watch(std::chrono::milliseconds silence) {
  if (size_ > 1) {
    int first_is_here = rank_ == 0 ? 1 : 0;
    MPI_Comm machine = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(world_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine), "MPI_Comm_split_type");
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, &first_is_here, 1, MPI_INT, MPI_MAX, machine), "MPI_Allreduce");
    check_mpi(MPI_Comm_free(&machine), "MPI_Comm_free");
    watch_ = std::make_unique<RankWatch>(WatchSettings{world_, first_is_here != 0, silence});
  }
  failing_session = this;
  set_check_handler([](const char* text) { failing_session->tell(text); });
  std::set_terminate([] {
    std::string text = "ended by an exception that nobody caught";
    try {
      if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      text += std::string(": ") + error.what();
    } catch (...) {
    }
    failing_session->tell(text);
    std::abort();
  });
  return watch_ ? watch_->unwatched() : 0;
}

MpiSession::~MpiSession() {
  if (failing_session == this) {
    set_check_handler(nullptr);
    std::set_terminate(nullptr);
    failing_session = nullptr;
  }
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
    // What the user got wrong is wrong wherever the run was.
    if (rank_ == 0) print_error(code == 2 ? text : RunStatus::of_process().explained(text));
    return code;
  }
  text = named(RunStatus::of_process().explained(text));
  if (watch_ && watch_->tell(text, code)) ::_exit(code);
  // A lower rank that failed too speaks and aborts this one; unless it ended before it could.
  if (lower_rank_failed()) std::this_thread::sleep_for(std::chrono::seconds(5));
  print_error(text);
  MPI_Abort(MPI_COMM_WORLD, code);
  return code;
}

std::string MpiSession::named(const std::string& text) const {
  return size_ == 1 ? text : "rank " + std::to_string(rank_) + " of " + std::to_string(size_) + ": " + text;
}

void MpiSession::tell(const std::string& what) const {
  const std::string text = named(RunStatus::of_process().explained(what));
  if (!watch_ || !watch_->tell(text, 3)) print_error(text);
}

}  // namespace tessera
