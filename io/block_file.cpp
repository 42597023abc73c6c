#include "io/block_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

#include "io/snapshot_layout.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kFlushBehind = std::uint64_t{4} << 20;
constexpr std::uint32_t kEnd = ~std::uint32_t{0};

}  // namespace

PageBuffer::PageBuffer(std::size_t bytes)
    : bytes_(static_cast<std::byte*>(std::aligned_alloc(kFilePage, (bytes + kFilePage - 1) / kFilePage * kFilePage))),
      size_(bytes) {
  if (bytes_ == nullptr) throw std::bad_alloc();
}

void PageBuffer::Free::operator()(std::byte* bytes) const { std::free(bytes); }

std::span<const std::byte> PageBuffer::copy(std::span<const std::byte> from) {
  std::memcpy(bytes_.get(), from.data(), from.size());
  return {bytes_.get(), from.size()};
}

bool begins_with_page(std::span<const std::byte> bytes) {
  return reinterpret_cast<std::uintptr_t>(bytes.data()) % kFilePage == 0;
}

BlockFile::BlockFile(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
  if (fd_ < 0) refuse_file("open", path);
}

BlockFile::~BlockFile() {
  join_flusher();
  ::close(fd_);
  if (direct_ >= 0) ::close(direct_);
}

bool BlockFile::is_in_memory() const {
  struct statfs system {};
  return ::fstatfs(fd_, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

void BlockFile::go_direct() {
  if (!is_in_memory()) direct_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_DIRECT);
}

void BlockFile::reserve(std::uint64_t bytes) {
  if (is_in_memory()) return;  // it would be filled with zeros first
  if (::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
    refuse_file("make room for", path_);
}

void BlockFile::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const bool is_direct =
        direct_ >= 0 && offset % kFilePage == 0 && bytes.size() % kFilePage == 0 && begins_with_page(bytes);
    const ssize_t written = ::pwrite(is_direct ? direct_ : fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EINVAL && is_direct) {  // a file system with other pages
      ::close(std::exchange(direct_, -1));
      continue;
    }
    if (written < 0) refuse_file("write", path_);
    offset += static_cast<std::uint64_t>(written);
    if (flushes_behind_) count_written(static_cast<std::uint64_t>(written));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void BlockFile::count_written(std::uint64_t bytes) {
  written_ += bytes;
  if (written_ < kFlushBehind) return;
  written_ = 0;
  ++told_;
  told_.notify_one();
  if (flusher_.joinable()) return;
  try {
    flusher_ = std::thread([this] {
      std::uint32_t done = 0;
      for (std::uint32_t told = told_; told != kEnd; told = told_) {
        if (told == done) {
          told_.wait(told);
          continue;
        }
        done = told;
        if (::fdatasync(fd_) != 0) flush_error_ = errno;
      }
    });
  } catch (const std::system_error&) {  // the system has no thread to give
    flushes_behind_ = false;
  }
}

void BlockFile::join_flusher() {
  if (!flusher_.joinable()) return;
  told_ = kEnd;
  told_.notify_one();
  flusher_.join();
}

void BlockFile::end_flush_behind() {
  join_flusher();
  flushes_behind_ = false;
  if (flush_error_ == 0) return;
  errno = flush_error_;
  refuse_file("flush", path_);
}

void BlockFile::flush() const {
  if (::fsync(fd_) != 0) refuse_file("flush", path_);
}

std::byte* BlockStream::room(std::size_t bytes) {
  if (held_ + bytes > buffer_.bytes()) make_room(bytes);
  return buffer_.get() + std::exchange(held_, held_ + bytes);
}

void BlockStream::make_room(std::size_t bytes) {
  constexpr std::size_t kAtOnce = 16 * kChecksumBlock;  // smaller ones wait for the disk more often
  hand_over();
  if (held_ + bytes <= buffer_.bytes()) return;
  PageBuffer larger(std::max(kAtOnce, held_ + bytes));
  if (held_ != 0) std::memcpy(larger.get(), buffer_.get(), held_);
  buffer_ = std::move(larger);
}

void BlockStream::hand_over() {
  if (const std::size_t within = begin_ % kChecksumBlock; within != 0) {
    const std::size_t head = kChecksumBlock - within;
    if (held_ < head) return;
    keep_(begin_, {buffer_.get(), head});
    drop(head);
  }
  const std::size_t whole = held_ / kChecksumBlock * kChecksumBlock;
  if (whole == 0) return;
  const std::span<const std::byte> blocks(buffer_.get(), whole);
  checksum_ += blocks_checksum(blocks, begin_ / kChecksumBlock);
  file_.write(blocks, offset_ + begin_);
  drop(whole);
}

// Blocks begin with the buffer, whose pages can be written from where they are.
void BlockStream::drop(std::size_t bytes) {
  begin_ += bytes;
  held_ -= bytes;
  if (held_ != 0) std::memmove(buffer_.get(), buffer_.get() + bytes, held_);
}

void BlockStream::end() {
  hand_over();
  if (held_ != 0) keep_(begin_, {buffer_.get(), held_});
  drop(held_);
}

void flush_folder(const std::string& file) {
  std::string folder = std::filesystem::path(file).parent_path().string();
  if (folder.empty()) folder = ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) refuse_file("open", folder);
  // EINVAL: a file system that has no notion of flushing a directory.
  const bool done = ::fsync(fd) == 0 || errno == EINVAL;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!done) refuse_file("flush", folder);
}

}  // namespace tessera
