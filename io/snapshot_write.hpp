// A snapshot on its way to disk, beside a search that goes on: what is to be written is a copy, and a thread of each
// rank writes that rank's blocks (io/snapshot_blocks.hpp) into the empty form that HDF5 has made
// (io/snapshot_layout.hpp). The threads of several ranks call neither MPI nor HDF5, which are the search's; ranks meet
// only where the search lets them: in front, where they hand each other the pieces of blocks that they share (of rows
// that are no copy, when all are through with them), and when all blocks are written, and all but rank 0's flushed,
// upon which rank 0's thread seals the file: temporary name, fsync, rename, fsync of the folder. A rank alone has
// nobody to meet: its thread does it all. A file appears under its name only when it is complete and on disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "io/block_file.hpp"
#include "io/snapshot.hpp"
#include "io/snapshot_blocks.hpp"
#include "io/snapshot_layout.hpp"
#include "partition/local_exchange.hpp"

namespace tessera {

class SnapshotWrite {
 public:
  // Collective. Makes the temporary file beside `path` and begins to write. Throws Error(kResource) on all ranks when
  // the file system refuses, or else step() does; any failure leaves what stood at `path`, and nothing else.
  SnapshotWrite(const std::string& path, const SnapshotOrigin& origin, SearchState state, Exchange& exchange);
  // As above: the thread takes the e-nodes that it writes (and a rank alone all that it writes) from the e-graph
  // itself, which must not change until wait_for_graph() returns, or all is given up. `source`: a search that is at
  // rest until then, whose e-nodes are written as they are met; or, of a rank alone, one that goes on, for which the
  // thread copies all before it writes any. `progress`: SearchState::progress.
  enum class Source : std::uint8_t { kAtRest, kGoesOn };
  SnapshotWrite(const std::string& path, const SnapshotOrigin& origin, std::unique_ptr<LateExport> late, Source source,
                std::vector<std::uint64_t> progress, Exchange& exchange);
  SnapshotWrite(const SnapshotWrite&) = delete;
  SnapshotWrite& operator=(const SnapshotWrite&) = delete;
  // Gives up what is not done. Not collective.
  ~SnapshotWrite();

  // Whether this rank's thread is at work. It never begins to be by itself.
  [[nodiscard]] bool busy() const { return busy_; }
  // Collective. Waits for all ranks' threads, and begins the next stage; throws Error(kResource) on all ranks if one
  // has failed. Returns at once where no rank is busy.
  void step();
  // Whether the snapshot is under its name; the same on every rank.
  [[nodiscard]] bool done() const { return stage_ == Stage::kDone; }
  // Whether all ranks' blocks are written; the same on every rank.
  [[nodiscard]] bool seals() const { return stage_ >= Stage::kSeal; }
  // Collective. Step after step to the end.
  void finish();

  // Waits until this rank's copy has been made, has been written, and its memory given back. Not collective.
  void wait_for_memory() const;
  // Waits until nothing more is taken from the e-graph. Not collective.
  void wait_for_graph() const { reads_graph_.wait(true); }
  // What this rank's copy takes of memory: less and less, as columns are written; not nothing while it is being made,
  // when nobody knows how much it will be.
  [[nodiscard]] std::uint64_t held_bytes() const {
    const std::uint64_t is_being_made = reads_graph_ ? 1 : 0;  // looked at first: it ends when the size is known
    return is_being_made + held_bytes_;
  }
  // How long this rank has worked on it, in front of the search and beside it. Not while it is busy.
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  enum class Stage : std::uint8_t { kRows, kBlocks, kSeal, kDone };  // kRows: only of those that are no copy

  void make_alike();
  void begin_together(const SnapshotOrigin& origin);
  void begin(const SnapshotOrigin& origin);
  void write_alone(const SnapshotOrigin& origin);
  void cut();
  void launch(std::function<void()> work);
  void join();
  void give_back_columns(std::size_t end);
  void leave_graph();
  void write_blocks();
  void write_rows();
  void write_shared();
  void write_run(const BlockRun& run);
  void seal();
  [[nodiscard]] bool leads() const { return exchange_.rank() == 0; }
  [[nodiscard]] bool alone() const { return exchange_.size() == 1; }

  std::string path_;
  std::string temporary_;
  SoloExchange own_;    // a lone rank's thread takes no part in the search's exchange, which counts its calls
  Exchange& exchange_;  // or own_
  Stage stage_ = Stage::kBlocks;

  // The thread's while it is at work.
  SearchState state_;
  std::string header_;  // rank 0
  std::string symbols_;
  SnapshotLayout layout_;
  std::unique_ptr<BlockFile> file_;
  std::vector<BlockRun> runs_;                           // by dataset, of what was copied
  std::vector<std::uint64_t> part_begin_;                // by dataset: DatasetPart::begin
  std::vector<BlockPiece> pieces_;                       // until they are joined
  std::vector<JoinedBlock> joined_;                      // until they are written
  std::unique_ptr<LateExport> late_;                     // of rows that are no copy
  std::vector<std::function<void()>> give_back_column_;  // by dataset
  std::size_t given_back_ = 0;
  std::vector<std::uint64_t> checksums_;  // by dataset: of this rank's blocks; after step() of all
  std::string failure_;
  double seconds_ = 0;

  std::atomic<std::uint64_t> held_bytes_ = 0;
  std::atomic<bool> reads_graph_ = false;
  std::atomic<bool> busy_ = false;
  std::atomic<bool> given_up_ = false;
  std::thread thread_;
};

// Memory that a share takes.
[[nodiscard]] std::uint64_t copied_bytes(const GraphShare& share);

// Collective. All of it at once.
void write_snapshot(const std::string& path, const SnapshotOrigin& origin, SearchState state, Exchange& exchange);

}  // namespace tessera
