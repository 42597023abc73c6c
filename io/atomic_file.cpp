#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& path, int error) {
  throw Error(ErrorCode::kResource, "cannot " + what + " '" + path + "': " + std::strerror(error));
}

// A descriptor that is closed on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  // Some file systems report a failed write only here.
  [[nodiscard]] bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) refuse("write", path, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, [&](const TextSink& write) { write(text); });
}

void write_file_atomically(const std::string& path, const std::function<void(const TextSink& write)>& content) {
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  try {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) refuse("create", temporary, errno);
    content([&](std::string_view text) { write_all(file.get(), text, temporary); });
    if (::fsync(file.get()) != 0) refuse("flush", temporary, errno);
    if (!file.close()) refuse("close", temporary, errno);
    if (std::rename(temporary.c_str(), path.c_str()) != 0) refuse("rename a file to", path, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  const Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) refuse("open", directory, errno);
  // EINVAL: a file system that has no notion of flushing a directory.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) refuse("flush", directory, errno);
}

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw Error(ErrorCode::kInput, "found a directory, expected a file", Where{path});
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::kInput, std::string("cannot be read: ") + std::strerror(errno), Where{path});
  std::ostringstream out;
  out << file.rdbuf();
  if (file.bad()) throw Error(ErrorCode::kInput, std::string("cannot be read: ") + std::strerror(errno), Where{path});
  return std::move(out).str();
}

}  // namespace tessera
