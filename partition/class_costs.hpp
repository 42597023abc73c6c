// What the cheapest term of every e-class costs: a least fixpoint. What a row costs is more than what any of its
// children does (a *superior* function: Knuth, A generalization of Dijkstra's algorithm, 1977), so the fixpoint is one,
// whatever the order of evaluation, and of the rows that reach it none stands on its own class.
// Costs are found in rounds. A row waits for as many children as it has; it is evaluated in the round in which the last
// of them is first told of, and again in a round in which one of them has become cheaper, once a round. All threads of
// a rank share a round: they read what is frozen and offer; the owners of the classes' shards accept, the homes of
// ghosts in the next exchange. So which rows are evaluated when does not depend on ids, ranks, threads or shards.
// With barriers (extraction.hpp) a cheaper child may make its parent dearer: its set may overlap less with others. Then
// a round is what costs the same, in order, as in Knuth: every class is told once, when it is final, every row is
// evaluated once, and a barrier's own cost is known before anything rests on it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/cache_padded.hpp"
#include "partition/barrier_sets.hpp"
#include "partition/partition.hpp"

namespace tessera {

class ClassCosts {
 public:
  // `barriers`: the same leaders on every rank. The e-graph must not change afterwards.
  ClassCosts(Partition& partition, std::span<const GlobalId> barriers);

  // Collective. To the fixpoint; once.
  void run();

  // --- after run() ---
  // Of an owned class or a ghost; kInfiniteCost: nothing extractable is in it. What is too much to count is one less.
  [[nodiscard]] std::uint64_t of(ClassId cls) const;
  struct Choice {
    std::uint64_t key;  // a function of symbol and children's names
    RowId row;
  };
  // Of this rank's rows in the class that cost no more than it does, the one with the least key.
  [[nodiscard]] std::optional<Choice> cheapest_row(ClassId cls) const;
  // How often a row of this rank was evaluated.
  [[nodiscard]] std::uint64_t evaluations() const { return evaluations_; }

 private:
  static constexpr std::uint32_t kNoBarrier = 0xffffffffU;
  // From here on, totals say only how many e-nodes stand above the last that could be counted: sums of shared terms
  // overflow easily, and a row must not cost the same as its child.
  static constexpr std::uint64_t kTooMuch = Language::kInfiniteCost - (std::uint64_t{1} << 32);

  // With barriers, what a class rests on: its cost down to the nearest of them, and which.
  struct Resting {
    std::uint64_t local = Language::kInfiniteCost;
    std::uint64_t key = ~std::uint64_t{0};  // of the row
    std::uint32_t set = BarrierSets::kEmpty;
  };
  struct Offer {
    std::uint64_t total;  // with barriers: local and the local costs of the set
    std::uint32_t class_id;
    std::uint32_t resting;  // with barriers, an index into the task's
  };
  struct Scratch {
    std::vector<DataView> data;
    std::vector<std::uint64_t> set;
  };
  struct alignas(kApartBytes) Task {
    std::vector<ClassId> due;
    std::vector<RowId> rows;                 // that are to be evaluated
    std::vector<std::vector<Offer>> offers;  // by owner shard of the class
    std::vector<Resting> resting;
    std::vector<RowId> unknown_sets;
    Scratch scratch;
    std::uint64_t evaluations = 0;
  };
  struct Due {
    std::uint64_t total;
    std::uint32_t class_id;
  };
  struct alignas(kApartBytes) Shard {
    std::vector<Due> pending;     // owned classes to be told of; with barriers a heap, the cheapest first
    std::vector<ClassId> ghosts;  // whose homes are to be told
  };
  struct Told {  // with barriers, Rest and the set's words follow
    GlobalId cls;
    std::uint64_t total;
  };
  struct Rest {
    std::uint64_t local;
    std::uint64_t key;
  };

  // States of a class.
  static constexpr std::uint8_t kToldOf = 1;  // its parents do not wait for it any more
  static constexpr std::uint8_t kListed = 2;  // pending, due or a ghost whose home is to be told
  // Of what a row waits for: the rest is a count.
  static constexpr std::uint16_t kQueued = 0x8000;

  [[nodiscard]] bool has_barriers() const { return !barriers_.empty(); }
  [[nodiscard]] std::uint32_t barrier_of(ClassId cls) const {
    return barrier_index_.empty() ? kNoBarrier : barrier_index_[cls.value];
  }
  [[nodiscard]] std::size_t parts_of(std::size_t items) const;
  std::span<Task> tasks(std::size_t parts);

  void queue_leaves();
  void gather_rows(std::span<Task> found);
  void evaluate();
  void evaluate(Task& task, std::span<const RowId> rows);
  void evaluate(Task& task, RowId row);
  void prefetch(std::span<const RowId> group) const;
  [[nodiscard]] std::uint64_t own_cost(RowId row, std::uint32_t arity, Scratch& scratch) const;
  [[nodiscard]] std::uint64_t total_of(RowId row, Scratch& scratch) const;
  [[nodiscard]] std::uint64_t total_with_barriers(RowId row, Scratch& scratch, Resting& resting) const;
  [[nodiscard]] std::uint64_t key_of(RowId row) const;
  [[nodiscard]] std::uint64_t set_cost(BarrierSets::Words set) const;
  [[nodiscard]] bool is_better(std::uint64_t total, const Resting& resting, std::uint32_t class_id) const;
  void offer(Task& task, std::uint64_t total, const Resting& resting, std::uint32_t class_id) const;
  void accept(Shard& shard, std::uint64_t total, const Resting& resting, std::uint32_t class_id);
  void accept_all(std::span<Task> tasks, std::uint32_t shard);

  void put(Outbox& outbox, int to, GlobalId cls, ClassId here) const;
  Told take(MessageReader& reader, Resting& resting);
  void offer_to_homes();
  std::uint64_t least_pending();
  void take_due(std::uint64_t total);
  void tell_subscribers();
  void settle_barrier(ClassId cls);
  void queue_parents();
  void queue_parents(Task& task, std::span<const ClassId> classes, bool shared);
  void prefetch(Edge edge) const;

  Partition& partition_;
  EGraph& graph_;
  std::vector<GlobalId> barriers_;
  std::vector<std::uint32_t> barrier_index_;  // by class id; empty when there are no barriers
  std::vector<std::uint64_t> barrier_cost_;   // local costs; infinite: not known here yet
  BarrierSets sets_;
  std::vector<std::uint64_t> total_;    // by class id
  std::vector<Resting> resting_;        // likewise, with barriers
  std::vector<std::uint8_t> state_;     // likewise
  std::vector<std::uint16_t> waiting_;  // by row id: children not told of yet, and kQueued
  std::size_t queued_ = 0;              // rows to be evaluated in this round
  std::vector<RowId> rows_;             // these; empty where there are so many that they are taken by their marks
  std::vector<ClassId> due_;            // told of in this round
  std::uint64_t evaluations_ = 0;
  std::vector<Task> tasks_;
  std::vector<Shard> shards_;
  Outbox news_;
};

}  // namespace tessera
