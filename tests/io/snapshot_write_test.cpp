// Snapshots that are written while the search goes on: they are of the moment at which they were begun, whatever comes
// after, and one that fails or is given up leaves nothing behind.
#include "io/snapshot_write.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/base/error.hpp"
#include "io/snapshot_columns.hpp"
#include "io/snapshot_folder.hpp"
#include "tests/io/snapshot_support.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kBlock = kChecksumBlock;

std::vector<std::byte> random_bytes(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(SnapshotBlocks, EveryBlockIsOneRanksAndWhole) {
  // Empty, within a block, a whole one, several with a rest, many: cut among the ranks evenly.
  const std::vector<std::size_t> sizes = {0, 100, kBlock, 3 * kBlock + 17, 20 * kBlock};
  std::vector<std::vector<std::byte>> datasets;
  for (const std::size_t size : sizes) datasets.push_back(random_bytes(size));
  for (const int ranks : {1, 2, 3, 7}) {
    std::vector<std::vector<std::pair<std::pair<std::size_t, std::uint64_t>, bool>>> found(
        static_cast<std::size_t>(ranks));
    std::vector<std::uint64_t> sums(sizes.size(), 0);
    LocalWorld(ranks).run([&](Exchange& exchange) {
      std::vector<DatasetPart> parts;
      for (std::size_t d = 0; d < sizes.size(); ++d) {
        const ShareRange range = even_share(sizes[d], exchange.rank(), ranks);
        parts.push_back({std::span(datasets[d]).subspan(range.begin, range.size()), range.begin, sizes[d]});
      }
      std::vector<BlockPiece> pieces;
      std::vector<BlockRun> runs;
      for (std::size_t d = 0; d < sizes.size(); ++d) runs.push_back(cut_into_blocks(d, parts[d], pieces));
      const std::vector<JoinedBlock> joined = join_pieces(exchange, pieces);
      for (const JoinedBlock& block : joined) runs.push_back({block.dataset, block.block, block.bytes});
      std::vector<std::uint64_t> mine(sizes.size(), 0);
      for (const BlockRun& run : runs) {
        mine[run.dataset] += blocks_checksum(run.bytes, run.block);
        for (std::size_t done = 0; done < run.bytes.size(); done += kBlock) {
          const std::uint64_t block = run.block + done / kBlock;
          const auto piece = run.bytes.subspan(done, std::min<std::size_t>(kBlock, run.bytes.size() - done));
          const auto expected =
              std::span(datasets[run.dataset]).subspan(block * kBlock, piece.size());  // throws nothing: within
          const bool is_cut_off = (block + 1) * kBlock > sizes[run.dataset];
          EXPECT_EQ(piece.size(), is_cut_off ? sizes[run.dataset] % kBlock : kBlock);
          EXPECT_TRUE(!is_cut_off || exchange.rank() == 0);
          found[static_cast<std::size_t>(exchange.rank())].push_back(
              {{run.dataset, block}, std::ranges::equal(piece, expected)});
        }
      }
      exchange.all_reduce(mine, Reduction::kSum);
      if (exchange.rank() == 0) sums = mine;
    });
    std::map<std::pair<std::size_t, std::uint64_t>, int> times;
    for (const auto& of_rank : found)
      for (const auto& [place, is_right] : of_rank) {
        ++times[place];
        EXPECT_TRUE(is_right) << ranks << " ranks, dataset " << place.first << ", block " << place.second;
      }
    EXPECT_EQ(times.size(), 1U + 1U + 4U + 20U);
    for (const auto& [place, count] : times) EXPECT_EQ(count, 1);
    for (std::size_t d = 0; d < sizes.size(); ++d) EXPECT_EQ(sums[d], blocks_checksum(std::span(datasets[d]), 0));
  }
}

std::string digest_of(const std::string& path) {
  std::string result;
  LocalWorld(2).run([&](Exchange& exchange) {
    MathSearch math(exchange);
    static_cast<void>(import_state(math.search, read_snapshot(path, exchange).state));
    const std::string mine = digest(math.search.partition());
    if (exchange.rank() == 0) result = mine;
  });
  return result;
}

TEST(SnapshotWrite, TheSearchGoesOnBesideIt) {
  const TemporaryFolder folder;
  for (const int ranks : {1, 3}) {
    std::string then;
    LocalWorld(ranks).run([&](Exchange& exchange) {
      MathSearch math(exchange, 2);
      const std::vector<NamedClass> classes = math.search.start(math.rules.start);
      for (int i = 0; i < 6; ++i) math.search.iterate();
      const std::string before = digest(math.search.partition());
      SnapshotWrite write(folder.file("s.h5"), test_origin(), export_state(math.search, std::span(classes).first(1)),
                          exchange);
      math.search.iterate();
      math.search.iterate();
      EXPECT_NE(digest(math.search.partition()), before);
      write.wait_for_memory();
      EXPECT_EQ(write.held_bytes(), 0U);
      EXPECT_FALSE(write.done());
      write.step();
      EXPECT_EQ(write.done(), ranks == 1) << "a rank alone has nobody to agree with";
      write.finish();
      EXPECT_TRUE(write.done());
      EXPECT_FALSE(write.busy());
      EXPECT_GT(write.seconds(), 0);
      if (exchange.rank() == 0) then = before;
    });
    EXPECT_EQ(digest_of(folder.file("s.h5")), then);
  }
}

std::string columns_of(const std::string& path) {
  std::string columns;
  const SnapshotSeal seal = read_seal(path);
  for (const SealedDataset& dataset : seal.datasets)
    if (dataset.name != kHeaderDataset) columns += dataset.name + read_sealed(path, seal, dataset.name);
  return columns;
}

// Of few rows; and of more than is written at once, where a million e-nodes are not too slow with internal checks.
TEST(SnapshotWrite, OfASearchAtRestItIsTheSame) {
  const TemporaryFolder folder;
#ifdef NDEBUG
  const std::vector<int> all_iterations = {0, 6, 11};
#else
  const std::vector<int> all_iterations = {0, 6};
#endif
  for (const int ranks : {1, 2, 3}) {
    for (const int iterations : all_iterations) {
      LocalWorld(ranks).run([&](Exchange& exchange) {
        MathSearch math(exchange, 2);
        const std::vector<NamedClass> classes = math.search.start(math.rules.start);
        const auto roots = std::span(classes).first(1);
        for (int i = 0; i < iterations; ++i) math.search.iterate();
        write_snapshot(folder.file("copy.h5"), test_origin(), export_state(math.search, roots), exchange);
        SnapshotWrite write(folder.file("late.h5"), test_origin(), std::make_unique<LateExport>(math.search, roots),
                            SnapshotWrite::Source::kAtRest, {7}, exchange);
        const std::string beside = digest(math.search.partition());
        write.finish();
        EXPECT_TRUE(write.done());
        EXPECT_EQ(write.held_bytes(), 0U);
        EXPECT_EQ(columns_of(folder.file("late.h5")), columns_of(folder.file("copy.h5")));
        const Snapshot late = read_snapshot(folder.file("late.h5"), exchange);
        EXPECT_EQ(late.state.progress, std::vector<std::uint64_t>{7});
        EXPECT_EQ(late.state.share.sizes.rows, math.search.enodes());
        EXPECT_EQ(digest(math.search.partition()), beside);
      });
    }
  }
}

TEST(SnapshotWrite, OfASearchAtRestTheGraphCanGoBeforeItIsOnDisk) {
  const TemporaryFolder folder;
  for (const int ranks : {1, 2}) {
    LocalWorld(ranks).run([&](Exchange& exchange) {
      auto math = std::make_unique<MathSearch>(exchange);
      const std::vector<NamedClass> classes = math->search.start(math->rules.start);
      const auto roots = std::span(classes).first(1);
      for (int i = 0; i < 9; ++i) math->search.iterate();
      write_snapshot(folder.file("copy.h5"), test_origin(), export_state(math->search, roots), exchange);
      SnapshotWrite write(folder.file("late.h5"), test_origin(), std::make_unique<LateExport>(math->search, roots),
                          SnapshotWrite::Source::kAtRest, {}, exchange);
      write.wait_for_graph();
      math.reset();
      write.finish();
      EXPECT_EQ(columns_of(folder.file("late.h5")), columns_of(folder.file("copy.h5")));
    });
  }
}

// The thread copies while the search looks for matches; what it then makes of them is not in the file.
TEST(SnapshotWrite, OfASearchThatGoesOnItIsWhatThatWas) {
  const TemporaryFolder folder;
  for (const int iterations : {0, 6, 9}) {
    LocalWorld(1).run([&](Exchange& exchange) {
      MathSearch math(exchange);
      const std::vector<NamedClass> classes = math.search.start(math.rules.start);
      const auto roots = std::span(classes).first(1);
      for (int i = 0; i < iterations; ++i) math.search.iterate();
      const std::uint64_t enodes = math.search.enodes();
      write_snapshot(folder.file("copy.h5"), test_origin(), export_state(math.search, roots), exchange);
      SnapshotWrite write(folder.file("beside.h5"), test_origin(), std::make_unique<LateExport>(math.search, roots),
                          SnapshotWrite::Source::kGoesOn, {7}, exchange);
      for (const Rule& rule : math.search.rules()) static_cast<void>(math.search.count_matches(rule));
      if (iterations == 6) {
        write.wait_for_memory();  // which there is none of before it has been copied
        EXPECT_EQ(write.held_bytes(), 0U);
      }
      write.wait_for_graph();
      math.search.iterate();
      write.finish();
      EXPECT_TRUE(write.done());
      EXPECT_EQ(write.held_bytes(), 0U);
      EXPECT_EQ(columns_of(folder.file("beside.h5")), columns_of(folder.file("copy.h5")));
      const Snapshot beside = read_snapshot(folder.file("beside.h5"), exchange);
      EXPECT_EQ(beside.state.progress, std::vector<std::uint64_t>{7});
      EXPECT_EQ(beside.state.share.sizes.rows, enodes);
      EXPECT_GT(math.search.enodes(), enodes);
    });
  }
}

// Of one rank, whose threads make their files by themselves; and of two, who step in turn.
TEST(SnapshotWrite, SeveralAtOnceGetThereInOrder) {
  for (const int ranks : {1, 2}) {
    const TemporaryFolder folder;
    LocalWorld(ranks).run([&](Exchange& exchange) {
      MathSearch math(exchange);
      const std::vector<NamedClass> classes = math.search.start(math.rules.start);
      std::deque<SnapshotWrite> writes;
      std::vector<std::uint64_t> enodes;
      for (int number = 0; number < 4; ++number) {
        for (int i = 0; i < 2; ++i) math.search.iterate();
        enodes.push_back(math.search.enodes());
        writes.emplace_back(folder.file(std::to_string(number)), test_origin(),
                            export_state(math.search, std::span(classes).first(1)), exchange);
      }
      for (; !writes.empty(); writes.pop_front()) writes.front().finish();
      for (int number = 0; number < 4; ++number) {  // now that no thread calls HDF5 any more
        const Snapshot snapshot = read_snapshot(folder.file(std::to_string(number)), exchange);
        EXPECT_EQ(snapshot.state.iteration, 2U * static_cast<unsigned>(number + 1));
        EXPECT_EQ(snapshot.state.share.sizes.rows, enodes[static_cast<std::size_t>(number)]);
      }
    });
  }
}

TEST(SnapshotWrite, OfASearchAtRestItCanBeGivenUp) {
  const TemporaryFolder folder;
  for (const int ranks : {1, 2}) {
    LocalWorld(ranks).run([&](Exchange& exchange) {
      MathSearch math(exchange);
      const std::vector<NamedClass> classes = math.search.start(math.rules.start);
      for (int i = 0; i < 10; ++i) math.search.iterate();
      const SnapshotWrite write(folder.file("s.h5"), test_origin(),
                                std::make_unique<LateExport>(math.search, std::span(classes).first(1)),
                                SnapshotWrite::Source::kAtRest, {}, exchange);
    });
    EXPECT_FALSE(std::filesystem::exists(folder.file("s.h5.tmp")));
  }
}

TEST(SnapshotWrite, OfASearchAtRestFailuresAreTold) {
  const TemporaryFolder folder;
  for (const int ranks : {1, 2})
    LocalWorld(ranks).run([&](Exchange& exchange) {
      MathSearch math(exchange);
      const std::vector<NamedClass> classes = math.search.start(math.rules.start);
      try {
        SnapshotWrite write(folder.file("missing/s.h5"), test_origin(),
                            std::make_unique<LateExport>(math.search, std::span(classes).first(1)),
                            SnapshotWrite::Source::kAtRest, {}, exchange);
        write.finish();
        ADD_FAILURE() << "there is no such folder";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kResource);
        EXPECT_NE(std::string(error.what()).find("missing/s.h5"), std::string::npos) << error.what();
      }
    });
}

TEST(SnapshotWrite, GivenUpItLeavesWhatWasThere) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 1, 1);
  const std::string before = bytes_of(path);
  LocalWorld(2).run([&](Exchange& exchange) {
    MathSearch math(exchange);
    const std::vector<NamedClass> classes = math.search.start(math.rules.start);
    for (int i = 0; i < 6; ++i) math.search.iterate();
    const SnapshotWrite write(path, test_origin(), export_state(math.search, std::span(classes).first(1)), exchange);
  });
  EXPECT_EQ(bytes_of(path), before);
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

// Failures of a thread beside the search reach all ranks where they agree.
TEST(SnapshotWrite, FailuresBesideTheSearchAreTold) {
  const TemporaryFolder folder;
  const std::string path = folder.file("inner/s.h5");
  for (const int ranks : {2, 3}) {
    std::filesystem::create_directory(folder.file("inner"));
    LocalWorld(ranks).run([&](Exchange& exchange) {
      MathSearch math(exchange);
      const std::vector<NamedClass> classes = math.search.start(math.rules.start);
      math.search.iterate();
      SnapshotWrite write(path, test_origin(), export_state(math.search, std::span(classes).first(1)), exchange);
      write.wait_for_memory();
      agree_on_failure(exchange, "", 0);  // every rank's blocks are in the file
      if (exchange.rank() == 0) std::filesystem::remove_all(folder.file("inner"));
      try {
        write.finish();
        ADD_FAILURE() << "the folder is not there any more";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kResource);
        EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
      }
      EXPECT_FALSE(write.done());
      math.search.iterate();
    });
    EXPECT_TRUE(list_snapshots(folder.file("inner")).empty());
  }
}

}  // namespace
}  // namespace tessera
