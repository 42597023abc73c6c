#include "io/block_file.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "engine/base/error.hpp"
#include "io/snapshot_blocks.hpp"
#include "io/snapshot_seal.hpp"
#include "tests/io/snapshot_support.hpp"

namespace tessera {
namespace {

std::vector<std::byte> random_bytes(std::size_t count) {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// In pieces of all sizes, among them none and more than is written at once; parts that begin with a block, within one,
// and end within the one they begin in.
TEST(BlockStream, WritesWhatComesAndSumsItsBlocksUp) {
  const TemporaryFolder folder;
  const std::string path = folder.file("stream");
  constexpr std::size_t kBegin = 3 * 4096;
  for (const std::size_t total : {std::size_t{0}, std::size_t{5}, kChecksumBlock, std::size_t{9'000'001}}) {
    for (const std::uint64_t begin : {std::uint64_t{0}, std::uint64_t{3 * kChecksumBlock + 1000}}) {
      const std::vector<std::byte> all = random_bytes(total);
      static_cast<void>(std::ofstream(path));
      std::uint64_t checksum = 1;
      std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> kept;
      {
        BlockFile file(path);
        BlockStream stream(file, kBegin, begin, checksum, [&](std::uint64_t at, std::span<const std::byte> bytes) {
          kept.emplace_back(at, std::vector(bytes.begin(), bytes.end()));
        });
        std::mt19937 random(1);
        for (std::size_t at = 0; at < total;) {
          const std::size_t most = random() % 20 == 0 ? 3'000'000 : 20'000;
          const std::size_t piece = std::min(total - at, std::size_t{random() % most});
          std::byte* room = stream.room(piece);
          if (piece != 0) std::memcpy(room, all.data() + at, piece);
          at += piece;
        }
        stream.end();
        file.flush();
      }
      // What cut_into_blocks makes of the whole.
      std::vector<BlockPiece> pieces;
      const BlockRun run = cut_into_blocks(0, {all, begin, begin + total}, pieces);
      EXPECT_EQ(checksum, 1 + blocks_checksum(run.bytes, run.block)) << total;
      ASSERT_EQ(kept.size(), pieces.size()) << total;
      for (std::size_t i = 0; i < kept.size(); ++i) {
        EXPECT_EQ(kept[i].first, pieces[i].begin);
        EXPECT_TRUE(kept[i].second == pieces[i].bytes) << total << " from " << begin;
      }
      const std::string found = bytes_of(path);
      const std::uint64_t first = kBegin + run.block * kChecksumBlock;
      ASSERT_EQ(found.size(), run.bytes.empty() ? 0 : first + run.bytes.size());
      EXPECT_TRUE(run.bytes.empty() || std::memcmp(found.data() + first, run.bytes.data(), run.bytes.size()) == 0);
    }
  }
}

// Little and much, over what was written before, and with a hole left; room set aside does not shorten or fill it.
TEST(BlockFile, WritesAtOffsets) {
  const TemporaryFolder folder;
  const std::string path = folder.file("blocks");
  static_cast<void>(std::ofstream(path));
  const std::vector<std::byte> all = random_bytes(std::size_t{5} << 20);
  constexpr std::size_t kHole = 100;
  {
    BlockFile file(path);
    file.reserve(1000);
    file.write(std::span(all).subspan(kHole + kBytesAWrite), kHole + kBytesAWrite);
    file.write(std::span(all).first(kBytesAWrite), kHole);
    file.write(std::span(all).subspan(kHole, kBytesAWrite), kHole);
    file.write({}, 0);
    file.flush();
  }
  const std::string found = bytes_of(path);
  ASSERT_EQ(found.size(), all.size());
  EXPECT_EQ(found.substr(0, kHole), std::string(kHole, '\0'));
  EXPECT_EQ(std::memcmp(found.data() + kHole, all.data() + kHole, all.size() - kHole), 0);
}

TEST(BlockFile, WhatIsNotThereIsNamed) {
  const TemporaryFolder folder;
  try {
    const BlockFile file(folder.file("nothing"));
    ADD_FAILURE() << "opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResource);
    EXPECT_NE(std::string(error.what()).find(folder.file("nothing")), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace tessera
