#include "cluster/world.hpp"

#include <map>
#include <string>

#include "engine/base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/work_record_writer.hpp"
#include "partition/local_exchange.hpp"
#include "partition/recording_exchange.hpp"

namespace tessera {
namespace {

std::map<std::string, std::string> description(const Options& options, const Resources& resources) {
  return {{"command", options.command == Command::kSearch ? "search" : "saturate"},
          {"input", options.input},
          {"threads", std::to_string(resources.threads)},
          {"shards", std::to_string(resources.shards)},
          {"virtual", options.virtual_ranks > 0 ? "true" : "false"}};
}

// A record that cannot be written is better refused at once than after hours.
void check_writable(const std::filesystem::path& path) {
  try {
    write_file_atomically(path.string(), "");
  } catch (const Error& error) {
    throw Error(ErrorCode::kInput, std::string("--record-work: ") + error.message());
  }
}

int run_recorded(const Options& options, Exchange& exchange, const Resources& resources,
                 const std::function<int(Exchange&, const Resources&)>& body) {
  if (options.record_work.empty()) return body(exchange, resources);
  RecordingExchange recording(exchange);
  const int code = body(recording, resources);
  const WorkRecord record = recording.collect();
  if (exchange.rank() == 0) write_work_record(record, description(options, resources), options.record_work.string());
  return code;
}

}  // namespace

int run_ranks(const Options& options, MpiSession& session,
              const std::function<int(Exchange&, const Resources&)>& body) {
  if (options.virtual_ranks > 0 && session.size() > 1)
    throw Error(ErrorCode::kInput, "--virtual-ranks: found " + std::to_string(session.size()) +
                                       " ranks started by mpirun, expected one process");
  if (!options.record_work.empty() && session.rank() == 0) check_writable(options.record_work);
  Resources resources = share_of(this_machine(session.local_size()), options);
  if (options.virtual_ranks == 0) {
    const std::unique_ptr<Exchange> exchange = session.make_exchange(options.exchange);
    return run_recorded(options, *exchange, resources, body);
  }
  // Virtual ranks share the process, and so its memory limit; a thread each unless more are asked for.
  if (options.threads == 0) resources.threads = 1;
  if (options.threads == 0 && options.shards == 0) resources.shards = 1;
  int result = 0;
  LocalWorld(options.virtual_ranks).run([&](Exchange& exchange) {
    const int code = run_recorded(options, exchange, resources, body);
    if (exchange.rank() == 0) result = code;
  });
  return result;
}

}  // namespace tessera
