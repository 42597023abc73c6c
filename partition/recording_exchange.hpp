// An Exchange that passes every call on to another one and writes down, for each, what the rank computed since the call
// before and what it sends to whom. Works over any Exchange: recorded on many in-process ranks (LocalWorld), a run
// tells how work and traffic would divide on as many real ones, for both depend on the number of ranks only, not on
// where they run. Costs three readings of a clock and one small allocation a call.
#pragma once

#include <memory>
#include <vector>

#include "partition/exchange.hpp"
#include "partition/work_record.hpp"

namespace tessera {

class RecordingExchange final : public Exchange {
 public:
  // Starts recording now, on the calling thread, which must make all calls. `inner` outlives this.
  explicit RecordingExchange(Exchange& inner);

  [[nodiscard]] int rank() const override { return inner_.rank(); }
  [[nodiscard]] int size() const override { return inner_.size(); }
  void all_to_all(std::span<const Bytes> outgoing, Inbox& inbox) override;
  void all_reduce(std::span<std::uint64_t> values, Reduction reduction) override;
  void all_gather(std::span<const std::byte> mine, Inbox& all) override;
  [[nodiscard]] const Traffic& traffic() const override { return inner_.traffic(); }

  void enter_phase(std::uint32_t iteration, const char* phase) override;
  void name_step(const char* step) override { step_ = step; }
  void count_work(Work work, std::uint64_t amount) override;

  // Collective, through the inner exchange, unrecorded. What all ranks recorded, on rank 0; on the others only the
  // names. Throws Error(kInternal), on rank 0, if the ranks' steps are not the same.
  [[nodiscard]] WorkRecord collect();

 private:
  struct Times {
    double processor;
    double wall;
  };
  static Times now();
  void close(StepCall call, std::vector<std::uint64_t> bytes);  // the work before a call
  void reopen();                                                // after it

  Exchange& inner_;
  std::uint32_t iteration_ = 0;
  const char* phase_ = "";
  const char* step_ = "";
  Times begin_;
  StepWork open_;
  std::vector<StepName> names_;
  std::vector<StepWork> steps_;
};

}  // namespace tessera
