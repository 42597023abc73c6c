#include "io/snapshot_layout.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/base/kill_point.hpp"
#include "io/hdf5_file.hpp"
#include "io/snapshot_columns.hpp"

namespace tessera {
namespace {

using hdf5::check;
using hdf5::Handle;

constexpr hsize_t kPage = 4096;

class Layout {
 public:
  Layout(const std::string& file, std::uint64_t header_bytes, std::uint64_t symbols_bytes, const SearchState& state,
         Exchange& exchange)
      : path_(file), header_bytes_(header_bytes), symbols_bytes_(symbols_bytes), state_(state), exchange_(exchange) {}

  SnapshotLayout run() {
    on_all_ranks(exchange_, [&] {
      if (leads()) make();
    });
    tell();
    return std::move(layout_);
  }

 private:
  [[nodiscard]] bool leads() const { return exchange_.rank() == 0; }

  // A full disk, a quota or a limit is better met before HDF5 is under way: it takes a failed write badly. What HDF5
  // itself writes is small: whole columns are set aside by the thread that writes them.
  void check_room() {
    std::uint64_t needed = kSealBytes + header_bytes_ + symbols_bytes_ + kChecksumBlock;
    for_each_column(state_.share, [&](const char*, const auto& column, const ShareRange&, std::uint64_t total) {
      needed += total * element_type(column).bytes;
    });
    std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    if (folder.empty()) folder = ".";
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(folder, error);
    if (!error && space.available < needed)
      throw Error(ErrorCode::kResource, fmt::format("cannot write '{}': no space left: found {} bytes, expected {}",
                                                    path_, space.available, needed));
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) refuse_file("create", path_);
    const bool is_long_enough = ::ftruncate(fd, static_cast<off_t>(needed)) == 0;  // a limit on files' lengths
    const bool has_room =
        is_long_enough && (::fallocate(fd, 0, 0, kChecksumBlock) == 0 || errno == EOPNOTSUPP || errno == ENOSYS);
    const int reason = errno;
    ::close(fd);
    errno = reason;
    if (!has_room) refuse_file("make room for", path_);
  }

  void make() {
    check_room();
    const std::lock_guard alone(hdf5::in_use());
    Handle file = create();
    kill_point("snapshot-created", 0);
    create_datasets(file.get());
    file.close("close '" + path_ + "'");
    layout_.file_bytes = std::filesystem::file_size(path_);
  }

  Handle create() {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make HDF5 property lists");
    // The newest format has checksums of all of HDF5's own structures.
    check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), "choose HDF5's format");
    check(H5Pset_alignment(access.get(), kChecksumBlock, kPage), "align datasets");
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "make HDF5 property lists");
    check(H5Pset_userblock(creation.get(), kSealBytes), "make room for the seal");
    return {H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose, "create '" + path_ + "'"};
  }

  void create_datasets(hid_t file) {
    const Properties properties;
    const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose, "make an HDF5 space");
    add_dataset(file, kHeaderDataset, text_type(header_bytes_).get(), scalar.get(), properties);
    add_dataset(file, kSymbolsDataset, text_type(symbols_bytes_).get(), scalar.get(), properties);
    for_each_column(state_.share, [&](const char* name, const auto& column, const ShareRange&, std::uint64_t total) {
      const hid_t type = hdf5::file_type(element_type(column).bytes, element_type(column).is_signed);
      const hsize_t length = total;
      const Handle space(H5Screate_simple(1, &length, nullptr), H5Sclose, "make an HDF5 space");
      add_dataset(file, name, type, space.get(), properties);
    });
    const auto version = static_cast<std::uint64_t>(kSnapshotFormatVersion);
    add_attribute(file, "format_version", version);
    add_attribute(file, "iteration", state_.iteration);
    add_attribute(file, "enodes", state_.share.sizes.rows);
    add_attribute(file, "eclasses", state_.share.sizes.classes);
  }

  struct Properties {  // of all datasets
    Handle dataset{H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make HDF5 property lists"};
    Handle link{H5Pcreate(H5P_LINK_CREATE), H5Pclose, "make HDF5 property lists"};
    Properties() {
      check(H5Pset_alloc_time(dataset.get(), H5D_ALLOC_TIME_EARLY), "allocate early");
      check(H5Pset_fill_time(dataset.get(), H5D_FILL_TIME_NEVER), "not fill");
      check(H5Pset_create_intermediate_group(link.get(), 1), "make groups");
    }
  };

  void add_dataset(hid_t file, const std::string& name, hid_t type, hid_t space, const Properties& properties) {
    const Handle dataset(
        H5Dcreate2(file, name.c_str(), type, space, properties.link.get(), properties.dataset.get(), H5P_DEFAULT),
        H5Dclose, "create dataset " + name + " in '" + path_ + "'");
    const haddr_t offset = H5Dget_offset(dataset.get());
    layout_.datasets.push_back({name, offset == HADDR_UNDEF ? 0 : offset, H5Dget_storage_size(dataset.get()), 0});
  }

  static Handle text_type(std::uint64_t bytes) {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "make an HDF5 type");
    check(H5Tset_size(type.get(), std::max<std::uint64_t>(1, bytes)), "make a text type");
    check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "make a text type");
    check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a text type");
    return type;
  }

  static void add_attribute(hid_t file, const char* name, std::uint64_t value) {
    const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose, "make an HDF5 space");
    const Handle attribute(H5Acreate2(file, name, H5T_STD_U64LE, scalar.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                           std::string("create attribute ") + name);
    check(H5Awrite(attribute.get(), H5T_NATIVE_UINT64, &value), std::string("write attribute ") + name);
  }

  // Rank 0 tells where things lie.
  void tell() {
    std::vector<std::uint64_t> words;
    if (leads()) {
      words.push_back(layout_.file_bytes);
      for (const SealedDataset& dataset : layout_.datasets) {
        words.push_back(dataset.offset);
        words.push_back(dataset.bytes);
      }
    }
    Inbox all;
    exchange_.all_gather(std::as_bytes(std::span(words)), all);
    words.resize(all.bytes.size() / sizeof words[0]);
    std::memcpy(words.data(), all.bytes.data(), all.bytes.size());
    layout_ = {};
    auto next = words.begin();
    layout_.file_bytes = *next++;
    const auto add = [&](const char* name) {
      SealedDataset& dataset = layout_.datasets.emplace_back();
      dataset.name = name;
      dataset.offset = *next++;
      dataset.bytes = *next++;
    };
    add(kHeaderDataset);
    add(kSymbolsDataset);
    for_each_column(state_.share, [&](const char* name, const auto&, const ShareRange&, std::uint64_t) { add(name); });
    CHECK(next == words.end());
  }

  std::string path_;
  std::uint64_t header_bytes_;
  std::uint64_t symbols_bytes_;
  const SearchState& state_;
  Exchange& exchange_;
  SnapshotLayout layout_;
};

}  // namespace

void refuse_file(const std::string& what, const std::string& path) {
  throw Error(ErrorCode::kResource, "cannot " + what + " '" + path + "': " + std::strerror(errno));
}

SnapshotLayout lay_out_snapshot(const std::string& file, std::uint64_t header_bytes, std::uint64_t symbols_bytes,
                                const SearchState& state, Exchange& exchange) {
  return Layout(file, header_bytes, symbols_bytes, state, exchange).run();
}

}  // namespace tessera
