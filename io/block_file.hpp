// A snapshot's file as the threads that fill it see it (io/snapshot_write.hpp): bytes at offsets. All throw
// Error(kResource) that names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tessera {

// What is written a step at a time: it should stay in a core's cache from its checksum to its write.
inline constexpr std::size_t kBytesAWrite = std::size_t{1} << 20;

// A file that is there, open for writing. Kept open from the first write to the flush, it is told of every error.
class BlockFile {
 public:
  explicit BlockFile(const std::string& path);
  BlockFile(const BlockFile&) = delete;
  BlockFile& operator=(const BlockFile&) = delete;
  ~BlockFile();

  // Has the file system set so much of the file aside, if it can.
  void reserve(std::uint64_t bytes);
  // Into the system's cache, which begins at once to bring what is not little to the disk, so that little is left for
  // flush(). Past the cache it takes longer: the disk sees one request after the other.
  void write(std::span<const std::byte> bytes, std::uint64_t offset);
  void flush() const;

 private:
  std::string path_;
  int fd_;
};

// A rank's part of a dataset that is written as it comes, several of the seal's blocks at once.
class BlockStream {
 public:
  // Is handed the bytes before the first whole block and after the last (if any), with where they begin.
  using Keep = std::function<void(std::uint64_t begin, std::span<const std::byte> bytes)>;

  // `offset`: of the dataset in the file. `begin`: where in the dataset the part begins. `checksum`: that of blocks
  // that are written is added (io/snapshot_seal.hpp).
  BlockStream(BlockFile& file, std::uint64_t offset, std::uint64_t begin, std::uint64_t& checksum, Keep keep)
      : file_(file), offset_(offset), checksum_(checksum), keep_(std::move(keep)), begin_(begin) {}

  // Where the next so many bytes are to be put, before there is another call.
  std::byte* room(std::size_t bytes);
  void end();

 private:
  void make_room(std::size_t bytes);
  void hand_over();              // all that is held but the begin of a block
  void drop(std::size_t bytes);  // the first of what is held

  BlockFile& file_;
  std::uint64_t offset_;
  std::uint64_t& checksum_;
  Keep keep_;
  std::vector<std::byte> buffer_;
  std::size_t held_ = 0;
  std::uint64_t begin_;  // of what is held
};

// What a folder holds is on disk: that of the file with this path.
void flush_folder(const std::string& file);

}  // namespace tessera
