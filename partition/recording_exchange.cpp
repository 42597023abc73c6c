#include "partition/recording_exchange.hpp"

#include <cstring>
#include <ctime>
#include <numeric>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "partition/mailbox.hpp"

namespace tessera {
namespace {

double read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// A step as it travels to rank 0; followed by byte_counts numbers.
struct WireStep {
  std::uint64_t name;  // hash of the StepName: ranks must agree
  double work_seconds;
  double wall_seconds;
  double call_seconds;
  std::array<std::uint64_t, kWorkKinds> work;
  std::uint64_t byte_counts;
};

std::uint64_t hash_of(const StepName& name) {
  std::uint64_t h = hash_combine(name.iteration, static_cast<std::uint64_t>(name.call));
  h = hash_combine(h, hash_string(name.phase));
  return hash_combine(h, hash_string(name.step));
}

}  // namespace

const char* work_name(Work work) {
  constexpr std::array<const char*, kWorkKinds> kNames = {"visited", "partials", "asked",  "requests", "rekeyed",
                                                          "unions",  "losers",   "enodes", "eclasses", "table_bytes"};
  return kNames[static_cast<std::size_t>(work)];
}

const char* step_call_name(StepCall call) {
  constexpr std::array<const char*, 4> kNames = {"none", "alltoall", "reduce", "gather"};
  return kNames[static_cast<std::size_t>(call)];
}

RecordingExchange::RecordingExchange(Exchange& inner) : inner_(inner), begin_(now()) {}

RecordingExchange::Times RecordingExchange::now() {
  return {read_clock(CLOCK_THREAD_CPUTIME_ID), read_clock(CLOCK_MONOTONIC)};
}

void RecordingExchange::close(StepCall call, std::vector<std::uint64_t> bytes) {
  const Times end = now();
  open_.work_seconds = end.processor - begin_.processor;
  open_.wall_seconds = end.wall - begin_.wall;
  open_.bytes = std::move(bytes);
  names_.push_back({iteration_, phase_, step_, call});
  steps_.push_back(std::exchange(open_, {}));
  begin_ = end;
  step_ = "";
}

void RecordingExchange::reopen() {
  const Times end = now();
  steps_.back().call_seconds = end.processor - begin_.processor;
  begin_ = end;
}

void RecordingExchange::enter_phase(std::uint32_t iteration, const char* phase) {
  step_ = "";
  close(StepCall::kNone, {});
  iteration_ = iteration;
  phase_ = phase;
  inner_.enter_phase(iteration, phase);
}

void RecordingExchange::count_work(Work work, std::uint64_t amount) {
  open_.work[static_cast<std::size_t>(work)] += amount;
}

void RecordingExchange::all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) {
  std::vector<std::uint64_t> bytes;
  bytes.reserve(outgoing.size());
  for (const Bytes& buffer : outgoing) bytes.push_back(buffer.size());
  close(StepCall::kAllToAll, std::move(bytes));
  inner_.all_to_all(outgoing, inbox);
  reopen();
}

void RecordingExchange::all_reduce(std::span<std::uint64_t> values, Reduction reduction) {
  close(StepCall::kReduce, {values.size_bytes()});
  inner_.all_reduce(values, reduction);
  reopen();
}

void RecordingExchange::all_gather(std::span<const std::byte> mine, Inbox& all) {
  close(StepCall::kGather, {mine.size()});
  inner_.all_gather(mine, all);
  reopen();
}

WorkRecord RecordingExchange::collect() {
  enter_phase(iteration_, phase_);  // what was done since the last call
  Outbox outbox(size());
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const StepWork& step = steps_[s];
    outbox.put(0, WireStep{hash_of(names_[s]), step.work_seconds, step.wall_seconds, step.call_seconds, step.work,
                           step.bytes.size()});
    outbox.put_all(0, std::span<const std::uint64_t>(step.bytes));
  }
  WorkRecord record;
  record.ranks = size();
  record.steps = names_;
  record.work.resize(rank() == 0 ? names_.size() : 0);
  Inbox inbox;
  superstep(inner_, outbox, inbox, [&](int source, MessageReader& reader) {
    std::size_t at = 0;
    for (; !reader.done(); ++at) {
      const auto wire = reader.take<WireStep>();
      if (at >= names_.size() || wire.name != hash_of(names_[at])) break;
      StepWork& step = record.work[at].emplace_back();
      step = {wire.work_seconds, wire.wall_seconds, wire.call_seconds, wire.work, {}};
      for (std::uint64_t i = 0; i < wire.byte_counts; ++i) step.bytes.push_back(reader.take<std::uint64_t>());
    }
    if (at != names_.size())
      throw Error(ErrorCode::kInternal, "rank " + std::to_string(source) +
                                            " recorded other steps than rank 0, from step " + std::to_string(at + 1) +
                                            " on");
  });
  return record;
}

}  // namespace tessera
