#include "io/block_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "io/snapshot_layout.hpp"

namespace tessera {

BlockFile::BlockFile(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
  if (fd_ < 0) refuse_file("open", path);
}

BlockFile::~BlockFile() { ::close(fd_); }

void BlockFile::reserve(std::uint64_t bytes) {
  struct statfs system {};
  if (::fstatfs(fd_, &system) == 0 && system.f_type == TMPFS_MAGIC) return;  // it would be filled with zeros first
  if (::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
    refuse_file("make room for", path_);
}

void BlockFile::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  const std::uint64_t begin = offset;
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse_file("write", path_);
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (offset - begin < kChecksumBlock) return;
  // A wish, no more: flush() is where a failure is told.
  ::sync_file_range(fd_, static_cast<off_t>(begin), static_cast<off_t>(offset - begin), SYNC_FILE_RANGE_WRITE);
}

void BlockFile::flush() const {
  if (::fsync(fd_) != 0) refuse_file("flush", path_);
}

std::byte* BlockStream::room(std::size_t bytes) {
  if (held_ + bytes > buffer_.size()) make_room(bytes);
  return buffer_.data() + std::exchange(held_, held_ + bytes);
}

void BlockStream::make_room(std::size_t bytes) {
  hand_over();
  if (held_ + bytes > buffer_.size()) buffer_.resize(std::max(kBytesAWrite, held_ + bytes));
}

void BlockStream::hand_over() {
  if (const std::size_t within = begin_ % kChecksumBlock; within != 0) {
    const std::size_t head = kChecksumBlock - within;
    if (held_ < head) return;
    keep_(begin_, {buffer_.data(), head});
    drop(head);
  }
  const std::size_t whole = held_ / kChecksumBlock * kChecksumBlock;
  if (whole == 0) return;
  const std::span<const std::byte> blocks(buffer_.data(), whole);
  checksum_ += blocks_checksum(blocks, begin_ / kChecksumBlock);
  file_.write(blocks, offset_ + begin_);
  drop(whole);
}

void BlockStream::drop(std::size_t bytes) {
  begin_ += bytes;
  held_ -= bytes;
  if (held_ != 0) std::memmove(buffer_.data(), buffer_.data() + bytes, held_);
}

void BlockStream::end() {
  hand_over();
  if (held_ != 0) keep_(begin_, {buffer_.data(), held_});
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
