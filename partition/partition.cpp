#include "partition/partition.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

struct Notice {  // subscriber to home
  GlobalId cls;
  std::uint64_t member_mask;
  std::uint64_t parent_mask;
};

struct ClassNews {  // home to subscriber; followed by data_words words of e-class data
  GlobalId cls;
  std::uint64_t name;
  std::uint64_t mask;
  std::uint64_t data_words;
};

constexpr std::size_t kGroup = 32;  // messages whose classes are fetched together before the first is read

// Which class the next message is about.
GlobalId skip_news(MessageReader& reader) {
  const auto news = reader.take<ClassNews>();
  reader.skip(news.data_words * sizeof(std::int64_t));
  return news.cls;
}

}  // namespace

Partition::Partition(Exchange& exchange_in, const Language& language, SymbolTable& symbols,
                     const PartitionOptions& options)
    : exchange(exchange_in),
      workers(options.threads),
      graph(language, symbols, options.shards, exchange_in.size() > 1),
      outbox(exchange_in.size()),
      rank_(exchange_in.rank()),
      ranks_(exchange_in.size()),
      least_crowd_(options.least_crowd),
      placement_(options.own_placement ? options.own_placement(exchange_in.size())
                                       : make_placement(options.placement, exchange_in.size())),
      notes_(std::size_t{options.shards} * options.shards),
      dirty_ghosts_(options.shards) {
  const std::vector<std::size_t> none(options.shards, 0);
  reserve(none, none, none);
}

int Partition::home_of_wide(SymbolId symbol, std::span<const std::uint32_t> kids) const {
  std::vector<NamedClass> named_kids;
  for (const std::uint32_t kid : kids) named_kids.push_back(named(ClassId(kid)));
  return home_of(symbol, named_kids);
}

ClassId Partition::find_local(GlobalId id) const {
  if (id.home() == rank()) return id.index();
  return ClassId(look_up_ghost(id).row.value);
}

ClassId Partition::local(const NamedClass& named) {
  if (named.id.home() == rank()) return named.id.index();
  const HashconsSlot slot = look_up_ghost(named.id);
  if (!slot.row.is_none()) return ClassId(slot.row.value);
  if (ghost_room_ == 0) reserve_more_ghosts();
  --ghost_room_;
  const std::uint32_t shard = next_ghost_shard_++ & (graph.shards() - 1);
  const ClassId id = graph.classes.add_ghost(shard, named.name);
  graph.classes[id].mask = ~std::uint64_t{0};  // not known yet: filters nothing
  remote_.add_ghost(id, named.id);
  ghost_of_.insert(slot, RowId(id.value));
  dirty_ghosts_[shard].push_back(id);
  return id;
}

void Partition::reserve(std::span<const std::size_t> rows, std::span<const std::size_t> wide,
                        std::span<const std::size_t> classes) {
  graph.nodes.reserve(rows, wide);
  const std::size_t bound = graph.classes.reserve(classes, 0);
  if (!alone()) remote_.reserve(bound);
}

void Partition::reserve_more_ghosts() {
  remote_.reserve(graph.classes.reserve(std::vector<std::size_t>(graph.shards(), 0), kGhostRoom));
  ghost_room_ = kGhostRoom * graph.shards();
}

void Partition::enter(const OperatorNote& note) {
  const ClassId cls(note.class_id);
  std::vector<ClassId>& dirty = dirty_ghosts_[graph.classes.shard_of(cls)];
  if (is_ghost(cls)) {
    GhostRecord& ghost = remote_.ghost(cls);
    (note.member ? ghost.member_mask : ghost.parent_mask) |= note.bit;
    if (ghost.dirty != 0) return;
    ghost.dirty = 1;
    dirty.push_back(cls);
  } else if (ClassRecord& record = graph.classes[cls]; (record.mask & note.bit) == 0) {
    record.mask |= note.bit;
    // Subscribers learn of it with the next push; the list is collected by the owner shard's dirty list.
    if (!alone()) dirty.push_back(cls);
  }
}

void Partition::splice_members(ClassId leader, std::uint32_t first, RowId last, std::uint64_t rows_mask,
                               std::uint64_t class_mask) {
  ClassRecord& record = graph.classes[leader];
  if (first != 0) {
    graph.nodes[last].next_member = record.first_member;
    record.first_member = first;
  }
  std::vector<ClassId>& dirty = dirty_ghosts_[graph.classes.shard_of(leader)];
  if (is_ghost(leader)) {
    GhostRecord& ghost = remote_.ghost(leader);
    ghost.member_mask |= rows_mask;
    if (ghost.dirty == 0) {
      ghost.dirty = 1;
      dirty.push_back(leader);
    }
  } else if ((record.mask | class_mask) != record.mask) {
    record.mask |= class_mask;
    if (!alone()) dirty.push_back(leader);
  }
}

void Partition::add_subscriber(ClassId owned, std::uint32_t rank_in, std::uint64_t member_mask,
                               std::uint64_t parent_mask) {
  if (rank_in == static_cast<std::uint32_t>(rank())) return;
  bool added = false;
  Subscriber& entry = subscribers.entry(owned, rank_in, added);
  entry.member_mask |= member_mask;
  entry.parent_mask |= parent_mask;
  if (added) new_subscribers_.push_back({owned, rank_in});
}

void Partition::flush_notes() {
  const std::uint32_t shards = graph.shards();
  if (shards == 1) return;
  std::size_t total = 0;
  for (const auto& bucket : notes_) total += bucket.size();
  if (total == 0) return;
  workers.for_each(shards, total > 4096, [&](std::size_t owner) {
    for (std::uint32_t acting = 0; acting < shards; ++acting) {
      std::vector<OperatorNote>& bucket = notes_[std::size_t{acting} * shards + owner];
      for (const OperatorNote& note : bucket) enter(note);
      bucket.clear();
    }
  });
}

void Partition::notify_homes() {
  if (alone()) return;
  for (auto& list : dirty_ghosts_) {
    for (const ClassId id : list) {
      if (!is_ghost(id)) {
        changed_.push_back(id);
        continue;
      }
      GhostRecord& ghost = remote_.ghost(id);
      ghost.dirty = 0;
      const GlobalId to = global(id);
      outbox.put(to.home(), Notice{to, ghost.member_mask, ghost.parent_mask});
    }
    list.clear();
  }
  exchange.name_step("notices");
  superstep(exchange, outbox, inbox, [&](int source, MessageReader& reader) {
    std::array<Notice, kGroup> group;
    while (!reader.done()) {
      std::size_t count = 0;
      for (; count < kGroup && !reader.done(); ++count) {
        group[count] = reader.take<Notice>();
        graph.classes.prefetch(group[count].cls.index().value);
        subscribers.prefetch_head(group[count].cls.index());
      }
      for (std::size_t i = 0; i < count; ++i) subscribers.prefetch_first(group[i].cls.index());
      for (std::size_t i = 0; i < count; ++i) {
        // The class may have lost since the ghost was made; its leader's home took over the subscription then, and the
        // subscriber's ghost follows its own union-find.
        const Notice& notice = group[i];
        const ClassId cls = notice.cls.index();
        bool added = false;
        Subscriber& entry = subscribers.entry(cls, static_cast<std::uint32_t>(source), added);
        entry.member_mask |= notice.member_mask;
        entry.parent_mask |= notice.parent_mask;
        if (added) new_subscribers_.push_back({cls, static_cast<std::uint32_t>(source)});
        ClassRecord& record = graph.classes[cls];
        if ((record.mask | notice.member_mask) != record.mask) {
          record.mask |= notice.member_mask;
          changed_.push_back(cls);
        }
      }
    }
  });
}

void Partition::push_to_subscribers() {
  if (alone()) return;
  const auto send = [&](ClassId cls, std::uint32_t to) {
    const ClassRecord& record = graph.classes[cls];
    const DataView words = record.data.is_none() ? DataView{} : graph.data[record.data];
    const GlobalId id(rank(), cls);
    outbox.put(static_cast<int>(to), ClassNews{id, record.name, record.mask, words.size()}, words);
  };
  // A bit a class: in the order of ids, whose records lie side by side, and every class once.
  constexpr std::size_t kWordBits = 64;
  std::vector<std::uint64_t> changed(changed_.empty() ? 0 : graph.classes.bound() / kWordBits + 1, 0);
  for (const ClassId cls : changed_) changed[cls.value / kWordBits] |= std::uint64_t{1} << cls.value % kWordBits;
  for (std::size_t w = 0; w < changed.size(); ++w) {
    for (std::uint64_t left = changed[w]; left != 0; left &= left - 1) {
      const ClassId cls(static_cast<std::uint32_t>(w * kWordBits) + static_cast<unsigned>(std::countr_zero(left)));
      if (graph.classes.is_leader(cls)) subscribers.for_each(cls, [&](const Subscriber& s) { send(cls, s.rank); });
    }
  }
  for (const NewSubscriber& fresh : new_subscribers_) {
    const bool was_told =
        !changed.empty() && (changed[fresh.cls.value / kWordBits] >> fresh.cls.value % kWordBits & 1) != 0;
    if (!was_told && graph.classes.is_leader(fresh.cls)) send(fresh.cls, fresh.rank);
  }
  changed_.clear();
  new_subscribers_.clear();
  exchange.name_step("class news");
  superstep(exchange, outbox, inbox, [&](int, MessageReader& reader) {
    while (!reader.done()) {
      MessageReader slots = reader;
      MessageReader records = reader;
      std::size_t count = 0;
      for (; count < kGroup && !slots.done(); ++count) prefetch_local_slot(skip_news(slots));
      for (std::size_t i = 0; i < count; ++i) static_cast<void>(prefetch_local(skip_news(records)));
      for (std::size_t i = 0; i < count; ++i) read_news(reader);
    }
  });
}

void Partition::read_news(MessageReader& reader) {
  const auto news = reader.take<ClassNews>();
  DataWords words;
  for (std::uint64_t i = 0; i < news.data_words; ++i) words.push_back(reader.take<std::int64_t>());
  const ClassId cls = find_local(news.cls);
  CHECK(!cls.is_none());
  ClassRecord& record = graph.classes[cls];
  record.name = news.name;
  record.mask = news.mask;
  // Data that was known and changed is the analyze phase's to tell: it touches and requeues the rows around the class.
  if (!words.empty() && record.data.is_none()) record.data = graph.data.intern(words);
}

std::vector<GlobalId> Partition::leaders(std::span<const NamedClass> classes) {
  std::vector<std::uint64_t> values(classes.size(), GlobalId::kNone);
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i].id.home() == rank()) values[i] = global(graph.classes.find(classes[i].id.index())).value;
  if (!alone() && !values.empty()) exchange.all_reduce(values, Reduction::kMin);
  std::vector<GlobalId> result(classes.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i].value = values[i];
  return result;
}

void Partition::agree_on_error(const std::string& message) {
  if (alone()) {
    if (!message.empty()) throw Error(ErrorCode::kInput, message);
    return;
  }
  std::uint64_t failed = message.empty() ? 0 : 1;
  exchange.name_step("errors");
  exchange.all_reduce(std::span(&failed, 1), Reduction::kMax);
  if (failed == 0) return;
  const auto* bytes = reinterpret_cast<const std::byte*>(message.data());
  exchange.all_gather(std::span(bytes, message.size()), inbox);
  for (std::size_t r = 0; r + 1 < inbox.offset.size(); ++r) {
    const std::size_t size = inbox.offset[r + 1] - inbox.offset[r];
    if (size == 0) continue;
    throw Error(ErrorCode::kInput,
                std::string(reinterpret_cast<const char*>(inbox.bytes.data() + inbox.offset[r]), size));
  }
}

void Partition::tell_loads(std::uint32_t iteration, std::uint64_t rows) {
  if (alone() || !placement_->wants_loads(rows)) return;
  const std::uint64_t mine = graph.nodes.live_count();
  exchange.name_step("loads");
  exchange.all_gather(std::as_bytes(std::span(&mine, 1)), inbox);
  std::vector<std::uint64_t> loads(static_cast<std::size_t>(ranks()));
  CHECK(inbox.bytes.size() == loads.size() * sizeof(std::uint64_t));
  std::memcpy(loads.data(), inbox.bytes.data(), inbox.bytes.size());
  placement_->set_loads(iteration, loads);
}

std::size_t Partition::table_bytes() const {
  return graph.nodes.bytes() + graph.classes.bytes() + subscribers.bytes() + ghost_of_.bytes() +
         remote_.ghosts() * sizeof(GhostRecord);
}

}  // namespace tessera
