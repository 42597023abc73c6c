#include <algorithm>
#include <filesystem>
#include <optional>

#include "engine/base/error.hpp"
#include "io/hdf5_file.hpp"
#include "io/snapshot.hpp"
#include "io/snapshot_columns.hpp"
#include "io/snapshot_folder.hpp"
#include "partition/local_exchange.hpp"

namespace tessera {
namespace {

using hdf5::check;
using hdf5::Handle;

class Reader {
 public:
  explicit Reader(const std::string& path)
      : path_(path), file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "open '" + path + "'") {}

  std::string text(const char* name) {
    const Handle dataset = open(name);
    const Handle type(H5Dget_type(dataset.get()), H5Tclose, "read a type");
    if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) > 0) refuse(name, "no text");
    std::string result(H5Tget_size(type.get()), '\0');
    check(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, result.data()), reading(name));
    while (!result.empty() && result.back() == '\0') result.pop_back();
    return result;
  }

  // Elements [range.begin, range.end) of a column that must be `total` long.
  template <class T>
  void column(const char* name, std::vector<T>& out, const ShareRange& range, std::uint64_t total) {
    const Handle dataset = open(name);
    const Handle in_file(H5Dget_space(dataset.get()), H5Sclose, "read a space");
    const hssize_t length = H5Sget_simple_extent_npoints(in_file.get());
    const Handle type(H5Dget_type(dataset.get()), H5Tclose, "read a type");
    if (H5Tget_class(type.get()) != H5T_INTEGER || H5Tget_size(type.get()) != sizeof(T))
      refuse(name, "integers of another size");
    if (length < 0 || static_cast<std::uint64_t>(length) != total)
      refuse(name, std::to_string(length) + " elements, expected " + std::to_string(total));
    out.resize(range.size());
    if (out.empty()) return;
    const hsize_t begin = range.begin;
    const hsize_t count = range.size();
    const Handle in_memory(H5Screate_simple(1, &count, nullptr), H5Sclose, "make a space");
    check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, &begin, nullptr, &count, nullptr), reading(name));
    check(H5Dread(dataset.get(), hdf5::memory_type(T{}), in_memory.get(), in_file.get(), H5P_DEFAULT, out.data()),
          reading(name));
  }

  // One element; `otherwise` past the end.
  std::uint64_t element(const char* name, std::uint64_t at, std::uint64_t total, std::uint64_t otherwise) {
    if (at >= total) return otherwise;
    std::vector<std::uint64_t> one;
    column(name, one, {at, at + 1}, total);
    return one.front();
  }

  [[noreturn]] void refuse(const char* name, const std::string& found) const {
    throw Error(ErrorCode::kInput, std::string("dataset ") + name + " is not as expected: found " + found,
                Where{path_});
  }

 private:
  Handle open(const char* name) {
    return {H5Dopen2(file_.get(), name, H5P_DEFAULT), H5Dclose,
            std::string("open dataset ") + name + " of '" + path_ + "'"};
  }
  [[nodiscard]] std::string reading(const char* name) const {
    return std::string("read dataset ") + name + " of '" + path_ + "'";
  }

  std::string path_;
  Handle file_;
};

Snapshot read_texts(Reader& reader, const std::string& path) {
  Snapshot snapshot;
  parse_snapshot_header(reader.text(kHeaderDataset), path, snapshot);
  snapshot.state.symbols = parse_symbols(reader.text(kSymbolsDataset), path);
  return snapshot;
}

void read_share(Reader& reader, GraphShare& share, int rank, int ranks) {
  const GraphSizes& sizes = share.sizes;
  share.classes = even_share(sizes.classes, rank, ranks);
  share.values = even_share(sizes.values, rank, ranks);
  share.rows = even_share(sizes.rows, rank, ranks);
  const auto range = [&](const char* name, const ShareRange& of, std::uint64_t total, std::uint64_t end) {
    const ShareRange result = {reader.element(name, of.begin, total, end), reader.element(name, of.end, total, end)};
    if (result.begin > result.end || result.end > end) reader.refuse(name, "positions that are out of order");
    return result;
  };
  share.words = range("/values/begin", share.values, sizes.values, sizes.words);
  share.children = range("/rows/child_begin", share.rows, sizes.rows, sizes.children);
  for_each_column(share, [&](const char* name, auto& column, const ShareRange& part, std::uint64_t total) {
    reader.column(name, column, part, total);
  });
}

}  // namespace

Snapshot read_snapshot(const std::string& path, Exchange& exchange, const SnapshotAccess* access) {
  hdf5::prepare();
  static_cast<void>(check_snapshot_file(path, exchange));
  Snapshot snapshot;
  std::string failure;
  const auto read = [&] {
    try {
      Reader reader(path);
      snapshot = read_texts(reader, path);
      read_share(reader, snapshot.state.share, exchange.rank(), exchange.size());
    } catch (const std::exception& error) {
      failure = error.what();
    }
  };
  const auto agree = [&] { agree_on_failure(exchange, failure, static_cast<int>(ErrorCode::kInput)); };
  if (access != nullptr) {
    read();  // reading needs no agreement: every process opens the file for itself
    agree();
    return snapshot;
  }
  for (int turn = 0; turn < exchange.size(); ++turn) {  // ranks may be threads of one process
    if (turn == exchange.rank()) read();
    agree();
  }
  return snapshot;
}

std::vector<std::string> snapshot_arguments(const std::string& file_or_folder) {
  std::vector<std::string> files;
  for (const SnapshotFile& file : list_snapshots(file_or_folder)) files.push_back(file.path);
  if (files.empty()) {
    if (std::filesystem::is_directory(file_or_folder))
      throw Error(ErrorCode::kInput, "found no snapshot in the folder", Where{file_or_folder});
    files.push_back(file_or_folder);
  }
  std::string failure;
  for (const std::string& file : files) {
    try {
      Snapshot snapshot;
      parse_snapshot_header(read_sealed(file, read_seal(file), kHeaderDataset), file, snapshot);
      return snapshot.origin.arguments;
    } catch (const Error& error) {
      if (failure.empty()) failure = error.what();
    }
  }
  throw Error(ErrorCode::kInput, failure);
}

Snapshot read_snapshot_summary(const std::string& path) {
  hdf5::prepare();
  SoloExchange exchange;
  static_cast<void>(check_snapshot_file(path, exchange));
  try {
    Reader reader(path);
    return read_texts(reader, path);
  } catch (const Error& error) {
    throw Error(ErrorCode::kInput, error.what());
  }
}

}  // namespace tessera
