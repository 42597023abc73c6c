// The Exchange over MPI, in two ways (exchange_way.hpp). A dense superstep is one MPI_Alltoall of sizes and one
// MPI_Alltoallv of bytes, into which short messages are packed. A sparse one sends short messages only where there are
// any, and of long ones the size, by nonblocking consensus (sparse_messages.hpp). Either way long messages then go
// point to point, straight from the sender's buffer into the receiver's inbox, in pieces below MPI's 2 GiB limit on
// counts. Both ends know every size by then, so no further agreement is needed. (MPI 4's large-count calls would do,
// but Open MPI 4.1, which is MPI 3.1, lacks them.)
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cluster/exchange_way.hpp"
#include "cluster/run_status.hpp"
#include "cluster/sparse_messages.hpp"
#include "partition/exchange.hpp"

namespace tessera {

class MpiExchange final : public Exchange {
 public:
  // In bytes; equal on all ranks. Smaller ones than the defaults only serve tests.
  struct Limits {
    std::size_t packed = std::size_t{256} << 10;          // a message up to this long travels in the MPI_Alltoallv,
                                                          // or by itself in a sparse superstep
    std::size_t piece = std::size_t{1} << 30;             // a longer one in pieces up to this long; < 2 GiB
    std::size_t contiguous = (std::size_t{1} << 31) - 1;  // an inbox up to this long is received into in place
  };

  // Collective. Works on duplicates of `world`, which the caller keeps; size and rank are the world's. `way` must be
  // the same on all ranks.
  explicit MpiExchange(MPI_Comm world, ExchangeWay way = ExchangeWay::kAuto) : MpiExchange(world, way, Limits()) {}
  MpiExchange(MPI_Comm world, ExchangeWay way, Limits limits);
  ~MpiExchange() override;

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  // kDense or kSparse.
  [[nodiscard]] ExchangeWay way() const { return sparse_ ? ExchangeWay::kSparse : ExchangeWay::kDense; }
  void all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) override;
  void all_reduce(std::span<std::uint64_t> values, Reduction reduction) override;
  // Throws Error(kInternal), on all ranks, when all bytes together exceed 2 GiB.
  void all_gather(std::span<const std::byte> mine, Inbox& all) override;
  [[nodiscard]] const Traffic& traffic() const override { return traffic_; }
  // So that a failure can be placed.
  void enter_phase(std::uint32_t iteration, const char* phase) override {
    RunStatus::of_process().enter(iteration, phase);
  }

 private:
  [[nodiscard]] bool is_packed(std::uint64_t length) const { return length <= limits_.packed; }
  void exchange_dense(std::span<const Bytes> outgoing, Inbox& inbox);
  void exchange_sparse(std::span<const Bytes> outgoing, Inbox& inbox);
  void start_direct(std::span<const Bytes> outgoing, Inbox& inbox);
  void finish_direct();
  void exchange_packed(std::span<const Bytes> outgoing, Inbox& inbox);
  void keep_own(std::span<const Bytes> outgoing, Inbox& inbox) const;
  void count_sent(std::uint64_t bytes);
  void count_received(std::uint64_t bytes);

  MPI_Comm world_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  Limits limits_;
  Traffic traffic_;
  std::optional<SparseMessages> sparse_;  // of a sparse exchange
  // Scratch of a superstep, kept for its capacity.
  std::vector<std::uint64_t> sent_;      // bytes to each rank
  std::vector<std::uint64_t> received_;  // bytes from each rank
  std::vector<int> receive_counts_, receive_offsets_;
  std::vector<int> send_counts_, send_offsets_;  // of a dense exchange, as the buffers
  Bytes send_buffer_, receive_buffer_;
  std::vector<MPI_Request> requests_;
};

}  // namespace tessera
