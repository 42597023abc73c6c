// HDF5's C interface in C++ terms: handles that close themselves, and failures as Errors with HDF5's own innermost
// words. Only for io/'s .cpp files that include hdf5.h: what else needs HDF5 goes through io/snapshot.hpp.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace tessera::hdf5 {

// Once before any other call: no messages of HDF5's own, and no file locks, which parallel file systems often lack.
void prepare();

// Held by a thread that calls HDF5 where others may: beside the search, or as a rank. HDF5 is not thread-safe.
[[nodiscard]] std::mutex& in_use();

// HDF5's innermost message of the last failed call of this thread.
[[nodiscard]] std::string last_message();

// Throws Error(kResource) "cannot `what`: …" if HDF5 says that a call failed.
template <class Result>
Result check(Result result, const std::string& what);
[[noreturn]] void refuse(const std::string& what);

// HDF5 is not thread-safe, not even in its macros: call these while no other rank of this process calls HDF5.
// Integers of 1, 2, 4 or 8 bytes: little-endian in the file, this machine's in memory.
[[nodiscard]] hid_t file_type(unsigned bytes, bool is_signed);
[[nodiscard]] hid_t memory_type(unsigned bytes, bool is_signed);

class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close closing, const std::string& what) : id_(id), close_(closing) {
    if (id < 0) refuse(what);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  [[nodiscard]] hid_t get() const { return id_; }
  // Closes now, where a failure can still be told.
  void close(const std::string& what) {
    if (id_ < 0) return;
    if (close_(std::exchange(id_, -1)) < 0) refuse(what);
  }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

template <class Result>
Result check(Result result, const std::string& what) {
  if (result < 0) refuse(what);
  return result;
}

}  // namespace tessera::hdf5
