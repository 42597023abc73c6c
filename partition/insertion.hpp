// Get-or-insert of e-nodes in this rank's hashcons: requests are dealt to the shards of their keys and run there, in
// groups whose cache misses overlap. A request finds its row, or makes one in the class it is to join or in a new
// class. Which request of a wave comes first shows in no result: the others find its row and ask for a union or for its
// class, and a new class's name is the least structural hash of all requests that met its first row.
// Classes of this rank may have been united since the matches were found: a node that is not there under its children
// as they were is looked up again under their leaders, if it then lives here, too, so that fewer rows need re-keying.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/base/cache_padded.hpp"
#include "engine/base/growing_array.hpp"
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

// Two classes that a rule found equal, as local ids.
struct UnionRequest {
  std::uint32_t a;
  std::uint32_t b;
  std::uint32_t rule;
};

// A new row and the rule that asked for it.
struct MadeRow {
  RowId row;
  std::uint32_t rule;
};

// By the shard that made them.
using MadeRows = std::vector<CachePadded<std::vector<MadeRow>>>;

class Insertion {
 public:
  // Computes the structural hash of the node with this token; called from tasks, rarely (when a class is made or met
  // again).
  using NameHash = std::function<std::uint64_t(std::uint64_t token)>;
  // A ticket with this bit is of another rank: its result goes to foreign_results, and its name_token is the
  // structural hash itself.
  static constexpr std::uint32_t kForeignTicket = 0x80000000U;

  Insertion(Partition& partition, std::size_t rules);

  void set_tasks(std::size_t tasks);
  // Tasks may add at the same time, each under its own number. Kids and target are local ids. Inlined, so that callers'
  // loops are made for the number of kids.
  [[gnu::always_inline]] void add(std::size_t task, const NodeRequest& request, std::span<const std::uint32_t> kids) {
    const std::uint64_t hash = NodeTable::hash_key(request.symbol, kids);
    Queue& queue = queues_[task * graph_.shards() + graph_.nodes.shard_of_hash(hash)];
    Request& r = *queue.requests.extend(1);
    r.hash = hash;
    r.name_token = request.name_token;
    r.symbol = request.symbol;
    r.target = request.target;
    r.ticket = request.ticket;
    r.rule = request.rule & kPackedNoRule;  // of kNoRule: kPackedNoRule
    r.arity = static_cast<std::uint32_t>(kids.size()) & 0xffU;
    r.fresh = request.fresh ? 1 : 0;
    if (kids.size() <= NodeTable::kInlineArity)
      r.kids = {!kids.empty() ? kids[0] : 0, kids.size() > 1 ? kids[1] : 0};
    else
      set_wide_kids(r, queue, kids);
  }
  // Runs what was added. Every request without a target has its result written: results[ticket].
  void run(const NameHash& name_hash, std::span<NodeResult> results, std::span<NodeResult> foreign_results);

  std::vector<CachePadded<std::vector<UnionRequest>>> unions;  // by acting shard
  MadeRows made;                                               // if the language has data (for error messages)
  std::vector<std::uint64_t> asserted;  // per rule: equalities that were not known when the phase began
  std::uint64_t rows_made = 0;

 private:
  static constexpr std::uint32_t kRuleBits = 23;
  static constexpr std::uint32_t kPackedNoRule = (1U << kRuleBits) - 1;
  struct Request {
    std::uint64_t hash;
    std::uint64_t name_token;
    SymbolId symbol;
    std::array<std::uint32_t, NodeTable::kInlineArity> kids;  // or offset into the queue's wide kids
    std::uint32_t target;
    std::uint32_t ticket;
    std::uint32_t rule : kRuleBits;
    std::uint32_t arity : 8;
    std::uint32_t fresh : 1;
  };
  static_assert(sizeof(Request) == 40);
  struct alignas(kApartBytes) Queue {
    GrowingArray<Request> requests;
    std::vector<std::uint32_t> wide;
  };
  struct alignas(kApartBytes) Totals {
    std::uint64_t rows = 0;
    std::uint64_t classes = 0;
    CachePaddedVector<std::uint64_t> asserted;
  };
  struct Probe;
  struct Wave {  // what the tasks of one run() share
    const NameHash& name_hash;
    std::span<NodeResult> results;
    std::span<NodeResult> foreign_results;
  };
  static constexpr std::size_t kGroup = 32;

  static void set_wide_kids(Request& request, Queue& queue, std::span<const std::uint32_t> kids);
  // `queues`: those of shard s are s, s + shards, s + 2 * shards…
  void run_queues(std::span<Queue> queues, const Wave& wave);
  // These are for the owner of `shard` only.
  void run_queue(std::uint32_t shard, Queue& queue, const Wave& wave);
  void prepare(std::uint32_t shard, std::span<const Request> group, std::span<Probe, kGroup> probes) const;
  void find_leaders(const Request& request, std::span<const std::uint32_t> kids, Probe& probe) const;
  // Whether the node with these children, local ids, lives on this rank.
  [[nodiscard]] bool lives_here(SymbolId symbol, std::span<const std::uint32_t> kids) const;
  [[nodiscard]] RowId make(std::uint32_t shard, const Request& request, const HashconsSlot& slot,
                           std::span<const std::uint32_t> kids, const Wave& wave);
  void conclude(std::uint32_t shard, const Request& request, RowId row, bool is_new, bool is_recent, const Wave& wave);
  [[nodiscard]] std::uint64_t name_of(const Request& request, const Wave& wave) const {
    return ClassTable::make_name(graph_.iteration, (request.ticket & kForeignTicket) != 0
                                                       ? request.name_token
                                                       : wave.name_hash(request.name_token));
  }

  Partition& partition_;
  EGraph& graph_;
  std::vector<Queue> queues_;     // [task * shards + shard]
  std::vector<Queue> forwarded_;  // [shard * shards + owner]: to be looked up under the children's leaders
  std::vector<Totals> totals_;    // by shard
};

}  // namespace tessera
