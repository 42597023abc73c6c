#include "partition/match_wire.hpp"

#include <bit>

namespace tessera {

DataView MatchWire::data_of_foreign(Handle handle) const {
  const DataId id = foreign_[handle.foreign_index()].data;
  return id.is_none() ? DataView{} : partition_.graph.data[id];
}

void MatchWire::encode(const MatchHeader& header, std::span<const std::uint32_t> values, Message& message) const {
  message.clear();
  message.push_back(std::bit_cast<std::uint64_t>(header));
  const std::vector<Carried>& carried = walk(header.program, header.walk).carried;
  for (std::size_t c = 0; c < carried.size(); ++c) append(carried[c], values[c], message);
}

void MatchWire::append_data(Handle handle, Message& message) const {
  const DataId id = handle.is_foreign() ? foreign_[handle.foreign_index()].data
                                        : partition_.graph.classes[ClassId(handle.value)].data;
  const DataView words = id.is_none() ? DataView{} : partition_.graph.data[id];
  message.push_back(words.size());
  for (const std::int64_t word : words) message.push_back(static_cast<std::uint64_t>(word));
}

const std::uint64_t* MatchWire::look_ahead(const std::uint64_t* at, const std::uint64_t* end,
                                           std::span<const Carried> carried, GrowingArray<Sought>& sought) const {
  for (const Carried& value : carried) {
    const std::uint64_t* begin = at;
    at += value.is_symbol ? 1 : 2;
    CHECK(at <= end);
    if (value.is_symbol) continue;
    if (value.needs_data) {
      CHECK(at != end && *at < static_cast<std::uint64_t>(end - at));
      at += 1 + *at;
    }
    const GlobalId id(*begin);
    if (!value.local || id.home() == partition_.rank()) continue;
    partition_.prefetch_local_slot(id);
    *sought.extend(1) = {id, ClassId()};
  }
  return at;
}

void MatchWire::guess(std::span<Sought> sought) const {
  for (Sought& cls : sought) cls.guess = partition_.guess_ghost(cls.id);
}

DataId MatchWire::take_data(const std::uint64_t*& at) {
  words_.clear();
  const std::uint64_t count = *at++;
  for (std::uint64_t i = 0; i < count; ++i) words_.push_back(static_cast<std::int64_t>(*at++));
  return count == 0 ? DataId() : partition_.graph.data.intern(words_);
}

}  // namespace tessera
