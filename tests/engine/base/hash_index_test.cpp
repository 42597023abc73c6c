#include "engine/base/hash_index.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tessera {
namespace {

class Words {
 public:
  // Of so many bits of a hash: the fewer, the more words share one.
  explicit Words(unsigned bits) : bits_(bits) {}
  std::uint32_t add(const std::string& word) {
    const auto next = static_cast<std::uint32_t>(words_.size());
    const auto is_it = [&](std::uint32_t other) { return words_[other] == word; };
    const auto [number, is_new] = index_.find_or_add(hash(word), next, is_it);
    if (is_new) words_.push_back(word);
    return number;
  }
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& word) const {
    return index_.find(hash(word), [&](std::uint32_t other) { return words_[other] == word; });
  }
  [[nodiscard]] std::size_t size() const { return words_.size(); }

 private:
  [[nodiscard]] std::uint64_t hash(const std::string& word) const {
    return bits_ == 0 ? 0 : hash_string(word) >> (64 - bits_);
  }

  unsigned bits_;
  HashIndex<std::uint32_t> index_;
  std::vector<std::string> words_;
};

TEST(HashIndex, TellsContentsApartThatShareAHash) {
  for (const unsigned bits : {0U, 1U, 3U, 63U}) {
    Words words(bits);
    EXPECT_EQ(words.find("0"), std::nullopt);
    for (std::uint32_t i = 0; i < 200; ++i) {
      EXPECT_EQ(words.add(std::to_string(i)), i);
      EXPECT_EQ(words.add(std::to_string(i / 2)), i / 2) << "it is there already";
    }
    EXPECT_EQ(words.size(), 200U);
    for (std::uint32_t i = 0; i < 200; ++i) EXPECT_EQ(words.find(std::to_string(i)), i);
    EXPECT_EQ(words.find("200"), std::nullopt);
  }
}

}  // namespace
}  // namespace tessera
