// The watch of every rank but 0.
#include <utility>

#include "cluster/rank_watcher.hpp"
#include "cluster/run_status.hpp"

namespace tessera {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kHearing{250};     // for the run to come to where it stands
constexpr milliseconds kHeadStart{1500};  // for the rank that speaks, before the others' end has a launcher end it too
constexpr int kFailureCode = 3;

}  // namespace

WatchSpoke::WatchSpoke(int rank, int size, std::uint64_t token, milliseconds silence, WatchConnection first,
                       std::string first_machine, bool speaks_when_ended, bool speaks_when_silent)
    : Watcher(rank, size, token, silence),
      first_(std::move(first)),
      first_machine_(std::move(first_machine)),
      speaks_when_ended_(speaks_when_ended),
      speaks_when_silent_(speaks_when_silent) {}

WatchSpoke::~WatchSpoke() { stop(); }

std::vector<int> WatchSpoke::sockets() const {
  return left_ || !first_.is_open() ? std::vector<int>{} : std::vector<int>{first_.socket()};
}

void WatchSpoke::forgive(Clock::time_point now) { heard_ = now; }

void WatchSpoke::look(Clock::time_point now) {
  if (left_) return;
  if (const std::optional<Failure> own = own_failure(); own && !told_first_) {
    first_.send(frame(WatchWord::kFailing, own->code), own->text);
    told_first_ = true;
  }
  std::vector<WatchMessage> messages;
  const bool open = first_.receive(token_, messages);
  for (const WatchMessage& message : messages) {
    heard_ = now;
    if (message.frame.word == WatchWord::kEnd) end_process(message.frame.value);
    if (message.frame.word == WatchWord::kBye) left_ = true;
  }
  if (left_) return;
  if (!open) lose_first(false, now);
  if (silence_.count() > 0 && now - heard_ > silence_) lose_first(true, now);
  if (is_beat_due(now)) first_.send(frame(WatchWord::kBeat));
}

void WatchSpoke::lose_first(bool silent, Clock::time_point now) {
  const bool speaks = silent ? speaks_when_silent_ : speaks_when_ended_;
  const bool quiet = is_being_ended(now);
  std::this_thread::sleep_for(speaks ? kHearing : kHeadStart);
  if (speaks && !quiet) {
    const RunStatus& status = RunStatus::of_process();
    const std::string place = status.place();
    std::string text = "lost rank 0 of " + std::to_string(size_) + " (" + first_machine_ + ")" +
                       (place.empty() ? "" : " in " + place) + ": " + (silent ? silence_text() : "its process ended");
    if (const std::string more = status.how_to_go_on(); !more.empty()) text += "; " + more;
    say(text);
  }
  if (silent) end_launcher();
  end_process(kFailureCode);
}

void WatchSpoke::say_bye() {
  if (!left_) first_.send(frame(WatchWord::kBye));
}

}  // namespace tessera
