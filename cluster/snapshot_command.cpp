#include "cluster/snapshot_command.hpp"

#include <cstdio>

#include "cluster/snapshot_text.hpp"
#include "engine/base/error.hpp"
#include "engine/language/term_language.hpp"
#include "engine/tensor/tensor_language.hpp"
#include "io/egraph_json.hpp"
#include "partition/digest.hpp"

namespace tessera {
namespace {

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
    throw Error(ErrorCode::kResource, "cannot write to standard output");
}

int compare(const Options& options) {
  std::optional<ClassIdentity> identity;
  if (!options.compare_by.empty())
    identity = options.compare_by == "name" ? ClassIdentity::kName : ClassIdentity::kLowestTerm;
  const SnapshotDifference difference = compare_snapshots(options.input, options.other, identity);
  print(difference_text(difference, options.input, options.other));
  return difference.differences.empty() ? kExitDone : kExitIncomplete;
}

void export_egraph(const Options& options) {
  const Snapshot snapshot = read_whole_snapshot(options.input);
  // Of a search of a network, or of terms.
  const std::vector<std::string>& command = snapshot.origin.arguments;
  const bool is_tensor = !command.empty() && command.front() == "search";
  const TermLanguage terms;
  const TensorLanguage tensors;
  const Language& language = is_tensor ? static_cast<const Language&>(tensors) : terms;
  if (options.out.empty())
    write_egraph_json(snapshot.state, language, print);
  else
    write_file_atomically(options.out.string(),
                          [&](const TextSink& write) { write_egraph_json(snapshot.state, language, write); });
}

}  // namespace

int look_at_snapshot(const Options& options) {
  int code = kExitDone;
  if (options.action == "diff") {
    code = compare(options);
  } else if (options.action == "export") {
    export_egraph(options);
  } else if (options.action == "verify") {
    const Snapshot snapshot = read_snapshot_summary(options.input);  // checks every byte
    const SnapshotSeal seal = read_seal(options.input);
    std::printf("%s: whole: %zu datasets, %llu bytes, iteration %u\n", options.input.c_str(), seal.datasets.size(),
                static_cast<unsigned long long>(seal.file_bytes), snapshot.state.iteration);
  } else {
    const Snapshot snapshot = read_whole_snapshot(options.input);
    print(snapshot_summary(snapshot, read_seal(options.input), digest(snapshot.state)));
  }
  if (std::fflush(stdout) != 0) throw Error(ErrorCode::kResource, "cannot write to standard output");
  return code;
}

}  // namespace tessera
