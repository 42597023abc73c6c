// Rank 0's side of the watch.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "cluster/rank_watcher.hpp"
#include "cluster/run_status.hpp"

namespace tessera {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kHearing{250};    // between the first sign of a failure and the verdict, for its cause to show
constexpr milliseconds kFarewell{2000};  // for the others to end before this rank does
constexpr std::size_t kNamedRanks = 8;   // more are counted only
constexpr int kFailureCode = 3;

}  // namespace

WatchHub::WatchHub(int size, std::uint64_t token, milliseconds silence, int listener)
    : Watcher(0, size, token, silence), listener_(listener), peers_(static_cast<std::size_t>(size)) {}

WatchHub::~WatchHub() {
  stop();
  if (listener_ >= 0) ::close(listener_);
}

std::vector<int> WatchHub::sockets() const {
  std::vector<int> all;
  if (listener_ >= 0) all.push_back(listener_);
  for (const WatchConnection& stranger : strangers_) all.push_back(stranger.socket());
  for (const Peer& peer : peers_)
    if (peer.state == State::kWatched) all.push_back(peer.connection.socket());
  return all;
}

void WatchHub::forgive(Clock::time_point now) {
  for (Peer& peer : peers_) peer.heard = peer.stepped = now;
}

void WatchHub::accept_new() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    strangers_.emplace_back(socket);
  }
}

// Whoever knows the token and a rank that is yet to be heard of is that rank; others are turned away.
void WatchHub::greet(Clock::time_point now) {
  std::vector<WatchConnection> waiting;
  for (WatchConnection& stranger : strangers_) {
    std::vector<WatchMessage> messages;
    const bool open = stranger.receive(token_, messages);
    if (messages.empty()) {
      if (open) waiting.push_back(std::move(stranger));
      continue;
    }
    const WatchFrame& first = messages.front().frame;
    if (first.word != WatchWord::kHello || first.value < 1 || first.value >= size_) continue;
    Peer& peer = peers_[static_cast<std::size_t>(first.value)];
    if (peer.state != State::kUnknown) continue;
    peer.state = State::kWatched;
    peer.machine = messages.front().text;
    peer.connection = std::move(stranger);
    peer.heard = peer.stepped = now;
    peer.connection.send(frame(WatchWord::kHello));
  }
  strangers_ = std::move(waiting);
}

void WatchHub::note_steps(Peer& peer, std::uint64_t steps, Clock::time_point now) const {
  if (steps != peer.steps || steps % 2 == 0) peer.stepped = now;
  peer.steps = steps;
}

void WatchHub::hear(Peer& peer, Clock::time_point now) {
  std::vector<WatchMessage> messages;
  const bool open = peer.connection.receive(token_, messages);
  for (const WatchMessage& message : messages) {
    peer.heard = now;
    note_steps(peer, message.frame.steps, now);
    if (message.frame.word == WatchWord::kBye) peer.state = State::kLeft;
    if (message.frame.word != WatchWord::kFailing) continue;
    peer.state = State::kFailed;
    peer.text = message.text;
    peer.code = message.frame.value;
  }
  if (peer.state != State::kWatched) return;
  if (!open) {
    peer.state = State::kLost;
    peer.text = "its process ended";
  } else if (silence_.count() > 0 && now - peer.heard > silence_) {
    lose_silent(now);
  }
}

// One has been silent for too long. What is cut off at once has last been heard of at different times, within a beat.
void WatchHub::lose_silent(Clock::time_point now) {
  const milliseconds between = std::min(kBeat, silence_ / 4);
  for (Peer& peer : peers_) {
    if (peer.state != State::kWatched || now - peer.heard <= silence_ - between) continue;
    peer.state = State::kLost;
    peer.text = silence_text();
    peer.silent = true;
  }
}

// All ranks have been in one collective call each for long: each waits for the others, and none is slow.
bool WatchHub::is_stalled(Clock::time_point now) const {
  if (silence_.count() == 0) return false;
  return std::ranges::all_of(peers_, [&](const Peer& peer) {
    return (&peer == peers_.data() || peer.state == State::kWatched) &&
           now - peer.stepped > silence_ * RankWatch::kStallFactor;
  });
}

void WatchHub::look(Clock::time_point now) {
  accept_new();
  greet(now);
  const bool beats = is_beat_due(now);
  note_steps(peers_[0], RunStatus::of_process().steps(), now);
  bool failed = own_failure().has_value();
  for (Peer& peer : peers_) {
    if (peer.state == State::kWatched) hear(peer, now);
    if (peer.state == State::kWatched && beats) peer.connection.send(frame(WatchWord::kBeat));
    failed = failed || peer.state == State::kFailed || peer.state == State::kLost;
  }
  const bool stalled = is_stalled(now);
  if ((failed || stalled) && !verdict_) verdict_ = now + kHearing;
  if (verdict_ && now >= *verdict_) judge(now, stalled);
}

// "ranks 2, 3 of 4 (n2)", and why the first of them is lost; empty if none is.
std::string WatchHub::lost_ranks(std::string& why) const {
  std::string ranks;
  std::string machines;
  std::size_t count = 0;
  for (std::size_t r = 1; r < peers_.size(); ++r) {
    const Peer& peer = peers_[r];
    if (peer.state != State::kLost) continue;
    if (count == 0) why = peer.text;
    if (++count > kNamedRanks) continue;
    ranks += (count > 1 ? ", " : "") + std::to_string(r);
    if (machines.find(peer.machine) == std::string::npos) machines += (machines.empty() ? "" : ", ") + peer.machine;
  }
  if (count == 0) return {};
  if (count > kNamedRanks) ranks += " and " + std::to_string(count - kNamedRanks) + " more";
  return (count > 1 ? "ranks " : "rank ") + ranks + " of " + std::to_string(size_) + " (" + machines + ")";
}

// One message for the whole job: a rank that is gone explains what failed in others; of those that failed the lowest.
void WatchHub::judge(Clock::time_point now, bool stalled) {
  const RunStatus& status = RunStatus::of_process();
  std::string text;
  int code = kFailureCode;
  std::string why;
  if (const std::string lost = lost_ranks(why); !lost.empty()) {
    const std::string place = status.place();
    text = "lost " + lost + (place.empty() ? "" : " in " + place) + ": " + why;
    if (const std::string more = status.how_to_go_on(); !more.empty()) text += "; " + more;
  } else if (const std::optional<Failure> own = own_failure()) {
    text = own->text;
    code = own->code;
  } else if (const auto failed =
                 std::ranges::find_if(peers_, [](const Peer& peer) { return peer.state == State::kFailed; });
             failed != peers_.end()) {
    text = failed->text;
    code = failed->code;
  } else if (stalled) {
    text = status.explained("all " + std::to_string(size_) + " ranks have waited for each other for " +
                            std::to_string(silence_.count() * RankWatch::kStallFactor / 1000) +
                            " s: MPI's network moves nothing (see --stall-limit)");
  } else {
    return;
  }
  if (!is_being_ended(now)) say(text);
  for (Peer& peer : peers_)
    if (peer.connection.is_open()) peer.connection.send(frame(WatchWord::kEnd, code));
  if (!own_failure()) {
    const Clock::time_point end = Clock::now() + kFarewell;
    std::vector<WatchMessage> ignored;
    for (Peer& peer : peers_) {
      if (peer.state == State::kLost) continue;
      while (peer.connection.receive(token_, ignored) && Clock::now() < end)
        std::this_thread::sleep_for(milliseconds(5));
    }
  }
  if (std::ranges::any_of(peers_, &Peer::silent)) end_launcher();
  end_process(code);
}

void WatchHub::say_bye() {
  for (Peer& peer : peers_) {
    if (peer.state == State::kWatched) peer.connection.send(frame(WatchWord::kBye));
  }
}

}  // namespace tessera
