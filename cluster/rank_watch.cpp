#include "cluster/rank_watch.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <sstream>
#include <vector>

#include "cluster/mpi_session.hpp"
#include "cluster/rank_watcher.hpp"
#include "cluster/signals.hpp"

namespace tessera {
namespace {

constexpr int kConnecting_ms = 2000;  // to one address; and for the answer

// What rank 0 tells the others through MPI.
struct Invitation {
  std::uint64_t token = 0;
  std::uint16_t port = 0;              // 0: rank 0 has no socket
  std::array<char, 64> machine{};      // ends in zeros
  std::array<char, 2048> addresses{};  // a line each; ends in zeros
};

std::string machine_name() {
  std::array<char, 64> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "?";
  return name.data();
}

std::uint64_t secret() {
  std::random_device random;
  return (static_cast<std::uint64_t>(random()) << 32U) | random();
}

// Rank 0 needs a socket for every rank.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Whether it is rank 0 of this job that answers.
bool is_answered(WatchConnection& connection, std::uint64_t token) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kConnecting_ms);
  std::vector<WatchMessage> messages;
  while (messages.empty()) {
    if (!connection.receive(token, messages) || std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return messages.front().frame.word == WatchWord::kHello;
}

WatchConnection connect(const Invitation& invitation, int rank, bool beside_first) {
  std::vector<std::string> addresses;
  std::istringstream lines{std::string(invitation.addresses.data())};
  for (std::string line; std::getline(lines, line);) addresses.push_back(line);
  if (beside_first) std::ranges::reverse(addresses);  // the loopback first
  for (const std::string& address : addresses) {
    if (invitation.port == 0) break;
    WatchConnection connection(connect_to(address, invitation.port, kConnecting_ms));
    if (!connection.is_open()) continue;
    connection.send({WatchWord::kHello, rank, invitation.token, 0, 0}, machine_name());
    if (is_answered(connection, invitation.token)) return connection;
  }
  return {};
}

}  // namespace

RankWatch::RankWatch(const WatchSettings& settings) {
  int rank = 0;
  int size = 1;
  check_mpi(MPI_Comm_rank(settings.world, &rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(settings.world, &size), "MPI_Comm_size");
  catch_termination();
  Invitation invitation;
  if (rank == 0) {
    allow_many_files();
    invitation.token = secret();
    const int listener = listen_anywhere(invitation.port);
    const std::string name = machine_name();
    std::copy(name.begin(), name.end(), invitation.machine.begin());
    std::string all;
    for (const std::string& address : own_addresses()) {
      if (all.size() + address.size() + 2 < invitation.addresses.size()) all += address + "\n";
    }
    std::copy(all.begin(), all.end(), invitation.addresses.begin());
    watcher_ = std::make_unique<WatchHub>(size, invitation.token, settings.silence, listener);
    watcher_->start();
  }
  check_mpi(MPI_Bcast(&invitation, static_cast<int>(sizeof(invitation)), MPI_BYTE, 0, settings.world), "MPI_Bcast");
  // When rank 0 is silent its whole machine may be: the first rank of another one speaks, if there is one.
  int first_elsewhere = settings.beside_first ? size : rank;
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &first_elsewhere, 1, MPI_INT, MPI_MIN, settings.world), "MPI_Allreduce");
  if (rank != 0) {
    WatchConnection first = connect(invitation, rank, settings.beside_first);
    if (first.is_open()) {
      const int speaker = first_elsewhere < size ? first_elsewhere : 1;
      watcher_ = std::make_unique<WatchSpoke>(rank, size, invitation.token, settings.silence, std::move(first),
                                              invitation.machine.data(), rank == 1, rank == speaker);
      watcher_->start();
    }
  }
  unwatched_ = watcher_ ? 0 : 1;
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &unwatched_, 1, MPI_INT, MPI_SUM, settings.world), "MPI_Allreduce");
}

RankWatch::~RankWatch() {
  if (watcher_) watcher_->stop();
  watcher_.reset();
  release_termination();
}

bool RankWatch::tell(const std::string& text, int code) { return watcher_ && watcher_->tell(text, code); }

}  // namespace tessera
