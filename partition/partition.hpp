// One rank's share of the sharded e-graph: its part of the graph, the ghosts of the classes it refers to, and the
// subscriptions to its own. Phases (match, apply, merge, rebuild, analyze, extract) are written over this class, one a
// file; this class keeps the ghost protocol.
// On a single rank there are no ghosts, no messages and no global ids: every phase then runs on local ids alone.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/cache_padded.hpp"
#include "engine/base/workers.hpp"
#include "engine/graph/egraph.hpp"
#include "engine/graph/matcher.hpp"
#include "partition/exchange.hpp"
#include "partition/ghosts.hpp"
#include "partition/global_id.hpp"
#include "partition/mailbox.hpp"
#include "partition/placement.hpp"

namespace tessera {

struct PartitionOptions {
  std::uint32_t shards = 1;  // a power of two
  int threads = 1;
  PlacementOptions placement;
  std::function<std::unique_ptr<Placement>(int ranks)> own_placement;  // used instead of `placement`, if there is one
  std::size_t least_crowd = 64;  // partial matches of a rank that make a crowd, if few are held back (match_crowds.hpp)
};

// An operator that is new in one of a class's lists; noticed by whoever adds to the list, entered into the class's mask
// by the owner of the class's shard.
struct OperatorNote {
  std::uint32_t class_id;
  bool member;  // or parent
  std::uint64_t bit;
};

class Partition {
 public:
  Partition(Exchange& exchange, const Language& language, SymbolTable& symbols, const PartitionOptions& options);

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int ranks() const { return ranks_; }
  [[nodiscard]] bool alone() const { return ranks_ == 1; }
  [[nodiscard]] std::size_t least_crowd() const { return least_crowd_; }

  // --- identity ---
  [[nodiscard]] bool is_ghost(ClassId id) const { return graph.classes.is_ghost(id); }
  [[nodiscard]] GlobalId global(ClassId id) const {
    if (!is_ghost(id)) return {rank(), id};
    GlobalId g;
    g.value = remote_.ghost(id).global;
    return g;
  }
  [[nodiscard]] NamedClass named(ClassId id) const { return {global(id), graph.classes[id].name}; }
  // The local id of a class, making a ghost if this rank does not know it. Single-threaded.
  ClassId local(const NamedClass& named);
  // The leaders that classes named some iterations ago follow now. Collective; all ranks pass the same classes. A
  // class's old home stays subscribed to whatever class it was merged into, so it always knows.
  [[nodiscard]] std::vector<GlobalId> leaders(std::span<const NamedClass> classes);
  // For tight loops ahead of local(): fetch what it will read, in two stages. The second returns what the class
  // probably is here; none: not known yet.
  [[gnu::always_inline]] void prefetch_local_slot(GlobalId id) const {
    if (id.home() != rank_) ghost_of_.prefetch(hash_of(id));
  }
  [[gnu::always_inline]] ClassId prefetch_local(GlobalId id) const {
    if (id.home() == rank_) {
      graph.classes.prefetch(id.index().value);
      return id.index();
    }
    const ClassId guess = guess_ghost(id);
    if (!guess.is_none()) graph.classes.prefetch(guess.value);
    return guess;
  }
  // The same of a class of another rank, of which only the identity is wanted.
  [[gnu::always_inline]] ClassId guess_ghost(GlobalId id) const {
    const ClassId guess(ghost_of_.guess(hash_of(id)).value);
    if (!guess.is_none()) remote_.prefetch_ghost(guess);
    return guess;
  }
  // As local(), from what prefetch_local() returned.
  ClassId local(const NamedClass& named, ClassId guess) {
    if (named.id.home() == rank_ || is_known_as(named.id, guess)) return guess;
    return local(named);
  }
  // The same ahead of named().
  [[gnu::always_inline]] void prefetch_class(ClassId id) const {
    graph.classes.prefetch(id.value);
    prefetch_ghost(id);
  }
  // Of what there is of a class in case it is a ghost.
  [[gnu::always_inline]] void prefetch_ghost(ClassId id) const {
    if (is_ghost(id)) remote_.prefetch_ghost(id);
  }
  // As local(), without making a ghost: none if this rank does not know the class.
  [[nodiscard]] ClassId find_local(GlobalId id) const;
  // The same of a class of another rank, from what guess_ghost() returned.
  [[nodiscard]] ClassId find_local(GlobalId id, ClassId guess) const {
    return is_known_as(id, guess) ? guess : find_local(id);
  }
  [[nodiscard]] int home_of(SymbolId symbol, std::span<const NamedClass> kids) const {
    return placement_->home(graph.symbols().hash(symbol), kids);
  }
  // The same of a node whose children are local.
  [[nodiscard]] int home_of_local(SymbolId symbol, std::span<const std::uint32_t> kids) const {
    if (kids.size() > kFewKids) return home_of_wide(symbol, kids);
    std::array<NamedClass, kFewKids> named_kids;
    for (std::size_t k = 0; k < kids.size(); ++k) named_kids[k] = named(ClassId(kids[k]));
    return home_of(symbol, std::span(named_kids).first(kids.size()));
  }
  // Ahead of an iteration: lets the placement see the loads if it wants to. Collective; `rows`: of all ranks together.
  void tell_loads(std::uint32_t iteration, std::uint64_t rows);

  // Calls visit(ClassId) for every leader that lives here, or for one of so many parts of them, in the order of ids.
  template <class Visit>
  void for_each_owned_class(std::size_t part, std::size_t parts, Visit&& visit) const {
    const ShardedIds& ids = graph.classes.ids();
    for (std::size_t n = ids.blocks() * part / parts; n < ids.blocks() * (part + 1) / parts; ++n) {
      const ShardedIds::Block block = ids.block(n);
      if (is_ghost(ClassId(block.first))) continue;
      for (ClassId cls(block.first); cls.value < block.first + block.count; ++cls.value)
        if (graph.classes.is_leader(cls)) visit(cls);
    }
  }
  template <class Visit>
  void for_each_owned_class(Visit&& visit) const {
    for_each_owned_class(0, 1, std::forward<Visit>(visit));
  }

  // --- lists ---
  // These are for shard tasks; masks follow with flush_notes().
  // Links a new or re-keyed row into the parent list of a child.
  void link_parent(std::uint32_t acting_shard, ClassId kid, Edge edge, std::uint64_t operator_bit) {
    graph.link_parent(kid, edge);
    if (is_ghost(kid) && (remote_.ghost(kid).parent_mask & operator_bit) == 0)
      note(acting_shard, {kid.value, false, operator_bit});
  }
  // Links a row just made into its class's member list and its children's parent lists. `made`: so was the class, by
  // the same task.
  void link_new(std::uint32_t acting_shard, RowId row, SymbolId symbol, ClassId cls, bool made,
                std::span<const std::uint32_t> kids) {
    const auto arity = static_cast<std::uint32_t>(kids.size());
    const std::uint64_t bit = EGraph::mask_bit(graph.symbols().op(symbol));
    graph.link_member(cls, row);
    if (made) {
      graph.classes[cls].mask = bit;
    } else if (const std::uint64_t mask = is_ghost(cls) ? remote_.ghost(cls).member_mask : graph.classes[cls].mask;
               (mask & bit) == 0) {
      note(acting_shard, {cls.value, true, bit});
    }
    for (std::uint32_t k = 0; k < arity; ++k)
      link_parent(acting_shard, ClassId(kids[k]), graph.nodes.edge(row, arity, k), bit);
  }
  void flush_notes();
  // Puts a chain of this rank's rows, already relabelled, into the leader's member list; `rows_mask` are the operators
  // of the chain, `class_mask` those of the class it came from. By the owner of the leader's shard.
  void splice_members(ClassId leader, std::uint32_t first, RowId last, std::uint64_t rows_mask,
                      std::uint64_t class_mask);

  // --- the ghost protocol; collective, no-ops when alone ---
  // Tells homes of new ghosts and of new operators in ghosts' lists.
  void notify_homes();
  // Homes tell subscribers the operators and names (and data, if the language has any) of classes that changed.
  void push_to_subscribers();
  // Takes over a subscription of a class that lost to this owned one.
  void add_subscriber(ClassId owned, std::uint32_t rank, std::uint64_t member_mask, std::uint64_t parent_mask);
  // A home must push this owned class at the next push_to_subscribers().
  void mark_changed(ClassId owned) {
    if (!alone()) changed_.push_back(owned);
  }

  // Room for so many more rows, wide children and classes a shard. Between phases only.
  void reserve(std::span<const std::size_t> rows, std::span<const std::size_t> wide,
               std::span<const std::size_t> classes);
  void reserve_more_ghosts();

  // Agrees on failure: if any rank passes a nonempty message, all ranks throw Error(kInput) with the lowest rank's.
  void agree_on_error(const std::string& message);

  [[nodiscard]] std::size_t table_bytes() const;

  Exchange& exchange;
  Workers workers;
  EGraph graph;

 private:
  RemoteLinks remote_;

 public:
  SubscriberLists subscribers{remote_};
  Outbox outbox;
  Inbox inbox;
  std::int64_t owned_classes = 0;  // leaders that live here

 private:
  void note(std::uint32_t acting_shard, const OperatorNote& note) {
    if (graph.shards() == 1)
      enter(note);
    else
      notes_[acting_shard * graph.shards() + graph.classes.shard_of(ClassId(note.class_id))].push_back(note);
  }
  void enter(const OperatorNote& note);
  void read_news(MessageReader& reader);
  static constexpr std::size_t kFewKids = 4;
  [[nodiscard]] int home_of_wide(SymbolId symbol, std::span<const std::uint32_t> kids) const;
  [[nodiscard]] static std::uint64_t hash_of(GlobalId id) { return mix64(id.value); }
  [[nodiscard]] bool is_known_as(GlobalId id, ClassId guess) const {
    return !guess.is_none() && remote_.ghost(guess).global == id.value;
  }
  [[nodiscard]] HashconsSlot look_up_ghost(GlobalId id) const {
    return ghost_of_.find(hash_of(id), [&](RowId at) { return remote_.ghost(ClassId(at.value)).global == id.value; });
  }

  int rank_;
  int ranks_;
  std::size_t least_crowd_;
  std::unique_ptr<Placement> placement_;
  Hashcons ghost_of_;                                            // by global id: local ids (as RowIds) of ghosts
  std::vector<CachePadded<std::vector<OperatorNote>>> notes_;    // [acting shard][owner shard]
  std::vector<CachePadded<std::vector<ClassId>>> dirty_ghosts_;  // by owner shard of the ghost
  std::vector<ClassId> changed_;
  struct NewSubscriber {
    ClassId cls;
    std::uint32_t rank;
  };
  std::vector<NewSubscriber> new_subscribers_;
  static constexpr std::size_t kGhostRoom = 1024;
  std::size_t ghost_room_ = 0;  // ghosts that can be made before more room must be reserved
  std::uint32_t next_ghost_shard_ = 0;
};

}  // namespace tessera
