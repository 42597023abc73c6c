#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <unordered_map>

#include "partition/search_state.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kRowsARound = std::uint64_t{1} << 17;  // a rank sends so many at once

struct ValueReply {  // followed by `words` words
  std::uint64_t position;
  std::uint64_t words;
};

struct RowHeader {  // followed by arity GlobalIds
  GlobalId cls;
  std::uint32_t symbol;
  std::uint32_t stamp;
};

struct Arrived {
  std::uint64_t hash;
  SymbolId symbol;
  std::uint32_t cls;
  std::uint32_t stamp;
  std::size_t kids;  // offset
};

class Import {
 public:
  Import(Search& search, SearchState& state)
      : partition_(search.partition()),
        graph_(partition_.graph),
        analysis_(search.analysis()),
        state_(state),
        share_(state.share),
        arrived_(graph_.shards()) {}

  std::vector<NamedClass> run() {
    check();
    intern_symbols();
    make_classes();
    set_data();
    graph_.iteration = state_.iteration;
    const ShareRange first = even_share(share_.sizes.rows, 0, partition_.ranks());
    // No rank's share is larger than the first one's by more than one row.
    const std::uint64_t rounds = (first.size() + kRowsARound) / kRowsARound;
    for (std::uint64_t round = 0; round < rounds; ++round) deal_rows(round);
    partition_.agree_on_error(failure_);
    partition_.notify_homes();
    partition_.push_to_subscribers();
    std::vector<NamedClass> roots;
    for (const std::uint64_t root : state_.roots) roots.push_back({global(root), 0});
    return roots;
  }

 private:
  [[nodiscard]] GlobalId global(std::uint64_t position) const {
    const int home = even_owner(position, share_.sizes.classes, partition_.ranks());
    const std::uint64_t begin = even_share(share_.sizes.classes, home, partition_.ranks()).begin;
    return {home, graph_.classes.nth(static_cast<std::uint32_t>(position - begin))};
  }

  void fail(const std::string& message) {
    if (failure_.empty()) failure_ = "the saved search is not well-formed: " + message;
  }

  // Everything that is an index stays within its bounds.
  void check() {
    const GraphSizes& sizes = share_.sizes;
    const auto is_even = [&](const ShareRange& range, std::uint64_t total) {
      const ShareRange even = even_share(total, partition_.rank(), partition_.ranks());
      return range.begin == even.begin && range.end == even.end;
    };
    CHECK(is_even(share_.classes, sizes.classes) && is_even(share_.values, sizes.values) &&
          is_even(share_.rows, sizes.rows));
    const auto below = [&](const auto& column, std::uint64_t bound, const char* what) {
      for (const std::uint64_t value : column)
        if (value >= bound) return fail(std::string(what) + " " + std::to_string(value) + " is out of range");
    };
    if (share_.classes.size() >= kMaxClasses || share_.rows.size() >= kMaxRows)
      fail("more e-nodes than " + std::to_string(partition_.ranks()) + " ranks can hold");
    below(share_.row_class, sizes.classes, "e-class");
    below(share_.child, sizes.classes, "e-class");
    below(state_.roots, sizes.classes, "root e-class");
    for (const std::uint64_t value : share_.class_value)
      if (value > sizes.values) fail("e-class data is out of range");
    for (const Symbol& symbol : state_.symbols)
      if (symbol.arity > kMaxArity) fail("operator " + std::string(symbol.name.text()) + " has too many children");
    check_ends(share_.value_begin, share_.words, "e-class data");
    for (const std::uint64_t symbol : share_.row_symbol)
      if (symbol >= state_.symbols.size()) return fail_and_agree("an operator is out of range");
    for (const std::uint64_t stamp : share_.row_stamp)
      if (stamp > state_.iteration) fail("an e-node is newer than the search");
    if (count_children(state_) != share_.children.size()) fail("the e-nodes' children do not add up");
    partition_.agree_on_error(failure_);
  }
  void fail_and_agree(const std::string& message) {
    fail(message);
    partition_.agree_on_error(failure_);
  }
  void check_ends(const NarrowColumn& begins, const ShareRange& range, const char* what) {
    std::uint64_t last = range.begin;
    for (const std::uint64_t begin : begins) {
      if (begin < last || begin > range.end) fail(std::string(what) + " overlaps");
      last = begin;
    }
  }

  void intern_symbols() {
    SymbolTable& symbols = graph_.symbols();
    for (const Symbol& symbol : state_.symbols)
      symbol_.push_back(symbols.intern(symbol.name, symbol.attributes, symbol.arity));
  }

  // In the order of their positions, so that every rank can tell every class's id.
  void make_classes() {
    const auto shards = graph_.shards();
    const std::vector<std::size_t> none(shards, 0);
    constexpr std::size_t kBlock = std::size_t{1} << ShardedIds::kBlockBits;
    const std::size_t blocks = (share_.class_name.size() / kBlock + shards) / shards;
    partition_.reserve(none, none, std::vector<std::size_t>(shards, blocks * kBlock));
    for (std::size_t i = 0; i < share_.class_name.size(); ++i) {
      const auto shard = static_cast<std::uint32_t>(i / kBlock) & (shards - 1);
      const ClassId id = graph_.classes.add(shard, share_.class_name[i]);
      CHECK(id == graph_.classes.nth(static_cast<std::uint32_t>(i)));
      if (!share_.has_data()) continue;
      if (const std::uint64_t stamp = share_.class_data_stamp[i]; stamp != 0)
        analysis_.restore_data_stamp(id, static_cast<std::uint32_t>(stamp));
    }
    partition_.owned_classes = static_cast<std::int64_t>(share_.class_name.size());
  }

  // Values lie with the ranks whose share they fall into: each rank asks for those that its classes need.
  void set_data() {
    if (share_.sizes.values == 0) return;
    boost::unordered_flat_map<std::uint64_t, DataId> known;  // by position
    for (const std::uint64_t value : share_.class_value)
      if (value != GraphShare::kNoValue && known.try_emplace(value - 1).second)
        partition_.outbox.put(even_owner(value - 1, share_.sizes.values, partition_.ranks()), value - 1);
    Outbox replies(partition_.ranks());
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int source, MessageReader& reader) {
      while (!reader.done()) {
        const auto value = reader.take<std::uint64_t>();
        const std::uint64_t i = value - share_.values.begin;
        const std::uint64_t begin = share_.value_begin[i];
        const std::uint64_t end = i + 1 < share_.value_begin.size() ? share_.value_begin[i + 1] : share_.words.end;
        replies.put(source, ValueReply{value, end - begin});
        replies.put_all(source,
                        std::span<const std::int64_t>(share_.word).subspan(begin - share_.words.begin, end - begin));
      }
    });
    DataWords words;
    superstep(partition_.exchange, replies, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto reply = reader.take<ValueReply>();
        words.clear();
        for (std::uint64_t i = 0; i < reply.words; ++i) words.push_back(reader.take<std::int64_t>());
        known[reply.position] = graph_.data.intern(words);
      }
    });
    for (std::size_t i = 0; i < share_.class_value.size(); ++i)
      if (share_.class_value[i] != GraphShare::kNoValue)
        graph_.classes[graph_.classes.nth(static_cast<std::uint32_t>(i))].data = known[share_.class_value[i] - 1];
  }

  void deal_rows(std::uint64_t round) {
    std::vector<NamedClass> kids;  // without names: their births are the past
    const std::uint64_t begin = std::min<std::uint64_t>(share_.row_symbol.size(), round * kRowsARound);
    const std::uint64_t end = std::min<std::uint64_t>(share_.row_symbol.size(), begin + kRowsARound);
    for (std::uint64_t i = begin; i < end; ++i) {
      const SymbolId symbol = symbol_[share_.row_symbol[i]];
      const std::uint32_t arity = graph_.symbols()[symbol].arity;
      kids.clear();
      for (std::uint32_t k = 0; k < arity; ++k) kids.push_back({global(share_.child[next_child_++]), 0});
      const int home = partition_.home_of(symbol, kids);
      const auto stamp = static_cast<std::uint32_t>(share_.row_stamp[i]);
      partition_.outbox.put(home, RowHeader{global(share_.row_class[i]), symbol.value, stamp});
      for (const NamedClass& kid : kids) partition_.outbox.put(home, kid.id);
    }
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) receive(reader);
    });
    insert_arrived();
  }

  void receive(MessageReader& reader) {
    const auto header = reader.take<RowHeader>();
    const SymbolId symbol(header.symbol);
    const std::uint32_t arity = graph_.symbols()[symbol].arity;
    const std::size_t offset = kids_.size();
    for (std::uint32_t k = 0; k < arity; ++k) kids_.push_back(partition_.local({reader.take<GlobalId>(), 0}).value);
    const std::uint64_t hash = NodeTable::hash_key(symbol, std::span<const std::uint32_t>(kids_).subspan(offset));
    arrived_[graph_.nodes.shard_of_hash(hash)].push_back(
        {hash, symbol, partition_.local({header.cls, 0}).value, header.stamp, offset});
  }

  void insert_arrived() {
    const std::uint32_t shards = graph_.shards();
    std::vector<std::size_t> rows(shards, 0);
    std::vector<std::size_t> wide(shards, 0);
    const std::vector<std::size_t> none(shards, 0);
    std::size_t total = 0;
    for (std::uint32_t s = 0; s < shards; ++s) {
      rows[s] = arrived_[s].size();
      total += rows[s];
      for (const Arrived& row : arrived_[s])
        if (const std::uint32_t arity = graph_.symbols()[row.symbol].arity; arity > NodeTable::kInlineArity)
          wide[s] += arity;
    }
    partition_.reserve(rows, wide, none);
    std::vector<char> doubled(shards, 0);
    partition_.workers.for_each(shards, total > 2048, [&](std::size_t shard) {
      const auto s = static_cast<std::uint32_t>(shard);
      for (const Arrived& row : arrived_[s]) {
        const std::uint32_t arity = graph_.symbols()[row.symbol].arity;
        const std::span<const std::uint32_t> kids = std::span<const std::uint32_t>(kids_).subspan(row.kids, arity);
        const HashconsSlot slot = graph_.nodes.look_up(s, row.hash, row.symbol, kids);
        if (!slot.row.is_none()) {
          doubled[s] = 1;
          continue;
        }
        const RowId id = graph_.nodes.insert(s, slot, row.symbol, kids, ClassId(row.cls), row.stamp);
        if (row.stamp == graph_.iteration) graph_.touched[s].push_back(id);
        partition_.link_new(s, id, row.symbol, ClassId(row.cls), false, kids);
      }
      arrived_[s].clear();
    });
    kids_.clear();
    partition_.flush_notes();
    if (std::ranges::find(doubled, 1) != doubled.end()) fail("an e-node occurs twice");
  }

  Partition& partition_;
  EGraph& graph_;
  Analysis& analysis_;
  SearchState& state_;
  GraphShare& share_;
  std::string failure_;
  std::vector<SymbolId> symbol_;               // by index in the state
  std::vector<std::vector<Arrived>> arrived_;  // by shard
  std::vector<std::uint32_t> kids_;
  std::uint64_t next_child_ = 0;  // of this rank's share: of the next row that is dealt out
};

// Schedule and records of the state's rules, in the order of the search's.
void restore_progress(Search& search, SearchState& state) {
  std::unordered_map<std::string, std::size_t> index_of;
  for (std::size_t r = 0; r < state.rules.size(); ++r) index_of.emplace(state.rules[r].name, r);
  std::vector<RuleSchedule> schedule = search.scheduler().rules();
  std::vector<std::size_t> source(search.rules().size(), state.rules.size());
  for (std::size_t r = 0; r < source.size(); ++r) {
    const auto found = index_of.find(search.rules()[r].name);
    if (found == index_of.end()) continue;
    source[r] = found->second;
    const RuleState& rule = state.rules[source[r]];
    schedule[r].seen = rule.seen;
    schedule[r].aside_until = rule.aside_until;
    schedule[r].times_aside = rule.times_aside;
  }
  const bool keeps_times = search.partition().rank() == 0;  // they are of all ranks together
  for (IterationRecord& record : state.iterations) {
    std::vector<RuleRecord> rules(source.size());
    for (std::size_t r = 0; r < source.size(); ++r)
      if (source[r] < record.rules.size()) rules[r] = record.rules[source[r]];
    record.rules = std::move(rules);
    if (keeps_times) continue;
    record.visited = record.rekeyed = 0;
    record.seconds = 0;
    for (PhaseRecord& phase : record.phases) phase.seconds = 0;
    for (RuleRecord& rule : record.rules) rule.seconds = 0;
  }
  search.restore(std::move(schedule), std::move(state.iterations), state.seconds);
}

}  // namespace

std::vector<NamedClass> import_state(Search& search, SearchState state) {
  CHECK(search.iterations().empty() && search.partition().graph.nodes.live_count() == 0);
  std::vector<NamedClass> roots = Import(search, state).run();
  restore_progress(search, state);
  return roots;
}

}  // namespace tessera
