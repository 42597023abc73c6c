#include <algorithm>
#include <bit>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string_view>

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
  template <class Column>
  void column(const char* name, Column& out, const ShareRange& range, std::uint64_t total) {
    const Handle dataset = open(name);
    const Handle in_file(H5Dget_space(dataset.get()), H5Sclose, "read a space");
    const hssize_t length = H5Sget_simple_extent_npoints(in_file.get());
    if (length < 0 || static_cast<std::uint64_t>(length) != total)
      refuse(name, std::to_string(length) + " elements, expected " + std::to_string(total));
    const Handle type(H5Dget_type(dataset.get()), H5Tclose, "read a type");
    void* elements = make_room(name, type.get(), out, range.size());
    if (elements == nullptr) return;
    const hsize_t begin = range.begin;
    const hsize_t count = range.size();
    const Handle in_memory(H5Screate_simple(1, &count, nullptr), H5Sclose, "make a space");
    check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, &begin, nullptr, &count, nullptr), reading(name));
    const ElementType to = element_type(out);
    check(H5Dread(dataset.get(), hdf5::memory_type(to.bytes, to.is_signed), in_memory.get(), in_file.get(), H5P_DEFAULT,
                  elements),
          reading(name));
  }

  // One element; `otherwise` past the end.
  std::uint64_t element(const char* name, std::uint64_t at, std::uint64_t total, std::uint64_t otherwise) {
    if (at >= total) return otherwise;
    NarrowColumn one;
    column(name, one, {at, at + 1}, total);
    return one.back();
  }

  [[noreturn]] void refuse(const char* name, const std::string& found) const {
    throw Error(ErrorCode::kInput, std::string("dataset ") + name + " is not as expected: found " + found,
                Where{path_});
  }

 private:
  // Room for so many elements, of the width that they have in the file; null where there are none.
  void* make_room(const char* name, hid_t type, NarrowColumn& column, std::uint64_t count) const {
    const std::size_t width = H5Tget_size(type);
    if (H5Tget_class(type) != H5T_INTEGER || H5Tget_sign(type) != H5T_SGN_NONE || width > sizeof(std::uint64_t) ||
        !std::has_single_bit(width))
      refuse(name, "no unsigned integers of 1, 2, 4 or 8 bytes");
    column.set_size(count, static_cast<unsigned>(width));
    return count == 0 ? nullptr : column.with_elements([](auto* elements) { return static_cast<void*>(elements); });
  }
  void* make_room(const char* name, hid_t type, std::vector<std::int64_t>& column, std::uint64_t count) const {
    if (H5Tget_class(type) != H5T_INTEGER || H5Tget_size(type) != sizeof column[0])
      refuse(name, "no integers of 8 bytes");
    column.resize(count);
    return count == 0 ? nullptr : column.data();
  }
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

// All columns but the children: where a rank's begin, the ranks before it know.
void read_share(Reader& reader, GraphShare& share, int rank, int ranks) {
  const GraphSizes& sizes = share.sizes;
  share.classes = even_share(sizes.classes, rank, ranks);
  share.values = even_share(sizes.values, rank, ranks);
  share.rows = even_share(sizes.rows, rank, ranks);
  share.words = {reader.element("/values/begin", share.values.begin, sizes.values, sizes.words),
                 reader.element("/values/begin", share.values.end, sizes.values, sizes.words)};
  if (share.words.begin > share.words.end || share.words.end > sizes.words)
    reader.refuse("/values/begin", "positions that are out of order");
  for_each_column(share, [&](const char* name, auto& column, const ShareRange& part, std::uint64_t total) {
    if (std::string_view(name) != kChildDataset) reader.column(name, column, part, total);
  });
}

}  // namespace

Snapshot read_snapshot(const std::string& path, Exchange& exchange) {
  hdf5::prepare();
  static_cast<void>(check_snapshot_file(path, exchange));
  Snapshot snapshot;
  GraphShare& share = snapshot.state.share;
  // Every rank opens the file for itself; those that are threads of one process take turns.
  const auto read = [&](auto&& work) {
    std::string failure;
    try {
      const std::lock_guard alone(hdf5::in_use());
      Reader reader(path);
      work(reader);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    agree_on_failure(exchange, failure, static_cast<int>(ErrorCode::kInput));
  };
  read([&](Reader& reader) {
    snapshot = read_texts(reader, path);
    read_share(reader, share, exchange.rank(), exchange.size());
  });
  std::vector<std::uint64_t> children(static_cast<std::size_t>(exchange.size()), 0);  // by rank
  const auto own = children.begin() + exchange.rank();
  *own = count_children(snapshot.state);
  exchange.all_reduce(children, Reduction::kSum);
  const auto sum_until = [&](auto end) { return std::accumulate(children.begin(), end, std::uint64_t{0}); };
  if (sum_until(children.end()) != share.sizes.children)
    throw Error(ErrorCode::kInput,
                std::string("dataset ") + kChildDataset + " is not as expected: found " +
                    std::to_string(share.sizes.children) + " children, expected " +
                    std::to_string(sum_until(children.end())) + ", as many as the e-nodes' operators have",
                Where{path});
  share.children = {sum_until(own), sum_until(own + 1)};
  read([&](Reader& reader) { reader.column(kChildDataset, share.child, share.children, share.sizes.children); });
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
