// The command line: every option's value lands where it belongs, and every mistake is answered with what was found and
// what was expected, and exit code 2.
#include "cluster/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "cluster/machine.hpp"
#include "engine/base/error.hpp"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::variant<Options, ExitRequest> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "tessera");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

Options accepted(const std::vector<const char*>& arguments) {
  const auto result = parse(arguments);
  if (const auto* request = std::get_if<ExitRequest>(&result)) {
    ADD_FAILURE() << "refused: " << request->text;
    return {};
  }
  return std::get<Options>(result);
}

// The text of an exit request with code 2.
std::string refused(const std::vector<const char*>& arguments) {
  const auto result = parse(arguments);
  const auto* request = std::get_if<ExitRequest>(&result);
  if (request == nullptr) return "accepted";
  EXPECT_EQ(request->code, 2);
  return request->text;
}

TEST(Options, DefaultsOfSearch) {
  const Options options = accepted({"search"});
  EXPECT_EQ(options.command, Command::kSearch);
  EXPECT_EQ(options.input, "mobilenet-v1");
  EXPECT_THAT(options.arrays, ElementsAre(ArraySize{64, 64}));
  EXPECT_EQ(options.scope, Scope::kLayer);
  EXPECT_THAT(options.rules, ElementsAre("blocking"));
  EXPECT_EQ(options.out, "out");
  EXPECT_EQ(options.seed, 1U);
  EXPECT_TRUE(options.verify);
  EXPECT_EQ(options.iteration_limit + options.enode_limit + options.memory_limit_bytes + options.time_limit_ms, 0U);
  EXPECT_EQ(options.threads + options.shards, 0);
  EXPECT_EQ(options.verbosity, Verbosity::kNormal);
  EXPECT_EQ(options.match_limit, 0U);
  EXPECT_TRUE(options.banned.empty() && options.pinned.empty() && options.match_limits.empty());
}

TEST(Options, Exchange) {
  EXPECT_EQ(accepted({"search"}).placement, PlacementPolicy::kNeighbour);
  EXPECT_EQ(accepted({"saturate", "math", "--placement", "hash"}).placement, PlacementPolicy::kHash);
  EXPECT_THAT(refused({"search", "--placement", "near"}),
              HasSubstr("--placement: found 'near', expected neighbour or hash"));
  EXPECT_EQ(accepted({"search"}).exchange, ExchangeWay::kAuto);
  EXPECT_EQ(accepted({"search", "--exchange", "auto"}).exchange, ExchangeWay::kAuto);
  EXPECT_EQ(accepted({"search", "--exchange", "sparse"}).exchange, ExchangeWay::kSparse);
  EXPECT_EQ(accepted({"saturate", "math", "--exchange=dense"}).exchange, ExchangeWay::kDense);
  EXPECT_THAT(refused({"search", "--exchange", "nbx"}),
              HasSubstr("--exchange: found 'nbx', expected auto, dense or sparse"));
}

TEST(Options, HelpNamesTheThresholdOfTheExchange) {
  std::istringstream help(std::get<ExitRequest>(parse({"search", "--help"})).text);
  std::string words;  // a space between any two: lines are broken anywhere
  for (std::string word; help >> word;) words += word + " ";
  EXPECT_THAT(words, HasSubstr("dense below " + std::to_string(kSparseFromRanks) + " ranks"));
}

TEST(Options, ScalingStudies) {
  EXPECT_EQ(accepted({"search"}).virtual_ranks, 0);
  EXPECT_TRUE(accepted({"saturate", "math"}).record_work.empty());
  const Options options = accepted({"saturate", "math", "--virtual-ranks", "64", "--record-work", "work.jsonl"});
  EXPECT_EQ(options.virtual_ranks, 64);
  EXPECT_EQ(options.record_work, "work.jsonl");
  EXPECT_THAT(refused({"search", "--virtual-ranks", "0"}), HasSubstr("found '0', expected a number from 1 to 512"));
  EXPECT_THAT(refused({"search", "--virtual-ranks", "513"}), HasSubstr("--virtual-ranks: found '513'"));
  EXPECT_THAT(refused({"search", "--record-work", ""}), HasSubstr("--record-work: found '', expected a file"));
}

TEST(Options, EveryOptionOfSearch) {
  const Options options = accepted({"search",
                                    "m.relay",
                                    "--array",
                                    "16x16",
                                    "--array",
                                    "32x64",
                                    "--array=16x16",
                                    "--scope",
                                    "network",
                                    "--rules",
                                    "a.rules",
                                    "--rules",
                                    "blocking",
                                    "--shards",
                                    "16",
                                    "--threads",
                                    "2",
                                    "--iterations",
                                    "30",
                                    "--enodes",
                                    "50M",
                                    "--memory-limit",
                                    "1.5GiB",
                                    "--time-limit",
                                    "1h30min",
                                    "--ban",
                                    "r1",
                                    "--ban",
                                    "r2",
                                    "--pin",
                                    "r3",
                                    "--match-limit",
                                    "10k",
                                    "--match-limit",
                                    "r4=5",
                                    "--out",
                                    "some/dir",
                                    "--seed",
                                    "18446744073709551615",
                                    "--no-verify",
                                    "-v"});
  EXPECT_EQ(options.input, "m.relay");
  EXPECT_THAT(options.arrays, ElementsAre(ArraySize{16, 16}, ArraySize{32, 64}));
  EXPECT_EQ(options.scope, Scope::kNetwork);
  EXPECT_THAT(options.rules, ElementsAre("a.rules", "blocking"));
  EXPECT_EQ(options.shards, 16);
  EXPECT_EQ(options.threads, 2);
  EXPECT_EQ(options.iteration_limit, 30U);
  EXPECT_EQ(options.enode_limit, 50'000'000U);
  EXPECT_EQ(options.memory_limit_bytes, 3ULL << 29);
  EXPECT_EQ(options.time_limit_ms, 5'400'000U);
  EXPECT_THAT(options.banned, ElementsAre("r1", "r2"));
  EXPECT_THAT(options.pinned, ElementsAre("r3"));
  EXPECT_EQ(options.match_limit, 10'000U);
  EXPECT_THAT(options.match_limits, ElementsAre(MatchLimit{"r4", 5}));
  EXPECT_EQ(options.out, "some/dir");
  EXPECT_EQ(options.seed, ~std::uint64_t{0});
  EXPECT_FALSE(options.verify);
  EXPECT_EQ(options.verbosity, Verbosity::kVerbose);
}

TEST(Options, AnOptionDoesNotSwallowTheModel) {
  const Options options = accepted({"search", "--array", "8x8", "m.relay", "--ban", "r"});
  EXPECT_EQ(options.input, "m.relay");
  EXPECT_THAT(options.arrays, ElementsAre(ArraySize{8, 8}));
}

TEST(Options, Saturate) {
  const Options options = accepted({"saturate",
                                    "math.rules",
                                    "--iterations",
                                    "11",
                                    "--print-counts",
                                    "--report",
                                    "r.json",
                                    "--threads",
                                    "1",
                                    "--shards",
                                    "4",
                                    "--ban",
                                    "a",
                                    "--pin",
                                    "b",
                                    "--match-limit",
                                    "c=7",
                                    "--enodes",
                                    "1000",
                                    "--time-limit",
                                    "90",
                                    "--memory-limit",
                                    "512MiB",
                                    "-q"});
  EXPECT_EQ(options.command, Command::kSaturate);
  EXPECT_EQ(options.input, "math.rules");
  EXPECT_EQ(options.report, "r.json");
  EXPECT_TRUE(options.print_counts);
  EXPECT_EQ(options.iteration_limit, 11U);
  EXPECT_EQ(options.time_limit_ms, 90'000U);
  EXPECT_EQ(options.memory_limit_bytes, 512ULL << 20);
  EXPECT_EQ(options.verbosity, Verbosity::kQuiet);
}

TEST(Options, AnArrayWithoutRowsIsRefused) {
  const std::string text = refused({"search", "--array", "0x64"});
  EXPECT_THAT(text, HasSubstr("tessera search: --array: found '0x64', expected ROWSxCOLS with at least one row"));
  EXPECT_THAT(text, HasSubstr("Try 'tessera search --help'."));
  for (const char* bad : {"64x0", "64", "x64", "64x", "-1x64", "64X64", "64x64x64", "64 x 64", "1e2x3", "", "65537x1",
                          "99999999999999999999x1"}) {
    EXPECT_THAT(refused({"search", "--array", bad}), HasSubstr("found '" + std::string(bad) + "'")) << bad;
  }
}

TEST(Options, BadValuesAreRefusedByName) {
  EXPECT_THAT(refused({"search", "--shards", "3"}), HasSubstr("--shards: found '3', expected a power of two"));
  EXPECT_THAT(refused({"search", "--shards", "0"}), HasSubstr("--shards: found '0'"));
  EXPECT_THAT(refused({"search", "--threads", "0"}), HasSubstr("--threads: found '0', expected a number from 1"));
  EXPECT_THAT(refused({"search", "--threads", "two"}), HasSubstr("--threads: found 'two'"));
  EXPECT_THAT(refused({"search", "--scope", "node"}), HasSubstr("--scope: found 'node', expected layer or network"));
  EXPECT_THAT(refused({"search", "--memory-limit", "8"}),
              HasSubstr("--memory-limit: found '8', expected a size with its unit"));
  EXPECT_THAT(refused({"search", "--memory-limit", "0GiB"}), HasSubstr("--memory-limit: found '0GiB'"));
  EXPECT_THAT(refused({"search", "--time-limit", "soon"}),
              HasSubstr("--time-limit: found 'soon', expected a duration"));
  EXPECT_THAT(refused({"search", "--time-limit", "0s"}), HasSubstr("--time-limit: found '0s'"));
  EXPECT_THAT(refused({"search", "--iterations", "many"}), HasSubstr("--iterations: found 'many'"));
  EXPECT_THAT(refused({"search", "--iterations", "1.5"}), HasSubstr("--iterations: found '1.5'"));
  EXPECT_THAT(refused({"search", "--enodes", "99999999999999999999"}), HasSubstr("--enodes: found"));
  EXPECT_THAT(refused({"search", "--match-limit", "0"}),
              HasSubstr("--match-limit: found '0', expected at least one match"));
  EXPECT_THAT(refused({"search", "--match-limit", "=5"}), HasSubstr("--match-limit: found '=5'"));
  EXPECT_THAT(refused({"search", "--seed", "1.5"}), HasSubstr("--seed: found '1.5'"));
  EXPECT_THAT(refused({"search", "--out", ""}), HasSubstr("--out: found ''"));
}

TEST(Options, ContradictionsAreRefused) {
  EXPECT_THAT(refused({"search", "--ban", "r", "--pin", "r"}), HasSubstr("rule 'r' is both banned and pinned"));
  EXPECT_THAT(refused({"search", "-q", "-v"}), HasSubstr("--quiet and --verbose"));
  EXPECT_THAT(refused({"search", "--seed", "1", "--seed", "2"}), HasSubstr("--seed: given 2 times, expected once"));
}

TEST(Options, WhatIsUnknownIsNamedWithWhatMayHaveBeenMeant) {
  EXPECT_THAT(refused({"search", "--aray", "8x8"}), HasSubstr("unknown option '--aray'; did you mean '--array'?"));
  EXPECT_THAT(refused({"serch"}), HasSubstr("'serch'; did you mean 'search'?"));
  EXPECT_THAT(refused({"search", "a.relay", "b.relay"}), HasSubstr("unexpected argument 'b.relay'"));
  EXPECT_THAT(refused({"saturate", "a.rules", "--array", "8x8"}), HasSubstr("unknown option '--array'"));
  EXPECT_THAT(refused({"search", "--array"}), HasSubstr("--array"));
  EXPECT_THAT(refused({"saturate"}), HasSubstr("no rules file given"));
  EXPECT_THAT(refused({}), HasSubstr("Usage: tessera"));
}

TEST(Options, HelpAndVersionExitWithZero) {
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{"--help"},
                                                    {"search", "--help"},
                                                    {"saturate", "-h"},
                                                    {"search", "--array", "8x8", "--help"}}) {
    const auto result = parse(arguments);
    const auto& request = std::get<ExitRequest>(result);
    EXPECT_EQ(request.code, 0);
    EXPECT_THAT(request.text, HasSubstr("Usage: tessera"));
    EXPECT_THAT(request.text, HasSubstr("Examples:"));
    EXPECT_THAT(request.text, HasSubstr("  2  bad input or options\n"));
    std::size_t longest = 0;
    for (std::size_t at = 0; at < request.text.size();) {
      const std::size_t end = std::min(request.text.find('\n', at), request.text.size());
      longest = std::max(longest, end - at);
      at = end + 1;
    }
    EXPECT_LE(longest, 120U);
  }
  const auto version = parse({"--version"});
  EXPECT_EQ(std::get<ExitRequest>(version).code, 0);
  EXPECT_EQ(std::get<ExitRequest>(version).text.rfind("tessera ", 0), 0U);
}

TEST(Notation, Sizes) {
  EXPECT_EQ(parse_size("8GiB"), 8ULL << 30);
  EXPECT_EQ(parse_size("8G"), 8ULL << 30);
  EXPECT_EQ(parse_size("8GB"), 8'000'000'000ULL);
  EXPECT_EQ(parse_size("1.5KiB"), 1536U);
  EXPECT_EQ(parse_size("100B"), 100U);
  for (const char* bad :
       {"", "GiB", "8 GiB", "-8GiB", "8gib", "8GiBs", "1e3GiB", "1..5GiB", "99999999TiB", "nanGiB", "0B"}) {
    EXPECT_THROW(static_cast<void>(parse_size(bad)), Error) << bad;
  }
}

TEST(Notation, Durations) {
  EXPECT_EQ(parse_duration_ms("90s"), 90'000U);
  EXPECT_EQ(parse_duration_ms("10min"), 600'000U);
  EXPECT_EQ(parse_duration_ms("2h"), 7'200'000U);
  EXPECT_EQ(parse_duration_ms("1h30min"), 5'400'000U);
  EXPECT_EQ(parse_duration_ms("1m30s"), 90'000U);
  EXPECT_EQ(parse_duration_ms("500ms"), 500U);
  EXPECT_EQ(parse_duration_ms("0.5"), 500U);
  for (const char* bad : {"", "s", "-1s", "1 h", "30min1h", "1h30", "1hour", "5s5s", "inf", "1e9s"}) {
    EXPECT_THROW(static_cast<void>(parse_duration_ms(bad)), Error) << bad;
  }
}

TEST(Notation, Counts) {
  EXPECT_EQ(parse_count("0"), 0U);
  EXPECT_EQ(parse_count("250000"), 250'000U);
  EXPECT_EQ(parse_count("250k"), 250'000U);
  EXPECT_EQ(parse_count("2G"), 2'000'000'000U);
  for (const char* bad : {"", "k", "-1", "1.5", "1kk", "10 M", "99999999999G"}) {
    EXPECT_THROW(static_cast<void>(parse_count(bad)), Error) << bad;
  }
}

TEST(Machine, IsSharedByItsRanks) {
  const Machine machine{.hardware_threads = 16, .memory_bytes = 1000, .local_ranks = 4};
  const Resources share = share_of(machine, {});
  EXPECT_EQ(share.threads, 4);
  EXPECT_EQ(share.shards, 4);
  EXPECT_EQ(share.memory_limit_bytes, 225U);
  EXPECT_EQ(share_of({.hardware_threads = 2, .memory_bytes = 0, .local_ranks = 4}, {}).threads, 1);
  EXPECT_EQ(share_of({.hardware_threads = 2, .memory_bytes = 0, .local_ranks = 2}, {}).shards, 1);
  EXPECT_EQ(share_of({.hardware_threads = 6, .memory_bytes = 0, .local_ranks = 1}, {}).shards, 16);
  EXPECT_EQ(share_of({.hardware_threads = 1000, .memory_bytes = 0, .local_ranks = 1}, {}).shards, 256);
}

TEST(Machine, OptionsComeFirst) {
  Options options;
  options.threads = 3;
  options.shards = 64;
  options.memory_limit_bytes = 77;
  const Resources share = share_of({.hardware_threads = 16, .memory_bytes = 1000, .local_ranks = 4}, options);
  EXPECT_EQ(share.threads, 3);
  EXPECT_EQ(share.shards, 64);
  EXPECT_EQ(share.memory_limit_bytes, 77U);
}

TEST(Machine, ThisOneIsKnown) {
  const Machine machine = this_machine(1);
  EXPECT_GE(machine.hardware_threads, 1);
  EXPECT_GT(machine.memory_bytes, 1U << 20);
  EXPECT_EQ(this_machine(0).local_ranks, 1);
}

TEST(Options, StallLimit) {
  EXPECT_EQ(accepted({"search"}).stall_limit_ms, 20'000U);
  EXPECT_EQ(accepted({"saturate", "math", "--stall-limit", "2min"}).stall_limit_ms, 120'000U);
  EXPECT_EQ(accepted({"search", "--stall-limit", "0"}).stall_limit_ms, 0U);
  EXPECT_THAT(refused({"search", "--stall-limit", "soon"}), HasSubstr("--stall-limit"));
}

TEST(Options, Snapshots) {
  const Options options =
      accepted({"search", "--snapshot", "kept", "--every", "90s", "--every-iterations", "5", "--keep", "7"});
  EXPECT_EQ(options.snapshot, "kept");
  EXPECT_EQ(options.every_ms, 90'000U);
  EXPECT_EQ(options.every_iterations, 5U);
  EXPECT_EQ(options.keep, 7U);
  EXPECT_EQ(accepted({"search", "--snapshot", "kept"}).every_ms, 600'000U);
  EXPECT_EQ(accepted({"search", "--snapshot", "kept", "--every-iterations", "1"}).every_ms, 0U);
  EXPECT_THAT(refused({"search", "--keep", "2"}), HasSubstr("expected --snapshot"));
  EXPECT_THAT(refused({"search", "--snapshot", "s", "--accept-changes"}), HasSubstr("unknown option"));
  EXPECT_THAT(refused({"snapshot", "verify"}), HasSubstr("no snapshot given"));
  EXPECT_EQ(accepted({"snapshot", "verify", "a.h5"}).input, "a.h5");
}

TEST(Options, LookingAtSnapshots) {
  const Options diff = accepted({"snapshot", "diff", "a.h5", "b.h5", "--by", "term"});
  EXPECT_EQ(diff.action, "diff");
  EXPECT_EQ(diff.input, "a.h5");
  EXPECT_EQ(diff.other, "b.h5");
  EXPECT_EQ(diff.compare_by, "term");
  EXPECT_EQ(accepted({"snapshot", "export", "a.h5", "-o", "a.json", "--format", "json"}).out, "a.json");
  EXPECT_EQ(accepted({"snapshot", "export", "a.h5"}).out, "");
  EXPECT_THAT(refused({"snapshot", "diff", "a.h5"}), HasSubstr("found 1 files, expected two snapshots"));
  EXPECT_THAT(refused({"snapshot", "export", "a.h5", "b.h5"}), HasSubstr("found 2 files, expected one snapshot"));
  EXPECT_THAT(refused({"snapshot", "export", "a.h5", "--format", "xml"}), HasSubstr("expected --format json"));
  EXPECT_THAT(refused({"snapshot", "diff", "a.h5", "b.h5", "--by", "luck"}), HasSubstr("--by name or --by term"));
  EXPECT_THAT(refused({"snapshot", "verify", "a.h5", "--by", "term"}), HasSubstr("with diff only"));
  EXPECT_THAT(refused({"snapshot", "inspect", "a.h5", "-o", "x"}), HasSubstr("with export only"));
  EXPECT_THAT(refused({"snapshot", "burn", "a.h5"}), HasSubstr("inspect, verify, diff or export"));
}

TEST(Options, RulesOfAnEgraph) {
  EXPECT_THAT(accepted({"saturate", "e.json", "--rules", "math", "--rules", "r.rules"}).rules,
              ElementsAre("math", "r.rules"));
  EXPECT_TRUE(accepted({"saturate", "e.json"}).rules.empty());
  EXPECT_THAT(accepted({"search"}).rules, ElementsAre("blocking"));
}

TEST(Options, ResumingTakesTheOldOptionsAndTheNewOnesOverThem) {
  const Options first = accepted({"search", "m.relay", "--array", "8x8", "--array", "16x16", "--threads", "3", "-q",
                                  "--snapshot", "kept", "--keep", "7", "--virtual-ranks", "4", "--ban", "r"});
  EXPECT_THAT(first.arguments,
              ElementsAre("search", "m.relay", "--array=8x8", "--array=16x16", "--ban=r", "--threads=3",
                          "--virtual-ranks=4", "--snapshot=kept", "--keep=7", "--quiet"));
  const Options same = resumed_options(accepted({"resume", "elsewhere/x.h5"}), first.arguments);
  EXPECT_EQ(same.command, Command::kSearch);
  EXPECT_EQ(same.input, "m.relay");
  EXPECT_EQ(same.arrays, first.arrays);
  EXPECT_EQ(same.threads, 3);
  EXPECT_EQ(same.keep, 7U);
  EXPECT_EQ(same.virtual_ranks, 0);
  EXPECT_EQ(same.snapshot, "elsewhere");
  EXPECT_EQ(same.resume, "elsewhere/x.h5");
  EXPECT_EQ(same.verbosity, Verbosity::kQuiet);
  const Options changed = resumed_options(
      accepted({"resume", "elsewhere/x.h5", "--array", "4x4", "--threads", "1", "-v", "--accept-changes"}),
      first.arguments);
  EXPECT_THAT(changed.arrays, ElementsAre(ArraySize{4, 4}));
  EXPECT_EQ(changed.threads, 1);
  EXPECT_EQ(changed.verbosity, Verbosity::kVerbose);
  EXPECT_TRUE(changed.accept_changes);
  EXPECT_THAT(changed.banned, ElementsAre("r"));
  try {
    (void)resumed_options(accepted({"resume", "kept", "--print-counts"}), first.arguments);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--print-counts"));
  }
}

}  // namespace
}  // namespace tessera
