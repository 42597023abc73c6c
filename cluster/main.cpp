// tessera: reads its options, joins the job's ranks, runs one command, and turns the outcome into an exit code.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cluster/log.hpp"
#include "cluster/machine.hpp"
#include "cluster/mpi_session.hpp"
#include "cluster/options.hpp"
#include "cluster/run_loop.hpp"
#include "cluster/run_status.hpp"
#include "cluster/signals.hpp"
#include "cluster/snapshot_command.hpp"
#include "cluster/world.hpp"
#include "io/snapshot.hpp"

namespace {

// Whether the command may have a search that can be interrupted. Known before options are read, which needs the ranks.
bool may_keep_snapshots(std::span<char* const> arguments) {
  return std::ranges::any_of(arguments, [](const std::string_view argument) {
    return argument == "resume" || argument.starts_with("--snapshot");
  });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tessera;
  try {
    if (may_keep_snapshots(std::span(argv, static_cast<std::size_t>(argc)))) note_early_signals();
    MpiSession session(argc, argv);
    const std::variant<Options, ExitRequest> parsed = parse_options(argc, argv);
    if (const auto* exit = std::get_if<ExitRequest>(&parsed)) {
      if (session.rank() == 0) std::fputs(exit->text.c_str(), exit->code == kExitDone ? stdout : stderr);
      return exit->code;
    }
    return session.run([&] {
      Options options = std::get<Options>(parsed);
      if (options.command == Command::kSnapshot) return session.rank() == 0 ? look_at_snapshot(options) : kExitDone;
      if (options.command == Command::kResume) options = resumed_options(options, snapshot_arguments(options.input));
      RunStatus::of_process().enter(0, "read");
      const int unwatched = session.watch(std::chrono::milliseconds(options.stall_limit_ms));
      if (unwatched > 0 && session.rank() == 0)
        print_error("warning: " + std::to_string(unwatched) + " of " + std::to_string(session.size()) +
                    " ranks cannot connect to rank 0: if one of them is lost, the run may wait for it for ever");
      return run_ranks(options, session, [&](Exchange& exchange, const Resources& resources) {
        const bool writes = options.command == Command::kSearch && exchange.rank() == 0;
        Log log({exchange.rank(), options.verbosity, writes ? options.out : std::filesystem::path{}});
        return options.command == Command::kSearch ? run_search(options, resources, exchange, log)
                                                   : run_saturate(options, resources, exchange, log);
      });
    });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tessera: %s\n", error.what());
    return exit_code_of(error);
  }
}
