#include "engine/language/name.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/hash.hpp"

namespace tessera {
namespace {

TEST(Name, SameTextIsTheSameName) {
  const Name a("name-test-a");
  EXPECT_EQ(a, Name(std::string("name-test-") + "a"));
  EXPECT_NE(a, Name("name-test-b"));
  EXPECT_EQ(a.text(), "name-test-a");
  EXPECT_EQ(Name::from_index(a.index()), a);
}

TEST(Name, EmptyIsTheDefault) {
  EXPECT_EQ(Name(), Name(""));
  EXPECT_EQ(Name().text(), "");
}

TEST(Name, HashIsOfTheCharacters) { EXPECT_EQ(Name("name-test-hash").hash(), hash_string("name-test-hash")); }

TEST(Name, ManyThreadsAgreeWhileOthersRead) {
  constexpr int kThreads = 4;
  constexpr int kNames = 20'000;
  std::vector<std::vector<Name>> names(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&names, t] {
        for (int i = 0; i < kNames; ++i) {
          const std::string text = "name-test-thread-" + std::to_string(i);
          const Name name(text);
          // Reading another thread's names while it interns is what a search does.
          if (name.text() != text || name.hash() != hash_string(text)) return;
          names[static_cast<std::size_t>(t)].push_back(name);
        }
      });
    }
  }
  std::set<std::uint32_t> distinct;
  for (const auto& list : names) {
    ASSERT_EQ(list.size(), static_cast<std::size_t>(kNames));
    EXPECT_EQ(list, names[0]);
    for (const Name name : list) distinct.insert(name.index());
  }
  EXPECT_EQ(distinct.size(), static_cast<std::size_t>(kNames));
}

}  // namespace
}  // namespace tessera
