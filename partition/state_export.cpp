#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

#include "partition/search_state.hpp"

namespace tessera {

namespace {

struct Position {  // home to subscriber
  GlobalId cls;
  std::uint64_t position;
};

// The ids of a table in order, in pieces for the rank's threads: block by block, as they are dealt to shards. All in
// one piece for one thread.
class IdPieces {
 public:
  static constexpr std::size_t kBlock = std::size_t{1} << ShardedIds::kBlockBits;

  IdPieces(const ShardedIds& ids, int threads)
      : ids_(ids), blocks_(ids.blocks()), piece_(threads == 1 ? std::max<std::size_t>(1, blocks_) : kBlocksOfPiece) {}
  [[nodiscard]] std::size_t count() const { return (blocks_ + piece_ - 1) / piece_; }
  // Calls visit(first id, how many are used) for every block of a piece.
  template <class Visit>
  void for_each_block(std::size_t piece, Visit&& visit) const {
    const std::size_t end = std::min(blocks_, (piece + 1) * piece_);
    for (std::size_t n = piece * piece_; n < end; ++n)
      if (const ShardedIds::Block block = ids_.block(n); block.count != 0) visit(block.first, block.count);
  }

 private:
  static constexpr std::size_t kBlocksOfPiece = 64;
  const ShardedIds& ids_;
  std::size_t blocks_;
  std::size_t piece_;  // blocks
};

// How many of what a piece holds; then how many the pieces before it hold.
struct PieceCounts {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

PieceCounts sum_up(std::vector<PieceCounts>& pieces) {
  PieceCounts sum;
  for (PieceCounts& piece : pieces) {
    const PieceCounts own = piece;
    piece = sum;
    sum.first += own.first;
    sum.second += own.second;
  }
  return sum;
}

// Copies the columns out of an e-graph that nobody changes; the rank's threads share the work. The search waits for it:
// rows go through a core's cache once to be copied, and where threads must know where theirs begin, once to be counted.
class Export {
 public:
  Export(Search& search, SearchState& state)
      : partition_(search.partition()),
        graph_(partition_.graph),
        data_stamp_(search.analysis().data_stamp()),
        state_(state),
        share_(state.share),
        class_pieces_(graph_.classes.ids(), partition_.workers.threads()),
        row_pieces_(graph_.nodes.ids(), partition_.workers.threads()) {}

  void run(std::span<const NamedClass> roots) {
    const SymbolTable& symbols = graph_.symbols();
    arity_.reserve(symbols.size());
    for (std::uint32_t s = 0; s < symbols.size(); ++s) {
      arity_.push_back(symbols[SymbolId(s)].arity);
      state_.symbols.push_back(symbols[SymbolId(s)]);
    }
    measure();
    make_room();
    position_.with_elements([&](auto* position) {
      number_classes(position);
      if (!partition_.alone()) tell_subscribers(position);
      copy_rows(position);
    });
    copy_values();
    locate_roots(roots);
  }

 private:
  template <class Work>
  void for_each_piece(const IdPieces& pieces, Work&& work) {
    partition_.workers.for_each(pieces.count(), true, work);
  }
  [[nodiscard]] bool is_owned(ClassId cls) const { return graph_.classes.is_leader(cls) && !partition_.is_ghost(cls); }

  // Lengths of all columns, and where this rank's ranges lie in them.
  void measure() {
    classes_before_.resize(class_pieces_.count());
    std::vector<std::uint8_t> is_used(graph_.data.size(), 0);
    for_each_piece(class_pieces_, [&](std::size_t piece) {
      std::uint64_t classes = 0;
      class_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t id = first; id < first + count; ++id) {
          if (!is_owned(ClassId(id))) continue;
          ++classes;
          const DataId data = graph_.classes[ClassId(id)].data;
          if (!data.is_none()) std::atomic_ref(is_used[data.value]).store(1, std::memory_order_relaxed);
        }
      });
      classes_before_[piece].first = classes;
    });
    rows_before_.assign(row_pieces_.count(), {graph_.nodes.live_count(), graph_.nodes.live_children()});
    const auto count_rows = [&](std::size_t piece) {
      std::uint64_t rows = 0;
      std::uint64_t children = 0;
      row_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t id = first; id < first + count; ++id) {
          if (!graph_.nodes.is_live(RowId(id))) continue;
          ++rows;
          children += arity_[graph_.nodes[RowId(id)].symbol.value];
        }
      });
      rows_before_[piece] = {rows, children};
    };
    if (row_pieces_.count() > 1) for_each_piece(row_pieces_, count_rows);
    constexpr std::size_t kColumns = 5;
    std::array<std::uint64_t, kColumns> mine{};
    mine[0] = sum_up(classes_before_).first;
    value_of_.assign(graph_.data.size(), GraphShare::kNoValue);
    for (std::uint32_t value = 0; value < is_used.size(); ++value) {
      if (is_used[value] == 0) continue;
      value_of_[value] = ++mine[1];
      mine[2] += graph_.data[DataId(value)].size();
    }
    const PieceCounts rows = sum_up(rows_before_);
    mine[3] = rows.first;
    mine[4] = rows.second;
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

  // Widths follow from what all ranks know; places within a page are those that the elements will have in a file.
  void make_room() {
    const auto room = [](NarrowColumn& column, const ShareRange& range, std::uint64_t greatest) {
      const unsigned width = NarrowColumn::width_of(greatest);
      column.set_size(range.size(), width, range.begin * width);
    };
    const GraphSizes& sizes = share_.sizes;
    room(share_.class_name, share_.classes, ~std::uint64_t{0});
    if (share_.has_data()) {
      room(share_.class_value, share_.classes, sizes.values);
      room(share_.class_data_stamp, share_.classes, state_.iteration);
    }
    room(share_.value_begin, share_.values, sizes.words);
    share_.word.reserve(share_.words.size());
    room(share_.row_symbol, share_.rows, arity_.size());
    room(share_.row_class, share_.rows, sizes.classes);
    room(share_.row_stamp, share_.rows, state_.iteration);
    room(share_.child, share_.children, sizes.classes);
    // The greatest value that an element can have is no position.
    position_.set_size(graph_.classes.bound(), NarrowColumn::width_of(sizes.classes));
    if (!position_.empty())
      position_.with_elements(
          [&](auto* position) { std::memset(position, 0xff, position_.size() * sizeof *position); });
  }

  template <class Element>
  static constexpr Element kUnknown = static_cast<Element>(~Element{0});

  template <class Element>
  void number_classes(Element* position) {
    auto* names = share_.class_name.elements<std::uint64_t>();
    for_each_piece(class_pieces_, [&](std::size_t piece) {
      std::uint64_t at = classes_before_[piece].first;
      class_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t id = first; id < first + count; ++id) {
          if (!is_owned(ClassId(id))) continue;
          position[id] = static_cast<Element>(share_.classes.begin + at);
          names[at++] = graph_.classes[ClassId(id)].name;
        }
      });
      if (!share_.has_data()) return;
      share_.class_value.with_elements([&](auto* values) { copy_class_values(piece, values); });
      share_.class_data_stamp.with_elements([&](auto* stamps) { copy_data_stamps(piece, stamps); });
    });
  }
  template <class Element>
  void copy_class_values(std::size_t piece, Element* values) {
    std::uint64_t at = classes_before_[piece].first;
    class_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
      for (std::uint32_t id = first; id < first + count; ++id) {
        if (!is_owned(ClassId(id))) continue;
        const DataId data = graph_.classes[ClassId(id)].data;
        values[at++] =
            static_cast<Element>(data.is_none() ? GraphShare::kNoValue : share_.values.begin + value_of_[data.value]);
      }
    });
  }
  template <class Element>
  void copy_data_stamps(std::size_t piece, Element* stamps) {
    std::uint64_t at = classes_before_[piece].first;
    class_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
      for (std::uint32_t id = first; id < first + count; ++id)
        if (is_owned(ClassId(id))) stamps[at++] = static_cast<Element>(id < data_stamp_.size() ? data_stamp_[id] : 0);
    });
  }

  void copy_values() {
    std::uint64_t at = share_.words.begin;
    share_.value_begin.with_elements([&](auto* begins) {
      for (std::uint32_t value = 0; value < value_of_.size(); ++value) {
        if (value_of_[value] == GraphShare::kNoValue) continue;
        *begins++ = static_cast<std::decay_t<decltype(*begins)>>(at);
        const DataView words = graph_.data[DataId(value)];
        share_.word.insert(share_.word.end(), words.begin(), words.end());
        at += words.size();
      }
    });
  }

  template <class Element>
  void tell_subscribers(Element* position) {
    partition_.for_each_owned_class([&](ClassId cls) {
      const Position news{GlobalId(partition_.rank(), cls), position[cls.value]};
      partition_.subscribers.for_each(
          cls, [&](const Subscriber& s) { partition_.outbox.put(static_cast<int>(s.rank), news); });
    });
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto news = reader.take<Position>();
        const ClassId here = partition_.find_local(news.cls);
        CHECK(!here.is_none());
        position[here.value] = static_cast<Element>(news.position);
      }
    });
  }

  // Column after column of a block, whose rows stay in the cache.
  template <class Element>
  void copy_rows(const Element* position) {
    auto* classes = share_.row_class.elements<Element>();
    for_each_piece(row_pieces_, [&](std::size_t piece) {
      std::array<std::uint32_t, IdPieces::kBlock> live{};
      PieceCounts at = rows_before_[piece];
      row_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
        std::size_t rows = 0;
        for (std::uint32_t id = first; id < first + count; ++id) {
          live[rows] = id;
          rows += graph_.nodes.is_live(RowId(id)) ? 1 : 0;
        }
        const std::span<const std::uint32_t> block(live.data(), rows);
        const auto copy = [&](NarrowColumn& column, auto value_of) {
          column.with_elements([&](auto* elements) {
            using To = std::decay_t<decltype(*elements)>;
            for (std::size_t i = 0; i < rows; ++i)
              elements[at.first + i] = static_cast<To>(value_of(graph_.nodes[RowId(block[i])]));
          });
        };
        copy(share_.row_symbol, [](const Row& row) { return row.symbol.value; });
        copy(share_.row_stamp, [](const Row& row) { return row.stamp; });
        for (std::size_t i = 0; i < rows; ++i) classes[at.first + i] = position[graph_.nodes[RowId(block[i])].class_id];
        at.second += copy_children(block, position, at.second);
        at.first += rows;
      });
    });
  }

  // Returns how many there are.
  template <class Element>
  std::uint64_t copy_children(std::span<const std::uint32_t> rows, const Element* position, std::uint64_t at) {
    auto* children = share_.child.elements<Element>();
    // Two of every row that is not wide, whether it has them or not: what is too much, the next row's overwrite.
    std::array<Element, IdPieces::kBlock * NodeTable::kInlineArity + NodeTable::kInlineArity> found;
    std::uint64_t done = 0;
    std::size_t held = 0;
    const auto hand_over = [&] {
      for (std::size_t i = 0; i < held; ++i) CHECK(found[i] != kUnknown<Element>);
      if (held != 0) std::memcpy(children + at + done, found.data(), held * sizeof found[0]);
      done += held;
      held = 0;
    };
    for (const std::uint32_t id : rows) {
      const Row& row = graph_.nodes[RowId(id)];
      const std::uint32_t arity = arity_[row.symbol.value];
      if (arity <= NodeTable::kInlineArity) {
        found[held] = position[row.kids[0]];
        found[held + 1] = position[row.kids[1]];
        held += arity;
        continue;
      }
      hand_over();
      for (std::uint32_t k = 0; k < arity; ++k) {
        const Element child = position[graph_.nodes.kid(RowId(id), arity, k)];
        CHECK(child != kUnknown<Element>);
        children[at + done++] = child;
      }
    }
    hand_over();
    return done;
  }

  void locate_roots(std::span<const NamedClass> roots) {
    const std::vector<GlobalId> leaders = partition_.leaders(roots);
    std::vector<std::uint64_t> positions(leaders.size(), 0);
    for (std::size_t i = 0; i < leaders.size(); ++i)
      if (leaders[i].home() == partition_.rank()) positions[i] = position_[leaders[i].index().value];
    if (!partition_.alone() && !positions.empty()) partition_.exchange.all_reduce(positions, Reduction::kSum);
    state_.roots = std::move(positions);
  }

  Partition& partition_;
  EGraph& graph_;
  std::span<const std::uint32_t> data_stamp_;
  SearchState& state_;
  GraphShare& share_;
  IdPieces class_pieces_;
  IdPieces row_pieces_;
  std::vector<PieceCounts> classes_before_;  // by piece
  std::vector<PieceCounts> rows_before_;     // by piece: rows, children
  std::vector<std::uint32_t> arity_;         // by symbol
  std::vector<std::uint64_t> value_of_;      // by DataId: kNoValue, or its number among this rank's values, from 1
  NarrowColumn position_;                    // by class id
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
