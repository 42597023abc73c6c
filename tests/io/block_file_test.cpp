#include "io/block_file.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "engine/base/error.hpp"
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

// In pieces of all sizes, among them none and more than is written at once; past the cache, and through it.
TEST(BlockStream, WritesWhatComesAndSumsItsBlocksUp) {
  const TemporaryFolder folder;
  const std::string path = folder.file("stream");
  constexpr std::size_t kBegin = 3 * kFilePage;
  for (const std::size_t total : {std::size_t{0}, std::size_t{5}, kChecksumBlock, std::size_t{9'000'001}}) {
    for (const bool direct : {false, true}) {
      const std::vector<std::byte> all = random_bytes(total);
      static_cast<void>(std::ofstream(path));
      std::uint64_t checksum = 1;
      {
        BlockFile file(path);
        if (direct) file.go_direct();
        BlockStream stream(file, kBegin, checksum);
        std::mt19937 random(direct ? 1 : 2);
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
      EXPECT_EQ(checksum, 1 + blocks_checksum(all, 0)) << total;
      const std::string found = bytes_of(path);
      ASSERT_EQ(found.size(), total == 0 ? 0 : kBegin + total);
      EXPECT_TRUE(total == 0 || std::memcmp(found.data() + kBegin, all.data(), total) == 0) << total;
    }
  }
}

// Many times what a flusher is told at once; with an end and without.
TEST(BlockFile, FlushesBehindWhatIsWritten) {
  const TemporaryFolder folder;
  const std::vector<std::byte> all = random_bytes(std::size_t{24} << 20);
  for (const bool ends : {true, false}) {
    const std::string path = folder.file(ends ? "ended" : "left");
    static_cast<void>(std::ofstream(path));
    {
      BlockFile file(path);
      file.go_direct();
      file.flush_behind();
      PageBuffer buffer(std::size_t{1} << 20);
      for (std::size_t at = 0; at < all.size(); at += buffer.bytes())
        file.write(buffer.copy(std::span(all).subspan(at, buffer.bytes())), at);
      if (ends) {
        file.end_flush_behind();
        file.end_flush_behind();  // nothing to end any more
        file.flush();
      }
    }
    const std::string found = bytes_of(path);
    ASSERT_EQ(found.size(), all.size());
    EXPECT_EQ(std::memcmp(found.data(), all.data(), all.size()), 0);
  }
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
