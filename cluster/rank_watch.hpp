// Notices that a rank has gone, so that no rank waits for it for ever: killed, crashed, stopped, or behind a link that
// was cut. MPI without fault tolerance does not tell, and TCP takes a quarter of an hour to give up. Every rank keeps a
// connection to rank 0 and says once a second that it lives; a connection that ends without a farewell, or falls
// silent, is a lost rank. Rank 0 then says so, in one message for the whole job, and has all others end. When rank 0
// itself is lost, the lowest rank that can know speaks. (A star of heartbeats, the simplest failure detector; see
// Chandra and Toueg, "Unreliable Failure Detectors for Reliable Distributed Systems", JACM 1996. A slow rank is not a
// lost one: its watcher is a thread that does nothing else, and makes no MPI calls.) A rank that fails by itself also
// tells rank 0 rather than the user, for the same reason: the others' failures that follow from it are not news.
#pragma once

#include <mpi.h>

#include <chrono>
#include <memory>
#include <string>

namespace tessera {

struct WatchSettings {
  MPI_Comm world = MPI_COMM_NULL;  // used while the watch is made only
  bool beside_first = false;       // rank 0 is on this machine
  // How long a rank may be silent; the ranks may all wait for each other, in one exchange, kStallFactor times as long.
  // 0: for ever; a connection that ends is noticed all the same.
  std::chrono::milliseconds silence{0};
};

class RankWatch {
 public:
  static constexpr int kStallFactor = 15;

  // Collective over settings.world, which has at least two ranks.
  explicit RankWatch(const WatchSettings& settings);
  RankWatch(const RankWatch&) = delete;
  RankWatch& operator=(const RankWatch&) = delete;
  // This rank ends in good order. To be called when MPI has been finalized: until then others are waited for.
  ~RankWatch();

  // How many ranks could not reach rank 0, and so are not watched; the same on all.
  [[nodiscard]] int unwatched() const { return unwatched_; }

  // This rank has failed: rank 0 says `text`, unless there is a better explanation, and all ranks end, the others with
  // `code`. Returns true when that was done, false when rank 0 cannot be told: then the caller must speak. From any
  // thread.
  bool tell(const std::string& text, int code);

  class Watcher;

 private:
  std::unique_ptr<Watcher> watcher_;
  int unwatched_ = 0;
};

}  // namespace tessera
