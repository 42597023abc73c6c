#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
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

}  // namespace

// Copies the columns out of an e-graph that nobody changes; the rank's threads share the work. A search that goes on
// waits for it: rows go through a core's cache once to be copied, and where threads must know where theirs begin, once
// to be counted.
class StateCopy {
 public:
  // Collective. `state`: all of it but what follows. What is copied with one thread makes no use of the rank's others.
  StateCopy(Search& search, SearchState state, std::span<const NamedClass> roots, int class_threads, int row_threads)
      : partition_(search.partition()),
        graph_(partition_.graph),
        data_stamp_(search.analysis().data_stamp()),
        state_(std::move(state)),
        roots_(partition_.leaders(roots)),
        class_pieces_(graph_.classes.ids(), class_threads),
        row_pieces_(graph_.nodes.ids(), row_threads) {
    const SymbolTable& symbols = graph_.symbols();
    arity_.reserve(symbols.size());
    for (std::uint32_t s = 0; s < symbols.size(); ++s) {
      arity_.push_back(symbols[SymbolId(s)].arity);
      state_.symbols.push_back(symbols[SymbolId(s)]);
    }
  }

  // Collective. Once. All but the columns of rows; these have room for their elements, or none.
  void copy_all_but_rows(bool with_room) {
    measure();
    make_room(with_room);
    position_.with_elements([&](auto* position) {
      for_each_piece(class_pieces_, [&](std::size_t piece) { copy_classes(piece, position); });
      if (!partition_.alone()) tell_subscribers(position);
    });
    if (may_have_data()) copy_values();
    locate_roots();
  }
  // Into the state's columns.
  void copy_rows() {
    for_each_piece(row_pieces_, [&](std::size_t piece) {
      PieceCounts at = rows_before_[piece];
      const PieceCounts end = piece + 1 < rows_before_.size() ? rows_before_[piece + 1]
                                                              : PieceCounts{share_.rows.size(), share_.children.size()};
      std::array<std::byte*, kRowColumns> places{};
      const std::array<NarrowColumn*, kRowColumns> columns = row_columns();
      for (std::size_t c = 0; c < kRowColumns; ++c) {
        const bool is_child = c == static_cast<std::size_t>(RowColumn::kChild);
        const std::uint64_t from = is_child ? at.second : at.first;
        columns[c]->touch(from, is_child ? end.second : end.first);
        places[c] = columns[c]->with_elements([&](auto* all) { return reinterpret_cast<std::byte*>(all + from); });
      }
      copy_piece(piece, [&](RowColumn column, std::size_t bytes) {
        return std::exchange(places[static_cast<std::size_t>(column)],
                             places[static_cast<std::size_t>(column)] + bytes);
      });
    });
  }
  // In order, for one thread.
  void copy_rows(const LateExport::Room& room) {
    for (std::size_t piece = 0; piece < row_pieces_.count(); ++piece) copy_piece(piece, room);
  }
  SearchState take() { return std::move(state_); }

 private:
  template <class Work>
  void for_each_piece(const IdPieces& pieces, Work&& work) {
    partition_.workers.for_each(pieces.count(), true, work);
  }
  [[nodiscard]] bool is_owned(ClassId cls) const { return graph_.classes.is_leader(cls) && !partition_.is_ghost(cls); }

  // The sums over all ranks, and this rank's range within each.
  template <std::size_t kCounts>
  std::array<std::uint64_t, kCounts> place(const std::array<std::uint64_t, kCounts>& mine,
                                           std::array<ShareRange, kCounts>& range) {
    const auto rank = static_cast<std::size_t>(partition_.rank());
    const auto ranks = static_cast<std::size_t>(partition_.ranks());
    std::vector<std::uint64_t> all(ranks * kCounts, 0);
    std::ranges::copy(mine, all.begin() + static_cast<std::ptrdiff_t>(rank * kCounts));
    if (!partition_.alone()) partition_.exchange.all_reduce(all, Reduction::kSum);
    std::array<std::uint64_t, kCounts> total{};
    for (std::size_t r = 0; r < ranks; ++r)
      for (std::size_t c = 0; c < kCounts; ++c) {
        if (r == rank) range[c] = {total[c], total[c] + mine[c]};
        total[c] += all[r * kCounts + c];
      }
    return total;
  }

  // Whether there is e-class data on any rank. It may be that no class has it any more.
  [[nodiscard]] bool may_have_data() const { return most_values_ != 0; }

  // Lengths of the columns of classes and rows, and where this rank's ranges lie in them. What a rank holds is known;
  // what the pieces hold, that several threads copy, is counted.
  void measure() {
    classes_before_.assign(class_pieces_.count(), {static_cast<std::uint64_t>(partition_.owned_classes), 0});
    rows_before_.assign(row_pieces_.count(), {graph_.nodes.live_count(), graph_.nodes.live_children()});
    const auto count_classes = [&](std::size_t piece) {
      std::uint64_t classes = 0;
      class_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
        for (std::uint32_t id = first; id < first + count; ++id) classes += is_owned(ClassId(id)) ? 1 : 0;
      });
      classes_before_[piece].first = classes;
    };
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
    if (class_pieces_.count() > 1) for_each_piece(class_pieces_, count_classes);
    if (row_pieces_.count() > 1) for_each_piece(row_pieces_, count_rows);
    const std::uint64_t classes = sum_up(classes_before_).first;
    const PieceCounts rows = sum_up(rows_before_);
    std::array<ShareRange, 4> range{};
    const auto total = place<4>({classes, rows.first, rows.second, graph_.data.size()}, range);
    share_.sizes.classes = total[0];
    share_.sizes.rows = total[1];
    share_.sizes.children = total[2];
    most_values_ = total[3];
    share_.classes = range[0];
    share_.rows = range[1];
    share_.children = range[2];
  }

  // Widths follow from what all ranks know.
  static void make_room(NarrowColumn& column, const ShareRange& range, std::uint64_t greatest) {
    column.set_size(range.size(), NarrowColumn::width_of(greatest));
  }
  void make_room(bool for_rows) {
    const GraphSizes& sizes = share_.sizes;
    make_room(share_.class_name, share_.classes, ~std::uint64_t{0});
    if (may_have_data()) {
      make_room(share_.class_value, share_.classes, most_values_);
      make_room(share_.class_data_stamp, share_.classes, state_.iteration);
      is_used_.assign(graph_.data.size(), 0);
    }
    const ShareRange rows = for_rows ? share_.rows : ShareRange{};
    make_room(share_.row_symbol, rows, arity_.size());
    make_room(share_.row_class, rows, sizes.classes);
    make_room(share_.row_stamp, rows, state_.iteration);
    make_room(share_.child, for_rows ? share_.children : ShareRange{}, sizes.classes);
    std::ranges::transform(row_columns(), row_width_.begin(),
                           [](const NarrowColumn* column) { return column->width(); });
    // The greatest value that an element can have is no position.
    position_.set_size(graph_.classes.bound(), NarrowColumn::width_of(sizes.classes));
    if (!position_.empty())
      position_.with_elements(
          [&](auto* position) { std::memset(position, 0xff, position_.size() * sizeof *position); });
  }

  template <class Element>
  static constexpr Element kUnknown = static_cast<Element>(~Element{0});

  // Column after column of a block, whose records stay in the cache. In place of a class's value stands, for now, that
  // of its rank, plus one: only now is seen which are still used.
  template <class Element>
  void copy_classes(std::size_t piece, Element* position) {
    auto* names = share_.class_name.elements<std::uint64_t>();
    std::array<std::uint32_t, IdPieces::kBlock> owned{};
    std::uint64_t at = classes_before_[piece].first;
    const std::uint64_t end =
        piece + 1 < classes_before_.size() ? classes_before_[piece + 1].first : share_.classes.size();
    share_.class_name.touch(at, end);
    if (may_have_data()) {
      share_.class_value.touch(at, end);
      share_.class_data_stamp.touch(at, end);
    }
    class_pieces_.for_each_block(piece, [&](std::uint32_t first, std::uint32_t count) {
      std::size_t classes = 0;
      for (std::uint32_t id = first; id < first + count; ++id) {
        owned[classes] = id;
        classes += is_owned(ClassId(id)) ? 1 : 0;
      }
      const std::span<const std::uint32_t> block(owned.data(), classes);
      for (std::size_t i = 0; i < classes; ++i) {
        position[block[i]] = static_cast<Element>(share_.classes.begin + at + i);
        names[at + i] = graph_.classes[ClassId(block[i])].name;
      }
      if (may_have_data()) copy_class_data(block, at);
      at += classes;
    });
    CHECK(at == end);
  }
  void copy_class_data(std::span<const std::uint32_t> classes, std::uint64_t at) {
    share_.class_value.with_elements([&](auto* values) {
      for (std::size_t i = 0; i < classes.size(); ++i) {
        const DataId data = graph_.classes[ClassId(classes[i])].data;
        values[at + i] = static_cast<std::decay_t<decltype(*values)>>(data.is_none() ? 0 : data.value + 1);
        if (!data.is_none()) std::atomic_ref(is_used_[data.value]).store(1, std::memory_order_relaxed);
      }
    });
    share_.class_data_stamp.with_elements([&](auto* stamps) {
      using Stamp = std::decay_t<decltype(*stamps)>;
      for (std::size_t i = 0; i < classes.size(); ++i)
        stamps[at + i] = static_cast<Stamp>(classes[i] < data_stamp_.size() ? data_stamp_[classes[i]] : 0);
    });
  }

  // Those that are used, in the order of their ids, and then which of them each class has.
  void copy_values() {
    std::vector<std::uint64_t> value_of(graph_.data.size(), GraphShare::kNoValue);  // its number here, from 1
    std::array<std::uint64_t, 2> mine{};
    for (std::uint32_t value = 0; value < is_used_.size(); ++value) {
      if (is_used_[value] == 0) continue;
      value_of[value] = ++mine[0];
      mine[1] += graph_.data[DataId(value)].size();
    }
    std::array<ShareRange, 2> range{};
    const auto total = place<2>(mine, range);
    share_.sizes.values = total[0];
    share_.sizes.words = total[1];
    share_.values = range[0];
    share_.words = range[1];
    if (!share_.has_data()) {
      share_.class_value = {};
      share_.class_data_stamp = {};
      return;
    }
    make_room(share_.value_begin, share_.values, share_.sizes.words);
    share_.word.reserve(share_.words.size());
    std::uint64_t at = share_.words.begin;
    share_.value_begin.with_elements([&](auto* begins) {
      for (std::uint32_t value = 0; value < value_of.size(); ++value) {
        if (value_of[value] == GraphShare::kNoValue) continue;
        *begins++ = static_cast<std::decay_t<decltype(*begins)>>(at);
        const DataView words = graph_.data[DataId(value)];
        share_.word.insert(share_.word.end(), words.begin(), words.end());
        at += words.size();
      }
    });
    share_.class_value.with_elements([&](auto* values) {
      using Number = std::decay_t<decltype(*values)>;
      for (std::uint64_t i = 0; i < share_.classes.size(); ++i)
        if (values[i] != GraphShare::kNoValue)
          values[i] = static_cast<Number>(share_.values.begin + value_of[values[i] - 1]);
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

  std::array<NarrowColumn*, kRowColumns> row_columns() {
    return {&share_.row_symbol, &share_.row_class, &share_.row_stamp, &share_.child};
  }

  // room(column, bytes): LateExport::Room.
  template <class Room>
  void copy_piece(std::size_t piece, Room&& room) {
    position_.with_elements([&](const auto* position) {
      row_pieces_.for_each_block(
          piece, [&](std::uint32_t first, std::uint32_t count) { copy_block(first, count, position, room); });
    });
  }

  // Each row is looked at once. What is found goes through the core's cache to its columns.
  template <class Element, class Room>
  void copy_block(std::uint32_t first, std::uint32_t count, const Element* position, Room&& room) {
    std::array<std::uint32_t, IdPieces::kBlock> symbols;
    std::array<std::uint32_t, IdPieces::kBlock> stamps;
    std::array<Element, IdPieces::kBlock> classes;
    std::array<Element, IdPieces::kBlock * NodeTable::kInlineArity + kMaxArity> children;
    std::size_t held = 0;  // children
    const auto hand_children_over = [&] {
      bool are_known = true;
      for (std::size_t i = 0; i < held; ++i) are_known &= children[i] != kUnknown<Element>;
      CHECK(are_known);
      if (held != 0)
        std::memcpy(room(RowColumn::kChild, held * sizeof(Element)), children.data(), held * sizeof(Element));
      held = 0;
    };
    const std::uint32_t* const arity_of = arity_.data();
    const Row* const block = &graph_.nodes[RowId(first)];
    std::size_t rows = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Row& row = block[i];
      // Whether a row is dead cannot be foreseen: it is written as any other, and the next goes over it.
      const std::uint32_t if_live = row.symbol.is_none() ? 0 : ~std::uint32_t{0};
      const std::uint32_t symbol = row.symbol.value & if_live;
      symbols[rows] = symbol;
      stamps[rows] = row.stamp;
      classes[rows] = position[row.class_id & if_live];
      rows += if_live & 1;
      const std::uint32_t arity = arity_of[symbol] & if_live;
      if (held + kMaxArity > children.size()) hand_children_over();
      if (arity <= NodeTable::kInlineArity) {  // both, whether it has them or not
        children[held] = position[row.kids[0] & if_live];
        children[held + 1] = position[row.kids[1] & if_live];
      } else {
        for (std::uint32_t k = 0; k < arity; ++k)
          children[held + k] = position[graph_.nodes.kid(RowId(first + i), arity, k)];
      }
      held += arity;
    }
    hand_children_over();
    const auto narrow = [&](RowColumn column, const auto& values) {
      const unsigned width = row_width_[static_cast<std::size_t>(column)];
      std::byte* place = room(column, rows * width);
      NarrowColumn::of_width(width, [&](auto zero) {
        auto* elements = reinterpret_cast<decltype(zero)*>(place);
        for (std::size_t i = 0; i < rows; ++i) elements[i] = static_cast<decltype(zero)>(values[i]);
      });
    };
    narrow(RowColumn::kSymbol, symbols);
    narrow(RowColumn::kStamp, stamps);
    narrow(RowColumn::kClass, classes);
  }

  void locate_roots() {
    std::vector<std::uint64_t> positions(roots_.size(), 0);
    for (std::size_t i = 0; i < roots_.size(); ++i)
      if (roots_[i].home() == partition_.rank()) positions[i] = position_[roots_[i].index().value];
    if (!partition_.alone() && !positions.empty()) partition_.exchange.all_reduce(positions, Reduction::kSum);
    state_.roots = std::move(positions);
  }

  Partition& partition_;
  EGraph& graph_;
  std::span<const std::uint32_t> data_stamp_;
  SearchState state_;
  GraphShare& share_ = state_.share;
  std::vector<GlobalId> roots_;
  IdPieces class_pieces_;
  IdPieces row_pieces_;
  std::vector<PieceCounts> classes_before_;  // by piece
  std::vector<PieceCounts> rows_before_;     // by piece: rows, children
  std::vector<std::uint32_t> arity_;         // by symbol
  std::uint64_t most_values_ = 0;            // e-class data that all ranks hold, whether used or not
  std::vector<std::uint8_t> is_used_;        // by DataId
  NarrowColumn position_;                    // by class id
  std::array<unsigned, kRowColumns> row_width_{};
};

namespace {

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

// All but what StateCopy adds. Collective.
SearchState state_but_for_the_graph(Search& search) {
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
  return state;
}

}  // namespace

SearchState export_state(Search& search, std::span<const NamedClass> roots) {
  const int threads = search.partition().workers.threads();
  StateCopy copy(search, state_but_for_the_graph(search), roots, threads, threads);
  copy.copy_all_but_rows(true);
  copy.copy_rows();
  return copy.take();
}

LateExport::LateExport(Search& search, std::span<const NamedClass> roots)
    : copy_(std::make_unique<StateCopy>(search, state_but_for_the_graph(search), roots,
                                        search.partition().alone() ? 1 : search.partition().workers.threads(), 1)) {}
LateExport::~LateExport() = default;

SearchState LateExport::whole() {
  copy_->copy_all_but_rows(true);
  copy_->copy_rows();
  return copy_->take();
}

SearchState LateExport::all_but_rows() {
  copy_->copy_all_but_rows(false);
  return copy_->take();
}

void LateExport::rows(const Room& room) { copy_->copy_rows(room); }

}  // namespace tessera
