// What a snapshot is made of, from any bytes: its seal (as it is, and with a checksum that fits), the two texts within,
// and its columns, which a search takes up on one rank and on three. Each is read, or refused by an Error(kInput). HDF5
// itself is left out: behind a seal that matches it sees only what was written.
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "io/snapshot.hpp"
#include "partition/digest.hpp"
#include "partition/local_exchange.hpp"

namespace {

using namespace tessera;

template <class Read>
void expect_refusal_at_most(Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    CHECK(error.where().file == "fuzz");
  }
}

// The text as a seal whose checksum is right.
std::string resealed(std::string text) {
  constexpr std::string_view kOwn = "\nend\nseal ";
  text.resize(kSealBytes, '\n');
  const std::size_t own = text.find(kOwn);
  if (own == std::string::npos || own + kOwn.size() + 16 > text.size()) return text;
  text.replace(own + kOwn.size(), 16, std::string(16, '0'));
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits_withSeed(text.data(), text.size(), 0)));
  return text.replace(own + kOwn.size(), 16, digits.data());
}

// Small numbers, a byte each.
class SmallNumbers {
 public:
  SmallNumbers(const std::uint8_t* bytes, std::size_t size) : at_(bytes), end_(bytes + size) {}
  std::uint64_t next() { return at_ == end_ ? 0 : *at_++; }
  std::uint64_t below(std::uint64_t bound) { return next() % (bound + 1); }  // the bound itself is out of range

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

SearchState state_from(SmallNumbers bytes) {
  SearchState state;
  state.iteration = static_cast<std::uint32_t>(bytes.next() % 4);
  GraphShare& share = state.share;
  const std::uint64_t symbols = 1 + bytes.next() % 4;
  for (std::uint64_t s = 0; s < symbols; ++s)
    state.symbols.push_back({OperatorId(),
                             Name(std::string(1, static_cast<char>('f' + bytes.next() % 3))),
                             static_cast<std::uint32_t>(bytes.next() % 4),
                             {}});
  share.sizes = {bytes.next() % 8, bytes.next() % 3, bytes.next() % 4, bytes.next() % 16, 0};
  const GraphSizes& sizes = share.sizes;
  for (std::uint64_t c = 0; c < sizes.classes; ++c) {
    share.class_name.push_back(bytes.next() % 4 << 48 | bytes.next());
    const std::uint64_t value = bytes.next() % 2 == 0 ? GraphShare::kNoValue : 1 + bytes.below(sizes.values);
    const std::uint64_t stamp = bytes.next();
    if (!share.has_data()) continue;
    share.class_value.push_back(value);
    share.class_data_stamp.push_back(stamp);
  }
  std::vector<std::uint64_t> begins;
  for (std::uint64_t v = 0; v < sizes.values; ++v) begins.push_back(bytes.below(sizes.words));
  std::ranges::sort(begins);  // or read_snapshot() has refused them
  for (const std::uint64_t begin : begins) share.value_begin.push_back(begin);
  for (std::uint64_t w = 0; w < sizes.words; ++w) share.word.push_back(static_cast<std::int64_t>(bytes.next()));
  const bool is_careless = bytes.next() == 255;
  for (std::uint64_t r = 0; r < sizes.rows; ++r) {
    share.row_symbol.push_back(bytes.next() % (symbols + (is_careless ? 1 : 0)));
    share.row_class.push_back(is_careless || sizes.classes == 0 ? bytes.next() : bytes.next() % sizes.classes);
    share.row_stamp.push_back(bytes.next() % 5);
    const std::uint64_t arity = share.row_symbol[r] < symbols ? state.symbols[share.row_symbol[r]].arity : 0;
    for (std::uint64_t k = 0; k < arity; ++k)
      share.child.push_back(is_careless || sizes.classes == 0 ? bytes.next() : bytes.next() % sizes.classes);
  }
  share.sizes.children = share.child.size() + (is_careless ? bytes.next() % 2 : 0);
  while (share.child.size() < share.sizes.children) share.child.push_back(0);
  if (bytes.next() % 2 == 0) state.roots.push_back(bytes.below(sizes.classes));
  state.rules = {{"r", static_cast<std::uint32_t>(bytes.next()), static_cast<std::uint32_t>(bytes.next()), 1}};
  own_everything(share);
  return state;
}

// What the search ends in from such a state, or "" where it is refused.
std::string taken_up(const SearchState& whole, int ranks) {
  constexpr const char* kRules = "(rewrite r (f ?x) (g ?x ?x)) (rewrite s (g ?x ?y) (g ?y ?x))";
  std::string result;
  LocalWorld(ranks).run([&](Exchange& exchange) {
    const TermLanguage language;
    SymbolTable symbols;
    const RuleSet rules = parse_rules(kRules, "rules", language, symbols, {});
    Search search(exchange, language, symbols, rules.rules, {});
    SearchState state = whole;
    keep_even_share(state, exchange.rank(), exchange.size());
    try {
      (void)import_state(search, std::move(state));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInput);
      return;  // all ranks do
    }
    search.iterate();
    search.iterate();
    const std::string mine = digest(search.partition());
    if (exchange.rank() == 0) result = mine;
  });
  return result;
}

void check_columns(const SearchState& state) {
  bool is_within = true;
  try {
    check_indices(state);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInput);
    is_within = false;
  }
  const std::string alone = taken_up(state, 1);
  // Children of no e-node do no harm.
  CHECK(is_within || alone.empty() || state.share.row_symbol.empty());
  CHECK(taken_up(state, 3) == alone);
  if (is_within) (void)digest(state);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size > 0 && bytes[0] < 32) {
    check_columns(state_from(SmallNumbers(bytes + 1, size - 1)));
    return 0;
  }
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  expect_refusal_at_most([&] { (void)parse_seal(text, "fuzz"); });
  expect_refusal_at_most([&] { (void)parse_seal(resealed(text), "fuzz"); });
  expect_refusal_at_most([&] { (void)parse_symbols(text, "fuzz"); });
  expect_refusal_at_most([&] {
    Snapshot snapshot;
    parse_snapshot_header(text, "fuzz", snapshot);
  });
  return 0;
}
