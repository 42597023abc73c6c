// One superstep of messages between ranks that do not know who sends to them: NBX, nonblocking consensus (Hoefler,
// Siebert and Lumsdaine, "Scalable Communication Protocols for Dynamic Sparse Data Exchange", PPoPP 2010). A rank sends
// synchronously, so that it learns when its messages have been taken; takes whatever comes meanwhile; enters a barrier
// that does not block once all of its own have been taken; and goes on taking until the barrier ends. All have been
// taken by then: no rank enters before its own messages were. O(messages + log ranks) a rank.
//
// Supersteps cannot mix. A rank that has left superstep n may send its messages of n + 1 to one that has yet to notice
// the end of n's barrier and still takes whatever comes; so odd and even supersteps have a communicator each. A rank
// sends messages of n + 2 only after the barrier of n + 1 ended, hence after all ranks had entered it, having left n;
// and all messages of n had been taken before. (The paper leaves this to the caller.)
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "partition/exchange.hpp"

namespace tessera {

class SparseMessages {
 public:
  // A message that was received.
  struct Arrival {
    int source = 0;
    int tag = 0;
    std::size_t offset = 0;  // of its bytes in bytes()
    std::size_t length = 0;
  };

  // Collective. Works on two duplicates of `world`, which the caller keeps.
  explicit SparseMessages(MPI_Comm world);
  SparseMessages(const SparseMessages&) = delete;
  SparseMessages& operator=(const SparseMessages&) = delete;
  ~SparseMessages();

  // Starts sending to another rank; the bytes, at most 2^31 - 1, must stay as they are until finish(). Two messages of
  // one superstep to one rank arrive in the order sent. Not collective.
  void send(int to, int tag, std::span<const std::byte> bytes);
  // Ends the superstep: every message sent in it by any rank has been received. Collective. Throws Error(kInternal) if
  // MPI fails; the superstep is then void.
  void finish();

  // What the last finish() has received, in order of arrival, which depends on the network; until the next finish().
  [[nodiscard]] std::span<const Arrival> arrivals() const { return arrivals_; }
  [[nodiscard]] std::span<const std::byte> bytes(const Arrival& arrival) const {
    return std::span(buffer_).subspan(arrival.offset, arrival.length);
  }

 private:
  [[nodiscard]] bool take_one(MPI_Comm world);
  [[nodiscard]] std::byte* room_for(std::size_t length);

  MPI_Comm worlds_[2] = {MPI_COMM_NULL, MPI_COMM_NULL};  // of even and odd supersteps
  unsigned parity_ = 0;
  // Kept for their capacity.
  std::vector<MPI_Request> sends_;
  std::vector<Arrival> arrivals_;
  Bytes buffer_;  // never shrinks; the first used_ bytes hold messages
  std::size_t used_ = 0;
};

}  // namespace tessera
