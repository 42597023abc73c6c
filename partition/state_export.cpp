#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "partition/search_state.hpp"

namespace tessera {

namespace {

// Room for a column. Large ones are written once from end to end: in huge pages that takes half the time.
template <class T>
void make_room(std::vector<T>& column, std::uint64_t count) {
  constexpr std::uintptr_t kHugePage = std::uintptr_t{1} << 21;
  column.reserve(count);
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(column.data()) + kHugePage - 1) & ~(kHugePage - 1);
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(column.data() + column.capacity()) & ~(kHugePage - 1);
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // a wish, no more
}

struct Position {  // home to subscriber
  GlobalId cls;
  std::uint64_t position;
};

class Export {
 public:
  Export(Search& search, SearchState& state)
      : partition_(search.partition()),
        graph_(partition_.graph),
        data_stamp_(search.analysis().data_stamp()),
        state_(state),
        share_(state.share) {}

  void run(std::span<const NamedClass> roots) {
    const SymbolTable& symbols = graph_.symbols();
    arity_.reserve(symbols.size());
    for (std::uint32_t s = 0; s < symbols.size(); ++s) arity_.push_back(symbols[SymbolId(s)].arity);
    measure();
    number_classes();
    if (!partition_.alone()) tell_subscribers();
    write_rows();
    locate_roots(roots);
    for (std::uint32_t s = 0; s < graph_.symbols().size(); ++s) state_.symbols.push_back(graph_.symbols()[SymbolId(s)]);
  }

 private:
  // Lengths of all columns, and where this rank's ranges lie in them.
  void measure() {
    value_of_.assign(graph_.data.size(), GraphShare::kNoValue);
    constexpr std::size_t kColumns = 5;
    std::array<std::uint64_t, kColumns> mine{};
    partition_.for_each_owned_class([&](ClassId cls) {
      ++mine[0];
      const DataId data = graph_.classes[cls].data;
      if (data.is_none() || value_of_[data.value] != GraphShare::kNoValue) return;
      value_of_[data.value] = mine[1]++;
      mine[2] += graph_.data[data].size();
      values_.push_back(data);
    });
    graph_.for_each_row([&](RowId row) {
      ++mine[3];
      mine[4] += arity_[graph_.nodes[row].symbol.value];
    });
    const auto rank = static_cast<std::size_t>(partition_.rank());
    const auto ranks = static_cast<std::size_t>(partition_.ranks());
    std::vector<std::uint64_t> all(ranks * kColumns, 0);
    std::ranges::copy(mine, all.begin() + static_cast<std::ptrdiff_t>(rank * kColumns));
    if (!partition_.alone()) partition_.exchange.all_reduce(all, Reduction::kSum);
    std::array<ShareRange, kColumns> range{};
    std::array<std::uint64_t, kColumns> total{};
    for (std::size_t r = 0; r < ranks; ++r)
      for (std::size_t c = 0; c < kColumns; ++c) {
        if (r == rank) range[c] = {total[c], total[c] + mine[c]};
        total[c] += all[r * kColumns + c];
      }
    share_.sizes = {total[0], total[1], total[2], total[3], total[4]};
    share_.classes = range[0];
    share_.values = range[1];
    share_.words = range[2];
    share_.rows = range[3];
    share_.children = range[4];
  }

  void number_classes() {
    position_.assign(graph_.classes.bound(), kUnknown);
    make_room(share_.class_name, share_.classes.size());
    make_room(share_.class_value, share_.classes.size());
    make_room(share_.class_data_stamp, share_.classes.size());
    partition_.for_each_owned_class([&](ClassId cls) {
      position_[cls.value] = share_.classes.begin + share_.class_name.size();
      const ClassRecord& record = graph_.classes[cls];
      share_.class_name.push_back(record.name);
      share_.class_value.push_back(record.data.is_none() ? GraphShare::kNoValue
                                                         : share_.values.begin + value_of_[record.data.value]);
      share_.class_data_stamp.push_back(cls.value < data_stamp_.size() ? data_stamp_[cls.value] : 0);
    });
    make_room(share_.value_begin, share_.values.size());
    make_room(share_.word, share_.words.size());
    std::uint64_t at = share_.words.begin;
    for (const DataId value : values_) {
      const DataView words = graph_.data[value];
      share_.value_begin.push_back(at);
      share_.word.insert(share_.word.end(), words.begin(), words.end());
      at += words.size();
    }
  }

  void tell_subscribers() {
    partition_.for_each_owned_class([&](ClassId cls) {
      const Position position{GlobalId(partition_.rank(), cls), position_[cls.value]};
      partition_.subscribers.for_each(
          cls, [&](const Subscriber& s) { partition_.outbox.put(static_cast<int>(s.rank), position); });
    });
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto news = reader.take<Position>();
        const ClassId here = partition_.find_local(news.cls);
        CHECK(!here.is_none());
        position_[here.value] = news.position;
      }
    });
  }

  void write_rows() {
    make_room(share_.row_symbol, share_.rows.size());
    make_room(share_.row_class, share_.rows.size());
    make_room(share_.row_stamp, share_.rows.size());
    make_room(share_.row_child_begin, share_.rows.size());
    make_room(share_.child, share_.children.size());
    const auto position = [&](std::uint32_t cls) {
      CHECK(position_[cls] != kUnknown);
      return position_[cls];
    };
    graph_.for_each_row([&](RowId row) {
      const Row& r = graph_.nodes[row];
      share_.row_symbol.push_back(r.symbol.value);
      share_.row_class.push_back(position(r.class_id));
      share_.row_stamp.push_back(r.stamp);
      share_.row_child_begin.push_back(share_.children.begin + share_.child.size());
      const std::uint32_t arity = arity_[r.symbol.value];
      for (std::uint32_t k = 0; k < arity; ++k) share_.child.push_back(position(graph_.nodes.kid(row, arity, k)));
    });
  }

  void locate_roots(std::span<const NamedClass> roots) {
    const std::vector<GlobalId> leaders = partition_.leaders(roots);
    std::vector<std::uint64_t> positions(leaders.size(), 0);
    for (std::size_t i = 0; i < leaders.size(); ++i)
      if (leaders[i].home() == partition_.rank()) positions[i] = position_[leaders[i].index().value];
    if (!partition_.alone() && !positions.empty()) partition_.exchange.all_reduce(positions, Reduction::kSum);
    state_.roots = std::move(positions);
  }

  static constexpr std::uint64_t kUnknown = ~std::uint64_t{0};

  Partition& partition_;
  EGraph& graph_;
  std::span<const std::uint32_t> data_stamp_;
  SearchState& state_;
  GraphShare& share_;
  std::vector<std::uint32_t> arity_;     // by symbol
  std::vector<std::uint64_t> value_of_;  // by DataId: among this rank's values
  std::vector<DataId> values_;
  std::vector<std::uint64_t> position_;  // by class id
};

std::uint64_t nanoseconds(double seconds) { return static_cast<std::uint64_t>(std::llround(seconds * 1e9)); }
double seconds_of(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-9; }

// Makes every rank's records those of all ranks together.
void combine_records(Exchange& exchange, std::vector<IterationRecord>& records) {
  std::vector<std::uint64_t> sums;
  std::vector<std::uint64_t> slowest;
  for (const IterationRecord& record : records) {
    sums.push_back(record.visited);
    sums.push_back(record.rekeyed);
    for (const RuleRecord& rule : record.rules) sums.push_back(nanoseconds(rule.seconds));
    slowest.push_back(nanoseconds(record.seconds));
    for (const PhaseRecord& phase : record.phases) slowest.push_back(nanoseconds(phase.seconds));
  }
  if (sums.empty()) return;
  exchange.all_reduce(sums, Reduction::kSum);
  exchange.all_reduce(slowest, Reduction::kMax);
  std::size_t at = 0;
  std::size_t slow = 0;
  for (IterationRecord& record : records) {
    record.visited = sums[at++];
    record.rekeyed = sums[at++];
    for (RuleRecord& rule : record.rules) rule.seconds = seconds_of(sums[at++]);
    record.seconds = seconds_of(slowest[slow++]);
    for (PhaseRecord& phase : record.phases) phase.seconds = seconds_of(slowest[slow++]);
  }
}

}  // namespace

SearchState export_state(Search& search, std::span<const NamedClass> roots) {
  SearchState state;
  Exchange& exchange = search.partition().exchange;
  state.iteration = search.partition().graph.iteration;
  for (std::size_t r = 0; r < search.rules().size(); ++r) {
    const RuleSchedule& schedule = search.scheduler().rules()[r];
    state.rules.push_back({search.rules()[r].name, schedule.seen, schedule.aside_until, schedule.times_aside});
  }
  state.iterations = search.iterations();
  std::uint64_t used = nanoseconds(search.seconds());
  if (exchange.size() > 1) {
    combine_records(exchange, state.iterations);
    exchange.all_reduce(std::span(&used, 1), Reduction::kMax);
  }
  state.seconds = seconds_of(used);
  Export(search, state).run(roots);
  return state;
}

}  // namespace tessera
