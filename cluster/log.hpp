// What the program says while it runs: to standard error for people, to DIR/run.log for later. Rank 0 speaks; the other
// ranks only warn. On a terminal one live line stays below the log lines: they share the stream, so both go through
// here. spdlog does the work, in log.cpp alone (its headers are heavy).
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "cluster/options.hpp"

namespace tessera {

class Log {
 public:
  enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

  struct Settings {
    int rank = 0;
    Verbosity verbosity = Verbosity::kNormal;  // of the console; the file has everything
    std::filesystem::path directory = {};      // for run.log, made if need be; empty: no file. Rank 0 only
    std::FILE* console = stderr;               // kept by the caller
    std::optional<bool> terminal = {};         // whether the console is one; by default it is looked up
  };

  // Throws Error(kInput) if the directory cannot be made or run.log not be written there.
  explicit Log(const Settings& settings);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  // One line, without its end. Debug lines reach the console only when verbose, info lines not when quiet.
  void write(Level level, std::string_view line);
  // A line for run.log only.
  void record(std::string_view line);

  template <class... Arguments>
  void debug(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    write(Level::kDebug, fmt::format(text, std::forward<Arguments>(arguments)...));
  }
  template <class... Arguments>
  void info(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    write(Level::kInfo, fmt::format(text, std::forward<Arguments>(arguments)...));
  }
  template <class... Arguments>
  void warn(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    write(Level::kWarning, fmt::format(text, std::forward<Arguments>(arguments)...));
  }
  template <class... Arguments>
  void error(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    write(Level::kError, fmt::format(text, std::forward<Arguments>(arguments)...));
  }

  // Whether a live line is shown: rank 0, not quiet, and the console is a terminal.
  [[nodiscard]] bool is_live() const;
  // The terminal's width in columns, as it is now; 80 where it cannot be told.
  [[nodiscard]] int width() const;
  // Paints the live line over the last one; clipped to the terminal. Does nothing unless is_live().
  void show_live(std::string_view line);
  // Takes the live line away, e.g. before the result is printed.
  void hide_live();

 private:
  class Sinks;
  std::unique_ptr<Sinks> sinks_;
};

}  // namespace tessera
