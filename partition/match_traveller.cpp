#include "partition/match_traveller.hpp"

#include <array>

namespace tessera {

DataView MatchTraveller::data(Handle handle) const {
  const DataId id = foreign_[handle.foreign_index()].data;
  return id.is_none() ? DataView{} : partition_.graph.data[id];
}

bool MatchTraveller::forward(std::size_t task, const PartialMatch& partial) {
  const MatchWalk& walk = programs_[partial.program].program->walks[partial.walk];
  if (walk.kind == Step::Kind::kLookup) {
    const int home = home_of_row(walk, partial);
    if (home == partition_.rank()) return true;
    write(outboxes_[task], home, partial, 1);
    return false;
  }
  const Handle from{partial.registers[walk.from]};
  if (from.is_foreign() || partition_.is_ghost(ClassId(from.value))) {
    write(outboxes_[task], global(from).home(), partial, 0);
    return false;
  }
  partition_.subscribers.for_each(ClassId(from.value), [&](const Subscriber& subscriber) {
    const std::uint64_t mask = walk.kind == Step::Kind::kMembers ? subscriber.member_mask : subscriber.parent_mask;
    if ((mask & walk.operators) != 0) write(outboxes_[task], static_cast<int>(subscriber.rank), partial, 1);
  });
  return true;
}

bool MatchTraveller::deliver(std::vector<ArrivedMatch>& arrived, std::vector<std::uint32_t>& registers) {
  arrived.clear();
  registers.clear();
  std::uint64_t sent = 0;
  for (Outbox& outbox : outboxes_) partition_.outbox.splice(outbox);
  for (const auto& buffer : partition_.outbox.buffers()) sent += buffer.size();
  partition_.exchange.name_step("any partials");
  partition_.exchange.all_reduce(std::span(&sent, 1), Reduction::kMax);
  if (sent == 0) return false;
  partition_.exchange.name_step("partials");
  superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
    while (!reader.done()) read(reader, arrived, registers);
  });
  return true;
}

NamedClass MatchTraveller::named(Handle handle) const {
  if (handle.is_foreign()) return foreign_[handle.foreign_index()].named;
  const ClassId id(handle.value);
  return {partition_.global(id), partition_.graph.classes[id].name};
}

GlobalId MatchTraveller::global(Handle handle) const {
  return handle.is_foreign() ? foreign_[handle.foreign_index()].named.id : partition_.global(ClassId(handle.value));
}

DataView MatchTraveller::data_of(Handle handle) const {
  if (handle.is_foreign()) return data(handle);
  const DataId id = partition_.graph.classes[ClassId(handle.value)].data;
  return id.is_none() ? DataView{} : partition_.graph.data[id];
}

int MatchTraveller::home_of_row(const MatchWalk& walk, const PartialMatch& partial) const {
  std::array<NamedClass, kMaxArity> kids;
  for (std::size_t k = 0; k < walk.kids.size(); ++k) kids[k] = named(Handle{partial.registers[walk.kids[k]]});
  return partition_.home_of(walk.arms.front().symbol, std::span(kids).first(walk.kids.size()));
}

void MatchTraveller::write(Outbox& outbox, int to, const PartialMatch& partial, std::uint16_t expand) {
  outbox.put(to, PartialHeader{partial.program, static_cast<std::uint16_t>(partial.walk), expand});
  for (const MatchWalk::Carried& carried : programs_[partial.program].program->walks[partial.walk].carried) {
    const std::uint32_t value = partial.registers[carried.reg];
    if (carried.is_symbol) {
      outbox.put(to, std::uint64_t{value});
      continue;
    }
    outbox.put(to, named(Handle{value}));
    if (carried.needs_data) {
      const DataView words = data_of(Handle{value});
      outbox.put(to, std::uint64_t{words.size()});
      outbox.put_all(to, words);
    }
  }
}

void MatchTraveller::read(MessageReader& reader, std::vector<ArrivedMatch>& arrived,
                          std::vector<std::uint32_t>& registers) {
  const auto header = reader.take<PartialHeader>();
  const MatchProgram& program = *programs_[header.program].program;
  const std::size_t at = registers.size();
  registers.resize(at + program.registers);
  for (const MatchWalk::Carried& carried : program.walks[header.walk].carried)
    registers[at + carried.reg] =
        carried.is_symbol ? static_cast<std::uint32_t>(reader.take<std::uint64_t>()) : read_class(reader, carried);
  arrived.push_back({header, at});
}

std::uint32_t MatchTraveller::read_class(MessageReader& reader, const MatchWalk::Carried& carried) {
  const auto cls = reader.take<NamedClass>();
  DataId data;
  if (carried.needs_data) {
    words_.clear();
    const auto count = reader.take<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) words_.push_back(reader.take<std::int64_t>());
    if (count != 0) data = partition_.graph.data.intern(words_);
  }
  if (cls.id.home() == partition_.rank()) return cls.id.index().value;
  if (carried.local) {
    // Only a look-up may ask for a class that this rank does not know: it then finds nothing.
    const ClassId here = partition_.find_local(cls.id);
    if (!here.is_none()) return here.value;
  }
  foreign_.push_back({cls, data});
  return Handle::kForeign | static_cast<std::uint32_t>(foreign_.size() - 1);
}

}  // namespace tessera
