// Get-or-insert of e-nodes at their homes, a wave a superstep: what apply does with right sides, and seeding with the
// start expression. Requests of a wave name only classes that existed before it. A wave looks each node up in the
// hashcons of its home (rank by placement, shard by key hash); a node that is not there becomes a row of the class it
// is to join, or of a new class. What is new gets its place regardless of order: whichever request of a wave comes
// first makes the row; the others find it and ask for a union or for its class. A new class's name is the least
// structural hash of all requests that met its row, so neither which request came first nor where shows in any result.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "partition/partition.hpp"

namespace tessera {

inline constexpr std::uint32_t kNoRule = 0xffffffffU;
inline constexpr std::uint32_t kNoTarget = 0xffffffffU;

// A node asked for by this rank. Kids and target are handles.
struct NodeRequest {
  SymbolId symbol;
  std::uint32_t target = kNoTarget;  // the class the node is to join; kNoTarget: its own, or a new one
  std::uint32_t rule = kNoRule;
  std::uint32_t ticket = 0;      // the caller's: which result to write
  std::uint64_t name_token = 0;  // given back to the caller's naming function
  bool fresh = false;            // a child was made in this phase
};

// A result of a wave: the class's handle, and whether the node (or one below it in its right side) was not in the
// e-graph when the phase began. That is known of a node regardless of order; which class it was first put into is not.
struct NodeResult {
  static constexpr std::uint32_t kFresh = 0x40000000U;  // no class id or foreign index is that large
  std::uint32_t value = 0;
  [[nodiscard]] std::uint32_t handle() const { return value & ~kFresh; }
  [[nodiscard]] bool fresh() const { return (value & kFresh) != 0; }
};

// A class another rank told us of, for this phase only.
struct ForeignClass {
  NamedClass named;
  DataId data;
};

// Two classes that a rule found equal, as local ids.
struct UnionRequest {
  std::uint32_t a;
  std::uint32_t b;
  std::uint32_t rule;
};

class Inserter {
 public:
  // Computes the structural hash of the node with this token; called from tasks, rarely (when a class is made or met
  // again).
  using NameHash = std::function<std::uint64_t(std::uint64_t token)>;

  // `foreign`: the classes that foreign handles index; replies from other ranks are appended to it.
  Inserter(Partition& partition, std::vector<ForeignClass>& foreign, std::size_t rules);

  // Tasks fill queues; one queue a task. Kids are given by handle, `kids.size()` the symbol's arity.
  void set_tasks(std::size_t tasks);
  void add(std::size_t task, const NodeRequest& request, std::span<const std::uint32_t> kids);

  // Collective. Runs all requests added since the last wave. Afterwards results[ticket] holds the result of every
  // request without a target. Appends to unions what the wave found equal.
  void run_wave(const NameHash& name_hash, std::vector<NodeResult>& results);

  [[nodiscard]] NamedClass named(std::uint32_t handle) const;
  // The class of a handle as a local id, making a ghost if it was foreign. Single-threaded.
  [[nodiscard]] std::uint32_t local_handle(std::uint32_t handle);

  std::vector<std::vector<UnionRequest>> unions;  // by acting shard
  struct Made {
    RowId row;
    std::uint32_t rule;
  };
  std::vector<std::vector<Made>> made;  // by shard: new rows, if the language has data (for error messages)
  std::vector<std::uint64_t> asserted;  // per rule: equalities that were not known when the phase began
  std::uint64_t rows_made = 0;
  std::uint64_t classes_made = 0;

 private:
  // A request at the node's home: everything local.
  struct Local {
    std::uint64_t hash;
    SymbolId symbol;
    std::uint32_t kids[2];  // or offset into the queue's wide kids, arity
    std::uint32_t target;
    std::uint32_t rule;
    std::uint32_t ticket;  // local: result index; remote: index into replies_
    std::uint64_t name;    // local: token; remote: the structural hash
    bool fresh;
  };
  static_assert(sizeof(Local) == 48);
  struct Queue {  // by task, then by shard
    std::vector<Local> requests;
    std::vector<std::uint32_t> wide;
  };
  struct Reply {
    int rank;
    std::uint32_t ticket;
    NodeResult result;
    bool wanted = false;
  };
  struct Totals {
    std::uint64_t rows = 0;
    std::uint64_t classes = 0;
    std::vector<std::uint64_t> asserted;
  };

  void enqueue(Queue* queues, const NodeRequest& request, std::span<const std::uint32_t> kids);
  void receive_requests();
  void run_shard(std::uint32_t shard, const NameHash& name_hash, std::vector<NodeResult>& results);
  void send_replies(std::vector<NodeResult>& results);

  Partition& partition_;
  EGraph& graph_;
  std::vector<ForeignClass>& foreign_;
  std::size_t tasks_ = 1;
  std::vector<Queue> queues_;  // [task * shards + shard]; the task after the last holds what other ranks sent
  struct Deferred {            // requests that need a ghost made or go to another rank: single-threaded
    NodeRequest request;
    std::uint32_t kids_begin;
    std::uint32_t kids_end;
  };
  std::vector<std::vector<Deferred>> deferred_;            // by task
  std::vector<std::vector<std::uint32_t>> deferred_kids_;  // by task
  std::vector<Reply> replies_;
  std::vector<Totals> totals_;  // by shard
};

}  // namespace tessera
