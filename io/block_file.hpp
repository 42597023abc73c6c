// A snapshot's file as the threads that fill it see it (io/snapshot_write.hpp): bytes at offsets, whole pages past the
// system's cache where the file system has a way around it, for they are to be on disk before anything else happens,
// and copying them into the cache would take a core longer than all the rest. All throw Error(kResource) that names the
// file.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>

namespace tessera {

inline constexpr std::size_t kFilePage = 4096;

// Memory that begins with a page.
class PageBuffer {
 public:
  PageBuffer() = default;
  explicit PageBuffer(std::size_t bytes);
  [[nodiscard]] std::byte* get() const { return bytes_.get(); }
  [[nodiscard]] std::size_t bytes() const { return size_; }
  // At most bytes() of them.
  [[nodiscard]] std::span<const std::byte> copy(std::span<const std::byte> from);

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
};

[[nodiscard]] bool begins_with_page(std::span<const std::byte> bytes);

// A file that is there, open for writing.
class BlockFile {
 public:
  explicit BlockFile(const std::string& path);
  BlockFile(const BlockFile&) = delete;
  BlockFile& operator=(const BlockFile&) = delete;
  ~BlockFile();

  // Writes that follow go past the cache, if the file system can.
  void go_direct();
  // Has the file system set so much of the file aside, if it can.
  void reserve(std::uint64_t bytes);
  void write(std::span<const std::byte> bytes, std::uint64_t offset);
  void flush() const;
  // From here on a thread flushes what is written while more is being written, a few MiB behind, so that little is left
  // for flush(): disks have caches of their own. Until end_flush_behind(), which tells if it failed.
  void flush_behind() { flushes_behind_ = !is_in_memory(); }
  void end_flush_behind();

 private:
  [[nodiscard]] bool is_in_memory() const;
  void count_written(std::uint64_t bytes);
  void join_flusher();

  std::string path_;
  int fd_;
  int direct_ = -1;
  bool flushes_behind_ = false;
  std::uint64_t written_ = 0;            // since the flusher was last told
  std::atomic<std::uint32_t> told_ = 0;  // how often; kEnd
  std::atomic<int> flush_error_ = 0;
  std::thread flusher_;
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
  PageBuffer buffer_;
  std::size_t held_ = 0;
  std::uint64_t begin_;  // of what is held
};

// What a folder holds is on disk: that of the file with this path.
void flush_folder(const std::string& file);

}  // namespace tessera
