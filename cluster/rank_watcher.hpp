// The thread behind a RankWatch: rank 0's (WatchHub) looks after all connections, another's (WatchSpoke) after its one.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cluster/rank_watch.hpp"
#include "cluster/watch_connection.hpp"

namespace tessera {

class RankWatch::Watcher {
 public:
  using Clock = std::chrono::steady_clock;

  Watcher(int rank, int size, std::uint64_t token, std::chrono::milliseconds silence);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  virtual ~Watcher();

  // The thread; stop() must be called before the destructor of the class that runs in it.
  void start();
  void stop();
  bool tell(const std::string& text, int code);

 protected:
  static constexpr std::chrono::milliseconds kBeat{1000};  // between signs of life

  struct Failure {
    std::string text;
    int code = 3;
  };

  // What the thread does in turn, some times a second and when a socket stirs.
  [[nodiscard]] virtual std::vector<int> sockets() const = 0;
  virtual void look(Clock::time_point now) = 0;
  // The thread had no turn for a while, as when the whole job was suspended: nobody's silence meanwhile counts.
  virtual void forgive(Clock::time_point now) = 0;
  virtual void say_bye() = 0;

  [[nodiscard]] WatchFrame frame(WatchWord word, int value = 0) const;
  [[nodiscard]] bool is_beat_due(Clock::time_point now);
  [[nodiscard]] std::optional<Failure> own_failure() const;
  // Whether a loss at `now` comes of somebody's ending the job (SIGTERM, then SIGKILL).
  [[nodiscard]] static bool is_being_ended(Clock::time_point now);
  [[nodiscard]] std::string silence_text() const;
  // Tells the user; and writes the same to the file that TESSERA_FAILURE_NOTE names, if it is set: by it a job script
  // knows a failed run (cluster/launch/start-or-resume.sh), for a launcher that had to be ended has an exit code of its
  // own.
  static void say(const std::string& text);
  // Kills the launcher's daemon on this machine, unless it ends soon: it would wait for a silent machine as long as TCP
  // does, a quarter of an hour. It is the parent process, if it is one of Open MPI's. (Slurm's look after themselves.)
  static void end_launcher();
  // Ends this process; if it has failed itself, by having tell() return.
  [[noreturn]] void end_process(int code);

  const int rank_;
  const int size_;
  const std::uint64_t token_;
  const std::chrono::milliseconds silence_;

 private:
  void run();
  void wait_a_little();
  void wake() const;

  int wake_ = -1;  // an eventfd
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  Clock::time_point last_beat_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable told_changed_;
  std::optional<Failure> failure_;
  bool told_ = false;
};

class WatchHub final : public RankWatch::Watcher {
 public:
  // `listener` is a listening socket, which it closes.
  WatchHub(int size, std::uint64_t token, std::chrono::milliseconds silence, int listener);
  ~WatchHub() override;

 private:
  enum class State { kUnknown, kWatched, kLeft, kFailed, kLost };
  struct Peer {
    State state = State::kUnknown;
    WatchConnection connection;
    std::string machine;
    Clock::time_point heard;
    std::uint64_t steps = 0;
    Clock::time_point stepped;  // when steps changed, or was seen even: not waiting for others
    std::string text;           // of its failure or loss
    bool silent = false;        // how it was lost
    int code = 3;
  };

  [[nodiscard]] std::vector<int> sockets() const override;
  void look(Clock::time_point now) override;
  void forgive(Clock::time_point now) override;
  void say_bye() override;

  void accept_new();
  void greet(Clock::time_point now);
  void hear(Peer& peer, Clock::time_point now);
  void note_steps(Peer& peer, std::uint64_t steps, Clock::time_point now) const;
  [[nodiscard]] bool is_stalled(Clock::time_point now) const;
  [[nodiscard]] std::string lost_ranks(std::string& why) const;
  void lose_silent(Clock::time_point now);
  void judge(Clock::time_point now, bool stalled);

  int listener_;
  std::vector<WatchConnection> strangers_;    // connected, but yet to say who they are
  std::vector<Peer> peers_;                   // by rank; [0] is this one
  std::optional<Clock::time_point> verdict_;  // when it is due, if there is something to judge
};

class WatchSpoke final : public RankWatch::Watcher {
 public:
  // `speaks_*`: whether this rank tells the user that rank 0's connection has ended, or that it is silent.
  WatchSpoke(int rank, int size, std::uint64_t token, std::chrono::milliseconds silence, WatchConnection first,
             std::string first_machine, bool speaks_when_ended, bool speaks_when_silent);
  ~WatchSpoke() override;

 private:
  [[nodiscard]] std::vector<int> sockets() const override;
  void look(Clock::time_point now) override;
  void forgive(Clock::time_point now) override;
  void say_bye() override;
  [[noreturn]] void lose_first(bool silent, Clock::time_point now);

  WatchConnection first_;
  std::string first_machine_;
  bool speaks_when_ended_;
  bool speaks_when_silent_;
  bool left_ = false;  // rank 0 has said farewell
  bool told_first_ = false;
  Clock::time_point heard_;
};

}  // namespace tessera
