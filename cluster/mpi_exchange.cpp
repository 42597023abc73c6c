#include "cluster/mpi_exchange.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "cluster/mpi_session.hpp"
#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "partition/call_timer.hpp"

namespace tessera {
namespace {

constexpr int kTag = 1;
// Tags of a sparse superstep; its communicators are others.
constexpr int kShort = 1;         // the message itself
constexpr int kAnnouncement = 2;  // the length of a long one, 8 bytes
constexpr std::size_t kLargestCount = std::numeric_limits<int>::max();

MPI_Op operation(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
      return MPI_SUM;
    case Reduction::kMin:
      return MPI_MIN;
    case Reduction::kMax:
      return MPI_MAX;
    case Reduction::kOr:
      return MPI_BOR;
  }
  return MPI_OP_NULL;
}

// A collective call: its time is counted, and whoever watches the ranks knows that this one waits.
class Call {
 public:
  explicit Call(double& seconds) : timer_(seconds) { RunStatus::of_process().begin_call(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() { RunStatus::of_process().end_call(); }

 private:
  CallTimer timer_;
};

// Sets inbox.offset from the sizes and makes room for the bytes.
void open(Inbox& inbox, std::span<const std::uint64_t> sizes) {
  inbox.offset.resize(sizes.size() + 1);
  inbox.offset[0] = 0;
  for (std::size_t s = 0; s < sizes.size(); ++s) inbox.offset[s + 1] = inbox.offset[s] + sizes[s];
  inbox.bytes.resize(inbox.offset.back());
}

}  // namespace

MpiExchange::MpiExchange(MPI_Comm world, ExchangeWay way, Limits limits) : limits_(limits) {
  check_mpi(MPI_Comm_dup(world, &world_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(world_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(world_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(world_, &size_), "MPI_Comm_size");
  const auto ranks = static_cast<std::size_t>(size_);
  limits_.packed = std::min(limits_.packed, kLargestCount / ranks);  // the packed buffer's offsets are ints
  limits_.piece = std::clamp(limits_.piece, std::size_t{1}, kLargestCount);
  limits_.contiguous = std::min(limits_.contiguous, kLargestCount);
  sent_.resize(ranks);
  received_.resize(ranks);
  receive_counts_.resize(ranks);
  receive_offsets_.resize(ranks);
  if (chosen_way(way, size_) == ExchangeWay::kSparse) {
    sparse_.emplace(world_);
  } else {
    send_counts_.resize(ranks);
    send_offsets_.resize(ranks);
  }
}

MpiExchange::~MpiExchange() {
  if (world_ != MPI_COMM_NULL) MPI_Comm_free(&world_);
}

void MpiExchange::all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) {
  const Call call(traffic_.wait_seconds);
  CHECK(outgoing.size() == static_cast<std::size_t>(size_));
  if (sparse_)
    exchange_sparse(outgoing, inbox);
  else
    exchange_dense(outgoing, inbox);
  ++traffic_.exchanges;
}

void MpiExchange::exchange_dense(std::span<const Bytes> outgoing, Inbox& inbox) {
  for (std::size_t d = 0; d < outgoing.size(); ++d) sent_[d] = outgoing[d].size();
  check_mpi(MPI_Alltoall(sent_.data(), 1, MPI_UINT64_T, received_.data(), 1, MPI_UINT64_T, world_), "MPI_Alltoall");
  open(inbox, received_);
  start_direct(outgoing, inbox);
  exchange_packed(outgoing, inbox);
  finish_direct();
  for (std::size_t p = 0; p < outgoing.size(); ++p) {
    if (p == static_cast<std::size_t>(rank_)) continue;
    count_sent(sent_[p]);
    count_received(received_[p]);
  }
}

// Loops over ranks only to find whom to send to and to lay out the inbox.
void MpiExchange::exchange_sparse(std::span<const Bytes> outgoing, Inbox& inbox) {
  const auto me = static_cast<std::size_t>(rank_);
  bool direct = false;
  for (std::size_t d = 0; d < outgoing.size(); ++d) {
    sent_[d] = outgoing[d].size();
    if (sent_[d] == 0 || d == me) continue;
    if (is_packed(sent_[d])) {
      sparse_->send(static_cast<int>(d), kShort, outgoing[d]);
    } else {
      sparse_->send(static_cast<int>(d), kAnnouncement, std::as_bytes(std::span(sent_).subspan(d, 1)));
      direct = true;
    }
    count_sent(sent_[d]);
  }
  sparse_->finish();
  std::fill(received_.begin(), received_.end(), 0);
  received_[me] = sent_[me];
  for (const SparseMessages::Arrival& arrival : sparse_->arrivals()) {
    std::uint64_t length = arrival.length;
    if (arrival.tag == kAnnouncement) {
      CHECK(arrival.length == sizeof(length));
      std::memcpy(&length, sparse_->bytes(arrival).data(), sizeof(length));
      direct = true;
    }
    received_[static_cast<std::size_t>(arrival.source)] = length;
    count_received(length);
  }
  open(inbox, received_);
  if (direct) start_direct(outgoing, inbox);
  for (const SparseMessages::Arrival& arrival : sparse_->arrivals()) {
    if (arrival.tag != kShort) continue;
    const std::span<const std::byte> bytes = sparse_->bytes(arrival);
    std::memcpy(inbox.bytes.data() + inbox.offset[static_cast<std::size_t>(arrival.source)], bytes.data(),
                bytes.size());
  }
  keep_own(outgoing, inbox);
  if (direct) finish_direct();
}

// Starts sending and receiving what is too long to be packed. Pieces of one message arrive in order: same source and
// tag.
void MpiExchange::start_direct(std::span<const Bytes> outgoing, Inbox& inbox) {
  requests_.clear();
  const auto in_pieces = [&](std::uint64_t length, const auto& start) {
    for (std::uint64_t at = 0; at < length; at += limits_.piece) {
      requests_.push_back(MPI_REQUEST_NULL);
      start(at, static_cast<int>(std::min<std::uint64_t>(limits_.piece, length - at)), &requests_.back());
    }
  };
  for (int peer = 0; peer < size_; ++peer) {
    const auto p = static_cast<std::size_t>(peer);
    if (peer == rank_ || is_packed(received_[p])) continue;
    std::byte* to = inbox.bytes.data() + inbox.offset[p];
    in_pieces(received_[p], [&](std::uint64_t at, int length, MPI_Request* request) {
      check_mpi(MPI_Irecv(to + at, length, MPI_BYTE, peer, kTag, world_, request), "MPI_Irecv");
    });
  }
  for (int peer = 0; peer < size_; ++peer) {
    const auto p = static_cast<std::size_t>(peer);
    if (peer == rank_ || is_packed(sent_[p])) continue;
    const std::byte* from = outgoing[p].data();
    in_pieces(sent_[p], [&](std::uint64_t at, int length, MPI_Request* request) {
      check_mpi(MPI_Isend(from + at, length, MPI_BYTE, peer, kTag, world_, request), "MPI_Isend");
    });
  }
}

void MpiExchange::finish_direct() {
  check_mpi(MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
}

void MpiExchange::exchange_packed(std::span<const Bytes> outgoing, Inbox& inbox) {
  const auto me = static_cast<std::size_t>(rank_);
  // Straight into the inbox if its offsets fit MPI's ints, else through a buffer of the packed messages alone.
  const bool in_place = inbox.bytes.size() <= limits_.contiguous;
  send_buffer_.clear();
  std::size_t receive_length = 0;
  for (std::size_t p = 0; p < outgoing.size(); ++p) {
    const bool sends = p != me && is_packed(sent_[p]);
    send_offsets_[p] = static_cast<int>(send_buffer_.size());
    send_counts_[p] = sends ? static_cast<int>(sent_[p]) : 0;
    if (sends) send_buffer_.append(outgoing[p].all());
    const bool receives = p != me && is_packed(received_[p]);
    receive_counts_[p] = receives ? static_cast<int>(received_[p]) : 0;
    receive_offsets_[p] = receives ? static_cast<int>(in_place ? inbox.offset[p] : receive_length) : 0;
    if (receives) receive_length += received_[p];
  }
  if (!in_place) receive_buffer_.resize(receive_length);
  std::byte* into = in_place ? inbox.bytes.data() : receive_buffer_.data();
  check_mpi(MPI_Alltoallv(send_buffer_.data(), send_counts_.data(), send_offsets_.data(), MPI_BYTE, into,
                          receive_counts_.data(), receive_offsets_.data(), MPI_BYTE, world_),
            "MPI_Alltoallv");
  keep_own(outgoing, inbox);
  if (in_place) return;
  for (std::size_t p = 0; p < outgoing.size(); ++p) {
    const auto length = static_cast<std::size_t>(receive_counts_[p]);
    if (length > 0)
      std::memcpy(inbox.bytes.data() + inbox.offset[p], receive_buffer_.data() + receive_offsets_[p], length);
  }
}

// This rank's message to itself.
void MpiExchange::keep_own(std::span<const Bytes> outgoing, Inbox& inbox) const {
  const auto me = static_cast<std::size_t>(rank_);
  if (outgoing[me].empty()) return;
  std::memcpy(inbox.bytes.data() + inbox.offset[me], outgoing[me].data(), outgoing[me].size());
}

void MpiExchange::count_sent(std::uint64_t bytes) {
  traffic_.bytes_sent += bytes;
  traffic_.messages_sent += bytes > 0 ? 1U : 0U;
}

void MpiExchange::count_received(std::uint64_t bytes) {
  traffic_.bytes_received += bytes;
  traffic_.messages_received += bytes > 0 ? 1U : 0U;
}

void MpiExchange::all_reduce(std::span<std::uint64_t> values, Reduction reduction) {
  const Call call(traffic_.wait_seconds);
  CHECK(values.size() <= kLargestCount);
  if (!values.empty()) {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_UINT64_T,
                            operation(reduction), world_),
              "MPI_Allreduce");
  }
  ++traffic_.reductions;
}

void MpiExchange::all_gather(std::span<const std::byte> mine, Inbox& all) {
  const Call call(traffic_.wait_seconds);
  const std::uint64_t length = mine.size();
  check_mpi(MPI_Allgather(&length, 1, MPI_UINT64_T, received_.data(), 1, MPI_UINT64_T, world_), "MPI_Allgather");
  open(all, received_);
  if (all.bytes.size() > kLargestCount) {
    throw Error(ErrorCode::kInternal, "control data of all ranks is " + std::to_string(all.bytes.size()) +
                                          " bytes; a gather takes at most 2 GiB");
  }
  for (std::size_t p = 0; p < received_.size(); ++p) {
    receive_counts_[p] = static_cast<int>(received_[p]);
    receive_offsets_[p] = static_cast<int>(all.offset[p]);
  }
  check_mpi(MPI_Allgatherv(mine.data(), static_cast<int>(length), MPI_BYTE, all.bytes.data(), receive_counts_.data(),
                           receive_offsets_.data(), MPI_BYTE, world_),
            "MPI_Allgatherv");
  traffic_.bytes_gathered += all.bytes.size() - mine.size();
}

}  // namespace tessera
