#include <algorithm>
#include <map>
#include <string>

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

std::string encode(const Symbol& symbol) {
  std::string out;
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
  return out;
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

}  // namespace

void agree_on_symbols(Partition& partition, const std::vector<Symbol>& wanted) {
  std::map<std::string, Symbol> all;  // ordered by content
  for (const Symbol& symbol : wanted) all.emplace(encode(symbol), symbol);
  if (!partition.alone()) {
    std::string mine;
    for (const auto& [bytes, symbol] : all) mine += bytes;
    partition.exchange.name_step("symbols");
    partition.exchange.all_gather(std::span(reinterpret_cast<const std::byte*>(mine.data()), mine.size()),
                                  partition.inbox);
    const Inbox& inbox = partition.inbox;
    for (std::size_t r = 0; r + 1 < inbox.offset.size(); ++r) {
      Decoder decoder(std::string_view(reinterpret_cast<const char*>(inbox.bytes.data()) + inbox.offset[r],
                                       inbox.offset[r + 1] - inbox.offset[r]));
      while (!decoder.done()) {
        const Symbol symbol = decoder.symbol();
        all.emplace(encode(symbol), symbol);
      }
    }
  }
  SymbolTable& symbols = partition.graph.symbols();
  for (const auto& [bytes, symbol] : all) symbols.intern(symbol.name, symbol.attributes, symbol.arity);
}

}  // namespace tessera
