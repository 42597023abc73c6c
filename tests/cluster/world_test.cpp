// The options that choose and record the ranks of a run, tried on the program itself.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace tessera {
namespace {

struct Outcome {
  int code = -1;
  std::string output;
};

Outcome run(const std::string& command) {
  Outcome outcome;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) outcome.output.push_back(static_cast<char>(c));
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

const std::string kProgram = TESSERA_PROGRAM;
const std::string kMpiexec = TESSERA_MPIEXEC;

// The digest in a line of results.
std::string digest_in(const std::string& output) {
  const std::size_t at = output.find("digest ");
  return at == std::string::npos ? "none in: " + output : output.substr(at + 7, 32);
}

class World : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tessera-world-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(World, VirtualRanksFindTheSame) {
  const std::string saturate = kProgram + " saturate assoc10 --iterations 6 -q";
  const Outcome alone = run(saturate);
  const Outcome divided = run(saturate + " --virtual-ranks 5");
  EXPECT_EQ(alone.code, 0) << alone.output;
  EXPECT_EQ(divided.code, 0) << divided.output;
  EXPECT_EQ(digest_in(divided.output), digest_in(alone.output));
}

TEST_F(World, RecordsVirtualAndRealRanksAlike) {
  const std::string saturate = kProgram + " saturate math --iterations 5 -q --threads 1 --record-work ";
  const std::string in_process = (folder_ / "virtual.jsonl").string();
  const std::string real = (folder_ / "real.jsonl").string();
  const Outcome a = run(saturate + in_process + " --virtual-ranks 3");
  const Outcome b = run(kMpiexec + " -np 3 " + saturate + real);
  ASSERT_EQ(a.code, 0) << a.output;
  ASSERT_EQ(b.code, 0) << b.output;
  std::ifstream files[2] = {std::ifstream(in_process), std::ifstream(real)};
  std::string lines[2];
  std::size_t steps = 0;
  ASSERT_TRUE(std::getline(files[0], lines[0]) && std::getline(files[1], lines[1]));
  EXPECT_NE(lines[0].find(R"("ranks":3,)"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find(R"("virtual":"true")"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find(R"("virtual":"false")"), std::string::npos) << lines[1];
  // But for the times, which stand between "work_ns" and "work", line is equal to line.
  while (std::getline(files[0], lines[0]) && std::getline(files[1], lines[1])) {
    for (std::string& line : lines)
      line.erase(line.find("\"work_ns\""), line.find("\"work\":") - line.find("\"work_ns\""));
    EXPECT_EQ(lines[0], lines[1]);
    ++steps;
  }
  EXPECT_GT(steps, 100U);
}

TEST_F(World, RefusesVirtualRanksUnderMpirun) {
  const Outcome outcome = run(kMpiexec + " -np 2 " + kProgram + " saturate assoc10 --virtual-ranks 2");
  EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_NE(outcome.output.find("--virtual-ranks: found 2 ranks started by mpirun, expected one process"),
            std::string::npos)
      << outcome.output;
}

TEST_F(World, RefusesARecordThatCannotBeWrittenBeforeItRuns) {
  const Outcome outcome = run(kProgram + " saturate assoc10 --record-work " + (folder_ / "no" / "such").string());
  EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_NE(outcome.output.find("--record-work: "), std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("stopped:"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace tessera
