#include "cluster/watch_connection.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tessera {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 20;

int prepared(int socket) {
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  return socket;
}

// -1 unless the system gives one for this family.
int listen_on(int family, std::uint16_t& port) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return -1;
  sockaddr_storage address{};
  address.ss_family = static_cast<sa_family_t>(family);
  socklen_t length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  const int no = 0;
  if (family == AF_INET6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket, generic, length) != 0 || ::listen(socket, SOMAXCONN) != 0 ||
      ::getsockname(socket, generic, &length) != 0) {
    ::close(socket);
    return -1;
  }
  port = ntohs(family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                                  : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  return socket;
}

}  // namespace

WatchConnection& WatchConnection::operator=(WatchConnection&& other) noexcept {
  if (this == &other) return *this;
  close();
  socket_ = std::exchange(other.socket_, -1);
  outgoing_ = std::move(other.outgoing_);
  incoming_ = std::move(other.incoming_);
  return *this;
}

void WatchConnection::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void WatchConnection::send(WatchFrame frame, const std::string& text) {
  if (socket_ < 0 || (frame.word == WatchWord::kBeat && !outgoing_.empty())) return flush();
  frame.length = std::min(text.size(), kLongestText);
  outgoing_.append(reinterpret_cast<const char*>(&frame), sizeof(frame));
  outgoing_.append(text, 0, frame.length);
  flush();
}

void WatchConnection::flush() {
  while (socket_ >= 0 && !outgoing_.empty()) {
    const ssize_t sent = ::send(socket_, outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    outgoing_.erase(0, static_cast<std::size_t>(sent));
  }
}

bool WatchConnection::receive(std::uint64_t token, std::vector<WatchMessage>& messages) {
  if (socket_ < 0) return false;
  flush();
  bool open = true;
  for (std::array<char, 4096> buffer{};;) {
    const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (got <= 0) {
      open = false;
      break;
    }
    incoming_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  WatchMessage message;
  while (incoming_.size() >= sizeof(WatchFrame)) {
    std::memcpy(&message.frame, incoming_.data(), sizeof(WatchFrame));
    if (message.frame.token != token || message.frame.length > kLongestText) return false;
    if (incoming_.size() < sizeof(WatchFrame) + message.frame.length) break;
    message.text = incoming_.substr(sizeof(WatchFrame), message.frame.length);
    incoming_.erase(0, sizeof(WatchFrame) + message.frame.length);
    messages.push_back(message);
  }
  return open;
}

int listen_anywhere(std::uint16_t& port) {
  const int both = listen_on(AF_INET6, port);  // and version 4
  return both >= 0 ? both : listen_on(AF_INET, port);
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) == 0) {
    for (const int family : {AF_INET, AF_INET6}) {
      for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != family) continue;
        if ((entry->ifa_flags & IFF_UP) == 0 || (entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
        std::array<char, NI_MAXHOST> text{};
        const socklen_t length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
        if (::getnameinfo(entry->ifa_addr, length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
        const std::string address = text.data();
        if (address.find('%') == std::string::npos) addresses.push_back(address);  // of one link only
      }
    }
    ::freeifaddrs(list);
  }
  addresses.emplace_back("127.0.0.1");
  return addresses;
}

int connect_to(const std::string& address, std::uint16_t port, int limit_ms) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return -1;
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool begun = socket >= 0 && (::connect(socket, found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS);
  ::freeaddrinfo(found);
  if (begun) {
    pollfd ready{socket, POLLOUT, 0};
    int error = 0;
    socklen_t length = sizeof(error);
    if (::poll(&ready, 1, limit_ms) == 1 && ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
        error == 0)
      return prepared(socket);
  }
  if (socket >= 0) ::close(socket);
  return -1;
}

}  // namespace tessera
