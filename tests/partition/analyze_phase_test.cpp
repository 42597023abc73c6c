// E-class data is the same of every class, and so is when it last changed, on any number of ranks, threads and shards,
// in e-graphs large enough that rounds are shared among threads.
#include "partition/analyze_phase.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>

#include "engine/base/hash.hpp"
#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "partition/local_exchange.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

// Of sums of numbers below 64: the least depth of a class's terms, which falls as terms are found, and which numbers
// are in the sum, which may not differ within a class.
class SumLanguage final : public TermLanguage {
 public:
  [[nodiscard]] bool has_data() const override { return true; }
  void make(const Symbol& symbol, std::span<const DataView> kids, DataWords& out) const override {
    out = {1, 0};
    if (kids.empty()) out[1] = std::int64_t{1} << std::stoi(std::string(symbol.name.text()));
    for (const DataView kid : kids) {
      out[0] = std::max(out[0], kid[0] + 1);
      out[1] |= kid[1];
    }
  }
  bool join(DataWords& into, DataView other) const override {
    if (into[1] != other[1])
      throw Error(ErrorCode::kInput,
                  "numbers disagree: " + std::to_string(into[1]) + " vs " + std::to_string(other[1]));
    if (other[0] >= into[0]) return false;
    into[0] = other[0];
    return true;
  }
};

struct Layout {
  int ranks;
  int threads;
  std::uint32_t shards;
};

// Commutativity and associativity; a comb of `numbers` numbers.
std::string sum_rules(int numbers) {
  std::string start = std::to_string(numbers);
  for (int i = numbers - 1; i > 0; --i) start.insert(0, "(+ " + std::to_string(i) + " ").append(")");
  return "(rewrite swap (+ ?a ?b) (+ ?b ?a))\n(rewrite regroup (+ ?a (+ ?b ?c)) (+ (+ ?a ?b) ?c))\n(start " + start +
         ")";
}

struct Outcome {
  std::uint64_t classes = 0;
  std::uint64_t unknown = 0;      // classes without data
  std::uint64_t fingerprint = 0;  // of all classes: name, data, when it last changed
  std::uint64_t depth = 0;        // summed over classes
  std::string failure;
};

// What a search ends with, by itself or by an error.
Outcome outcome(const std::string& text, const Layout& layout) {
  std::mutex mutex;
  Outcome sum;
  const auto on_rank = [&](Exchange& exchange) {
    const SumLanguage language;
    SymbolTable symbols;
    const RuleSet rules = parse_rules(text, "sums.rules", language, symbols, {});
    SearchOptions options;
    options.partition.threads = layout.threads;
    options.partition.shards = layout.shards;
    Search search(exchange, language, symbols, rules.rules, options);
    try {
      search.start(rules.start);
      search.run();
    } catch (const Error& error) {
      const std::scoped_lock lock(mutex);
      sum.failure = error.message();
      return;
    }
    const Partition& partition = search.partition();
    const std::span<const std::uint32_t> stamps = search.analysis().data_stamp();
    const std::scoped_lock lock(mutex);
    partition.for_each_owned_class([&](ClassId cls) {
      const ClassRecord& record = partition.graph.classes[cls];
      ++sum.classes;
      if (record.data.is_none()) {
        ++sum.unknown;
        return;
      }
      std::uint64_t hash = hash_combine(record.name, cls.value < stamps.size() ? stamps[cls.value] : 0);
      for (const std::int64_t word : partition.graph.data[record.data])
        hash = hash_combine(hash, static_cast<std::uint64_t>(word));
      sum.fingerprint += hash;
      sum.depth += static_cast<std::uint64_t>(partition.graph.data[record.data][0]);
    });
  };
  if (layout.ranks == 1) {
    SoloExchange exchange;
    on_rank(exchange);
  } else {
    LocalWorld(layout.ranks).run(on_rank);
  }
  return sum;
}

constexpr std::array<Layout, 5> kLayouts = {{{1, 4, 1}, {1, 2, 16}, {1, 4, 8}, {2, 1, 1}, {3, 2, 4}}};

std::string text_of(const Layout& layout) {
  return std::to_string(layout.ranks) + " ranks, " + std::to_string(layout.threads) + " threads, " +
         std::to_string(layout.shards) + " shards";
}

TEST(AnalyzePhase, DataIsTheSameOnEveryLayout) {
  const std::string rules = sum_rules(9);
  const Outcome alone = outcome(rules, {1, 1, 1});
  EXPECT_EQ(alone.failure, "");
  EXPECT_EQ(alone.unknown, 0U);
  // A class for each nonempty subset, whose least deep term is a balanced one: 1 + the logarithm of its size.
  EXPECT_EQ(alone.classes, 511U);
  EXPECT_EQ(alone.depth, 9U * 1 + 36U * 2 + (84U + 126U) * 3 + (126U + 84U + 36U + 9U) * 4 + 1U * 5);
  for (const Layout& layout : kLayouts) {
    const Outcome other = outcome(rules, layout);
    EXPECT_EQ(other.classes, alone.classes) << text_of(layout);
    EXPECT_EQ(other.unknown, 0U) << text_of(layout);
    EXPECT_EQ(other.fingerprint, alone.fingerprint) << text_of(layout);
  }
}

TEST(AnalyzePhase, AWrongRuleIsNamed) {
  for (const Layout& layout : kLayouts) {
    // Right for the sum as written; wrong for what is found of it later.
    const Outcome found = outcome(sum_rules(9) + "\n(rewrite forget (+ (+ ?a ?b) ?c) (+ ?a ?c))", layout);
    EXPECT_NE(found.failure.find("sums.rules:4:"), std::string::npos) << text_of(layout) << ": " << found.failure;
    EXPECT_NE(found.failure.find("rule forget is unsound: numbers disagree: "), std::string::npos)
        << text_of(layout) << ": " << found.failure;
  }
}

}  // namespace
}  // namespace tessera
