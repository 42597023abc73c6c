// A recorded run as JSON lines (WORK_RECORD_FORMAT.md): one line of what was run, then one line a step. Lines, so that
// a reader need not hold all of it, and a tool as plain as grep finds a phase.
#pragma once

#include <map>
#include <string>

#include "partition/work_record.hpp"

namespace tessera {

// Raised when a key changes its meaning or goes; new keys do not raise it.
inline constexpr int kWorkRecordFormatVersion = 1;

// `run`: what was run, in words: keys and values for the first line, beside the format's version and the ranks.
[[nodiscard]] std::string work_record_text(const WorkRecord& record, const std::map<std::string, std::string>& run);

// To a file, atomically. Throws Error(kResource) when the file system refuses.
void write_work_record(const WorkRecord& record, const std::map<std::string, std::string>& run,
                       const std::string& path);

}  // namespace tessera
