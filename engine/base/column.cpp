#include "engine/base/column.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "engine/base/error.hpp"

namespace tessera {

std::byte* reserve_address_space(std::size_t& bytes) {
  constexpr std::size_t kStep = std::size_t{1} << 16;
  const std::size_t wanted = bytes;
  for (std::size_t size = wanted; size >= std::min(wanted, kStep) && size >= wanted / 256;
       size = size / 2 / kStep * kStep) {
    void* p = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) continue;
    bytes = size;
    return static_cast<std::byte*>(p);
  }
  throw Error(ErrorCode::kResource,
              "cannot reserve " + std::to_string(wanted >> 20) +
                  " MiB of address space, nor 1/256 of it (is a virtual-memory limit set?): " + std::strerror(errno));
}

void commit_memory(std::byte* begin, std::size_t bytes) {
  if (bytes != 0 && mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0)
    throw Error(ErrorCode::kResource,
                "cannot commit " + std::to_string(bytes >> 20) + " MiB of memory: " + std::strerror(errno));
}

void touch_memory(std::byte* begin, std::size_t bytes) noexcept {
  constexpr std::uintptr_t kPage = 4096;
  const auto at = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t first = (at + kPage - 1) & ~(kPage - 1);
  const std::uintptr_t end = (at + bytes) & ~(kPage - 1);
  if (first >= end) return;
  const int error = errno;
  madvise(begin + (first - at), end - first, MADV_POPULATE_WRITE);  // an older system has no such thing
  errno = error;
}

void release_address_space(std::byte* begin, std::size_t bytes) noexcept { munmap(begin, bytes); }

void refuse_growth(std::size_t wanted_bytes, std::size_t reserved_bytes) {
  throw Error(ErrorCode::kResource, "one rank's table would need " + std::to_string(wanted_bytes >> 20) +
                                        " MiB, more than the " + std::to_string(reserved_bytes >> 20) +
                                        " MiB it can address: use more ranks");
}

}  // namespace tessera
