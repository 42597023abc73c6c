// Snapshots are the same file for the same search, read on any number of ranks, and nothing that is not one is taken
// for one.
#include "io/snapshot.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <random>

#include "engine/base/error.hpp"
#include "tests/io/snapshot_support.hpp"

namespace tessera {
namespace {

constexpr int kBefore = 4;
constexpr int kAfter = 3;

std::string uninterrupted_digest() {
  std::string result;
  LocalWorld(1).run([&](Exchange& exchange) {
    MathSearch math(exchange);
    math.search.start(math.rules.start);
    for (int i = 0; i < kBefore + kAfter; ++i) math.search.iterate();
    result = digest(math.search.partition());
  });
  return result;
}

std::string resumed_digest(const std::string& path, int ranks, std::uint32_t shards) {
  std::string result;
  LocalWorld(ranks).run([&](Exchange& exchange) {
    MathSearch math(exchange, shards);
    Snapshot snapshot = read_snapshot(path, exchange);
    EXPECT_EQ(snapshot.origin.arguments, test_origin().arguments);
    EXPECT_EQ(snapshot.origin.rules_digest, "4567");
    EXPECT_EQ(snapshot.state.iteration, static_cast<std::uint32_t>(kBefore));
    EXPECT_EQ(import_state(math.search, std::move(snapshot.state)).size(), 1U);
    for (int i = 0; i < kAfter; ++i) math.search.iterate();
    EXPECT_TRUE(math.search.invariants_hold());
    const std::string mine = digest(math.search.partition());
    if (exchange.rank() == 0) result = mine;
  });
  return result;
}

// What a file is refused with.
std::string refusal(const std::string& path, int ranks = 1) {
  try {
    LocalWorld(ranks).run([&](Exchange& exchange) { static_cast<void>(read_snapshot(path, exchange)); });
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  return "";
}

TEST(Snapshot, ReadsBackOnAnyNumberOfRanks) {
  const TemporaryFolder folder;
  const std::string expected = uninterrupted_digest();
  for (const int from : {1, 2, 3, 4, 8}) {
    const std::string path = folder.file("from" + std::to_string(from) + ".h5");
    save_math(path, from, kBefore, from == 3 ? 4 : 1);
    for (const int to : {1, 2, 3, 4, 8})
      EXPECT_EQ(resumed_digest(path, to, to == 2 ? 4 : 1), expected) << from << " ranks, then " << to;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    EXPECT_EQ(entry.path().extension(), ".h5") << entry.path();
}

void widen_columns(GraphShare& share, unsigned width) {
  for (NarrowColumn* column : {&share.class_name, &share.class_value, &share.class_data_stamp, &share.value_begin,
                               &share.row_symbol, &share.row_class, &share.row_stamp, &share.child})
    column->widen(width);
}

// Columns may be wider than they need be, as those of larger e-graphs are; all ranks' have the widest's width.
TEST(Snapshot, EveryWidthOfColumnsReadsBack) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  const std::string expected = uninterrupted_digest();
  std::uint64_t bytes_before = 0;
  for (const unsigned width : {1U, 2U, 4U, 8U}) {
    for (const int ranks : {1, 3}) {
      LocalWorld(ranks).run([&](Exchange& exchange) {
        MathSearch math(exchange);
        const std::vector<NamedClass> classes = math.search.start(math.rules.start);
        for (int i = 0; i < kBefore; ++i) math.search.iterate();
        SearchState state = export_state(math.search, std::span(classes).first(1));
        EXPECT_EQ(state.share.row_stamp.width(), 1U);
        EXPECT_EQ(state.share.child.width(), 1U) << "there are 197 e-classes";
        if (exchange.rank() == ranks - 1) widen_columns(state.share, width);
        write_snapshot(path, test_origin(), std::move(state), exchange);
      });
      for (const int to : {1, 2}) EXPECT_EQ(resumed_digest(path, to, 1), expected) << width << " bytes, " << ranks;
    }
    const std::uint64_t bytes = std::filesystem::file_size(path);
    EXPECT_GT(bytes, bytes_before);
    bytes_before = bytes;
    SoloExchange exchange;
    EXPECT_EQ(read_snapshot(path, exchange).state.share.child.width(), width);
  }
}

TEST(Snapshot, ChildrenThatDoNotAddUpAreRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 2, kBefore);
  SoloExchange exchange;
  Snapshot snapshot = read_snapshot(path, exchange);
  snapshot.state.share.child.push_back(0);
  ++snapshot.state.share.sizes.children;
  own_everything(snapshot.state.share);
  write_snapshot(path, snapshot.origin, snapshot.state, exchange);
  for (const int ranks : {1, 3})
    EXPECT_NE(refusal(path, ranks).find("dataset /rows/child is not as expected: found "), std::string::npos)
        << refusal(path, ranks);
}

TEST(Snapshot, MoreRanksThanENodes) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 1, 0);
  EXPECT_EQ(refusal(path, 60), "");
}

TEST(Snapshot, TextsReadBack) {
  SymbolTable symbols;
  const std::vector<Value> attributes = {
      Value::integer(-7),
      Value::name(Name("wei\"ght.\xc3\xa9")),
      Value::literal(0.1),
      Value::shape(std::vector<std::int64_t>{1, 2}),
      Value::list(std::vector<std::int64_t>{}),
      Value::access_shape(std::vector<std::int64_t>{3}, std::vector<std::int64_t>{4, 5})};
  const Symbol symbol = symbols[symbols.intern(Name("odd \\ name"), attributes, 3)];
  const std::vector<Symbol> back = parse_symbols(symbols_text({symbol, symbol}), "file");
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[1].hash(), symbol.hash());
  EXPECT_EQ(back[1].attributes, symbol.attributes);
  EXPECT_THROW(static_cast<void>(parse_symbols("{\"operator\":\"f\"}\n", "file")), Error);
  EXPECT_THROW(static_cast<void>(parse_symbols("nonsense\n", "file")), Error);
  for (const std::string attribute : {"{}", "[]", "3", "{\"int\":1,\"name\":\"a\"}", "{\"odd\":1}"})
    EXPECT_THROW(static_cast<void>(
                     parse_symbols("{\"operator\":\"f\",\"arity\":0,\"attributes\":[" + attribute + "]}\n", "file")),
                 Error)
        << attribute;
}

TEST(Snapshot, SummaryHasTheWholeHistory) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 2, kBefore);
  const Snapshot snapshot = read_snapshot_summary(path);
  ASSERT_EQ(snapshot.state.iterations.size(), static_cast<std::size_t>(kBefore));
  EXPECT_EQ(snapshot.state.iterations.back().enodes, snapshot.state.share.sizes.rows);
  EXPECT_EQ(snapshot.state.iterations.back().eclasses, snapshot.state.share.sizes.classes);
  EXPECT_FALSE(snapshot.state.rules.empty());
}

TEST(Snapshot, ForeignFilesAreRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  EXPECT_NE(refusal(path).find("cannot be read"), std::string::npos);
  write_bytes(path, "");
  EXPECT_NE(refusal(path).find("empty file"), std::string::npos);
  write_bytes(path, std::string(20000, 'x'));
  EXPECT_NE(refusal(path).find("another kind"), std::string::npos);
  write_bytes(path, "\x89HDF\r\n\x1a\n" + std::string(20000, '\0'));
  EXPECT_NE(refusal(path).find("another kind"), std::string::npos);
  EXPECT_NE(refusal(folder.path().string()).find("not a file"), std::string::npos);
}

TEST(Snapshot, OtherVersionsAreRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 1, 1);
  const std::string good = bytes_of(path);
  SnapshotSeal seal = parse_seal(good.substr(0, kSealBytes), path);
  for (const auto& [version, word] : {std::pair{kSnapshotFormatVersion + 1, "newer"}, std::pair{1, "older"}}) {
    seal.version = version;
    write_bytes(path, seal_text(seal) + good.substr(kSealBytes));
    EXPECT_NE(refusal(path).find(word), std::string::npos) << refusal(path);
    EXPECT_NE(refusal(path).find(path), std::string::npos);
  }
  // One whose seal is of a kind that is not known here.
  std::string other = good;
  other.replace(other.find("format 2"), 8, "format 7");
  write_bytes(path, other);
  EXPECT_NE(refusal(path).find("found a snapshot of format 7, expected format 2"), std::string::npos) << refusal(path);
}

// What is wrong is named: file and dataset.
TEST(Snapshot, DamageIsNamed) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 2, kBefore);
  const std::string good = bytes_of(path);
  for (const SealedDataset& dataset : parse_seal(good.substr(0, kSealBytes), path).datasets) {
    if (dataset.bytes == 0) continue;
    std::string bad = good;
    bad[dataset.offset + dataset.bytes / 2] ^= 4;
    write_bytes(path, bad);
    for (const int ranks : {1, 3}) {
      EXPECT_NE(refusal(path, ranks).find(dataset.name), std::string::npos) << refusal(path, ranks);
      EXPECT_NE(refusal(path, ranks).find(path), std::string::npos);
    }
  }
}

bool thorough() { return std::getenv("TESSERA_THOROUGH") != nullptr; }

// A file cut off at every 4 KiB, bits flipped anywhere: all of it with TESSERA_THOROUGH=1, else a part.
TEST(Snapshot, EveryCutIsDetected) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 2, kBefore + 3);
  const std::string good = bytes_of(path);
  EXPECT_EQ(refusal(path), "");
  const std::size_t step = 1;
  int cuts = 0;
  for (std::size_t size = 0; size < good.size(); size += 4096 * step, ++cuts) {
    write_bytes(path, good.substr(0, size));
    EXPECT_NE(refusal(path).find(path), std::string::npos) << size;
  }
  write_bytes(path, good + "x");
  EXPECT_NE(refusal(path).find("too long"), std::string::npos);
  write_bytes(path, good.substr(0, good.size() - 1));
  EXPECT_NE(refusal(path).find("cut off"), std::string::npos);
  EXPECT_GT(cuts, 10);
}

TEST(Snapshot, EveryFlippedBitIsDetected) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 2, kBefore);
  const std::string good = bytes_of(path);
  std::string bad = good;
  const auto flip = [&](std::size_t at, int bit) {
    bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
    write_bytes(path, bad);
    EXPECT_NE(refusal(path).find(path), std::string::npos) << "byte " << at << " bit " << bit;
    bad[at] = good[at];
  };
  std::mt19937_64 random(20);
  const int places = thorough() ? 2000 : 300;
  for (int i = 0; i < places; ++i) flip(random() % good.size(), static_cast<int>(random() % 8));
  // The seal and HDF5's own header behind it.
  for (std::size_t at = 0; at < kSealBytes + 1024; at += thorough() ? 1 : 5) flip(at, static_cast<int>(random() % 8));
  write_bytes(path, good);
  EXPECT_EQ(refusal(path), "");
}

TEST(Snapshot, AFolderThatIsNotThereIsSaid) {
  const TemporaryFolder folder;
  try {
    save_math(folder.file("nowhere/s.h5"), 2, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResource);
    EXPECT_NE(std::string(error.what()).find("nowhere"), std::string::npos) << error.what();
  }
}

// A file size limit stands for a full disk and a quota: the write fails half way.
TEST(Snapshot, AFullDiskLeavesWhatWasThere) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 2, 1);
  const std::string before = bytes_of(path);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const rlim_t bytes : {0, 4096, 8192 + 3000, 50000}) {
    const rlimit limited{bytes, old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
    std::string failure;
    try {
      save_math(path, 2, kBefore + 1);
    } catch (const Error& error) {
      failure = error.what();
    }
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    EXPECT_NE(failure.find(path), std::string::npos) << bytes << ": " << failure;
    EXPECT_EQ(bytes_of(path), before);
    EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  }
  std::signal(SIGXFSZ, old_handler);
  save_math(path, 2, 2);
  EXPECT_EQ(refusal(path), "");
}

}  // namespace
}  // namespace tessera
