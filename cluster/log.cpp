#include "cluster/log.hpp"

#include <fcntl.h>
#include <spdlog/common.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <string>
#include <system_error>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

constexpr int kUsualWidth = 80;

// A descriptor of the terminal that a stream shows on, or none (-1). Under Open MPI's mpirun standard error is a pipe
// that mpirun copies as it comes, so then mpirun's own standard error is what counts.
class Terminal {
 public:
  explicit Terminal(std::FILE* stream) {
    const char* kind = std::getenv("TERM");
    if (kind == nullptr || std::string_view(kind) == "dumb") return;
    const int descriptor = fileno(stream);
    if (descriptor >= 0 && isatty(descriptor) == 1) {
      descriptor_ = descriptor;
    } else if (descriptor == STDERR_FILENO && std::getenv("OMPI_COMM_WORLD_RANK") != nullptr) {
      const std::string parents = "/proc/" + std::to_string(getppid()) + "/fd/2";
      const int opened = open(parents.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
      if (opened >= 0 && isatty(opened) == 1) {
        descriptor_ = opened;
        owned_ = true;
      } else if (opened >= 0) {
        close(opened);
      }
    }
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (owned_) close(descriptor_);
  }

  [[nodiscard]] bool found() const { return descriptor_ >= 0; }
  [[nodiscard]] int width() const {
    winsize size{};
    if (descriptor_ >= 0 && ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return kUsualWidth;
  }

 private:
  int descriptor_ = -1;
  bool owned_ = false;
};

// The console: log lines as they come, and the live line, if any, painted again below them.
class ConsoleSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ConsoleSink(std::FILE* stream, int rank) : stream_(stream) {
    if (rank != 0) prefix_ = "rank " + std::to_string(rank) + ": ";
  }

  void show(std::string line) {
    const std::scoped_lock lock(mutex_);
    if (line == live_) return;
    live_ = std::move(line);
    put(live_.empty() ? kErase : "\r" + live_ + "\x1b[K");
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string text = live_.empty() ? "" : kErase;
    text += prefix_;
    if (message.level == spdlog::level::warn) text += "warning: ";
    if (message.level == spdlog::level::err) text += "error: ";
    text.append(message.payload.data(), message.payload.size());
    text += "\n" + live_;
    put(text);
  }
  void flush_() override { std::fflush(stream_); }

 private:
  static constexpr const char* kErase = "\r\x1b[K";

  void put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stream_);
    std::fflush(stream_);
  }

  std::FILE* stream_;
  std::string prefix_;
  std::string live_;
};

spdlog::level::level_enum level_of(Log::Level level) {
  switch (level) {
    case Log::Level::kDebug:
      return spdlog::level::debug;
    case Log::Level::kInfo:
      return spdlog::level::info;
    case Log::Level::kWarning:
      return spdlog::level::warn;
    case Log::Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::level::level_enum console_level(const Log::Settings& settings) {
  if (settings.rank != 0) return spdlog::level::warn;
  switch (settings.verbosity) {
    case Verbosity::kQuiet:
      return spdlog::level::warn;
    case Verbosity::kNormal:
      return spdlog::level::info;
    case Verbosity::kVerbose:
      return spdlog::level::debug;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::sinks::sink> open_file(const std::filesystem::path& directory) {
  std::error_code refused;
  std::filesystem::create_directories(directory, refused);
  if (refused) {
    throw Error(ErrorCode::kInput, "cannot make the output folder '" + directory.string() + "': " + refused.message());
  }
  const std::string name = (directory / "run.log").string();
  try {
    auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(name, /*truncate=*/true);
    file->set_pattern("%Y-%m-%d %H:%M:%S.%e %-7l %v");
    return file;
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorCode::kInput, "cannot write to the output folder '" + directory.string() + "': " + error.what());
  }
}

}  // namespace

class Log::Sinks {
 public:
  explicit Sinks(const Settings& settings)
      : terminal(settings.console),
        live(settings.rank == 0 && settings.verbosity != Verbosity::kQuiet &&
             settings.terminal.value_or(terminal.found())),
        console(std::make_shared<ConsoleSink>(settings.console, settings.rank)),
        both("tessera", console),
        file("tessera") {
    console->set_level(console_level(settings));
    if (settings.rank == 0 && !settings.directory.empty()) {
      const auto sink = open_file(settings.directory);
      both.sinks().push_back(sink);
      file.sinks().push_back(sink);
    }
    for (spdlog::logger* logger : {&both, &file}) {
      logger->set_level(spdlog::level::debug);
      logger->flush_on(spdlog::level::debug);  // a run may be killed at any instant
    }
  }

  Terminal terminal;
  bool live;
  std::shared_ptr<ConsoleSink> console;
  spdlog::logger both;
  spdlog::logger file;
};

Log::Log(const Settings& settings) : sinks_(std::make_unique<Sinks>(settings)) {}

Log::~Log() { hide_live(); }

void Log::write(Level level, std::string_view line) {
  sinks_->both.log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

void Log::record(std::string_view line) {
  sinks_->file.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

bool Log::is_live() const { return sinks_->live; }

int Log::width() const { return sinks_->terminal.width(); }

void Log::show_live(std::string_view line) {
  if (!sinks_->live) return;
  // One column stays free: some terminals wrap when the last is written.
  const auto room = static_cast<std::size_t>(std::max(1, width() - 1));
  sinks_->console->show(std::string(line.substr(0, room)));
}

void Log::hide_live() {
  if (sinks_->live) sinks_->console->show({});
}

}  // namespace tessera
