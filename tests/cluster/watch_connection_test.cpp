#include "cluster/watch_connection.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace tessera {
namespace {

constexpr std::uint64_t kToken = 0x1234'5678'9abc'def0;

// Two ends of one connection.
struct Pair {
  Pair() {
    int sockets[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    one = WatchConnection(sockets[0]);
    other = WatchConnection(sockets[1]);
  }
  WatchConnection one;
  WatchConnection other;
};

TEST(WatchConnection, BringsMessagesInOrder) {
  Pair pair;
  pair.one.send({WatchWord::kHello, 3, kToken, 0, 0}, "node3");
  pair.one.send({WatchWord::kBeat, 0, kToken, 17, 0});
  pair.one.send({WatchWord::kFailing, 2, kToken, 18, 0}, std::string(5000, 'x'));
  std::vector<WatchMessage> messages;
  EXPECT_TRUE(pair.other.receive(kToken, messages));
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].frame.word, WatchWord::kHello);
  EXPECT_EQ(messages[0].frame.value, 3);
  EXPECT_EQ(messages[0].text, "node3");
  EXPECT_EQ(messages[1].frame.steps, 17U);
  EXPECT_EQ(messages[1].text, "");
  EXPECT_EQ(messages[2].text, std::string(5000, 'x'));
}

TEST(WatchConnection, PutsTogetherWhatComesInPieces) {
  Pair pair;
  const WatchFrame frame{WatchWord::kEnd, 75, kToken, 1, 4};
  const std::string bytes = std::string(reinterpret_cast<const char*>(&frame), sizeof(frame)) + "text";
  std::vector<WatchMessage> messages;
  for (const char byte : bytes) {
    EXPECT_TRUE(messages.empty());
    ASSERT_EQ(::send(pair.one.socket(), &byte, 1, 0), 1);
    EXPECT_TRUE(pair.other.receive(kToken, messages));
  }
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].frame.value, 75);
  EXPECT_EQ(messages[0].text, "text");
}

TEST(WatchConnection, ToldTheEndAfterTheLastMessage) {
  Pair pair;
  pair.one.send({WatchWord::kBye, 0, kToken, 0, 0});
  pair.one.close();
  std::vector<WatchMessage> messages;
  EXPECT_FALSE(pair.other.receive(kToken, messages));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].frame.word, WatchWord::kBye);
}

TEST(WatchConnection, EndsWhatIsNotOfThisJob) {
  std::vector<WatchMessage> messages;
  Pair other_job;
  other_job.one.send({WatchWord::kHello, 1, kToken + 1, 0, 0}, "node1");
  EXPECT_FALSE(other_job.other.receive(kToken, messages));
  Pair foreign;
  const std::string request = "GET / HTTP/1.1\r\nHost: rank0.example.org\r\nAccept: */*\r\n\r\n";
  ASSERT_GT(::send(foreign.one.socket(), request.data(), request.size(), 0), 0);
  EXPECT_FALSE(foreign.other.receive(kToken, messages));
  EXPECT_TRUE(messages.empty());
}

// A peer that does not read (it is stopped) costs neither time nor much memory.
TEST(WatchConnection, SendingNeverWaits) {
  Pair pair;
  for (int i = 0; i < 100'000; ++i) pair.one.send({WatchWord::kBeat, 0, kToken, 0, 0});
  pair.one.send({WatchWord::kEnd, 3, kToken, 0, 0});
  std::vector<WatchMessage> messages;
  for (int turn = 0; turn < 1000 && (messages.empty() || messages.back().frame.word != WatchWord::kEnd); ++turn) {
    EXPECT_TRUE(pair.other.receive(kToken, messages));
    std::vector<WatchMessage> none;
    EXPECT_TRUE(pair.one.receive(kToken, none));  // sends what was left
  }
  ASSERT_FALSE(messages.empty());
  EXPECT_EQ(messages.back().frame.word, WatchWord::kEnd);
  EXPECT_LT(messages.size(), 100'000U);
}

TEST(WatchConnection, ConnectsToThisMachineByAnyOfItsAddresses) {
  std::uint16_t port = 0;
  const int listener = listen_anywhere(port);
  ASSERT_GE(listener, 0);
  ASSERT_NE(port, 0);
  const std::vector<std::string> addresses = own_addresses();
  ASSERT_FALSE(addresses.empty());
  EXPECT_EQ(addresses.back(), "127.0.0.1");
  for (const std::string& address : addresses) {
    const WatchConnection connection(connect_to(address, port, 2000));
    EXPECT_TRUE(connection.is_open()) << address;
  }
  ::close(listener);
  EXPECT_LT(connect_to("127.0.0.1", port, 2000), 0);
  EXPECT_LT(connect_to("not an address", port, 2000), 0);
}

}  // namespace
}  // namespace tessera
