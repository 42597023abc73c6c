// Outgoing messages of one superstep: a flat buffer of trivially copyable records a destination. Records of one mailbox
// may differ in kind and length; writer and reader agree by a leading tag or by the superstep.
// Everything is written in 8-byte units, so that a reader may look at the bytes in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "engine/base/check.hpp"
#include "partition/exchange.hpp"

namespace tessera {

class Outbox {
 public:
  explicit Outbox(int ranks) : buffers_(static_cast<std::size_t>(ranks)) {}

  template <class T>
  void put(int rank, const T& record) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
    std::memcpy(extend(rank, sizeof(T)), &record, sizeof(T));
  }
  template <class T>
  void put_all(int rank, std::span<const T> records) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
    if (!records.empty()) std::memcpy(extend(rank, records.size_bytes()), records.data(), records.size_bytes());
  }
  // A record and what follows it, for the loops in which messages are made by the million.
  template <class T, class U>
  void put(int rank, const T& record, std::span<const U> following) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
    static_assert(std::is_trivially_copyable_v<U> && sizeof(U) % 8 == 0);
    std::byte* at = extend(rank, sizeof(T) + following.size_bytes());
    std::memcpy(at, &record, sizeof(T));
    at += sizeof(T);
    for (const U& next : following) {
      std::memcpy(at, &next, sizeof(U));
      at += sizeof(U);
    }
  }
  // Appends what another outbox holds, destination by destination, and empties it.
  void splice(Outbox& other) {
    for (std::size_t d = 0; d < buffers_.size(); ++d) {
      if (buffers_[d].empty())
        buffers_[d].swap(other.buffers_[d]);
      else
        buffers_[d].append(other.buffers_[d].all());
      other.buffers_[d].clear();
    }
  }
  [[nodiscard]] std::span<const Bytes> buffers() const { return buffers_; }
  void clear() {
    for (auto& buffer : buffers_) buffer.clear();
  }

 private:
  std::byte* extend(int rank, std::size_t size) { return buffers_[static_cast<std::size_t>(rank)].extend(size); }
  std::vector<Bytes> buffers_;
};

// Reads what one source sent, in the order it was put.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::byte> bytes) : rest_(bytes) {}
  [[nodiscard]] bool done() const { return rest_.empty(); }
  [[nodiscard]] std::span<const std::byte> rest() const { return rest_; }
  // The same, as the units that all is written in.
  [[nodiscard]] std::span<const std::uint64_t> rest_words() const {
    return {reinterpret_cast<const std::uint64_t*>(rest_.data()), rest_.size() / sizeof(std::uint64_t)};
  }
  template <class T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
    CHECK(rest_.size() >= sizeof(T));
    T record;
    std::memcpy(&record, rest_.data(), sizeof(T));
    rest_ = rest_.subspan(sizeof(T));
    return record;
  }
  void skip(std::size_t bytes) {
    CHECK(rest_.size() >= bytes);
    rest_ = rest_.subspan(bytes);
  }

 private:
  std::span<const std::byte> rest_;
};

// One superstep: sends the outbox (and empties it), then calls read(source, MessageReader&) once for every source that
// sent something, in source order. Collective.
template <class Read>
void superstep(Exchange& exchange, Outbox& outbox, Inbox& inbox, Read&& read) {
  exchange.all_to_all(outbox.buffers(), inbox);
  outbox.clear();
  for (int source = 0; source < exchange.size(); ++source) {
    const auto s = static_cast<std::size_t>(source);
    const std::span<const std::byte> bytes(inbox.bytes.data() + inbox.offset[s], inbox.offset[s + 1] - inbox.offset[s]);
    if (bytes.empty()) continue;
    MessageReader reader(bytes);
    read(source, reader);
  }
}

}  // namespace tessera
