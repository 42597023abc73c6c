// The rounds in which costs are found: rows offer, classes accept, ranks tell each other, parents are queued.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <functional>

#include "partition/class_costs.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kInfinite = Language::kInfiniteCost;
constexpr std::size_t kFewItems = 2048;    // fewer are not worth a second thread
constexpr std::size_t kTasksOfThread = 4;  // parts of a round
constexpr std::size_t kGroup = 32;         // rows whose cache misses overlap
constexpr std::size_t kSparse = 32;        // where fewer than one in so many is marked, marks are not gone through

// What lies together in memory was made together, and is about the same classes: where many items are marked, they are
// taken by their marks, in the order of ids, and not as they were found.
bool is_dense(std::size_t marked, std::size_t all) { return marked > all / kSparse; }

template <class T>
std::span<T> part_of(std::span<T> all, std::size_t part, std::size_t parts) {
  const std::size_t begin = all.size() * part / parts;
  return all.subspan(begin, all.size() * (part + 1) / parts - begin);
}

// The ids in the part whose marks have the bit.
template <class Mark, class Id>
void find_marked(std::span<const Mark> marks, Mark bit, std::size_t part, std::size_t parts, std::vector<Id>& found) {
  constexpr std::size_t kOfWord = sizeof(std::uint64_t) / sizeof(Mark);
  const std::uint64_t bits = ~std::uint64_t{0} / static_cast<Mark>(~Mark{0}) * bit;
  const auto look_at = [&](std::size_t id) {
    if ((marks[id] & bit) != 0) found.emplace_back(static_cast<std::uint32_t>(id));
  };
  found.clear();
  std::size_t at = marks.size() * part / parts;
  const std::size_t end = marks.size() * (part + 1) / parts;
  for (; at + kOfWord <= end; at += kOfWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, &marks[at], sizeof(word));
    if ((word & bits) != 0)
      for (std::size_t id = at; id < at + kOfWord; ++id) look_at(id);
  }
  for (; at < end; ++at) look_at(at);
}

}  // namespace

std::size_t ClassCosts::parts_of(std::size_t items) const {
  const auto threads = static_cast<std::size_t>(partition_.workers.threads());
  return threads == 1 || items < kFewItems ? 1 : threads * kTasksOfThread;
}

std::span<ClassCosts::Task> ClassCosts::tasks(std::size_t parts) {
  while (tasks_.size() < parts) tasks_.emplace_back().offers.resize(shards_.size());
  return std::span<Task>(tasks_).first(parts);
}

// --- rows offer, classes accept ---

void ClassCosts::queue_leaves() {
  const ShardedIds& ids = graph_.nodes.ids();
  const std::size_t parts = parts_of(waiting_.size());
  const std::span<Task> all = tasks(parts);
  partition_.workers.for_each(parts, parts > 1, [&](std::size_t part) {
    for (std::size_t n = ids.blocks() * part / parts; n < ids.blocks() * (part + 1) / parts; ++n) {
      const ShardedIds::Block block = ids.block(n);
      for (std::uint32_t id = block.first; id < block.first + block.count; ++id) {
        const RowId row(id);
        if (!graph_.nodes.is_live(row)) continue;
        const std::uint32_t arity = graph_.arity(row);
        waiting_[id] = static_cast<std::uint16_t>(arity);
        if (arity != 0) continue;
        waiting_[id] = kQueued;
        all[part].rows.push_back(row);
      }
    }
  });
  gather_rows(all);
}

void ClassCosts::gather_rows(std::span<Task> found) {
  rows_.clear();
  queued_ = 0;
  for (const Task& task : found) queued_ += task.rows.size();
  const bool by_marks = is_dense(queued_, waiting_.size());
  if (!by_marks && found.size() == 1) rows_.swap(found[0].rows);
  for (Task& task : found) {
    if (!by_marks) rows_.insert(rows_.end(), task.rows.begin(), task.rows.end());
    task.rows.clear();
  }
}

bool ClassCosts::is_better(std::uint64_t total, const Resting& resting, std::uint32_t class_id) const {
  const std::uint64_t known = total_[class_id];
  return total < known ||
         (has_barriers() && total == known && total != kInfinite && resting.key < resting_[class_id].key);
}

void ClassCosts::evaluate(Task& task, RowId row) {
  ++task.evaluations;
  waiting_[row.value] = 0;
  Resting resting;
  const std::uint64_t total =
      has_barriers() ? total_with_barriers(row, task.scratch, resting) : total_of(row, task.scratch);
  const std::uint32_t class_id = graph_.nodes[row].class_id;
  if (!is_better(total, resting, class_id)) return;
  if (resting.set == BarrierSets::kUnknown)
    task.unknown_sets.push_back(row);
  else
    offer(task, total, resting, class_id);
}

void ClassCosts::offer(Task& task, std::uint64_t total, const Resting& resting, std::uint32_t class_id) const {
  const auto at = static_cast<std::uint32_t>(task.resting.size());
  if (has_barriers()) task.resting.push_back(resting);
  task.offers[graph_.classes.shard_of(ClassId(class_id))].push_back({total, class_id, at});
}

// As in partition/insertion.cpp: tight loops fetch what the work on a group will read. Always inlined, or dropped.
[[gnu::always_inline]] inline void ClassCosts::prefetch(std::span<const RowId> group) const {
  const auto prefetch_class = [&](std::uint32_t cls) __attribute__((always_inline)) {
    __builtin_prefetch(&total_[cls]);
    graph_.classes.prefetch(cls);
    if (has_barriers()) __builtin_prefetch(&resting_[cls]);
  };
  for (const RowId row : group) {
    const Row& r = graph_.nodes[row];
    prefetch_class(r.class_id);
    if (graph_.arity(row) > NodeTable::kInlineArity) continue;
    prefetch_class(r.kids[0]);
    prefetch_class(r.kids[1]);
  }
}

void ClassCosts::evaluate(Task& task, std::span<const RowId> rows) {
  const auto group_at = [&](std::size_t begin) {
    begin = std::min(begin, rows.size());
    return rows.subspan(begin, std::min(kGroup, rows.size() - begin));
  };
  for (std::size_t begin = 0; begin < rows.size(); begin += kGroup) {
    for (const RowId row : group_at(begin + kGroup)) {
      graph_.nodes.prefetch_row(row);
      __builtin_prefetch(&waiting_[row.value], 1);
    }
    prefetch(group_at(begin));
    for (const RowId row : group_at(begin)) evaluate(task, row);
  }
}

void ClassCosts::evaluate() {
  const std::size_t parts = parts_of(queued_);
  const std::span<Task> all = tasks(parts);
  const bool by_marks = is_dense(queued_, waiting_.size());
  partition_.workers.for_each(parts, parts > 1, [&](std::size_t part) {
    Task& task = all[part];
    if (by_marks) {
      find_marked(std::span<const std::uint16_t>(waiting_), kQueued, part, parts, task.rows);
      evaluate(task, task.rows);
      task.rows.clear();
    } else {
      evaluate(task, part_of(std::span<const RowId>(rows_), part, parts));
    }
  });
  // Sets that are new: one by one.
  for (Task& task : all) {
    for (const RowId row : task.unknown_sets) {
      Resting resting;
      const std::uint64_t total = total_with_barriers(row, task.scratch, resting);
      resting.set = sets_.intern(task.scratch.set);
      offer(task, total, resting, graph_.nodes[row].class_id);
    }
    task.unknown_sets.clear();
  }
  partition_.workers.for_each(shards_.size(), parts > 1,
                              [&](std::size_t shard) { accept_all(all, static_cast<std::uint32_t>(shard)); });
  for (Task& task : all) task.resting.clear();
}

// By the owner of the shard.
void ClassCosts::accept_all(std::span<Task> tasks, std::uint32_t shard) {
  const Resting none;
  for (Task& task : tasks) {
    std::vector<Offer>& offers = task.offers[shard];
    for (std::size_t i = 0; i < offers.size(); ++i) {
      if (i + kGroup < offers.size()) __builtin_prefetch(&total_[offers[i + kGroup].class_id], 1);
      const Offer& offer = offers[i];
      accept(shards_[shard], offer.total, has_barriers() ? task.resting[offer.resting] : none, offer.class_id);
    }
    offers.clear();
  }
}

void ClassCosts::accept(Shard& shard, std::uint64_t total, const Resting& resting, std::uint32_t class_id) {
  if (!is_better(total, resting, class_id)) return;
  const bool is_ghost = partition_.is_ghost(ClassId(class_id));
  const bool is_cheaper = total < total_[class_id];
  total_[class_id] = total;
  if (has_barriers()) {
    DCHECK((state_[class_id] & kToldOf) == 0);
    resting_[class_id] = resting;
    if (!is_ghost) {
      if (!is_cheaper) return;
      shard.pending.push_back({total, class_id});
      std::ranges::push_heap(shard.pending, std::greater(), &Due::total);
      return;
    }
  }
  if ((state_[class_id] & kListed) != 0) return;
  state_[class_id] |= kListed;
  if (is_ghost)
    shard.ghosts.emplace_back(class_id);
  else
    shard.pending.push_back({total, class_id});
}

// --- classes are told of ---

std::uint64_t ClassCosts::least_pending() {
  std::uint64_t least = kInfinite;
  for (Shard& shard : shards_) {
    std::vector<Due>& pending = shard.pending;
    // Entries of classes that have become cheaper since are not heeded.
    while (has_barriers() && !pending.empty() && total_[pending.front().class_id] != pending.front().total) {
      std::ranges::pop_heap(pending, std::greater(), &Due::total);
      pending.pop_back();
    }
    if (!pending.empty()) least = std::min(least, has_barriers() ? pending.front().total : 0);
  }
  if (partition_.alone()) return least;
  std::vector<std::uint64_t> all = barrier_cost_;
  all.push_back(least);
  partition_.exchange.all_reduce(all, Reduction::kMin);
  least = all.back();
  std::copy(all.begin(), all.end() - 1, barrier_cost_.begin());
  return least;
}

void ClassCosts::take_due(std::uint64_t total) {
  due_.clear();
  for (Shard& shard : shards_) {
    std::vector<Due>& pending = shard.pending;
    if (!has_barriers()) {
      for (const Due& due : pending) due_.emplace_back(due.class_id);
      pending.clear();
    }
    while (!pending.empty() && pending.front().total == total) {
      const std::uint32_t class_id = pending.front().class_id;
      std::ranges::pop_heap(pending, std::greater(), &Due::total);
      pending.pop_back();
      if (total_[class_id] != total) continue;
      state_[class_id] |= kListed;
      due_.emplace_back(class_id);
    }
  }
  if (has_barriers())
    for (const ClassId cls : due_) settle_barrier(cls);
}

void ClassCosts::settle_barrier(ClassId cls) {
  if (const std::uint32_t barrier = barrier_of(cls); barrier != kNoBarrier)
    barrier_cost_[barrier] = resting_[cls.value].local;
}

void ClassCosts::prefetch(Edge edge) const {
  if (edge.is_end() || (edge.value & Edge::kWide) != 0) return;
  graph_.nodes.prefetch_row(RowId(edge.value >> 1));
  __builtin_prefetch(&waiting_[edge.value >> 1], 1);
}

void ClassCosts::queue_parents(Task& task, std::span<const ClassId> classes, bool shared) {
  struct Walk {
    Edge edge;
    bool first_time;
  };
  std::array<Walk, kGroup> walks;
  // Whether the row is to be queued; it is once, whoever asks.
  const auto is_ready = [&](RowId row, bool first_time) {
    std::uint16_t& waiting = waiting_[row.value];
    if (!shared) {
      if (first_time) --waiting;
      if (waiting != 0) return false;
      waiting = kQueued;
      return true;
    }
    const std::atomic_ref left(waiting);
    const int now =
        first_time ? left.fetch_sub(1, std::memory_order_relaxed) - 1 : left.load(std::memory_order_relaxed);
    return now == 0 && left.fetch_or(kQueued, std::memory_order_relaxed) == 0;
  };
  for (std::size_t begin = 0; begin < classes.size(); begin += kGroup) {
    const std::span<const ClassId> group = classes.subspan(begin, std::min(kGroup, classes.size() - begin));
    for (std::size_t i = begin + kGroup; i < std::min(classes.size(), begin + 2 * kGroup); ++i) {
      graph_.classes.prefetch(classes[i].value);
      __builtin_prefetch(&state_[classes[i].value], 1);
    }
    std::size_t count = 0;
    for (const ClassId cls : group) {
      const Edge edge = graph_.first_parent(cls);
      if (!edge.is_end()) walks[count++] = {edge, (state_[cls.value] & kToldOf) == 0};
      prefetch(edge);
      state_[cls.value] = kToldOf;
    }
    // All lists of the group advance together, so that their cache misses overlap.
    while (count != 0) {
      for (std::size_t i = 0; i < count;) {
        Walk& walk = walks[i];
        const RowId row = graph_.nodes.edge_row(walk.edge);
        if (graph_.nodes.is_live(row) && is_ready(row, walk.first_time)) task.rows.push_back(row);
        walk.edge = graph_.nodes.next(walk.edge);
        prefetch(walk.edge);
        if (walk.edge.is_end())
          walk = walks[--count];
        else
          ++i;
      }
    }
  }
}

void ClassCosts::queue_parents() {
  const std::size_t parts = parts_of(due_.size());
  const std::span<Task> all = tasks(parts);
  const bool by_marks = is_dense(due_.size(), state_.size());
  partition_.workers.for_each(parts, parts > 1, [&](std::size_t part) {
    Task& task = all[part];
    if (by_marks) {
      find_marked(std::span<const std::uint8_t>(state_), kListed, part, parts, task.due);
      queue_parents(task, task.due, parts > 1);
    } else {
      queue_parents(task, part_of(std::span<const ClassId>(due_), part, parts), parts > 1);
    }
  });
  gather_rows(all);
}

// --- between ranks ---

void ClassCosts::put(Outbox& outbox, int to, GlobalId cls, ClassId here) const {
  outbox.put(to, Told{cls, total_[here.value]});
  if (!has_barriers()) return;
  const Resting& resting = resting_[here.value];
  outbox.put(to, Rest{resting.local, resting.key}, sets_[resting.set]);
}

ClassCosts::Told ClassCosts::take(MessageReader& reader, Resting& resting) {
  const auto told = reader.take<Told>();
  if (!has_barriers()) return told;
  const auto rest = reader.take<Rest>();
  std::vector<std::uint64_t> set;
  for (std::size_t w = 0; w < sets_.width(); ++w) set.push_back(reader.take<std::uint64_t>());
  resting = {rest.local, rest.key, sets_.intern(set)};
  return told;
}

void ClassCosts::offer_to_homes() {
  for (Shard& shard : shards_) {
    for (const ClassId cls : shard.ghosts) {
      state_[cls.value] &= static_cast<std::uint8_t>(~kListed);
      const GlobalId id = partition_.global(cls);
      put(partition_.outbox, id.home(), id, cls);
    }
    shard.ghosts.clear();
  }
  superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
    Resting resting;
    while (!reader.done()) {
      const Told told = take(reader, resting);
      const ClassId cls = told.cls.index();
      accept(shards_[graph_.classes.shard_of(cls)], told.total, resting, cls.value);
    }
  });
}

void ClassCosts::tell_subscribers() {
  for (const ClassId cls : due_)
    partition_.subscribers.for_each(
        cls, [&](const Subscriber& s) { put(news_, static_cast<int>(s.rank), GlobalId(partition_.rank(), cls), cls); });
  superstep(partition_.exchange, news_, partition_.inbox, [&](int, MessageReader& reader) {
    Resting resting;
    while (!reader.done()) {
      const Told told = take(reader, resting);
      const ClassId cls = partition_.find_local(told.cls);
      CHECK(!cls.is_none());
      total_[cls.value] = told.total;
      state_[cls.value] |= kListed;
      due_.push_back(cls);
      if (!has_barriers()) continue;
      resting_[cls.value] = resting;
      settle_barrier(cls);
    }
  });
}

void ClassCosts::run() {
  queue_leaves();
  for (;;) {
    evaluate();
    if (!partition_.alone()) offer_to_homes();
    const std::uint64_t least = least_pending();
    if (least == kInfinite) break;
    take_due(least);
    if (!partition_.alone()) tell_subscribers();
    queue_parents();
  }
  for (const Task& task : tasks_) evaluations_ += task.evaluations;
  tasks_ = {};
  shards_ = {};
  rows_ = {};
  due_ = {};
}

}  // namespace tessera
