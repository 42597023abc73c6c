// MPI's lifetime in this process, and how a job of many ranks ends when something fails: with one message, on every
// rank, and never by hanging. MPI's C++ bindings are long gone from the standard, so the C interface is wrapped (as
// KaMPIng does): every call's result is checked and thrown as an Error. Starting MPI as a singleton costs a third of a
// second with Open MPI (it forks a daemon), so a process that no launcher started is a world of one rank without MPI;
// mpi() starts it late for whoever needs a communicator all the same.
#pragma once

#include <mpi.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cluster/exchange_way.hpp"
#include "cluster/rank_watch.hpp"
#include "partition/exchange.hpp"

namespace tessera {

// Throws Error(kInternal) naming the call and MPI's own words unless result is MPI_SUCCESS.
void check_mpi(int result, std::string_view call);

// At most one in a process; to be made first thing in main and destroyed by the thread that made it.
class MpiSession {
 public:
  enum class Start {
    kIfLaunched,  // start MPI now only if mpirun or srun started this process
    kAlways,      // start MPI now, as a singleton if need be
  };

  // Collective when launched. Asks for MPI_THREAD_FUNNELED: only the thread that made the session may use the exchange.
  // Throws Error(kInternal) if MPI refuses.
  MpiSession(int& argc, char**& argv, Start when = Start::kIfLaunched);
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
  // Finalizes MPI (collective). All ranks must get here: use run().
  ~MpiSession();

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  // How many ranks of this job share this machine, this one included; and which of these this one is, from 0.
  [[nodiscard]] int local_size() const { return local_size_; }
  [[nodiscard]] int local_rank() const { return local_rank_; }

  // A communicator over all ranks whose errors are returned, not fatal. Collective on its first call if MPI was not
  // started.
  [[nodiscard]] MPI_Comm mpi();

  // The exchange for this world: SoloExchange for one rank, else MpiExchange. Collective, with the same
  // `way` on all ranks. Must end before the session.
  [[nodiscard]] std::unique_ptr<Exchange> make_exchange(ExchangeWay way = ExchangeWay::kAuto);

  // Collective, at most once: from here to the session's end a rank that is lost ends the job, on every rank, with one
  // message and exit code 3; as does a broken invariant or an exception that nobody caught. `silence`: after how long a
  // rank that is not heard of counts as lost; 0: never (rank_watch.hpp). Returns how many ranks cannot be watched. A
  // world of one rank only has its broken invariants explained.
  int watch(std::chrono::milliseconds silence);

  // Runs the job: calls body on every rank and returns the exit code for main. An exception is printed to standard
  // error and becomes its exit code (exit_code_of): once, by rank 0, if all ranks failed (errors that were agreed on),
  // and then MPI ends in good order; otherwise for the lowest rank that failed, and all ranks end at once, since the
  // others may wait for it forever. Rank 0's exit code should be that of all ranks; body sees to that.
  [[nodiscard]] int run(const std::function<int()>& body);

 private:
  void start(int* argc, char*** argv);
  [[nodiscard]] bool all_ranks_failed() const;
  [[nodiscard]] bool lower_rank_failed() const;
  [[nodiscard]] std::string named(const std::string& text) const;
  void tell(const std::string& what) const;  // of this rank's end, from any thread

  bool started_ = false;
  MPI_Comm world_ = MPI_COMM_NULL;     // for exchanges
  MPI_Comm failures_ = MPI_COMM_NULL;  // only for finding out whether all ranks have failed
  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int local_size_ = 1;
  std::unique_ptr<RankWatch> watch_;
};

// "tessera: text" and a line's end on standard error, in one write, so that the lines of several ranks do not mix.
void print_error(const std::string& text);

// The program's exit code for an exception: 2 for what the user can mend (Error kInput), 3 for the rest.
[[nodiscard]] int exit_code_of(const std::exception& error);

}  // namespace tessera
