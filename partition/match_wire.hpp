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

using Message = GrowingArray<std::uint64_t>;

class MatchWire {
 public:
  // `foreign`: where classes that this rank does not know are entered.
  MatchWire(Partition& partition, std::span<const RunningProgram> programs, ForeignClasses& foreign)
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
  // Ahead of global() and named(). Always inlined, or the compiler takes it for pure and drops it.
  [[gnu::always_inline]] void prefetch(Handle handle) const {
    if (!handle.is_foreign()) partition_.prefetch_class(ClassId(handle.value));
  }

  // As it is sent. `values`: as the walk's `carried`. Replaces what `message` holds.
  void encode(const MatchHeader& header, std::span<const std::uint32_t> values, Message& message) const;
  void append(const Carried& carried, std::uint32_t value, Message& message) const {
    if (carried.is_symbol) {
      message.push_back(value);
      return;
    }
    const NamedClass cls = named(Handle{value});
    std::uint64_t* at = message.extend(2);
    at[0] = cls.id.value;
    at[1] = cls.name;
    if (carried.needs_data) append_data(Handle{value}, message);
  }

  // Reading, of many messages or rows whose cache misses overlap, in three passes: look_ahead() goes over the values of
  // one, puts what will be looked for into `sought`, and returns where they end; guess() goes over all of that; then
  // values are taken one by one, `at` and `next` move on. Single-threaded: may enter a class or its data.
  struct Sought {
    GlobalId id;
    ClassId guess;
  };
  const std::uint64_t* look_ahead(const std::uint64_t* at, const std::uint64_t* end, std::span<const Carried> carried,
                                  GrowingArray<Sought>& sought) const;
  void guess(std::span<Sought> sought) const;
  [[nodiscard]] std::uint32_t take(const std::uint64_t*& at, const Carried& carried, const Sought*& next) {
    if (carried.is_symbol) return static_cast<std::uint32_t>(*at++);
    const GlobalId id(at[0]);
    const std::uint64_t name = at[1];
    at += 2;
    const DataId data = carried.needs_data ? take_data(at) : DataId();
    if (id.home() == partition_.rank()) return id.index().value;
    return of_other_rank({id, name}, data, carried.local ? partition_.find_local(id, next++->guess) : ClassId());
  }

 private:
  void append_data(Handle handle, Message& message) const;
  DataId take_data(const std::uint64_t*& at);
  // `here`: what it is known as. Only a look-up may ask for a class that this rank does not know: it then finds
  // nothing.
  [[nodiscard]] std::uint32_t of_other_rank(const NamedClass& cls, DataId data, ClassId here) {
    if (!here.is_none()) return here.value;
    foreign_.push_back({cls, data});
    return Handle::kForeign | static_cast<std::uint32_t>(foreign_.size() - 1);
  }

  Partition& partition_;
  std::span<const RunningProgram> programs_;
  ForeignClasses& foreign_;
  DataWords words_;
};

}  // namespace tessera
