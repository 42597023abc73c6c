// What rank 0 shows while a search runs, on a terminal and elsewhere, and what run.log gets.
#include "cluster/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

using testing::HasSubstr;
using testing::Not;

// A stream whose text can be read back.
class Capture {
 public:
  Capture() : file_(std::tmpfile()) {}
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() { std::fclose(file_); }
  [[nodiscard]] std::FILE* file() const { return file_; }
  [[nodiscard]] std::string text() const {
    std::fflush(file_);
    std::rewind(file_);
    std::string all;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) all += static_cast<char>(c);
    return all;
  }

 private:
  std::FILE* file_;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = testing::TempDir() + "tessera_log_XXXXXX";
    path_ = mkdtemp(name.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A clock that the test moves.
struct Time {
  std::chrono::steady_clock::time_point now{};
  void pass(int milliseconds) { now += std::chrono::milliseconds(milliseconds); }
  Progress::Clock clock() {
    return [this] { return now; };
  }
};

ProgressState state(std::uint64_t iteration) {
  ProgressState s;
  s.iteration = iteration;
  s.enodes = 1'047'896;
  s.eclasses = 443'832;
  s.layers_tensorized = 14;
  s.layers = 28;
  s.best_cost = 1'000;
  s.memory_bytes = 210ULL << 20;
  s.seconds = 1.54;
  return s;
}

TEST(ProgressText, Describes) {
  EXPECT_EQ(describe(state(3)),
            "iteration 3, e-nodes 1,047,896, e-classes 443,832, layers 14/28, cost 1,000, memory 210 MiB, 1.5 s");
  ProgressState plain = state(4);
  plain.layers = 0;
  plain.best_cost.reset();
  EXPECT_EQ(describe(plain), "iteration 4, e-nodes 1,047,896, e-classes 443,832, memory 210 MiB, 1.5 s");
}

TEST(ProgressText, Numbers) {
  EXPECT_EQ(with_separators(0), "0");
  EXPECT_EQ(with_separators(999), "999");
  EXPECT_EQ(with_separators(1000), "1,000");
  EXPECT_EQ(with_separators(18446744073709551615ULL), "18,446,744,073,709,551,615");
}

TEST(ProgressText, Sizes) {
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(1023 * 1024), "1.0 MiB");
  EXPECT_EQ(size_text(10ULL << 30), "10 GiB");
  EXPECT_EQ(size_text(~0ULL), "16 EiB");
}

TEST(Progress, PlainLinesComeAtMostOnceASecondTheFirstAndLastAlways) {
  Capture console;
  const TemporaryFolder folder;
  Time time;
  Log log({.directory = folder.path(), .console = console.file(), .terminal = false});
  Progress progress(log, 0, time.clock());
  progress.iteration_done(state(1));
  for (std::uint64_t i = 2; i <= 12; ++i) {
    time.pass(100);
    progress.update(state(i));  // says nothing here
    progress.iteration_done(state(i));
  }
  time.pass(10);
  progress.iteration_done(state(13));
  progress.finish();
  const std::string text = console.text();
  EXPECT_THAT(text, HasSubstr("iteration 1, "));
  EXPECT_THAT(text, Not(HasSubstr("iteration 2, ")));
  EXPECT_THAT(text, HasSubstr("iteration 11, "));
  EXPECT_THAT(text, Not(HasSubstr("iteration 12, ")));
  EXPECT_THAT(text, HasSubstr("iteration 13, "));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  const std::string file = contents(folder.path() / "run.log");
  std::size_t at = 0;
  for (int i = 1; i <= 13; ++i) {  // every iteration once, in order
    at = file.find("iteration " + std::to_string(i) + ", ", at);
    EXPECT_NE(at, std::string::npos) << i;
  }
  EXPECT_EQ(std::count(file.begin(), file.end(), '\n'), 13);
}

TEST(Progress, TheLiveLineIsPaintedAtMostTenTimesASecondAndClipped) {
  Capture console;
  const TemporaryFolder folder;
  Time time;
  {
    Log log({.directory = folder.path(), .console = console.file(), .terminal = true});
    Progress progress(log, 0, time.clock());
    for (int i = 0; i < 100; ++i) {
      ProgressState s = state(static_cast<std::uint64_t>(i) + 1);
      s.phase = "match";
      progress.update(s);
      time.pass(10);
    }
    progress.iteration_done(state(101));
    progress.finish();
  }
  const std::string text = console.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 0);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 12);  // ten in the second, the last one, and erasing it
  EXPECT_EQ(text.substr(text.size() - 4), "\r\x1b[K");
  const std::size_t end = text.find("\x1b[K");
  EXPECT_EQ(end, 80U);  // a carriage return and 79 of the 80 columns
  EXPECT_THAT(contents(folder.path() / "run.log"), HasSubstr("iteration 101, "));
}

TEST(Progress, OtherRanksSayNothing) {
  Capture console;
  Log log({.rank = 1, .console = console.file(), .terminal = true});
  Progress progress(log, 1);
  progress.update(state(1));
  progress.iteration_done(state(1));
  progress.finish();
  EXPECT_EQ(console.text(), "");
}

TEST(Log, LinesAndTheLiveLineShareTheTerminal) {
  Capture console;
  Log log({.console = console.file(), .terminal = true});
  log.show_live("working");
  log.info("found {} layers", 28);
  log.hide_live();
  log.warn("slow");
  EXPECT_EQ(console.text(), "\rworking\x1b[K\r\x1b[Kfound 28 layers\nworking\r\x1b[Kwarning: slow\n");
}

TEST(Log, VerbosityIsOfTheConsoleTheFileHasAll) {
  for (const Verbosity verbosity : {Verbosity::kQuiet, Verbosity::kNormal, Verbosity::kVerbose}) {
    Capture console;
    const TemporaryFolder folder;
    Log log({.verbosity = verbosity, .directory = folder.path() / "made" / "here", .console = console.file()});
    log.debug("a detail {{}}");
    log.info("a fact");
    log.warn("a doubt");
    log.error("a fault");
    std::string expected = "warning: a doubt\nerror: a fault\n";
    if (verbosity != Verbosity::kQuiet) expected = "a fact\n" + expected;
    if (verbosity == Verbosity::kVerbose) expected = "a detail {}\n" + expected;
    EXPECT_EQ(console.text(), expected);
    const std::string file = contents(folder.path() / "made" / "here" / "run.log");  // flushed already
    for (const char* part : {"debug   a detail {}", "info    a fact", "warning a doubt", "error   a fault"}) {
      EXPECT_THAT(file, HasSubstr(part));
    }
  }
}

TEST(Log, OtherRanksOnlyWarnAndWriteNoFile) {
  Capture console;
  const TemporaryFolder folder;
  Log log({.rank = 3, .directory = folder.path() / "sub", .console = console.file(), .terminal = true});
  log.info("a fact");
  log.warn("a doubt");
  EXPECT_FALSE(log.is_live());
  EXPECT_EQ(console.text(), "rank 3: warning: a doubt\n");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "sub"));
}

TEST(Log, QuietHasNoLiveLine) {
  Capture console;
  Log log({.verbosity = Verbosity::kQuiet, .console = console.file(), .terminal = true});
  log.show_live("working");
  EXPECT_EQ(console.text(), "");
}

TEST(Log, AFolderThatCannotBeMadeOrWrittenIsTheUsersMistake) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "in the way";
  const auto message_for = [](const std::filesystem::path& directory) -> std::string {
    try {
      const Log log({.directory = directory});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      return error.message();
    }
    return "no error";
  };
  EXPECT_THAT(message_for(folder.path() / "file" / "sub"), HasSubstr("cannot make the output folder '"));
  EXPECT_THAT(message_for(folder.path() / "file"), HasSubstr("output folder '"));
  std::filesystem::create_directories(folder.path() / "blocked" / "run.log");  // run.log cannot be opened
  EXPECT_THAT(message_for(folder.path() / "blocked"), HasSubstr("cannot write to the output folder '"));
}

}  // namespace
}  // namespace tessera
