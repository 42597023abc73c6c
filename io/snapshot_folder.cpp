#include "io/snapshot_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace tessera {
namespace {

constexpr std::string_view kPrefix = "snapshot-";
constexpr std::string_view kSuffix = ".h5";
constexpr std::string_view kUnfinished = ".h5.tmp";  // and what MPI-IO puts beside it: ".h5.tmp-….lock"

// Calls visit(path, name) for every entry; a folder that cannot be read has none.
template <class Visit>
void for_each_entry(const std::string& folder, Visit&& visit) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    visit(at->path(), at->path().filename().string());
}

}  // namespace

std::string snapshot_path(const std::string& folder, std::uint32_t iteration) {
  return (std::filesystem::path(folder) / fmt::format("snapshot-{:06}.h5", iteration)).string();
}

std::vector<SnapshotFile> list_snapshots(const std::string& folder) {
  std::vector<SnapshotFile> files;
  for_each_entry(folder, [&](const std::filesystem::path& path, const std::string& name) {
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return;
    SnapshotFile file{path.string(), 0};
    const char* last = name.data() + name.size() - kSuffix.size();
    const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), last, file.iteration);
    if (error == std::errc() && stop == last) files.push_back(std::move(file));
  });
  std::ranges::sort(files, std::ranges::greater{}, &SnapshotFile::iteration);
  return files;
}

void remove_old_snapshots(const std::string& folder, std::size_t keep) {
  const std::vector<SnapshotFile> files = list_snapshots(folder);
  std::error_code ignored;
  for (std::size_t i = keep; i < files.size(); ++i) std::filesystem::remove(files[i].path, ignored);
}

void remove_unfinished_snapshots(const std::string& folder) {
  std::vector<std::filesystem::path> found;
  for_each_entry(folder, [&](const std::filesystem::path& path, const std::string& name) {
    if (name.starts_with(kPrefix) && name.find(kUnfinished) != std::string::npos) found.push_back(path);
  });
  std::error_code ignored;
  for (const std::filesystem::path& path : found) std::filesystem::remove(path, ignored);
}

}  // namespace tessera
