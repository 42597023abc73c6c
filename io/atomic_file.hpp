// Whole files, read and written: a reader of a result never sees half of it, whenever the writer dies.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace tessera {

// Writes to a temporary name beside `path`, flushes it to the disk, renames it over `path`, and flushes the directory.
// Throws Error(kResource) naming the path and the system's reason; the temporary file is then removed.
void write_file_atomically(const std::string& path, std::string_view text);

// The same with what content(write) passes to write, piece by piece.
using TextSink = std::function<void(std::string_view)>;
void write_file_atomically(const std::string& path, const std::function<void(const TextSink& write)>& content);

// The file's bytes. Throws Error(kInput) when it cannot be read.
[[nodiscard]] std::string read_file(const std::string& path);

}  // namespace tessera
