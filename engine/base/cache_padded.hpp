// What one thread writes again and again must not share a cache line with what others read or write: each write would
// take the line away from them (false sharing). So what there is one of for every shard or task lies on lines of its
// own.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace tessera {

inline constexpr std::size_t kApartBytes = 128;  // processors fetch lines of 64 bytes in pairs

// A T, a class, that shares no cache line with its neighbours in an array.
template <class T>
struct alignas(kApartBytes) CachePadded : T {
  using T::T;
};

// For arrays of counters that other arrays are made right after.
template <class T>
struct CachePaddedAllocator {
  using value_type = T;
  CachePaddedAllocator() = default;
  template <class U>
  explicit CachePaddedAllocator(const CachePaddedAllocator<U>& /*other*/) {}
  T* allocate(std::size_t count) {
    const std::size_t bytes = (count * sizeof(T) + kApartBytes - 1) / kApartBytes * kApartBytes;
    return static_cast<T*>(::operator new (bytes, std::align_val_t{kApartBytes}));
  }
  void deallocate(T* memory, std::size_t /*count*/) { ::operator delete (memory, std::align_val_t{kApartBytes}); }
  friend bool operator==(const CachePaddedAllocator&, const CachePaddedAllocator&) { return true; }
};

template <class T>
using CachePaddedVector = std::vector<T, CachePaddedAllocator<T>>;

}  // namespace tessera
