// A work record's text: what io/WORK_RECORD_FORMAT.md says, line by line.
#include "io/work_record_writer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

using Json = nlohmann::json;

WorkRecord sample() {
  WorkRecord record;
  record.ranks = 2;
  record.steps = {{1, "match", "partials", StepCall::kAllToAll},
                  {1, "match", "matches", StepCall::kReduce},
                  {1, "match", "", StepCall::kNone}};
  StepWork a;
  a.work_seconds = 1.5e-6;
  a.wall_seconds = 2e-6;
  a.call_seconds = 1e-9;
  a.work[static_cast<std::size_t>(Work::kVisited)] = 7;
  a.bytes = {0, 24};
  StepWork b;
  b.bytes = {8, 16};
  StepWork c;
  c.bytes = {192};
  record.work = {{a, b}, {c, c}, {StepWork{}, StepWork{}}};
  return record;
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

TEST(WorkRecordWriter, WritesALineAStep) {
  const std::vector<Json> lines = lines_of(work_record_text(sample(), {{"command", "saturate"}}));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], (Json{{"tessera_work_record", 1}, {"ranks", 2}, {"command", "saturate"}}));
  EXPECT_EQ(lines[1], Json::parse(R"({"iteration":1,"phase":"match","step":"partials","call":"alltoall",
    "work_ns":[1500,0],"wall_ns":[2000,0],"call_ns":[1,0],"work":{"visited":[7,0]},"bytes":[[0,24],[8,16]]})"));
  EXPECT_EQ(lines[2]["bytes"], (Json{192, 192}));
  EXPECT_EQ(lines[3]["call"], "none");
  EXPECT_FALSE(lines[3].contains("bytes"));
  EXPECT_EQ(lines[3]["work"], Json::object());
}

TEST(WorkRecordWriter, TextThatIsNoUtf8IsReplaced) {
  const std::vector<Json> lines = lines_of(work_record_text(sample(), {{"input", "\xff.rules"}}));
  EXPECT_EQ(lines[0]["input"], "\xEF\xBF\xBD.rules");
}

TEST(WorkRecordWriter, RefusesAFolderThatDoesNotExist) {
  try {
    write_work_record(sample(), {}, "/nowhere/at/all/record.jsonl");
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResource);
    EXPECT_NE(error.message().find("/nowhere/at/all/record.jsonl"), std::string::npos) << error.message();
  }
}

}  // namespace
}  // namespace tessera
