// The Exchange over MPI. A superstep is one MPI_Alltoall of sizes and one MPI_Alltoallv of bytes, into which short
// messages are packed; long ones go beside it point to point, straight from the sender's buffer into the receiver's
// inbox, in pieces below MPI's 2 GiB limit on counts. Both ends know every size by then, so no further agreement is
// needed. (MPI 4's large-count calls would do, but Open MPI 4.1, which is MPI 3.1, lacks them.)
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "partition/exchange.hpp"

namespace tessera {

class MpiExchange final : public Exchange {
 public:
  // In bytes; equal on all ranks. Smaller ones than the defaults only serve tests.
  struct Limits {
    std::size_t packed = std::size_t{256} << 10;          // a message up to this long travels in the MPI_Alltoallv
    std::size_t piece = std::size_t{1} << 30;             // a longer one in pieces up to this long; < 2 GiB
    std::size_t contiguous = (std::size_t{1} << 31) - 1;  // an inbox up to this long is received into in place
  };

  // Collective. Works on a duplicate of `world`, which the caller keeps; size and rank are the world's.
  explicit MpiExchange(MPI_Comm world) : MpiExchange(world, Limits()) {}
  MpiExchange(MPI_Comm world, Limits limits);
  ~MpiExchange() override;

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  void all_to_all(std::span<const std::vector<std::byte>> outgoing, Inbox& inbox) override;
  void all_reduce(std::span<std::uint64_t> values, Reduction reduction) override;
  // Throws Error(kInternal), on all ranks, when all bytes together exceed 2 GiB.
  void all_gather(std::span<const std::byte> mine, Inbox& all) override;
  [[nodiscard]] const Traffic& traffic() const override { return traffic_; }

 private:
  [[nodiscard]] bool is_packed(std::uint64_t length) const { return length <= limits_.packed; }
  void start_direct(std::span<const std::vector<std::byte>> outgoing, Inbox& inbox);
  void exchange_packed(std::span<const std::vector<std::byte>> outgoing, Inbox& inbox);
  void count(std::span<const std::vector<std::byte>> outgoing);

  MPI_Comm world_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  Limits limits_;
  Traffic traffic_;
  // Scratch of a superstep, kept for its capacity.
  std::vector<std::uint64_t> sent_;      // bytes to each rank
  std::vector<std::uint64_t> received_;  // bytes from each rank
  std::vector<int> send_counts_, send_offsets_, receive_counts_, receive_offsets_;
  std::vector<std::byte> send_buffer_, receive_buffer_;
  std::vector<MPI_Request> requests_;
};

}  // namespace tessera
