// Carries partial matches between ranks. A partial match whose next walk enters a class of another rank meets this
// rank's rows, goes to the class's home, and from there to the other ranks that hold fitting rows; one whose next step
// is a look-up goes straight to the home of the row that it looks for. It travels as the registers that are read later,
// in global ids. Where many want the same list, they stay and the list's rows come (partition/match_crowds.hpp); so
// what is to travel is held back until the ranks exchange, and then counted by list.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/matcher.hpp"
#include "partition/inserter.hpp"
#include "partition/match_crowds.hpp"
#include "partition/match_wire.hpp"
#include "partition/partition.hpp"

namespace tessera {

// Partial matches as they arrived, translated to this rank's handles.
struct ArrivedMatch {
  // Equal for those that ask for one list, to sort by: which walk of all programs, whether only this rank's rows are
  // asked for (1) or those of all (0), and the class.
  std::uint64_t list;
  std::uint64_t at;  // offset of its values

  static constexpr unsigned kClassBits = 32;
  [[nodiscard]] std::uint64_t walk() const { return list >> (kClassBits + 1); }
  [[nodiscard]] bool wants_rows_here() const { return (list >> kClassBits & 1) != 0; }
  [[nodiscard]] Handle cls() const { return Handle{static_cast<std::uint32_t>(list)}; }
};
struct Arrivals {
  GrowingArray<ArrivedMatch> matches;
  GrowingArray<std::uint32_t> values;  // of each: PartialMatch::met, then what its walk carries
};

class MatchTraveller final : public Remote {
 public:
  // `foreign`: where classes that this rank does not know are entered. `tasks`: that call forward() at the same time.
  MatchTraveller(Partition& partition, std::span<const RunningProgram> programs, ForeignClasses& foreign,
                 std::size_t tasks);

  [[nodiscard]] bool same(Handle a, Handle b) const override { return wire_.global(a) == wire_.global(b); }
  [[nodiscard]] DataView data(Handle handle) const override { return wire_.data_of_foreign(handle); }
  bool forward(std::size_t task, const PartialMatch& partial) override;

  // Collective: delivers what was forwarded. Returns whether any rank sent anything; if not, `matches`, this rank's
  // counts, have become those of all ranks together, for there will be no more.
  bool deliver(Arrivals& arrived, std::span<std::uint64_t> matches);
  // By ArrivedMatch::walk().
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> program_and_walk(std::uint64_t walk) const {
    return {held_.front()[walk].program, held_.front()[walk].walk};
  }

  // After a delivery: the lists whose rows are to be given to others …
  [[nodiscard]] std::span<const WantedList> wanted() const { return crowds_.wanted(); }
  void answer(std::span<const FittingRows> rows) { crowds_.answer(rows, outboxes_.front()); }
  // … and the crowds whose rows have come.
  [[nodiscard]] std::vector<CrowdJoin> settle() { return crowds_.settle(outboxes_.front()); }

 private:
  struct Held {  // of one walk of one program
    std::uint32_t program;
    std::uint32_t walk;
    std::vector<std::uint32_t> values;  // `carried` of one partial match after another
    std::vector<std::uint32_t> met;     // of each, the rank whose rows it has met (its class's home aside), or kNoRank
  };

  void hold(std::size_t task, const PartialMatch& partial, std::uint32_t met);
  void send_held();
  void send(Outbox& outbox, const Held& held, std::size_t least, std::vector<Crowd>& crowds);
  void prefetch_held(const Held& held, const MatchWalk& walk, std::size_t at) const;
  void prefetch_holders(const Held& held, const MatchWalk& walk, std::size_t at) const;
  // `message`: to write it in.
  void send_to_holders(Outbox& outbox, MatchHeader header, std::span<const std::uint32_t> values, std::uint32_t met,
                       Message& message) const;
  void read(int source, MessageReader& reader, Arrivals& arrived);
  // Cheaper to tell than where it would be: one of the children lives here, and no other rank has a row of this
  // operator around it. Not told of every row of which it is true.
  [[nodiscard]] bool no_other_rank_has_row(const MatchWalk& walk, std::span<const std::uint32_t> kids) const;
  [[nodiscard]] int home_of_row(const MatchWalk& walk, std::span<const std::uint32_t> kids) const;
  [[nodiscard]] bool is_elsewhere(Handle handle) const {
    return handle.is_foreign() || partition_.is_ghost(ClassId(handle.value));
  }

  Partition& partition_;
  std::span<const RunningProgram> programs_;
  MatchWire wire_;
  MatchCrowds crowds_;
  std::vector<Outbox> outboxes_;            // by task
  std::vector<std::vector<Held>> held_;     // by task; walks of all programs
  GrowingArray<MatchWire::Sought> sought_;  // of the messages being read
};

}  // namespace tessera
