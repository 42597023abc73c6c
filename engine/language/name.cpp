// The table behind Name: texts live in blocks that never move, so that reading needs no lock. Block k holds 1024 * 2^k
// entries; a writer fills an entry before it publishes the index, and whoever got the index got it after that.
#include "engine/language/name.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "engine/base/check.hpp"
#include "engine/base/hash.hpp"

namespace tessera {
namespace {

struct Entry {
  std::string text;
  std::uint64_t hash = 0;
};

struct TextHash {
  std::size_t operator()(std::string_view text) const { return static_cast<std::size_t>(hash_string(text)); }
};

class NameTable {
 public:
  NameTable() { intern({}); }  // the empty name is number 0

  std::uint32_t intern(std::string_view text) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = index_of_.find(text); found != index_of_.end()) return found->second;
    }
    const std::unique_lock lock(mutex_);
    if (const auto found = index_of_.find(text); found != index_of_.end()) return found->second;
    CHECK(count_ < std::numeric_limits<std::uint32_t>::max() - kFirstBlock);
    const std::uint32_t index = count_;
    const Position at = position(index);
    Entry* block = blocks_[at.block].load(std::memory_order_relaxed);
    if (block == nullptr) {
      block = new Entry[std::size_t{kFirstBlock} << at.block];  // never freed: names live as long as the process
      blocks_[at.block].store(block, std::memory_order_release);
    }
    Entry& entry = block[at.offset];
    entry.text = text;
    entry.hash = hash_string(text);
    index_of_.emplace(entry.text, index);
    ++count_;
    return index;
  }

  [[nodiscard]] const Entry& operator[](std::uint32_t index) const {
    const Position at = position(index);
    return blocks_[at.block].load(std::memory_order_acquire)[at.offset];
  }

 private:
  static constexpr std::uint32_t kFirstBlock = 1024;
  static constexpr int kFirstBits = 10;

  struct Position {
    std::size_t block;
    std::size_t offset;
  };

  static Position position(std::uint32_t index) {
    const std::uint64_t shifted = std::uint64_t{index} + kFirstBlock;
    const int top = static_cast<int>(std::bit_width(shifted)) - 1;
    return {static_cast<std::size_t>(top - kFirstBits), static_cast<std::size_t>(shifted - (std::uint64_t{1} << top))};
  }

  std::array<std::atomic<Entry*>, 23> blocks_{};
  std::uint32_t count_ = 0;
  std::unordered_map<std::string_view, std::uint32_t, TextHash> index_of_;  // views into the entries
  std::shared_mutex mutex_;
};

NameTable& table() {
  static NameTable& instance = *new NameTable;  // never destroyed: other statics may hold names
  return instance;
}

}  // namespace

Name::Name(std::string_view text) : index_(text.empty() ? 0 : table().intern(text)) {}

std::string_view Name::text() const { return table()[index_].text; }

std::uint64_t Name::hash() const { return table()[index_].hash; }

}  // namespace tessera
