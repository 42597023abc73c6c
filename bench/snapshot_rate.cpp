// How fast a snapshot gets to disk: snapshot_rate FOLDER [MIB [ROUNDS]] prints, as one line of JSON, the seconds of
// each round in which (a) all ranks write a snapshot of so many MiB (default 256) with all that belongs to one, and
// (b) rank 0 alone writes the same columns with plain HDF5 and flushes the file; in turn, after a round that warms up.
// `cached_s` are those of (b) before the flush. A program of its own for the reason given in idle_superstep.cpp.
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include "bench/graphs.hpp"
#include "cluster/mpi_session.hpp"
#include "engine/base/error.hpp"
#include "io/hdf5_file.hpp"
#include "io/snapshot_columns.hpp"
#include "io/snapshot_write.hpp"

namespace tessera::bench {
namespace {

using hdf5::check;
using hdf5::Handle;

constexpr const char* kUsage =
    "usage: snapshot_rate FOLDER [MIB [ROUNDS]]\n"
    "Times writing a snapshot of MIB (default 256), and one rank writing the same with plain HDF5, both onto disk.\n";
constexpr std::uint64_t kMost = 1 << 20;

struct Arguments {
  std::filesystem::path folder;
  std::uint64_t mib = 256;
  std::uint64_t rounds = 5;
};

std::optional<Arguments> parse(int argc, char** argv) {
  if (argc < 2 || argc > 4) return std::nullopt;
  Arguments arguments;
  arguments.folder = argv[1];
  const auto number = [&](int at, std::uint64_t& value) {
    if (at >= argc) return true;
    const char* end = argv[at] + std::strlen(argv[at]);
    const auto [stop, error] = std::from_chars(argv[at], end, value);
    return error == std::errc() && stop == end && value >= 1 && value <= kMost;
  };
  if (!number(2, arguments.mib) || !number(3, arguments.rounds)) return std::nullopt;
  return arguments;
}

// A rank's part of a state as large as `bytes` over all ranks, in the proportions of the arithmetic workload's largest:
// some 17 bytes an e-node. What the columns say is of no account; that no two pages are alike is.
SearchState state_of(std::uint64_t bytes, int rank, int ranks) {
  SearchState state;
  GraphShare& share = state.share;
  GraphSizes& sizes = share.sizes;
  // Of an e-node: symbol, stamp, e-class, two children; and two fifths of an e-class, which has a name.
  constexpr std::uint64_t kBytesOfFive = 5 * (1 + 1 + 4 + 2 * 4) + 2 * 8;
  sizes.rows = bytes * 5 / kBytesOfFive;
  sizes.children = 2 * sizes.rows;
  sizes.classes = sizes.rows * 2 / 5;
  share.rows = even_share(sizes.rows, rank, ranks);
  share.children = even_share(sizes.children, rank, ranks);
  share.classes = even_share(sizes.classes, rank, ranks);
  const auto fill = [](NarrowColumn& column, const ShareRange& range, unsigned width) {
    column.set_size(range.size(), width);
    column.with_elements([&](auto* elements) {
      using Element = std::decay_t<decltype(*elements)>;
      for (std::uint64_t i = 0; i < range.size(); ++i)
        elements[i] = static_cast<Element>((range.begin + i) * 0x9e3779b97f4a7c15U >> 32);
    });
  };
  fill(share.class_name, share.classes, 8);
  fill(share.row_symbol, share.rows, 1);
  fill(share.row_stamp, share.rows, 1);
  fill(share.row_class, share.rows, 4);
  fill(share.child, share.children, 4);
  return state;
}

struct PlainSeconds {
  double cached = 0;
  double flushed = 0;
};

PlainSeconds write_plain(const std::string& path, const SearchState& state) {
  PlainSeconds seconds;
  const Stopwatch watch;
  Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "create '" + path + "'");
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "make HDF5 property lists");
  check(H5Pset_create_intermediate_group(links.get(), 1), "make groups");
  for_each_column(state.share, [&](const char* name, const auto& column, const ShareRange&, std::uint64_t total) {
    const ElementType type = element_type(column);
    const hsize_t length = total;
    const Handle space(H5Screate_simple(1, &length, nullptr), H5Sclose, "make an HDF5 space");
    const Handle dataset(H5Dcreate2(file.get(), name, hdf5::file_type(type.bytes, type.is_signed), space.get(),
                                    links.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Dclose, "create a dataset");
    check(H5Dwrite(dataset.get(), hdf5::memory_type(type.bytes, type.is_signed), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                   bytes_of(column).data()),
          "write a dataset");
  });
  file.close("close '" + path + "'");
  seconds.cached = watch.seconds();
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) refuse_file("flush", path);
  ::close(fd);
  seconds.flushed = watch.seconds();
  return seconds;
}

std::string list(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}

int measure(MpiSession& session, const Arguments& arguments) {
  const std::unique_ptr<Exchange> exchange = session.make_exchange();
  hdf5::prepare();
  const std::string path = (arguments.folder / "rate.h5").string();
  const std::string plain_path = (arguments.folder / "plain.h5").string();
  const std::uint64_t bytes = arguments.mib << 20;
  std::optional<SearchState> whole;
  if (exchange->rank() == 0) whole = state_of(bytes, 0, 1);
  std::vector<double> snapshot;
  std::vector<double> plain;
  std::vector<double> cached;
  for (std::uint64_t round = 0; round <= arguments.rounds; ++round) {  // the first one warms up
    SearchState state = state_of(bytes, exchange->rank(), exchange->size());
    std::string failure;
    agree_on_failure(*exchange, failure, 0);  // all begin together
    const Stopwatch watch;
    write_snapshot(path, {}, std::move(state), *exchange);
    const double seconds = watch.seconds();
    PlainSeconds alone;
    try {
      if (exchange->rank() == 0) {
        alone = write_plain(plain_path, *whole);
        std::filesystem::remove(path);
        std::filesystem::remove(plain_path);
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    agree_on_failure(*exchange, failure, static_cast<int>(ErrorCode::kResource));
    if (round == 0) continue;
    snapshot.push_back(seconds);
    plain.push_back(alone.flushed);
    cached.push_back(alone.cached);
  }
  if (exchange->rank() == 0)
    std::printf("{\"ranks\": %d, \"mib\": %llu, \"snapshot_s\": %s, \"plain_s\": %s, \"cached_s\": %s}\n",
                exchange->size(), static_cast<unsigned long long>(arguments.mib), list(snapshot).c_str(),
                list(plain).c_str(), list(cached).c_str());
  return 0;
}

int run(int argc, char** argv) {
  MpiSession session(argc, argv);
  const bool asks = argc == 2 && std::strcmp(argv[1], "--help") == 0;
  const std::optional<Arguments> arguments = asks ? std::nullopt : parse(argc, argv);
  if (!arguments) {
    if (session.rank() == 0) std::fputs(kUsage, asks ? stdout : stderr);
    return asks ? 0 : 2;
  }
  return session.run([&] { return measure(session, *arguments); });
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  try {
    return tessera::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "snapshot_rate: %s\n", error.what());
    return tessera::exit_code_of(error);
  }
}
