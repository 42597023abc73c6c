// What a language's make() and join() gave before, by their arguments: few distinct types serve very many e-nodes, so
// that nearly every e-node of a large search asks a question that was answered already (15,000 of 4,200,000 in
// MobileNet's first convolution under the published rules). Looking an answer up costs a cache miss; making it parses,
// infers and encodes a type. Answering is single-threaded; looking up is safe while nobody answers.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/hash.hpp"
#include "engine/base/ids.hpp"
#include "engine/graph/hashcons.hpp"

namespace tessera {

class DataMemo {
 public:
  // In the place of a symbol: the question is what two e-classes' data are when joined.
  static constexpr SymbolId kJoin = SymbolId();

  struct Question {
    SymbolId symbol;
    std::span<const DataId> data;  // of the children; as many as the symbol's arity
    std::uint64_t hash;
    Question(SymbolId asked, std::span<const DataId> given) : symbol(asked), data(given), hash(mix64(asked.value)) {
      for (const DataId id : given) hash = (hash ^ id.value) * 0xd6e8feb86659fd93ULL;
      hash = mix64(hash);
    }
  };

  // The number under which the question was asked before; kNew: never.
  static constexpr std::uint32_t kNew = 0xffffffffU;
  [[nodiscard]] std::uint32_t find(const Question& question) const { return look_up(question).row.value; }
  // As find(), giving a new question a number, the next, and no answer yet.
  std::uint32_t ask(const Question& question);
  // None: not answered yet, or there is none.
  [[nodiscard]] DataId answer(std::uint32_t number) const { return entries_[number].answer; }
  void set_answer(std::uint32_t number, DataId answer) { entries_[number].answer = answer; }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  void clear();

 private:
  static constexpr std::size_t kInline = 2;
  struct Entry {
    SymbolId symbol;
    DataId answer;
    std::array<DataId, kInline> data;  // what there is none of is none; more than two: offset into wide_, and none
  };
  [[nodiscard]] HashconsSlot look_up(const Question& question) const;

  Hashcons index_;  // of entries_, as RowIds
  std::vector<Entry> entries_;
  std::vector<DataId> wide_;
};

}  // namespace tessera
