#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "engine/base/error.hpp"
#include "engine/base/kill_point.hpp"
#include "io/hdf5_file.hpp"
#include "io/snapshot.hpp"
#include "io/snapshot_columns.hpp"

namespace tessera {
namespace {

using hdf5::check;
using hdf5::Handle;

constexpr std::uint64_t kBytesACall = std::uint64_t{1} << 28;  // MPI counts in ints

Handle copied(std::int64_t list) { return {H5Pcopy(list), H5Pclose, "copy an HDF5 property list"}; }

class Writer {
 public:
  Writer(const std::string& path, const SnapshotOrigin& origin, const SearchState& state, Exchange& exchange,
         const SnapshotAccess* access)
      : path_(path), temporary_(path + ".tmp"), state_(state), exchange_(exchange), access_(access) {
    // Every rank knows the texts: they describe all ranks.
    header_ = snapshot_header_json(origin, state);
    symbols_ = symbols_text(state.symbols);
  }

  void run() {
    try {
      step([&] { check_room(); });
      if (access_ != nullptr)
        write_together();
      else
        write_in_turns();
      kill_point("snapshot-written", exchange_.rank());
      const std::vector<SealedDataset> datasets = checksums();
      step([&] { seal(datasets); });
      kill_point("snapshot-sealed", exchange_.rank());
      step([&] { flush(temporary_, O_RDWR); });
      step([&] { rename(); });
    } catch (...) {
      if (leads()) ::unlink(temporary_.c_str());
      throw;
    }
  }

 private:
  [[nodiscard]] bool leads() const { return exchange_.rank() == 0; }

  // One step on every rank; if it fails on any, all ranks throw.
  template <class Work>
  void step(Work&& work) {
    std::string failure;
    try {
      work();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    agree_on_failure(exchange_, failure, static_cast<int>(ErrorCode::kResource));
  }

  [[noreturn]] static void refuse(const std::string& what, const std::string& path) {
    throw Error(ErrorCode::kResource, "cannot " + what + " '" + path + "': " + std::strerror(errno));
  }

  // A full disk, a quota or a limit is better met before HDF5 and MPI are under way: they take a failed write badly.
  void check_room() {
    if (!leads()) return;
    std::uint64_t needed = kSealBytes + header_.size() + symbols_.size() + (std::uint64_t{1} << 16);
    for_each_column(state_.share, [&](const char*, const auto& column, const ShareRange&, std::uint64_t total) {
      needed += total * sizeof column[0];
    });
    std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    if (folder.empty()) folder = ".";
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(folder, error);
    if (!error && space.available < needed)
      throw Error(ErrorCode::kResource, fmt::format("cannot write '{}': no space left: found {} bytes, expected {}",
                                                    path_, space.available, needed));
    reserve(O_CREAT | O_TRUNC, needed);
  }

  // Has the file system set so much of the temporary file aside, if it can.
  void reserve(int flags, std::uint64_t bytes) const {
    const int fd = ::open(temporary_.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644);
    if (fd < 0) refuse("create", temporary_);
    const bool done = ::fallocate(fd, 0, 0, static_cast<off_t>(bytes)) == 0 || errno == EOPNOTSUPP || errno == ENOSYS;
    const int error = errno;
    ::close(fd);
    errno = error;
    if (!done) refuse("make room for", temporary_);
  }

  void write_together() {
    Handle file;
    step([&] { create(file, copied(access_->file_access())); });
    step([&] { kill_point("snapshot-created", exchange_.rank()); });
    step([&] { create_datasets(file.get()); });
    step([&] {
      std::uint64_t end = kSealBytes;
      for (const SealedDataset& dataset : datasets_) end = std::max(end, dataset.offset + dataset.bytes);
      if (leads()) reserve(0, end);
    });
    // From here on every rank goes on whatever has failed, for others wait in flush and close.
    std::string failure;
    const auto attempt = [&](auto&& work) {
      try {
        work();
      } catch (const std::exception& error) {
        if (failure.empty()) failure = error.what();
      }
    };
    if (leads()) write_texts(file.get(), attempt);
    write_columns(file.get(), attempt);
    attempt([&] { check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "flush '" + temporary_ + "'"); });
    attempt([&] { file.close("close '" + temporary_ + "'"); });
    agree_on_failure(exchange_, failure, static_cast<int>(ErrorCode::kResource));
  }

  // Without an access for all at once: rank 0 makes the file, then one rank after the other writes its part.
  void write_in_turns() {
    const auto throwing = [](auto&& work) { work(); };
    for (int turn = 0; turn < exchange_.size(); ++turn)
      step([&] {
        if (turn != exchange_.rank()) return;
        Handle file;
        const Handle access = file_access(Handle(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make HDF5 property lists"));
        if (turn == 0) {
          create(file, copied(access.get()));
          kill_point("snapshot-created", turn);
          create_datasets(file.get());
          write_texts(file.get(), throwing);
        } else {
          file = Handle(H5Fopen(temporary_.c_str(), H5F_ACC_RDWR, access.get()), H5Fclose, "open '" + temporary_ + "'");
        }
        write_columns(file.get(), throwing);
        file.close("close '" + temporary_ + "'");
      });
  }

  static Handle file_access(Handle list) {
    // The newest format has checksums of all of HDF5's own structures.
    check(H5Pset_libver_bounds(list.get(), H5F_LIBVER_V110, H5F_LIBVER_V110), "choose HDF5's format");
    return list;
  }

  void create(Handle& file, Handle list) {
    const Handle access = file_access(std::move(list));
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "make HDF5 property lists");
    check(H5Pset_userblock(creation.get(), kSealBytes), "make room for the seal");
    file = Handle(H5Fcreate(temporary_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose,
                  "create '" + temporary_ + "'");
  }

  void add_dataset(hid_t file, const std::string& name, hid_t type, hid_t space) {
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make HDF5 property lists");
    check(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY), "allocate early");
    check(H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER), "not fill");
    const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "make HDF5 property lists");
    check(H5Pset_create_intermediate_group(links.get(), 1), "make groups");
    const Handle dataset(H5Dcreate2(file, name.c_str(), type, space, links.get(), creation.get(), H5P_DEFAULT),
                         H5Dclose, "create dataset " + name + " in '" + temporary_ + "'");
    const haddr_t offset = H5Dget_offset(dataset.get());
    datasets_.push_back({name, offset == HADDR_UNDEF ? 0 : offset, H5Dget_storage_size(dataset.get()), 0});
  }

  static Handle text_type(const std::string& text) {
    Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "make an HDF5 type");
    check(H5Tset_size(type.get(), std::max<std::size_t>(1, text.size())), "make a text type");
    check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "make a text type");
    check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "make a text type");
    return type;
  }

  void create_datasets(hid_t file) {
    datasets_.clear();
    const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose, "make an HDF5 space");
    add_dataset(file, kHeaderDataset, text_type(header_).get(), scalar.get());
    add_dataset(file, kSymbolsDataset, text_type(symbols_).get(), scalar.get());
    for_each_column(state_.share, [&](const char* name, const auto& column, const ShareRange&, std::uint64_t total) {
      const hid_t type = hdf5::file_type(typename std::decay_t<decltype(column)>::value_type{});
      const hsize_t length = total;
      const Handle space(H5Screate_simple(1, &length, nullptr), H5Sclose, "make an HDF5 space");
      add_dataset(file, name, type, space.get());
    });
    const auto version = static_cast<std::uint64_t>(kSnapshotFormatVersion);
    add_attribute(file, "format_version", version);
    add_attribute(file, "iteration", state_.iteration);
    add_attribute(file, "enodes", state_.share.sizes.rows);
    add_attribute(file, "eclasses", state_.share.sizes.classes);
  }

  static void add_attribute(hid_t file, const char* name, std::uint64_t value) {
    const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose, "make an HDF5 space");
    const Handle attribute(H5Acreate2(file, name, H5T_STD_U64LE, scalar.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                           std::string("create attribute ") + name);
    check(H5Awrite(attribute.get(), H5T_NATIVE_UINT64, &value), std::string("write attribute ") + name);
  }

  template <class Attempt>
  void write_texts(hid_t file, Attempt&& attempt) {
    const auto write = [&](const char* name, const std::string& text) {
      attempt([&] {
        const Handle dataset(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, std::string("open dataset ") + name);
        check(H5Dwrite(dataset.get(), text_type(text).get(), H5S_ALL, H5S_ALL, transfer(), text.data()),
              std::string("write dataset ") + name + " of '" + temporary_ + "'");
      });
    };
    write(kHeaderDataset, header_);
    write(kSymbolsDataset, symbols_);
  }

  // Every rank writes its own range of every column, one long run of bytes, by itself: nobody waits for a rank whose
  // write fails.
  template <class Attempt>
  void write_columns(hid_t file, Attempt&& attempt) {
    for_each_column(state_.share, [&](const char* name, const auto& column, const ShareRange& range, std::uint64_t) {
      kill_point("snapshot-column", exchange_.rank());
      const hid_t memory_type = hdf5::memory_type(typename std::decay_t<decltype(column)>::value_type{});
      const std::uint64_t most = kBytesACall / sizeof column[0];
      for (std::uint64_t begin = 0; begin < range.size(); begin += most) {
        const std::uint64_t count = std::min(most, range.size() - begin);
        attempt([&] { write_part(file, name, memory_type, column.data() + begin, range.begin + begin, count); });
      }
    });
  }

  void write_part(hid_t file, const char* name, hid_t memory_type, const void* data, hsize_t begin, hsize_t count) {
    const Handle dataset(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, std::string("open dataset ") + name);
    const Handle in_file(H5Dget_space(dataset.get()), H5Sclose, "read an HDF5 space");
    const Handle in_memory(H5Screate_simple(1, &count, nullptr), H5Sclose, "make an HDF5 space");
    check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, &begin, nullptr, &count, nullptr), "select a part");
    check(H5Dwrite(dataset.get(), memory_type, in_memory.get(), in_file.get(), transfer(), data),
          std::string("write dataset ") + name + " of '" + temporary_ + "'");
  }

  [[nodiscard]] hid_t transfer() const { return access_ == nullptr ? H5P_DEFAULT : access_->transfer(); }

  // Rank 0 has the extents; the checksums are made from what lies in memory, not from what may have reached the disk.
  std::vector<SealedDataset> checksums() {
    std::vector<std::uint64_t> sums;
    const auto text = [&](const std::string& bytes) {
      sums.push_back(
          dataset_checksum(exchange_, leads() ? std::as_bytes(std::span(bytes)) : std::span<const std::byte>{}, 0));
    };
    text(header_);
    text(symbols_);
    for_each_column(state_.share, [&](const char*, const auto& column, const ShareRange& range, std::uint64_t) {
      sums.push_back(dataset_checksum(exchange_, std::as_bytes(std::span(column)), range.begin * sizeof column[0]));
    });
    for (std::size_t i = 0; i < datasets_.size(); ++i) datasets_[i].checksum = sums[i];
    std::vector<SealedDataset> sorted = datasets_;
    std::ranges::sort(sorted, {}, &SealedDataset::offset);
    return sorted;
  }

  void seal(const std::vector<SealedDataset>& datasets) {
    if (!leads()) return;
    SnapshotSeal seal;
    seal.file_bytes = std::filesystem::file_size(temporary_);
    seal.datasets = datasets;
    seal.rest_checksum = rest_checksum(temporary_, seal);
    const std::string text = seal_text(seal);
    static_cast<void>(parse_seal(text, temporary_));  // what could not be read again is an error now
    const int fd = ::open(temporary_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) refuse("open", temporary_);
    const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
    const int error = errno;
    ::close(fd);
    errno = error;
    if (written != static_cast<ssize_t>(text.size())) refuse("write", temporary_);
  }

  // Every rank flushes what its own machine may still hold of the file.
  static void flush(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0) refuse("open", path);
    // EINVAL: a file system that has no notion of flushing a directory.
    const bool done = ::fsync(fd) == 0 || errno == EINVAL;
    const int error = errno;
    ::close(fd);
    errno = error;
    if (!done) refuse("flush", path);
  }

  void rename() {
    if (!leads()) return;
    kill_point("snapshot-rename", 0);
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) refuse("rename a file to", path_);
    kill_point("snapshot-renamed", 0);
    std::string folder = std::filesystem::path(path_).parent_path().string();
    flush(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    kill_point("snapshot-done", 0);
  }

  std::string path_;
  std::string temporary_;
  const SearchState& state_;
  Exchange& exchange_;
  const SnapshotAccess* access_;
  std::string header_;
  std::string symbols_;
  std::vector<SealedDataset> datasets_;  // in the order of creation
};

}  // namespace

void write_snapshot(const std::string& path, const SnapshotOrigin& origin, const SearchState& state, Exchange& exchange,
                    const SnapshotAccess* access) {
  std::string failure;
  std::optional<Writer> writer;
  try {
    hdf5::prepare();
    writer.emplace(path, origin, state, exchange, access);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  agree_on_failure(exchange, failure, static_cast<int>(ErrorCode::kResource));
  writer->run();
}

}  // namespace tessera
