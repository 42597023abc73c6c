// What a recorded run did, superstep by superstep: plain structs, made by RecordingExchange, written as JSON lines by
// io/work_record_writer.hpp, replayed under a network model by bench/scaling/model.py. A superstep here is the work of
// a rank since the call before and the collective call that ends it (BSP; Valiant, CACM 1990).
// Every rank has as many steps as every other, in the same order and with the same names, for calls are collective.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

// Work that is counted rather than timed: the same on any machine. The last three are no work but sizes, told once an
// iteration.
enum class Work : std::uint8_t {
  kVisited,     // rows looked at while matching
  kPartials,    // partial matches received from other ranks, or continued with rows sent for
  kAsked,       // get-or-insert requests made, here or elsewhere to be served
  kRequests,    // get-or-insert requests served
  kRekeyed,     // rows re-keyed
  kUnions,      // union requests followed by one hop
  kLosers,      // classes known here, owned or ghosts, that lost
  kEnodes,      // e-nodes that live here
  kEclasses,    // e-classes that live here
  kTableBytes,  // memory of this rank's tables
};
inline constexpr std::size_t kWorkKinds = 10;
[[nodiscard]] const char* work_name(Work work);

enum class StepCall : std::uint8_t {
  kNone,      // a phase ended after its last call: work without traffic
  kAllToAll,  // bytes: to each rank, itself included
  kReduce,    // bytes: of the array, one entry
  kGather,    // bytes: given to every other rank, one entry
};
[[nodiscard]] const char* step_call_name(StepCall call);

// What one rank did in one step.
struct StepWork {
  double work_seconds = 0;  // processor time of the rank's own thread before the call
  double wall_seconds = 0;  // wall time of the same
  double call_seconds = 0;  // processor time inside the call: copying and waiting, as the exchange does it
  std::array<std::uint64_t, kWorkKinds> work{};
  std::vector<std::uint64_t> bytes;
};

struct StepName {
  std::uint32_t iteration = 0;  // 0: the start expression
  std::string phase;            // "match", …; empty: outside of all phases
  std::string step;             // what the call is for; empty: not named
  StepCall call = StepCall::kNone;
  friend bool operator==(const StepName&, const StepName&) = default;
};

struct WorkRecord {
  int ranks = 1;
  std::vector<StepName> steps;
  std::vector<std::vector<StepWork>> work;  // [step][rank]
};

}  // namespace tessera
