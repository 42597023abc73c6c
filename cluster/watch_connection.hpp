// The connections over which ranks watch each other (rank_watch.hpp): TCP sockets of their own beside MPI's, because
// MPI neither says that a peer has gone nor lets another thread ask. Frames of one fixed record and a short text;
// nothing here ever waits for a peer, except the first greeting, which has a time limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tessera {

enum class WatchWord : std::uint32_t {
  kHello = 1,  // text: the sender's machine
  kBeat,       // I live; steps as RunStatus counts them
  kFailing,    // I have failed; text says why, value is the exit code
  kEnd,        // the failure has been told: end with exit code `value`
  kBye,        // I end in good order
};

struct WatchFrame {
  WatchWord word = WatchWord::kBeat;
  std::int32_t value = 0;   // kHello: the sender's rank; kFailing, kEnd: an exit code
  std::uint64_t token = 0;  // the job's secret: frames without it are not of this job
  std::uint64_t steps = 0;
  std::uint64_t length = 0;  // of the text that follows
};

struct WatchMessage {
  WatchFrame frame;
  std::string text;
};

// A connected socket. Movable; closes itself.
class WatchConnection {
 public:
  WatchConnection() = default;
  explicit WatchConnection(int socket) : socket_(socket) {}
  WatchConnection(WatchConnection&& other) noexcept { *this = std::move(other); }
  WatchConnection& operator=(WatchConnection&& other) noexcept;
  ~WatchConnection() { close(); }

  [[nodiscard]] bool is_open() const { return socket_ >= 0; }
  [[nodiscard]] int socket() const { return socket_; }
  void close();

  // Sends as much as the socket takes now and keeps the rest for the next time. A beat behind a rest is left out.
  // Errors show when receiving.
  void send(WatchFrame frame, const std::string& text = {});
  // Appends the messages that have arrived. False once the connection has ended or brought what is not of this job.
  bool receive(std::uint64_t token, std::vector<WatchMessage>& messages);

 private:
  void flush();

  int socket_ = -1;
  std::string outgoing_;
  std::string incoming_;
};

// A socket that takes connections on a port of the system's choice, on all of this machine's addresses; -1 if the
// system gives none.
[[nodiscard]] int listen_anywhere(std::uint16_t& port);

// This machine's addresses as numbers, those that other machines may reach first, the loopback last.
[[nodiscard]] std::vector<std::string> own_addresses();

// Connects within the time; -1 if that does not succeed.
[[nodiscard]] int connect_to(const std::string& address, std::uint16_t port, int limit_ms);

}  // namespace tessera
