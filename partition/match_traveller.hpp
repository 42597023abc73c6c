// Carries partial matches between ranks. A partial match whose next walk enters a class of another rank goes to the
// class's home, and from there to the ranks that hold fitting rows; one whose next step is a look-up goes straight to
// the home of the row that it looks for. It travels as the registers that are read later, in global ids.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/matcher.hpp"
#include "partition/inserter.hpp"
#include "partition/partition.hpp"

namespace tessera {

struct PartialHeader {
  std::uint32_t program;
  std::uint16_t walk;
  std::uint16_t expand;  // 0: on its way to the class's home; 1: to be continued with the receiver's rows
};

// A partial match as it arrived, its registers translated to this rank's handles.
struct ArrivedMatch {
  PartialHeader header;
  std::size_t registers;  // offset
};

class MatchTraveller final : public Remote {
 public:
  // `foreign`: where classes that this rank does not know are entered. `tasks`: that call forward() at the same time.
  MatchTraveller(Partition& partition, std::span<const RunningProgram> programs, std::vector<ForeignClass>& foreign,
                 std::size_t tasks)
      : partition_(partition), programs_(programs), foreign_(foreign), outboxes_(tasks, Outbox(partition.ranks())) {}

  [[nodiscard]] bool same(Handle a, Handle b) const override { return global(a) == global(b); }
  [[nodiscard]] DataView data(Handle handle) const override;
  bool forward(std::size_t task, const PartialMatch& partial) override;

  // Collective: delivers what was forwarded. Returns whether any rank sent anything.
  bool deliver(std::vector<ArrivedMatch>& arrived, std::vector<std::uint32_t>& registers);

 private:
  [[nodiscard]] NamedClass named(Handle handle) const;
  [[nodiscard]] GlobalId global(Handle handle) const;
  [[nodiscard]] DataView data_of(Handle handle) const;
  [[nodiscard]] int home_of_row(const MatchWalk& walk, const PartialMatch& partial) const;
  void write(Outbox& outbox, int to, const PartialMatch& partial, std::uint16_t expand);
  void read(MessageReader& reader, std::vector<ArrivedMatch>& arrived, std::vector<std::uint32_t>& registers);
  [[nodiscard]] std::uint32_t read_class(MessageReader& reader, const MatchWalk::Carried& carried);

  Partition& partition_;
  std::span<const RunningProgram> programs_;
  std::vector<ForeignClass>& foreign_;
  std::vector<Outbox> outboxes_;
  DataWords words_;
};

}  // namespace tessera
