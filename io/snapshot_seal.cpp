#include "io/snapshot_seal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef TESSERA_XXHASH_DISPATCH
#include <xxh_x86dispatch.h>  // instructions that not every x86 has, where this one has them
#else
#include <xxhash.h>
#endif

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <sstream>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

constexpr std::string_view kMagic = "TESSERA SNAPSHOT\n";
constexpr std::string_view kOwn = "\nseal ";  // then 16 digits, taken as zeros for the seal's own checksum
constexpr std::size_t kDigits = 16;

std::uint64_t block_checksum(const void* bytes, std::size_t size, std::uint64_t number) {
  return XXH3_64bits_withSeed(bytes, size, number);
}

std::string hex(std::uint64_t value) { return fmt::format("{:016x}", value); }

[[noreturn]] void refuse(const std::string& file, const std::string& message) {
  throw Error(ErrorCode::kInput, message, Where{file});
}

// A file open for reading at any place.
class ReadFile {
 public:
  explicit ReadFile(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) refuse(path, std::string("cannot be read: ") + std::strerror(errno));
  }
  ReadFile(const ReadFile&) = delete;
  ReadFile& operator=(const ReadFile&) = delete;
  ~ReadFile() { ::close(fd_); }

  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) refuse(path_, std::string("cannot be read: ") + std::strerror(errno));
    if (!S_ISREG(status.st_mode)) refuse(path_, "found something that is not a file, expected a snapshot");
    return static_cast<std::uint64_t>(status.st_size);
  }
  // Fewer than asked for at the file's end only.
  std::size_t read(void* to, std::size_t bytes, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < bytes) {
      const ssize_t got = ::pread(fd_, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) refuse(path_, std::string("cannot be read: ") + std::strerror(errno));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  std::string path_;
  int fd_;
};

// The seal's lines, one item after the other.
class SealReader {
 public:
  SealReader(const std::string& text, const std::string& file) : lines_(text), file_(file) {}

  bool next() {
    std::string line;
    if (!std::getline(lines_, line)) return false;
    words_ = std::istringstream(line);
    return true;
  }
  std::string word() {
    std::string result;
    if (!(words_ >> result)) refuse(file_, "the snapshot's seal is damaged: found the end of a line, expected a word");
    return result;
  }
  std::uint64_t number(int base = 10) {
    const std::string text = word();
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || stop != text.data() + text.size())
      refuse(file_, "the snapshot's seal is damaged: found '" + text + "', expected a number");
    return value;
  }

 private:
  std::istringstream lines_;
  std::istringstream words_;
  std::string file_;
};

// The version that a seal says it is of, whatever the rest of it is; ours if it says none.
std::uint64_t stated_version(const std::string& text) {
  constexpr std::string_view kFormat = "format ";
  std::uint64_t version = kSnapshotFormatVersion;
  const std::string_view line = std::string_view(text).substr(kMagic.size());
  if (line.starts_with(kFormat)) std::from_chars(line.data() + kFormat.size(), line.data() + line.size(), version);
  return version;
}

void check_extents(const SnapshotSeal& seal, const std::string& file) {
  std::uint64_t at = kSealBytes;
  for (const SealedDataset& dataset : seal.datasets) {
    if (dataset.bytes == 0) continue;
    if (dataset.offset < at || dataset.offset > seal.file_bytes || dataset.bytes > seal.file_bytes - dataset.offset)
      refuse(file, "dataset " + dataset.name + " does not lie within the file");
    at = dataset.offset + dataset.bytes;
  }
}

// Sum over all ranks of what this rank's share of the blocks adds.
std::uint64_t read_checksum(const ReadFile& file, const SealedDataset& dataset, Exchange& exchange) {
  const std::uint64_t blocks = (dataset.bytes + kChecksumBlock - 1) / kChecksumBlock;
  std::vector<std::byte> buffer(kChecksumBlock);
  std::uint64_t sum = 0;
  for (auto block = static_cast<std::uint64_t>(exchange.rank()); block < blocks;
       block += static_cast<std::uint64_t>(exchange.size())) {
    const std::uint64_t begin = block * kChecksumBlock;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kChecksumBlock, dataset.bytes - begin));
    const std::size_t got = file.read(buffer.data(), size, dataset.offset + begin);
    sum += block_checksum(buffer.data(), got, block);
  }
  return sum;
}

}  // namespace

std::string seal_text(const SnapshotSeal& seal) {
  std::string text(kMagic);
  text += fmt::format("format {}\n", seal.version);
  text += "This is an HDF5 file behind 8192 bytes: h5ls and h5dump read it.\n";
  text += fmt::format("bytes {}\nrest {}\n", seal.file_bytes, hex(seal.rest_checksum));
  for (const SealedDataset& dataset : seal.datasets)
    text += fmt::format("dataset {} {} {} {}\n", dataset.name, dataset.offset, dataset.bytes, hex(dataset.checksum));
  text += "end";
  const std::size_t own = text.size() + kOwn.size();
  text += std::string(kOwn) + std::string(kDigits, '0') + "\n";
  if (text.size() > kSealBytes) throw Error(ErrorCode::kInternal, "a snapshot's seal has no room for its datasets");
  text.resize(kSealBytes, '\n');
  text.replace(own, kDigits, hex(block_checksum(text.data(), text.size(), 0)));
  return text;
}

SnapshotSeal parse_seal(const std::string& text, const std::string& file) {
  if (text.empty()) refuse(file, "found an empty file, expected a snapshot");
  // A damaged first line of a snapshot is told from another kind of file by the line after it.
  const std::size_t first = text.find('\n');
  const bool is_ours = text.starts_with(kMagic);
  const bool is_named = text.starts_with(kMagic.substr(0, kMagic.size() - 1));
  if (!is_ours && !is_named && (first == std::string::npos || text.compare(first, 8, "\nformat ") != 0))
    refuse(file, "found a file of another kind, expected a snapshot (it does not begin with 'TESSERA SNAPSHOT')");
  if (text.size() < kSealBytes)
    refuse(file, fmt::format("the file is cut off: found {} bytes, expected at least {}", text.size(), kSealBytes));
  const std::size_t own = text.find("\nend\nseal ");
  SealReader reader(text, file);
  SnapshotSeal seal;
  const auto damaged = [&] { refuse(file, "the snapshot's seal, its first 8192 bytes, is damaged"); };
  bool is_whole = is_ours && own != std::string::npos && own + 10 + kDigits <= text.size();
  if (is_whole) {
    const std::size_t digits = own + 10;
    std::string zeroed = text.substr(0, kSealBytes);
    const std::string found = zeroed.substr(digits, kDigits);
    zeroed.replace(digits, kDigits, std::string(kDigits, '0'));
    is_whole = found == hex(block_checksum(zeroed.data(), zeroed.size(), 0));
  }
  if (!is_whole) {
    if (const std::uint64_t version = stated_version(text); is_ours && version != kSnapshotFormatVersion)
      refuse(file, fmt::format("found a snapshot of format {}, expected format {}: it was written by another Tessera, "
                               "or its seal is damaged",
                               version, kSnapshotFormatVersion));
    damaged();
  }
  reader.next();
  while (reader.next()) {
    const std::string what = reader.word();
    if (what == "format") {
      seal.version = static_cast<int>(reader.number());
      if (seal.version != kSnapshotFormatVersion)
        refuse(file,
               fmt::format("found a snapshot of format {}, expected format {}: it was written by {} Tessera, which its "
                           "dataset /header names",
                           seal.version, kSnapshotFormatVersion,
                           seal.version > kSnapshotFormatVersion ? "a newer" : "an older"));
    } else if (what == "bytes") {
      seal.file_bytes = reader.number();
    } else if (what == "rest") {
      seal.rest_checksum = reader.number(16);
    } else if (what == "dataset") {
      SealedDataset dataset;
      dataset.name = reader.word();
      dataset.offset = reader.number();
      dataset.bytes = reader.number();
      dataset.checksum = reader.number(16);
      seal.datasets.push_back(std::move(dataset));
    } else if (what == "end") {
      break;
    }
  }
  check_extents(seal, file);
  return seal;
}

std::uint64_t blocks_checksum(std::span<const std::byte> bytes, std::uint64_t first) {
  std::uint64_t sum = 0;
  for (std::uint64_t block = first; !bytes.empty(); ++block) {
    const std::size_t size = std::min(kChecksumBlock, bytes.size());
    sum += block_checksum(bytes.data(), size, block);
    bytes = bytes.subspan(size);
  }
  return sum;
}

std::uint64_t rest_checksum(const std::string& path, const SnapshotSeal& seal) {
  const ReadFile file(path);
  std::vector<std::byte> buffer;
  std::uint64_t sum = 0;
  std::uint64_t at = kSealBytes;
  const auto add_until = [&](std::uint64_t end) {
    for (; at < end; at += buffer.size()) {
      buffer.resize(std::min<std::uint64_t>(kChecksumBlock, end - at));
      const std::size_t got = file.read(buffer.data(), buffer.size(), at);
      sum += block_checksum(buffer.data(), got, at);
    }
  };
  for (const SealedDataset& dataset : seal.datasets) {
    if (dataset.bytes == 0) continue;
    add_until(dataset.offset);
    at = dataset.offset + dataset.bytes;
  }
  add_until(seal.file_bytes);
  return sum;
}

void agree_on_failure(Exchange& exchange, const std::string& message, int code) {
  std::uint64_t failed = message.empty() ? 0 : 1;
  exchange.all_reduce(std::span(&failed, 1), Reduction::kMax);
  if (failed == 0) return;
  Inbox all;
  exchange.all_gather(std::as_bytes(std::span(message)), all);
  for (std::size_t r = 0; r + 1 < all.offset.size(); ++r) {
    const std::size_t size = all.offset[r + 1] - all.offset[r];
    if (size != 0)
      throw Error(static_cast<ErrorCode>(code),
                  std::string(reinterpret_cast<const char*>(all.bytes.data() + all.offset[r]), size));
  }
}

SnapshotSeal read_seal(const std::string& path) {
  const ReadFile file(path);
  const std::uint64_t size = file.size();
  std::string text(kSealBytes, '\0');
  text.resize(file.read(text.data(), text.size(), 0));
  SnapshotSeal seal = parse_seal(text, path);
  if (size != seal.file_bytes)
    refuse(path, fmt::format("the file is {}: found {} bytes, expected {}",
                             size < seal.file_bytes ? "cut off" : "too long", size, seal.file_bytes));
  return seal;
}

std::string read_sealed(const std::string& path, const SnapshotSeal& seal, const std::string& dataset) {
  const ReadFile file(path);
  const auto found = std::ranges::find(seal.datasets, dataset, &SealedDataset::name);
  if (found == seal.datasets.end()) refuse(path, "found no dataset " + dataset);
  std::string text(found->bytes, '\0');
  text.resize(file.read(text.data(), text.size(), found->offset));
  if (blocks_checksum(std::as_bytes(std::span(text)), 0) != found->checksum)
    refuse(path, "dataset " + dataset + " is damaged");
  return text;
}

SnapshotSeal check_snapshot_file(const std::string& path, Exchange& exchange) {
  constexpr int kCode = static_cast<int>(ErrorCode::kInput);
  std::string failure;
  SnapshotSeal seal;
  std::optional<ReadFile> file;
  try {
    seal = read_seal(path);
    file.emplace(path);
  } catch (const Error& error) {
    failure = error.what();
  }
  agree_on_failure(exchange, failure, kCode);
  std::vector<std::uint64_t> sums(seal.datasets.size(), 0);
  std::uint64_t rest = 0;
  try {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = read_checksum(*file, seal.datasets[i], exchange);
    if (exchange.rank() == 0) rest = rest_checksum(path, seal);
  } catch (const Error& error) {
    failure = error.what();
  }
  agree_on_failure(exchange, failure, kCode);
  if (!sums.empty()) exchange.all_reduce(sums, Reduction::kSum);
  exchange.all_reduce(std::span(&rest, 1), Reduction::kSum);
  const auto mismatch = [&](const std::string& what, std::uint64_t found, std::uint64_t expected) {
    refuse(path, what + " is damaged: found checksum " + hex(found) + ", expected " + hex(expected));
  };
  for (std::size_t i = 0; i < sums.size(); ++i)
    if (sums[i] != seal.datasets[i].checksum)
      mismatch("dataset " + seal.datasets[i].name, sums[i], seal.datasets[i].checksum);
  if (rest != seal.rest_checksum) mismatch("the HDF5 structure around the datasets", rest, seal.rest_checksum);
  return seal;
}

}  // namespace tessera
