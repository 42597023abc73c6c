#include "partition/digest.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <limits>
#include <utility>

namespace tessera {
namespace {

// Every class's name, the hash of its lowest term, by class id; and their sum over all e-nodes.
class TermNames {
 public:
  explicit TermNames(Partition& partition)
      : partition_(partition),
        graph_(partition.graph),
        threads_(static_cast<std::size_t>(partition.workers.threads())),
        changed_(threads_) {
    const SymbolTable& symbols = graph_.symbols();
    for (std::uint32_t s = 0; s < symbols.size(); ++s)
      arity_.push_back(static_cast<std::uint8_t>(symbols[SymbolId(s)].arity));
    const ShardedIds& ids = graph_.nodes.ids();
    for (std::size_t n = 0; n < ids.blocks(); ++n)
      if (const Block block = ids.block(n); block.count != 0) blocks_.push_back(block);
  }

  // Collective, after all classes are named.
  [[nodiscard]] std::string sum() {
    std::vector<DigestSum> sums(threads_);
    over_blocks([&](std::size_t task, const Block& block) {
      DigestSum sum;
      for (std::uint32_t at = 0; at < block.count; at += kGroup) {
        const Block group{block.first + at, std::min(static_cast<std::uint32_t>(kGroup), block.count - at)};
        over_rows(group, [&](RowId row) { prefetch_hashes(row); });
        over_rows(group, [&](RowId row) { sum.add(row_hash(row), hash_[graph_.nodes[row].class_id]); });
      }
      for (std::size_t i = 0; i < sum.sums.size(); ++i) sums[task].sums[i] += sum.sums[i];
    });
    DigestSum all;
    for (const DigestSum& sum : sums)
      for (std::size_t i = 0; i < sum.sums.size(); ++i) all.sums[i] += sum.sums[i];
    if (!partition_.alone()) partition_.exchange.all_reduce(all.sums, Reduction::kSum);
    return all.text();
  }

 protected:
  static constexpr std::uint64_t kUnknown = 0;
  static constexpr std::size_t kFewRows = 4096;  // fewer are not worth a second thread
  static constexpr std::size_t kGroup = 32;      // rows whose cache misses overlap

  using Block = ShardedIds::Block;

  // visit(task, i) for all i below `count`; tasks advance together.
  template <class Visit>
  void share(std::size_t count, bool worthwhile, Visit&& visit) {
    std::atomic<std::size_t> next{0};
    partition_.workers.for_each(worthwhile ? threads_ : 1, worthwhile, [&](std::size_t task) {
      for (std::size_t i = next++; i < count; i = next++) visit(task, i);
    });
  }
  template <class Visit>
  void over_blocks(Visit&& visit) {
    share(blocks_.size(), blocks_.size() > 4, [&](std::size_t task, std::size_t i) { visit(task, blocks_[i]); });
  }
  template <class Visit>
  void over_rows(const Block& block, Visit&& visit) const {
    for (std::uint32_t id = block.first; id < block.first + block.count; ++id)
      if (graph_.nodes.is_live(RowId(id))) visit(RowId(id));
  }
  [[nodiscard]] std::uint32_t arity(RowId row) const { return arity_[graph_.nodes[row].symbol.value]; }

  // The least wins; whether the class had none.
  bool propose(std::uint32_t cls, std::uint64_t hash) {
    const std::atomic_ref of_class(hash_[cls]);
    std::uint64_t known = of_class.load(std::memory_order_relaxed);
    while (known == kUnknown || hash < known)
      if (of_class.compare_exchange_weak(known, hash, std::memory_order_relaxed)) return known == kUnknown;
    return false;
  }

  // Ahead of row_hash(). Always inlined, or the compiler takes it for pure and drops it.
  [[gnu::always_inline]] void prefetch_hashes(RowId row) const {
    const Row& r = graph_.nodes[row];
    __builtin_prefetch(&hash_[r.class_id]);
    if (arity(row) > NodeTable::kInlineArity) return;
    for (std::uint32_t k = 0; k < arity(row); ++k) __builtin_prefetch(&hash_[r.kids[k]]);
  }
  [[nodiscard]] std::uint64_t row_hash(RowId row) const {
    const std::uint32_t kids = arity(row);
    std::uint64_t hash = graph_.symbols().hash(graph_.nodes[row].symbol);
    for (std::uint32_t k = 0; k < kids; ++k) hash = hash_combine(hash, hash_[graph_.nodes.kid(row, kids, k)]);
    return hash | 1;  // never kUnknown
  }

  // What the tasks have noted, which are free for more then.
  void take_changed(std::vector<ClassId>& classes) {
    for (std::vector<ClassId>& of_task : changed_) {
      classes.insert(classes.end(), of_task.begin(), of_task.end());
      of_task.clear();
    }
  }

  Partition& partition_;
  const EGraph& graph_;
  std::size_t threads_;
  std::vector<std::uint8_t> arity_;            // by symbol
  std::vector<Block> blocks_;                  // all rows, in the order of ids
  std::vector<std::uint64_t> hash_;            // by class id
  std::vector<std::vector<ClassId>> changed_;  // by task
};

// On a rank alone: first every class's height, then the hashes of the rows that are no higher than their class, a
// height a step. Heights fall from infinity to their one fixpoint in whatever order rows are looked at, so they are
// found by going over all rows as they lie in memory, against a column small enough for a cache; only when few classes
// change any more are these classes' parents looked at instead. `Height`: as few bytes as heights need.
template <class Height>
class NamesByHeight : public TermNames {
 public:
  explicit NamesByHeight(Partition& partition) : TermNames(partition), height_(graph_.classes.bound(), kInfinite) {}

  // False if Height is too small.
  bool run() {
    find_heights();
    if (too_high_.load()) return false;
    std::size_t levels = 1;
    for (const Height height : height_)
      if (height != kInfinite) levels = std::max(levels, static_cast<std::size_t>(height) + 1);
    sort_rows(levels);
    height_ = {};
    hash_.assign(graph_.classes.bound(), kUnknown);
    for (std::size_t level = 0; level < levels; ++level) name_level(level);
    return true;
  }

 private:
  static constexpr Height kInfinite = std::numeric_limits<Height>::max();

  [[nodiscard]] Height height(std::uint32_t cls) {
    return std::atomic_ref(height_[cls]).load(std::memory_order_relaxed);
  }
  // Whether it was higher before.
  bool lower(std::uint32_t cls, Height to) {
    const std::atomic_ref of_class(height_[cls]);
    Height known = of_class.load(std::memory_order_relaxed);
    while (to < known)
      if (of_class.compare_exchange_weak(known, to, std::memory_order_relaxed)) return true;
    return false;
  }
  // One more than its highest child's.
  [[nodiscard]] Height height_of(RowId row) {
    Height highest = 0;
    const std::uint32_t kids = arity(row);
    for (std::uint32_t k = 0; k < kids; ++k) {
      const Height kid = height(graph_.nodes.kid(row, kids, k));
      if (kid == kInfinite) return kInfinite;
      if (kid + 1 == kInfinite) {
        too_high_.store(true, std::memory_order_relaxed);
        return kInfinite;
      }
      highest = std::max(highest, static_cast<Height>(kid + 1));
    }
    return highest;
  }
  // Whether it has a height by now.
  bool look_at(std::size_t task, RowId row) {
    const std::uint32_t cls = graph_.nodes[row].class_id;
    const Height height = height_of(row);
    if (lower(cls, height)) changed_[task].push_back(ClassId(cls));
    return height != kInfinite;
  }

  // To the fixpoint.
  void find_heights() {
    look_at_all();
    std::vector<ClassId> changed;
    for (;;) {
      changed.clear();
      take_changed(changed);
      if (changed.empty()) return;
      if (changed.size() > blocks_.size() << (ShardedIds::kBlockBits - 5)) {
        look_at_all();
      } else {
        const std::size_t parts = (changed.size() + kGroup - 1) / kGroup;
        share(parts, changed.size() > kFewRows / 4, [&](std::size_t task, std::size_t part) {
          for (std::size_t i = part * kGroup; i < std::min(changed.size(), (part + 1) * kGroup); ++i)
            graph_.for_each_parent(changed[i], [&](RowId row, std::uint32_t) { (void)look_at(task, row); });
        });
      }
    }
  }
  // Children mostly come before their parents, but among blocks of several shards that were filled at one time, in any
  // order: rows of these are looked at again until nothing comes of it, or often enough.
  void look_at_all() {
    constexpr int kMostTimes = 8;
    const std::size_t turn = graph_.shards();
    share((blocks_.size() + turn - 1) / turn, blocks_.size() > 4, [&](std::size_t task, std::size_t i) {
      const std::span<const Block> blocks =
          std::span<const Block>(blocks_).subspan(i * turn, std::min(turn, blocks_.size() - i * turn));
      std::vector<RowId> waiting;  // for a child's height
      for (const Block& block : blocks)
        over_rows(block, [&](RowId row) {
          if (!look_at(task, row)) waiting.push_back(row);
        });
      if (blocks.size() == 1) return;
      for (int times = 1; times < kMostTimes && !waiting.empty(); ++times)
        if (std::erase_if(waiting, [&](RowId row) { return look_at(task, row); }) == 0) break;
    });
  }

  // The rows that may be their classes' lowest terms, by height.
  void sort_rows(std::size_t levels) {
    const std::size_t parts = blocks_.size() > 4 ? threads_ * 4 : 1;
    std::vector<std::vector<std::size_t>> at(parts, std::vector<std::size_t>(levels, 0));
    const auto over_lowest = [&](auto&& visit) {
      partition_.workers.for_each(parts, parts > 1, [&](std::size_t part) {
        for (std::size_t b = blocks_.size() * part / parts; b < blocks_.size() * (part + 1) / parts; ++b)
          over_rows(blocks_[b], [&](RowId row) {
            const Height of_class = height_[graph_.nodes[row].class_id];
            if (of_class != kInfinite && height_of(row) == of_class) visit(part, of_class, row);
          });
      });
    };
    over_lowest([&](std::size_t part, Height level, RowId) { ++at[part][level]; });
    std::size_t total = 0;
    for (std::size_t level = 0; level < levels; ++level) {
      level_begin_.push_back(total);
      for (std::vector<std::size_t>& of_part : at) total += std::exchange(of_part[level], total);
    }
    level_begin_.push_back(total);
    lowest_.resize(total);
    over_lowest([&](std::size_t part, Height level, RowId row) { lowest_[at[part][level]++] = row; });
  }

  void name_level(std::size_t level) {
    const std::span<const RowId> rows =
        std::span<const RowId>(lowest_).subspan(level_begin_[level], level_begin_[level + 1] - level_begin_[level]);
    constexpr std::size_t kPart = 1024;
    share((rows.size() + kPart - 1) / kPart, rows.size() >= kFewRows, [&](std::size_t, std::size_t part) {
      const std::span<const RowId> mine = rows.subspan(part * kPart, std::min(kPart, rows.size() - part * kPart));
      for (std::size_t begin = 0; begin < mine.size(); begin += kGroup) {
        const std::span<const RowId> group = mine.subspan(begin, std::min(kGroup, mine.size() - begin));
        for (const RowId row : group) graph_.nodes.prefetch_row(row);
        for (const RowId row : group) prefetch_hashes(row);
        for (const RowId row : group) {
          const std::uint32_t cls = graph_.nodes[row].class_id;
          (void)propose(cls, row_hash(row));
        }
      }
    });
  }

  std::vector<Height> height_;  // by class id
  std::atomic<bool> too_high_{false};
  std::vector<RowId> lowest_;  // level by level
  std::vector<std::size_t> level_begin_;
};

// Among ranks: a height a step. The parents of the classes named in the last step are looked at; those all of whose
// children have names name their class, unless it had one before. Each child position is looked at once, and of each
// class that a rank shares, one name travels each way.
class NamesByLevel : public TermNames {
 public:
  explicit NamesByLevel(Partition& partition) : TermNames(partition), news_(partition.ranks()) {}

  // Collective.
  void run() {
    hash_.assign(graph_.classes.bound(), kUnknown);
    named_.assign(graph_.classes.bound(), 0);
    over_blocks([&](std::size_t task, const Block& block) {
      over_rows(block, [&](RowId row) {
        if (arity(row) == 0) name(task, row);
      });
    });
    for (;;) {
      std::vector<ClassId> fresh = agree();
      std::uint64_t busy = fresh.empty() ? 0 : 1;
      partition_.exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
      if (busy == 0) return;
      for (const ClassId cls : fresh) named_[cls.value] = 1;
      share((fresh.size() + kGroup - 1) / kGroup, fresh.size() > kFewRows / 4, [&](std::size_t task, std::size_t part) {
        look_at_parents(task, std::span<const ClassId>(fresh)
                                  .subspan(part * kGroup)
                                  .first(std::min(kGroup, fresh.size() - part * kGroup)));
      });
    }
  }

 private:
  struct NameOf {
    GlobalId cls;
    std::uint64_t hash;
  };

  void name(std::size_t task, RowId row) {
    const std::uint32_t cls = graph_.nodes[row].class_id;
    if (propose(cls, row_hash(row))) changed_[task].push_back(ClassId(cls));
  }

  // Their lists side by side, an entry of each in turn.
  void look_at_parents(std::size_t task, std::span<const ClassId> classes) {
    std::array<Edge, kGroup> edges;
    std::size_t count = 0;
    for (const ClassId cls : classes) graph_.classes.prefetch(cls.value);
    const auto keep = [&](Edge edge) {
      if (edge.is_end()) return;
      graph_.nodes.prefetch_edge(edge);
      edges[count++] = edge;
    };
    for (const ClassId cls : classes) keep(graph_.first_parent(cls));
    while (count != 0) {
      for (std::size_t i = 0; i < count; ++i) {
        const RowId row = graph_.nodes.edge_row(edges[i]);
        if (graph_.nodes.is_live(row)) prefetch_named(row);
      }
      for (std::size_t i = 0, left = std::exchange(count, 0); i < left; ++i) {
        const Edge edge = edges[i];
        keep(graph_.nodes.next(edge));
        const RowId row = graph_.nodes.edge_row(edge);
        if (graph_.nodes.is_live(row) && is_next(row)) name(task, row);
      }
    }
  }
  // Always inlined, or the compiler takes it for pure and drops it.
  [[gnu::always_inline]] void prefetch_named(RowId row) const {
    const Row& r = graph_.nodes[row];
    __builtin_prefetch(&named_[r.class_id]);
    if (arity(row) > NodeTable::kInlineArity) return;
    for (std::uint32_t k = 0; k < arity(row); ++k) __builtin_prefetch(&named_[r.kids[k]]);
  }
  // Whether it gives its class a name, which it had not in earlier steps.
  [[nodiscard]] bool is_next(RowId row) const {
    if (named_[graph_.nodes[row].class_id] != 0) return false;
    const std::uint32_t kids = arity(row);
    for (std::uint32_t k = 0; k < kids; ++k)
      if (named_[graph_.nodes.kid(row, kids, k)] == 0) return false;
    return true;
  }

  // Collective: the least of all ranks' names of this step, at each rank that has the class. These classes.
  [[nodiscard]] std::vector<ClassId> agree() {
    std::vector<ClassId> proposed;
    take_changed(proposed);
    std::vector<ClassId> fresh;
    for (const ClassId cls : proposed) {
      if (partition_.is_ghost(cls))
        partition_.outbox.put(partition_.global(cls).home(), NameOf{partition_.global(cls), hash_[cls.value]});
      else
        fresh.push_back(cls);
    }
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto told = reader.take<NameOf>();
        if (propose(told.cls.index().value, told.hash)) fresh.push_back(told.cls.index());
      }
    });
    for (const ClassId cls : fresh) {
      const NameOf name{GlobalId(partition_.rank(), cls), hash_[cls.value]};
      partition_.subscribers.for_each(cls, [&](const Subscriber& s) { news_.put(static_cast<int>(s.rank), name); });
    }
    superstep(partition_.exchange, news_, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto told = reader.take<NameOf>();
        const ClassId cls = partition_.find_local(told.cls);
        hash_[cls.value] = told.hash;
        fresh.push_back(cls);
      }
    });
    return fresh;
  }

  Outbox news_;
  std::vector<std::uint8_t> named_;  // by class id: whether it got its name in an earlier step
};
static_assert(kMaxArity <= std::numeric_limits<std::uint8_t>::max());

}  // namespace

std::string DigestSum::text() const {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(hash_combine(sums[0], sums[2])),
                static_cast<unsigned long long>(sums[1]));
  return text.data();
}

std::string digest(Partition& partition) {
  partition.exchange.enter_phase(partition.graph.iteration, "digest");
  if (!partition.alone()) {
    NamesByLevel names(partition);
    names.run();
    return names.sum();
  }
  {
    NamesByHeight<std::uint8_t> names(partition);
    if (names.run()) return names.sum();
  }
  NamesByHeight<std::uint32_t> names(partition);
  CHECK(names.run());
  return names.sum();
}

}  // namespace tessera
