// How partial matches, and rows that fit them, are written for another rank and read there: registers as global ids
// with names and, where it is read later, e-class data; symbols as they are, for all ranks have numbered them alike.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/matcher.hpp"
#include "partition/inserter.hpp"
#include "partition/partition.hpp"

namespace tessera {

enum class MatchMessage : std::uint16_t {
  kToHome,        // a partial match on its way to the home of the class that it must enter
  kToHomeHasMet,  // the same, which has met the sender's rows already
  kContinue,      // a partial match to be continued with the receiver's rows
  // partition/match_crowds.hpp
  kAsk,
  kRequest,
  kRows,
  kInsist,
};

// Else a message of crowds.
[[nodiscard]] inline bool is_partial(MatchMessage message) { return message <= MatchMessage::kContinue; }

struct MatchHeader {
  std::uint32_t program;
  std::uint16_t walk;
  MatchMessage message;
};
static_assert(sizeof(MatchHeader) == 8);

class MatchWire {
 public:
  // `foreign`: where classes that this rank does not know are entered.
  MatchWire(Partition& partition, std::span<const RunningProgram> programs, std::vector<ForeignClass>& foreign)
      : partition_(partition), programs_(programs), foreign_(foreign) {}

  [[nodiscard]] const MatchWalk& walk(std::uint32_t program, std::uint32_t walk) const {
    return programs_[program].program->walks[walk];
  }
  [[nodiscard]] GlobalId global(Handle handle) const {
    return handle.is_foreign() ? foreign_[handle.foreign_index()].named.id : partition_.global(ClassId(handle.value));
  }
  [[nodiscard]] NamedClass named(Handle handle) const {
    return handle.is_foreign() ? foreign_[handle.foreign_index()].named : partition_.named(ClassId(handle.value));
  }
  [[nodiscard]] DataView data_of_foreign(Handle handle) const;

  // `values`: as the walk's `carried`.
  void put(Outbox& outbox, int to, const MatchHeader& header, std::span<const std::uint32_t> values) const;
  void put(Outbox& outbox, int to, const Carried& carried, std::uint32_t value) const;
  // Single-threaded: may enter a class or its data.
  [[nodiscard]] std::uint32_t take(MessageReader& reader, const Carried& carried);

 private:
  Partition& partition_;
  std::span<const RunningProgram> programs_;
  std::vector<ForeignClass>& foreign_;
  DataWords words_;
};

}  // namespace tessera
