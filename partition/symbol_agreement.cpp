#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/hash_index.hpp"
#include "partition/apply_phase.hpp"

namespace tessera {
namespace {

// A symbol as bytes: operator name, arity, attributes with names spelled out. Equal symbols have equal bytes
// everywhere.
void put_word(std::string& out, std::uint64_t word) { out.append(reinterpret_cast<const char*>(&word), sizeof word); }

void put_text(std::string& out, std::string_view text) {
  put_word(out, text.size());
  out.append(text);
}

void encode(const Symbol& symbol, std::string& out) {
  out.clear();
  put_text(out, symbol.name.text());
  put_word(out, symbol.arity);
  put_word(out, symbol.attributes.size());
  for (const Value& value : symbol.attributes) {
    put_word(out, static_cast<std::uint64_t>(value.kind));
    put_word(out, value.size);
    put_word(out, value.split);
    if (value.kind == ValueKind::kName)
      put_text(out, value.as_name().text());
    else
      for (int i = 0; i < value.size; ++i)
        put_word(out, static_cast<std::uint64_t>(value.words[static_cast<std::size_t>(i)]));
  }
}

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool done() const { return rest_.empty(); }
  std::uint64_t word() {
    std::uint64_t w = 0;
    CHECK(rest_.size() >= sizeof w);
    std::memcpy(&w, rest_.data(), sizeof w);
    rest_.remove_prefix(sizeof w);
    return w;
  }
  std::string_view text() {
    const auto size = static_cast<std::size_t>(word());
    CHECK(rest_.size() >= size);
    const std::string_view result = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return result;
  }
  Symbol symbol() {
    Symbol result;
    result.name = Name(text());
    result.arity = static_cast<std::uint32_t>(word());
    const std::uint64_t attributes = word();
    for (std::uint64_t a = 0; a < attributes; ++a) {
      Value value;
      value.kind = static_cast<ValueKind>(word());
      value.size = static_cast<std::uint8_t>(word());
      value.split = static_cast<std::uint8_t>(word());
      if (value.kind == ValueKind::kName) {
        value = Value::name(Name(text()));
      } else {
        for (int i = 0; i < value.size; ++i)
          value.words[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(word());
      }
      result.attributes.push_back(value);
    }
    return result;
  }

 private:
  std::string_view rest_;
};

using Encoded = std::pair<std::uint64_t, std::string_view>;  // a symbol's hash and its bytes

// These, each once, in an order that depends on nothing else.
class Distinct {
 public:
  void add(const Encoded& symbol) {
    const auto next = static_cast<std::uint32_t>(symbols_.size());
    if (index_.find_or_add(symbol.first, next, [&](std::uint32_t at) { return symbols_[at] == symbol; }).second)
      symbols_.push_back(symbol);
  }
  [[nodiscard]] std::vector<Encoded> in_order() && {
    std::ranges::sort(symbols_);
    return std::move(symbols_);
  }

 private:
  HashIndex<std::uint32_t> index_;
  std::vector<Encoded> symbols_;
};

// For other ranks: of each the hash and the bytes.
std::string message_of(std::span<const Symbol> symbols) {
  std::string out;
  std::string bytes;
  HashIndex<std::uint32_t> seen;
  for (std::uint32_t i = 0; i < symbols.size(); ++i) {
    const std::uint64_t hash = symbols[i].hash();
    if (!seen.find_or_add(hash, i, [&](std::uint32_t other) { return symbols[other] == symbols[i]; }).second) continue;
    encode(symbols[i], bytes);
    put_word(out, hash);
    put_text(out, bytes);
  }
  return out;
}

}  // namespace

// Every rank reads what all ranks want, and most of it is wanted by many: what is there already is told by its hash and
// bytes, and only what is left is made symbols of.
void agree_on_symbols(Partition& partition, std::span<const Symbol> wanted) {
  const std::string mine = message_of(wanted);
  std::string_view all = mine;
  if (!partition.alone()) {
    partition.exchange.name_step("symbols");
    partition.exchange.all_gather(std::as_bytes(std::span(mine)), partition.inbox);
    all = {reinterpret_cast<const char*>(partition.inbox.bytes.data()), partition.inbox.bytes.size()};
  }
  Distinct distinct;
  for (Decoder reader(all); !reader.done();) {
    const std::uint64_t hash = reader.word();
    distinct.add({hash, reader.text()});
  }
  SymbolTable& symbols = partition.graph.symbols();
  for (const auto& [hash, bytes] : std::move(distinct).in_order()) {
    const Symbol symbol = Decoder(bytes).symbol();
    symbols.intern(symbol.name, symbol.attributes, symbol.arity);
  }
}

}  // namespace tessera
