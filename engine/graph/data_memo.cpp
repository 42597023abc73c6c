#include "engine/graph/data_memo.hpp"

#include <algorithm>

namespace tessera {

HashconsSlot DataMemo::look_up(const Question& question) const {
  const std::span<const DataId> data = question.data;
  if (data.size() > kInline) {
    // Questions with one symbol have as many arguments.
    return index_.find(question.hash, [&](RowId id) {
      const Entry& entry = entries_[id.value];
      return entry.symbol == question.symbol &&
             std::ranges::equal(data, std::span(wide_).subspan(entry.data[0].value, data.size()));
    });
  }
  const DataId first = !data.empty() ? data[0] : DataId();
  const DataId second = data.size() > 1 ? data[1] : DataId();
  return index_.find(question.hash, [&](RowId id) {
    const Entry& entry = entries_[id.value];
    return entry.symbol == question.symbol && entry.data[0] == first && entry.data[1] == second;
  });
}

std::uint32_t DataMemo::ask(const Question& question) {
  const HashconsSlot slot = look_up(question);
  if (!slot.row.is_none()) return slot.row.value;
  const auto number = static_cast<std::uint32_t>(entries_.size());
  Entry& entry = entries_.emplace_back();
  entry.symbol = question.symbol;
  if (question.data.size() > kInline) {
    entry.data[0] = DataId(static_cast<std::uint32_t>(wide_.size()));
    wide_.insert(wide_.end(), question.data.begin(), question.data.end());
  } else {
    std::ranges::copy(question.data, entry.data.begin());
  }
  index_.insert(slot, RowId(number));
  return number;
}

void DataMemo::clear() {
  index_ = Hashcons();
  entries_.clear();
  wide_.clear();
}

}  // namespace tessera
