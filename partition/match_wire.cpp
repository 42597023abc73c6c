#include "partition/match_wire.hpp"

namespace tessera {

DataView MatchWire::data_of_foreign(Handle handle) const {
  const DataId id = foreign_[handle.foreign_index()].data;
  return id.is_none() ? DataView{} : partition_.graph.data[id];
}

void MatchWire::put(Outbox& outbox, int to, const MatchHeader& header, std::span<const std::uint32_t> values) const {
  outbox.put(to, header);
  const std::vector<Carried>& carried = walk(header.program, header.walk).carried;
  for (std::size_t c = 0; c < carried.size(); ++c) put(outbox, to, carried[c], values[c]);
}

void MatchWire::put(Outbox& outbox, int to, const Carried& carried, std::uint32_t value) const {
  if (carried.is_symbol) {
    outbox.put(to, std::uint64_t{value});
    return;
  }
  const Handle handle{value};
  outbox.put(to, named(handle));
  if (!carried.needs_data) return;
  const DataId id =
      handle.is_foreign() ? foreign_[handle.foreign_index()].data : partition_.graph.classes[ClassId(value)].data;
  const DataView words = id.is_none() ? DataView{} : partition_.graph.data[id];
  outbox.put(to, std::uint64_t{words.size()});
  outbox.put_all(to, words);
}

std::uint32_t MatchWire::take(MessageReader& reader, const Carried& carried) {
  if (carried.is_symbol) return static_cast<std::uint32_t>(reader.take<std::uint64_t>());
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
