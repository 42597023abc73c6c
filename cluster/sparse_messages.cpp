#include "cluster/sparse_messages.hpp"

#include <algorithm>

#include "cluster/mpi_session.hpp"

namespace tessera {

SparseMessages::SparseMessages(MPI_Comm world) {
  for (MPI_Comm& own : worlds_) {
    check_mpi(MPI_Comm_dup(world, &own), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }
}

SparseMessages::~SparseMessages() {
  for (MPI_Comm& own : worlds_) {
    if (own != MPI_COMM_NULL) MPI_Comm_free(&own);
  }
}

void SparseMessages::send(int to, int tag, std::span<const std::byte> bytes) {
  sends_.push_back(MPI_REQUEST_NULL);
  check_mpi(
      MPI_Issend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, tag, worlds_[parity_], &sends_.back()),
      "MPI_Issend");
}

void SparseMessages::finish() {
  MPI_Comm world = worlds_[parity_];
  parity_ ^= 1U;
  arrivals_.clear();
  used_ = 0;
  MPI_Request barrier = MPI_REQUEST_NULL;
  bool waiting = false;  // for the others, in the barrier
  for (int done = 0;;) {
    if (waiting) {
      // Before looking for messages: all have been taken if it has ended.
      check_mpi(MPI_Test(&barrier, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done != 0) break;
    } else {
      check_mpi(MPI_Testall(static_cast<int>(sends_.size()), sends_.data(), &done, MPI_STATUSES_IGNORE), "MPI_Testall");
      if (done != 0) {
        check_mpi(MPI_Ibarrier(world, &barrier), "MPI_Ibarrier");
        waiting = true;
      }
    }
    while (take_one(world)) {
    }
  }
  sends_.clear();
}

// Receives a message, if one is there.
bool SparseMessages::take_one(MPI_Comm world) {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  check_mpi(MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, world, &found, &message, &status), "MPI_Improbe");
  if (found == 0) return false;
  int length = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &length), "MPI_Get_count");
  const Arrival arrival{status.MPI_SOURCE, status.MPI_TAG, used_, static_cast<std::size_t>(length)};
  check_mpi(MPI_Mrecv(room_for(arrival.length), length, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
  used_ += arrival.length;
  arrivals_.push_back(arrival);
  return true;
}

// No receive is under way when the buffer moves: MPI_Mrecv blocks.
std::byte* SparseMessages::room_for(std::size_t length) {
  if (used_ + length > buffer_.size()) buffer_.resize(std::max(used_ + length, 2 * buffer_.size()));
  return buffer_.data() + used_;
}

}  // namespace tessera
