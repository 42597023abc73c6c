// report.json: its keys and values, what the deterministic view leaves out, the table, and atomic writing.
#include "io/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "io/atomic_file.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Report sample() {
  Report report;
  report.model = "mobilenet-v1";
  report.stop_reason = "saturated";
  report.saturated = true;
  report.digest = "00ff";
  report.options = {{"array", "64x64"}, {"threads", "2"}, {"seed", "1"}, {"out", "out"}};
  report.versions = {{"tessera", "0.1.0"}};
  LayerReport done;
  done.name = "conv1";
  done.kind = "conv2d";
  done.m = 12544;
  done.k = 27;
  done.n = 32;
  done.tensorized = true;
  done.array = "64x64";
  done.stationary = "weights";
  done.calls = done.calls_bound = 1;
  done.cycles = done.cycles_bound = 12734;
  done.utilization = 0.2078;
  done.max_abs_err = 1.5e-6;
  LayerReport open = done;
  open.name = "conv2";
  open.tensorized = false;
  open.max_abs_err.reset();
  report.layers = {done, open};
  IterationReport iteration;
  iteration.iteration = 1;
  iteration.enodes = 100;
  iteration.eclasses = 60;
  iteration.rules = {{"flatten", 7, 3}};
  iteration.phases = {{"match", 0.25, 2}};
  report.iterations = {iteration};
  report.rules = {{"flatten", 0.5, 7, 7, 0}};
  report.ranks = {{0, 1 << 20, 100, 10, 20, 1, 2, 5, 0.75}};
  report.phases = {{"match", 0.25, 2}, {"extract", 0.5, 9}};
  report.search_seconds = 0.02;
  report.unattributed_seconds = 0.01;
  report.total_seconds = 0.76;
  return report;
}

std::vector<std::string> keys(const nlohmann::ordered_json& object) {
  std::vector<std::string> out;
  for (const auto& [key, value] : object.items()) out.push_back(key);
  return out;
}

TEST(Report, HasEveryKeyInItsPlace) {
  const auto json = nlohmann::ordered_json::parse(report_json(sample()));
  EXPECT_THAT(keys(json), ElementsAre("format_version", "model", "stop_reason", "saturated", "digest", "program_digest",
                                      "options", "versions", "layers", "totals", "verification", "iterations", "rules",
                                      "ranks", "phases", "search_seconds", "unattributed_seconds", "total_seconds"));
  EXPECT_THAT(keys(json["layers"][0]),
              ElementsAre("name", "kind", "m", "k", "n", "groups", "tensorized", "array", "stationary", "calls",
                          "calls_bound", "cycles", "cycles_bound", "utilization", "max_abs_err"));
  EXPECT_THAT(keys(json["totals"]),
              ElementsAre("layers", "tensorized", "calls", "calls_bound", "cycles", "cycles_bound"));
  EXPECT_THAT(keys(json["iterations"][0]), ElementsAre("iteration", "enodes", "eclasses", "rules", "phases"));
  EXPECT_THAT(keys(json["rules"][0]), ElementsAre("name", "seconds", "matches", "applications", "times_put_aside"));
  EXPECT_THAT(keys(json["ranks"][0]), ElementsAre("rank", "peak_memory_bytes", "enodes", "bytes_sent", "bytes_received",
                                                  "messages_sent", "messages_received", "exchanges", "busy_seconds"));
}

TEST(Report, HoldsTheValues) {
  const auto json = nlohmann::json::parse(report_json(sample()));
  EXPECT_EQ(json["format_version"], kReportFormatVersion);
  EXPECT_EQ(json["saturated"], true);
  EXPECT_EQ(json["layers"][0]["m"], 12544);
  EXPECT_EQ(json["layers"][0]["max_abs_err"], 1.5e-6);
  EXPECT_TRUE(json["layers"][1]["cycles"].is_null());
  EXPECT_TRUE(json["layers"][1]["array"].is_null());
  EXPECT_EQ(json["layers"][1]["cycles_bound"], 12734);
  EXPECT_EQ(json["totals"]["layers"], 2);
  EXPECT_EQ(json["totals"]["tensorized"], 1);
  EXPECT_EQ(json["totals"]["cycles"], 12734);
  EXPECT_EQ(json["totals"]["cycles_bound"], 2 * 12734);
  EXPECT_EQ(json["iterations"][0]["rules"][0]["unions"], 3);
  EXPECT_EQ(json["ranks"][0]["peak_memory_bytes"], 1 << 20);
  EXPECT_EQ(json["options"]["threads"], "2");
}

TEST(Report, NeverWritesNanOrInfinity) {
  Report report = sample();
  report.layers[0].utilization = std::nan("");
  report.layers[0].max_abs_err = std::numeric_limits<double>::infinity();
  report.total_seconds = -std::numeric_limits<double>::infinity();
  const std::string text = report_json(report);
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  EXPECT_THAT(text, Not(HasSubstr("inf")));
  const auto json = nlohmann::json::parse(text);
  EXPECT_TRUE(json["layers"][0]["utilization"].is_null());
  EXPECT_TRUE(json["layers"][0]["max_abs_err"].is_null());
  EXPECT_TRUE(json["total_seconds"].is_null());
}

TEST(Report, NamesThatAreNoUtf8AreStillWritten) {
  Report report = sample();
  report.layers[0].name = "bad\xff";
  EXPECT_EQ(nlohmann::json::parse(report_json(report))["layers"][0]["name"], "bad\xef\xbf\xbd");
}

TEST(Report, DeterministicViewIgnoresHowTheWorkWasDivided) {
  const Report a = sample();
  Report b = sample();
  b.options["threads"] = "1";
  b.options["ranks"] = "8";
  b.options["shards"] = "16";
  b.options["out"] = "elsewhere";
  b.versions["tessera"] = "9";
  b.layers[0].max_abs_err = 2e-6;
  b.iterations[0].phases[0] = {"match", 9.0, 77};
  b.rules[0].seconds = 9;
  b.ranks.push_back(b.ranks[0]);
  b.phases.clear();
  b.total_seconds = b.unattributed_seconds = 100;
  b.verification.status = "passed";
  EXPECT_NE(report_json(a), report_json(b));
  EXPECT_EQ(deterministic_json(a), deterministic_json(b));
}

TEST(Report, DeterministicViewSeesWhatWasFound) {
  const std::string same = deterministic_json(sample());
  const auto differs = [&](auto change) {
    Report report = sample();
    change(report);
    return deterministic_json(report) != same;
  };
  EXPECT_TRUE(differs([](Report& r) { r.digest = "01"; }));
  EXPECT_TRUE(differs([](Report& r) { r.iterations[0].enodes = 101; }));
  EXPECT_TRUE(differs([](Report& r) { r.iterations[0].rules[0].matches = 8; }));
  EXPECT_TRUE(differs([](Report& r) { r.layers[0].calls = 2; }));
  EXPECT_TRUE(differs([](Report& r) { r.rules[0].times_put_aside = 1; }));
  EXPECT_TRUE(differs([](Report& r) { r.options["seed"] = "2"; }));
  EXPECT_TRUE(differs([](Report& r) { r.stop_reason = "iterations"; }));
}

TEST(LayerTable, AlignsColumnsAndTotals) {
  Report report = sample();
  report.layers[0].name = "a-layer-with-a-rather-long-name-\xc3\xa9";
  const std::string table = layer_table(report);
  std::istringstream lines(table);
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  ASSERT_EQ(all.size(), 6U);  // head, rule, two layers, rule, totals
  EXPECT_THAT(all[0], HasSubstr("cycles"));
  // Numbers end where their heads end; the accented letter is two bytes and one column.
  const std::size_t end = all[0].find("cycles") + 6;
  EXPECT_EQ(all[2].substr(end + 1 - 6, 6), "12,734");
  EXPECT_EQ(all[5].substr(end - 6, 6), "12,734");
  EXPECT_THAT(all[2], HasSubstr("20.8%"));
  EXPECT_THAT(all[2], HasSubstr("1.5e-06"));
  EXPECT_THAT(all[3], HasSubstr(" - "));
  EXPECT_THAT(all[5], HasSubstr("total: 1 of 2 on arrays"));
  EXPECT_THAT(all[5], HasSubstr("25,468"));
}

TEST(LayerTable, EmptyReport) { EXPECT_THAT(layer_table(Report{}), HasSubstr("total: 0 of 0 on arrays")); }

class AtomicFile : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("tessera_report_test_" + std::to_string(::getpid()));
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  fs::path directory_;
};

TEST_F(AtomicFile, WritesReplacesAndLeavesNothingElse) {
  const std::string path = directory_ / "report.json";
  write_report(sample(), path);
  EXPECT_EQ(read_file(path), report_json(sample()));
  write_file_atomically(path, "short");
  EXPECT_EQ(read_file(path), "short");
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFile, RefusedWritesSayWhyAndLeaveTheOldFile) {
  try {
    write_file_atomically(directory_ / "no" / "such" / "x", "text");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResource);
    EXPECT_THAT(error.what(), HasSubstr("No such file or directory"));
  }
  // A directory in the way: the rename fails, the temporary file goes.
  fs::create_directories(directory_ / "folder" / "inner");
  EXPECT_THROW(write_file_atomically(directory_ / "folder", "text"), Error);
  EXPECT_EQ(files(), 1U);
}

TEST_F(AtomicFile, ReadingWhatIsNotThere) {
  try {
    (void)read_file(directory_ / "missing.relay");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr("missing.relay"));
  }
  EXPECT_THROW((void)read_file(directory_), Error);
}

}  // namespace
}  // namespace tessera
