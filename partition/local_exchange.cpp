#include "partition/local_exchange.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "partition/call_timer.hpp"

namespace tessera {
namespace {

// Thrown in the ranks that are ended because another one failed; never leaves LocalWorld::run.
class PeerFailed : public Error {
 public:
  PeerFailed() : Error(ErrorCode::kInternal, "another rank of this process failed") {}
};

enum class Call : std::uint8_t { kNone, kAllToAll, kAllReduce, kAllGather };

const char* name_of(Call call) {
  switch (call) {
    case Call::kAllToAll:
      return "all_to_all";
    case Call::kAllReduce:
      return "all_reduce";
    case Call::kAllGather:
      return "all_gather";
    case Call::kNone:
      break;
  }
  return "no call";
}

// What a rank shows the others during a collective call. Written by its rank before the barrier, read by all after it.
struct Slot {
  Call call = Call::kNone;
  Reduction reduction = Reduction::kSum;  // all_reduce
  std::size_t length = 0;                 // all_reduce: number of values; must agree
  const Bytes* outgoing = nullptr;        // all_to_all: valid between its two barriers
  // Contributions to reductions and gathers are copied here, two buffers in turn: a rank that is a call ahead writes
  // one while slower ranks still read the other, so that such a call needs a single barrier.
  std::array<std::vector<std::uint64_t>, 2> values;
  std::array<Bytes, 2> bytes;
};

// The ranks' meeting point. All waiting is here.
class Board {
 public:
  explicit Board(int ranks) : slots(static_cast<std::size_t>(ranks)), ranks_(ranks) {}

  // Waits for all ranks. At the first barrier of a call (`opens` true) the last to arrive checks that all make the same
  // one. Throws PeerFailed or Error(kInternal) if the ranks cannot all arrive any more; then no rank passes this
  // barrier.
  void meet(bool opens) {
    std::unique_lock lock(mutex_);
    if (!failed_ && complaint_.empty() && ended_ > 0)
      complaint_ = "a rank waits in a collective call after another ended";
    give_up_if_broken();
    if (++arrived_ == ranks_) {
      if (opens) complaint_ = disagreement();
      if (!complaint_.empty()) {
        moved_.notify_all();
        give_up_if_broken();
      }
      arrived_ = 0;
      ++generation_;
      moved_.notify_all();
      return;
    }
    const std::uint64_t mine = generation_;
    moved_.wait(lock, [&] { return generation_ != mine || failed_ || !complaint_.empty(); });
    if (generation_ == mine) give_up_if_broken();
  }

  // A rank's body has returned or thrown.
  void leave(bool failed) {
    const std::lock_guard lock(mutex_);
    ++ended_;
    if (failed) failed_ = true;
    if (!failed_ && arrived_ > 0) complaint_ = "a rank waits in a collective call after another ended";
    moved_.notify_all();
  }

  std::vector<Slot> slots;

 private:
  void give_up_if_broken() const {
    if (!complaint_.empty()) throw Error(ErrorCode::kInternal, complaint_);
    if (failed_) throw PeerFailed();
  }

  [[nodiscard]] std::string disagreement() const {
    for (std::size_t r = 1; r < slots.size(); ++r) {
      const Slot& first = slots[0];
      const Slot& other = slots[r];
      const std::string who = "rank " + std::to_string(r);
      if (other.call != first.call) {
        return "ranks make different collective calls: rank 0 " + std::string(name_of(first.call)) + ", " + who + " " +
               name_of(other.call);
      }
      if (first.call != Call::kAllReduce) continue;
      if (other.reduction != first.reduction) return "ranks reduce differently: rank 0 and " + who;
      if (other.length != first.length) {
        return "ranks reduce arrays of different lengths: rank 0 " + std::to_string(first.length) + ", " + who + " " +
               std::to_string(other.length);
      }
    }
    return {};
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  const int ranks_;
  int arrived_ = 0;
  int ended_ = 0;
  std::uint64_t generation_ = 0;
  bool failed_ = false;
  std::string complaint_;
};

void append(Inbox& inbox, std::span<const std::byte> bytes) {
  inbox.bytes.append(bytes);
  inbox.offset.push_back(inbox.bytes.size());
}

// Makes room for `total` bytes from `sources` ranks and sets the first offset.
void open(Inbox& inbox, std::size_t sources, std::size_t total) {
  inbox.bytes.clear();
  inbox.bytes.reserve(total);
  inbox.offset.clear();
  inbox.offset.reserve(sources + 1);
  inbox.offset.push_back(0);
}

void combine(std::span<std::uint64_t> into, std::span<const std::uint64_t> other, Reduction reduction) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    switch (reduction) {
      case Reduction::kSum:
        into[i] += other[i];
        break;
      case Reduction::kMin:
        into[i] = std::min(into[i], other[i]);
        break;
      case Reduction::kMax:
        into[i] = std::max(into[i], other[i]);
        break;
      case Reduction::kOr:
        into[i] |= other[i];
        break;
    }
  }
}

class LocalExchange final : public Exchange {
 public:
  LocalExchange(Board& board, int rank) : board_(board), rank_(static_cast<std::size_t>(rank)) {}

  [[nodiscard]] int rank() const override { return static_cast<int>(rank_); }
  [[nodiscard]] int size() const override { return static_cast<int>(board_.slots.size()); }
  [[nodiscard]] const Traffic& traffic() const override { return traffic_; }

  void all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) override {
    const CallTimer timer(traffic_.wait_seconds);
    CHECK(outgoing.size() == board_.slots.size());
    Slot& mine = board_.slots[rank_];
    mine.call = Call::kAllToAll;
    mine.outgoing = outgoing.data();
    board_.meet(true);
    // Nobody may leave before all have copied, not even because memory ran out: the others read this rank's buffers.
    std::exception_ptr refused;
    try {
      std::size_t total = 0;
      for (const Slot& source : board_.slots) total += source.outgoing[rank_].size();
      open(inbox, board_.slots.size(), total);
      for (const Slot& source : board_.slots) append(inbox, source.outgoing[rank_]);
    } catch (...) {
      refused = std::current_exception();
    }
    board_.meet(false);
    if (refused) std::rethrow_exception(refused);
    ++traffic_.exchanges;
    for (std::size_t peer = 0; peer < board_.slots.size(); ++peer) {
      if (peer == rank_) continue;
      const std::size_t sent = outgoing[peer].size();
      const std::size_t received = inbox.offset[peer + 1] - inbox.offset[peer];
      traffic_.bytes_sent += sent;
      traffic_.bytes_received += received;
      traffic_.messages_sent += sent > 0 ? 1U : 0U;
      traffic_.messages_received += received > 0 ? 1U : 0U;
    }
  }

  void all_reduce(std::span<std::uint64_t> values, Reduction reduction) override {
    const CallTimer timer(traffic_.wait_seconds);
    Slot& mine = board_.slots[rank_];
    const std::size_t turn = next_turn();
    mine.call = Call::kAllReduce;
    mine.reduction = reduction;
    mine.length = values.size();
    mine.values[turn].assign(values.begin(), values.end());
    board_.meet(true);
    for (std::size_t peer = 0; peer < board_.slots.size(); ++peer) {
      if (peer != rank_) combine(values, board_.slots[peer].values[turn], reduction);
    }
    ++traffic_.reductions;
  }

  void all_gather(std::span<const std::byte> mine, Inbox& all) override {
    const CallTimer timer(traffic_.wait_seconds);
    Slot& slot = board_.slots[rank_];
    const std::size_t turn = next_turn();
    slot.call = Call::kAllGather;
    slot.bytes[turn].assign(mine);
    board_.meet(true);
    std::size_t total = 0;
    for (const Slot& source : board_.slots) total += source.bytes[turn].size();
    open(all, board_.slots.size(), total);
    for (const Slot& source : board_.slots) append(all, source.bytes[turn]);
    traffic_.bytes_gathered += total - mine.size();
  }

 private:
  std::size_t next_turn() { return buffered_calls_++ % 2; }

  Board& board_;
  std::size_t rank_;
  std::size_t buffered_calls_ = 0;
  Traffic traffic_;
};

}  // namespace

void SoloExchange::all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) {
  CHECK(outgoing.size() == 1);
  inbox.bytes.assign(outgoing[0].all());
  inbox.offset.resize(2);
  inbox.offset[0] = 0;
  inbox.offset[1] = inbox.bytes.size();
  ++traffic_.exchanges;
}

void SoloExchange::all_reduce(std::span<std::uint64_t> /*values*/, Reduction /*reduction*/) { ++traffic_.reductions; }

void SoloExchange::all_gather(std::span<const std::byte> mine, Inbox& all) {
  all.bytes.assign(mine);
  all.offset.resize(2);
  all.offset[0] = 0;
  all.offset[1] = all.bytes.size();
}

LocalWorld::LocalWorld(int ranks) : ranks_(ranks) {
  if (ranks < 1) {
    throw Error(ErrorCode::kInput, "a world of " + std::to_string(ranks) + " ranks; expected at least one");
  }
}

void LocalWorld::run(const std::function<void(Exchange&)>& body) const {
  if (ranks_ == 1) {
    SoloExchange solo;
    body(solo);
    return;
  }
  const auto count = static_cast<std::size_t>(ranks_);
  Board board(ranks_);
  std::vector<std::exception_ptr> failures(count);
  std::vector<std::exception_ptr> consequences(count);
  const auto rank_main = [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    LocalExchange exchange(board, rank);
    bool failed = true;
    try {
      body(exchange);
      failed = false;
    } catch (const PeerFailed&) {
      consequences[index] = std::current_exception();
    } catch (...) {
      failures[index] = std::current_exception();
    }
    board.leave(failed);
  };
  {
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (int rank = 0; rank < ranks_; ++rank) {
      try {
        threads.emplace_back(rank_main, rank);
      } catch (const std::system_error& error) {
        failures[static_cast<std::size_t>(rank)] = std::make_exception_ptr(Error(
            ErrorCode::kResource, "cannot start a thread for rank " + std::to_string(rank) + ": " + error.what()));
        board.leave(true);
        break;
      }
    }
  }
  for (const std::vector<std::exception_ptr>* kind : {&failures, &consequences}) {
    for (const std::exception_ptr& failure : *kind) {
      if (failure) std::rethrow_exception(failure);
    }
  }
}

}  // namespace tessera
