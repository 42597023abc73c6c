#include "io/snapshot_write.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <type_traits>
#include <utility>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/base/kill_point.hpp"
#include "io/block_file.hpp"
#include "io/hdf5_file.hpp"
#include "io/snapshot_columns.hpp"

namespace tessera {
namespace {

static_assert(kBytesAWrite % kChecksumBlock == 0);

class Stopwatch {
 public:
  explicit Stopwatch(double& sum) : sum_(sum) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { sum_ += std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  double& sum_;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace

SnapshotWrite::SnapshotWrite(const std::string& path, const SnapshotOrigin& origin, SearchState state,
                             Exchange& exchange)
    : path_(path),
      temporary_(path + ".tmp"),
      exchange_(exchange.size() == 1 ? own_ : exchange),
      state_(std::move(state)) {
  held_bytes_ = copied_bytes(state_.share);
  if (alone()) {
    stage_ = Stage::kSeal;
    launch([this, origin] { write_alone(origin); });
  } else {
    begin_together(origin);
    launch([this] {
      write_blocks();
      if (!given_up_) write_shared();
    });
  }
}

SnapshotWrite::SnapshotWrite(const std::string& path, const SnapshotOrigin& origin, std::unique_ptr<LateExport> late,
                             Source source, std::vector<std::uint64_t> progress, Exchange& exchange)
    : path_(path),
      temporary_(path + ".tmp"),
      exchange_(exchange.size() == 1 ? own_ : exchange),
      late_(std::move(late)) {
  reads_graph_ = true;
  CHECK(source == Source::kAtRest || alone());
  const auto copy = [this, source](std::vector<std::uint64_t> with) {
    state_ = source == Source::kGoesOn ? late_->whole() : late_->all_but_rows();
    state_.progress = std::move(with);
    held_bytes_ = copied_bytes(state_.share);
    if (source == Source::kGoesOn) leave_graph();
  };
  if (alone()) {
    stage_ = Stage::kSeal;
    launch([this, copy, origin, progress = std::move(progress)] {
      copy(progress);
      write_alone(origin);
    });
  } else {
    stage_ = Stage::kRows;
    copy(std::move(progress));
    begin_together(origin);
    launch([this] {
      write_blocks();
      if (!given_up_) file_->flush();  // so that ranks wait less for it once they have met
    });
  }
}

SnapshotWrite::~SnapshotWrite() {
  given_up_ = true;
  join();
  if (!done() && leads()) ::unlink(temporary_.c_str());
}

// A column's elements are as wide on every rank, as they are in the file.
void SnapshotWrite::make_alike() {
  std::vector<std::uint64_t> widths;
  for_each_column(state_.share, [&](const char*, const auto& column, const ShareRange&, std::uint64_t) {
    widths.push_back(element_type(column).bytes);
  });
  exchange_.all_reduce(widths, Reduction::kMax);
  auto width = widths.begin();
  for_each_column(state_.share, [&](const char*, auto& column, const ShareRange&, std::uint64_t) {
    if constexpr (std::is_same_v<std::decay_t<decltype(column)>, NarrowColumn>)
      column.widen(static_cast<unsigned>(*width));
    ++width;
  });
}

void SnapshotWrite::begin_together(const SnapshotOrigin& origin) {
  const Stopwatch watch(seconds_);
  try {
    make_alike();
    begin(origin);
    if (!late_) joined_ = join_pieces(exchange_, pieces_);
  } catch (...) {
    if (leads()) ::unlink(temporary_.c_str());
    throw;
  }
}

void SnapshotWrite::begin(const SnapshotOrigin& origin) {
  on_all_ranks(exchange_, [&] {
    hdf5::prepare();
    header_ = snapshot_header_json(origin, state_);
    symbols_ = symbols_text(state_.symbols);
    state_.symbols = {};
  });
  layout_ = lay_out_snapshot(temporary_, header_.size(), symbols_.size(), state_, exchange_);
  cut();
  kill_point("snapshot-begun", exchange_.rank());
}

void SnapshotWrite::write_alone(const SnapshotOrigin& origin) {
  begin(origin);
  write_blocks();
  if (given_up_) return;
  joined_ = join_pieces(exchange_, pieces_);
  write_shared();
  if (!given_up_) seal();
}

void SnapshotWrite::cut() {
  checksums_.assign(layout_.datasets.size(), 0);
  const auto add = [&](const DatasetPart& part, std::function<void()> give_back) {
    runs_.push_back(cut_into_blocks(runs_.size(), part, pieces_));
    part_begin_.push_back(part.begin);
    give_back_column_.push_back(std::move(give_back));
  };
  const auto add_text = [&](std::string& text) {
    const std::uint64_t bytes = layout_.datasets[runs_.size()].bytes;
    text.resize(bytes, '\0');  // HDF5 has no empty texts
    add({leads() ? std::as_bytes(std::span(text)) : std::span<const std::byte>{}, 0, bytes},
        [&text] { std::string().swap(text); });
  };
  add_text(header_);
  add_text(symbols_);
  for_each_column(state_.share, [&](const char*, auto& column, const ShareRange& range, std::uint64_t total) {
    const std::uint64_t each = element_type(column).bytes;
    const std::uint64_t bytes = memory_of(column);
    add({bytes_of(column), range.begin * each, total * each}, [this, &column, bytes] {
      std::decay_t<decltype(column)>().swap(column);
      held_bytes_ -= bytes;
    });
  });
}

// Runs the work on a thread of its own, or here if the system has none to give.
void SnapshotWrite::launch(std::function<void()> work) {
  busy_ = true;
  const auto run = [this, work = std::move(work)] {
    {
      const Stopwatch watch(seconds_);
      try {
        work();
      } catch (const std::exception& error) {
        failure_ = error.what();
      }
      give_back_columns(give_back_column_.size());
      leave_graph();
    }
    busy_ = false;
  };
  try {
    thread_ = std::thread(run);
    static_cast<void>(::pthread_setname_np(thread_.native_handle(), "snapshot"));
  } catch (const std::system_error&) {
    run();
  }
}

void SnapshotWrite::join() {
  if (thread_.joinable()) thread_.join();
}

// Of the datasets before `end`, whatever is still held.
void SnapshotWrite::give_back_columns(std::size_t end) {
  for (; given_back_ < end; ++given_back_) give_back_column_[given_back_]();
  held_bytes_.notify_all();
}

void SnapshotWrite::leave_graph() {
  late_.reset();
  reads_graph_ = false;
  reads_graph_.notify_all();
}

void SnapshotWrite::wait_for_memory() const {
  wait_for_graph();  // what is being copied is held, too, by then
  for (std::uint64_t held = held_bytes_; held != 0; held = held_bytes_) held_bytes_.wait(held);
}

void SnapshotWrite::write_run(const BlockRun& run) {
  const std::uint64_t begin = layout_.datasets[run.dataset].offset + run.block * kChecksumBlock;
  for (std::size_t done = 0; done < run.bytes.size() && !given_up_; done += kBytesAWrite) {
    const std::span<const std::byte> bytes = run.bytes.subspan(done, std::min(kBytesAWrite, run.bytes.size() - done));
    checksums_[run.dataset] += blocks_checksum(bytes, run.block + done / kChecksumBlock);
    file_->write(bytes, begin + done);
  }
}

void SnapshotWrite::write_blocks() {
  file_ = std::make_unique<BlockFile>(temporary_);
  if (leads()) file_->reserve(layout_.file_bytes);
  for (const BlockRun& run : runs_) {
    kill_point("snapshot-column", exchange_.rank());
    give_back_columns(run.dataset);
    write_run(run);
  }
  give_back_columns(give_back_column_.size());
  if (late_) {
    write_rows();
    leave_graph();
  }
  if (!given_up_) kill_point("snapshot-written", exchange_.rank());
}

// The rows' columns side by side, until nobody wants them any more.
void SnapshotWrite::write_rows() {
  std::vector<BlockStream> streams;
  streams.reserve(kRowColumns);
  for (const char* name : kRowDatasets) {
    const auto found = std::ranges::find(layout_.datasets, name, &SealedDataset::name);
    const auto dataset = static_cast<std::size_t>(found - layout_.datasets.begin());
    const auto keep = [this, dataset](std::uint64_t begin, std::span<const std::byte> bytes) {
      pieces_.push_back({dataset, begin, layout_.datasets[dataset].bytes, {bytes.begin(), bytes.end()}});
    };
    streams.emplace_back(*file_, found->offset, part_begin_[dataset], checksums_[dataset], keep);
  }
  struct GivenUp {};
  try {
    late_->rows([&](RowColumn column, std::size_t bytes) {
      if (given_up_) throw GivenUp();
      return streams[static_cast<std::size_t>(column)].room(bytes);
    });
  } catch (const GivenUp&) {
    return;
  }
  for (BlockStream& stream : streams) stream.end();
}

// What this rank has got of the blocks that no rank had all of; then all that it has written is on disk.
void SnapshotWrite::write_shared() {
  pieces_ = {};
  for (const JoinedBlock& block : joined_) write_run({block.dataset, block.block, block.bytes});
  joined_ = {};
  kill_point("snapshot-flush", exchange_.rank());
  if (!leads()) {  // rank 0's go with the seal
    file_->flush();
    file_.reset();
  }
  kill_point("snapshot-flushed", exchange_.rank());
}

void SnapshotWrite::step() {
  join();
  agree_on_failure(exchange_, failure_, static_cast<int>(ErrorCode::kResource));
  if (stage_ == Stage::kRows) {
    joined_ = join_pieces(exchange_, pieces_);
    stage_ = Stage::kBlocks;
    launch([this] { write_shared(); });
  } else if (stage_ == Stage::kBlocks) {
    exchange_.all_reduce(checksums_, Reduction::kSum);
    stage_ = Stage::kSeal;
    if (leads()) launch([this] { seal(); });
  } else {
    stage_ = Stage::kDone;
  }
}

void SnapshotWrite::finish() {
  while (!done()) step();
}

// Rank 0: every rank's blocks are on disk.
void SnapshotWrite::seal() {
  kill_point("snapshot-agreed", 0);
  SnapshotSeal seal;
  seal.file_bytes = layout_.file_bytes;
  seal.datasets = layout_.datasets;
  for (std::size_t d = 0; d < checksums_.size(); ++d) seal.datasets[d].checksum = checksums_[d];
  std::ranges::sort(seal.datasets, {}, &SealedDataset::offset);
  seal.rest_checksum = rest_checksum(temporary_, seal);
  const std::string text = seal_text(seal);
  static_cast<void>(parse_seal(text, temporary_));  // what could not be read again is an error now
  file_->write(std::as_bytes(std::span(text)), 0);
  kill_point("snapshot-sealed", 0);
  file_->flush();
  file_.reset();
  kill_point("snapshot-rename", 0);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) refuse_file("rename a file to", path_);
  kill_point("snapshot-renamed", 0);
  flush_folder(path_);
  kill_point("snapshot-done", 0);
}

std::uint64_t copied_bytes(const GraphShare& share) {
  std::uint64_t bytes = 0;
  for_each_column(
      share, [&](const char*, const auto& column, const ShareRange&, std::uint64_t) { bytes += memory_of(column); });
  return bytes;
}

void write_snapshot(const std::string& path, const SnapshotOrigin& origin, SearchState state, Exchange& exchange) {
  SnapshotWrite(path, origin, std::move(state), exchange).finish();
}

}  // namespace tessera
