#include "partition/insertion.hpp"

#include <algorithm>

namespace tessera {

// What a request of a group will be looked up by if it is not there under its own key.
struct Insertion::Canonical {
  std::uint64_t hash;
  std::array<std::uint32_t, NodeTable::kInlineArity> kids;
  bool differs;  // from the request's own
  bool here;     // its hashcons entry belongs to this shard
};

Insertion::Insertion(Partition& partition, std::size_t rules)
    : unions(partition.graph.shards()),
      made(partition.graph.shards()),
      asserted(rules, 0),
      partition_(partition),
      graph_(partition.graph),
      forwarded_(std::size_t{partition.graph.shards()} * partition.graph.shards()),
      totals_(partition.graph.shards()) {
  CHECK(rules < kPackedNoRule);
  for (Totals& totals : totals_) totals.asserted.assign(rules, 0);
  set_tasks(1);
}

void Insertion::set_tasks(std::size_t tasks) { queues_.resize(tasks * graph_.shards()); }

void Insertion::set_kids(Request& request, Queue& queue, std::span<const std::uint32_t> kids) {
  if (kids.size() <= NodeTable::kInlineArity) {
    request.kids[0] = !kids.empty() ? kids[0] : 0;
    request.kids[1] = kids.size() > 1 ? kids[1] : 0;
  } else {
    request.kids[0] = static_cast<std::uint32_t>(queue.wide.size());
    queue.wide.insert(queue.wide.end(), kids.begin(), kids.end());
  }
}

void Insertion::add(std::size_t task, const NodeRequest& request, std::span<const std::uint32_t> kids) {
  const std::uint64_t hash = NodeTable::hash_key(request.symbol, kids);
  Queue& queue = queues_[task * graph_.shards() + graph_.nodes.shard_of_hash(hash)];
  Request& r = queue.requests.emplace_back();
  r.hash = hash;
  r.name_token = request.name_token;
  r.symbol = request.symbol;
  r.target = request.target;
  r.ticket = request.ticket;
  r.rule = request.rule == kNoRule ? kPackedNoRule : request.rule & kPackedNoRule;
  r.arity = static_cast<std::uint32_t>(kids.size()) & 0xffU;
  r.fresh = request.fresh ? 1 : 0;
  set_kids(r, queue, kids);
}

void Insertion::run(const NameHash& name_hash, std::span<NodeResult> results, std::span<NodeResult> foreign_results) {
  const Wave wave{name_hash, results, foreign_results};
  for (const Queue& queue : queues_) partition_.exchange.count_work(Work::kRequests, queue.requests.size());
  run_queues(queues_, wave);
  if (graph_.shards() > 1) run_queues(forwarded_, wave);
  partition_.flush_notes();
  for (Totals& totals : totals_) {
    rows_made += totals.rows;
    partition_.owned_classes += static_cast<std::int64_t>(totals.classes);
    totals.rows = totals.classes = 0;
    for (std::size_t r = 0; r < asserted.size(); ++r) {
      asserted[r] += totals.asserted[r];
      totals.asserted[r] = 0;
    }
  }
}

void Insertion::run_queues(std::span<Queue> queues, const Wave& wave) {
  const std::size_t shards = graph_.shards();
  std::vector<std::size_t> rows(shards, 0);
  std::vector<std::size_t> wide(shards, 0);
  std::size_t total = 0;
  for (std::size_t q = 0; q < queues.size(); ++q) {
    rows[q % shards] += queues[q].requests.size();
    wide[q % shards] += queues[q].wide.size();
    total += queues[q].requests.size();
  }
  if (total == 0) return;
  partition_.reserve(rows, wide, rows);
  partition_.workers.for_each(shards, total > 2048, [&](std::size_t shard) {
    for (std::size_t q = shard; q < queues.size(); q += shards)
      run_queue(static_cast<std::uint32_t>(shard), queues[q], wave);
  });
}

// Group prefetching (Chen, Ailamaki, Gibbons and Mowry, ICDE 2004): tight loops, so that many cache and page-table
// misses are under way at once. Always inlined, or the compiler takes it for pure and drops it.
[[gnu::always_inline]] inline void Insertion::prepare(std::uint32_t shard, std::span<const Request> group,
                                                      std::span<Canonical, kGroup> canonical) const {
  const NodeTable& nodes = graph_.nodes;
  const ClassTable& classes = graph_.classes;
  for (const Request& request : group) {
    nodes.prefetch(shard, request.hash);
    if (request.target != kNoTarget) classes.prefetch(request.target);
    if (request.arity > NodeTable::kInlineArity) continue;
    classes.prefetch(request.kids[0]);
    classes.prefetch(request.kids[1]);
    if (partition_.alone()) continue;
    partition_.prefetch_link(ClassId(request.kids[0]));
    partition_.prefetch_link(ClassId(request.kids[1]));
  }
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Request& request = group[i];
    Canonical& c = canonical[i];
    c.differs = false;
    nodes.prefetch_row(shard, request.hash);
    if (request.arity > NodeTable::kInlineArity || request.arity == 0) continue;
    if (!partition_.alone()) {
      partition_.prefetch_class_ghost(ClassId(request.kids[0]));
      partition_.prefetch_class_ghost(ClassId(request.kids[1]));
    }
    c.kids[0] = classes.find(ClassId(request.kids[0])).value;
    c.kids[1] = request.arity == 2 ? classes.find(ClassId(request.kids[1])).value : 0;
    if (c.kids[0] == request.kids[0] && c.kids[1] == request.kids[1]) continue;
    c.differs = true;
    c.hash = NodeTable::hash_key(request.symbol, std::span(c.kids).first(request.arity));
    c.here = nodes.shard_of_hash(c.hash) == shard;
    if (c.here) nodes.prefetch(shard, c.hash);
  }
  for (const Canonical& c : canonical.first(group.size())) {
    if (!c.differs || !c.here) continue;
    nodes.prefetch_row(shard, c.hash);
    classes.prefetch(c.kids[0]);
    classes.prefetch(c.kids[1]);
  }
}

void Insertion::run_queue(std::uint32_t shard, Queue& queue, const Wave& wave) {
  NodeTable& nodes = graph_.nodes;
  const std::span<const Request> requests = queue.requests;
  std::array<Canonical, kGroup> canonical;
  std::array<std::uint32_t, kMaxArity> leaders;
  for (std::size_t begin = 0; begin < requests.size(); begin += kGroup) {
    const std::span<const Request> group = requests.subspan(begin, std::min(kGroup, requests.size() - begin));
    prepare(shard, group, canonical);
    for (std::size_t i = 0; i < group.size(); ++i) {
      const Request& request = group[i];
      const bool is_wide = request.arity > NodeTable::kInlineArity;
      std::span<const std::uint32_t> kids = std::span(request.kids).first(is_wide ? 0 : request.arity);
      if (is_wide) kids = std::span<const std::uint32_t>(queue.wide).subspan(request.kids[0], request.arity);
      HashconsSlot slot = nodes.look_up(shard, request.hash, request.symbol, kids);
      bool fresh = request.fresh != 0;
      if (slot.row.is_none()) {
        // The node was not in the e-graph when the phase began. If its children have been united with others since, it
        // may be there now, under their leaders.
        fresh = true;
        bool differs = canonical[i].differs;
        std::uint64_t hash = canonical[i].hash;
        std::span<const std::uint32_t> canonical_kids = std::span(canonical[i].kids).first(is_wide ? 0 : request.arity);
        if (is_wide) {
          for (std::size_t k = 0; k < kids.size(); ++k) leaders[k] = graph_.classes.find(ClassId(kids[k])).value;
          canonical_kids = std::span(leaders).first(kids.size());
          differs = !std::ranges::equal(canonical_kids, kids);
          if (differs) hash = NodeTable::hash_key(request.symbol, canonical_kids);
        }
        if (differs && lives_here(request.symbol, canonical_kids)) {
          if (const std::uint32_t owner = nodes.shard_of_hash(hash); owner != shard) {
            Queue& elsewhere = forwarded_[std::size_t{shard} * graph_.shards() + owner];
            Request& r = elsewhere.requests.emplace_back(request);
            r.hash = hash;
            r.fresh = 1;
            set_kids(r, elsewhere, canonical_kids);
            continue;
          }
          kids = canonical_kids;
          slot = nodes.look_up(shard, hash, request.symbol, kids);
        }
      } else {
        fresh = fresh || nodes[slot.row].stamp == graph_.iteration;
      }
      const bool is_new = slot.row.is_none();
      conclude(shard, request, is_new ? make(shard, request, slot, kids, wave) : slot.row, is_new, fresh, wave);
    }
  }
  queue.requests.clear();
  queue.wide.clear();
}

bool Insertion::lives_here(SymbolId symbol, std::span<const std::uint32_t> kids) const {
  if (partition_.alone()) return true;
  std::array<NamedClass, kMaxArity> named;
  for (std::size_t k = 0; k < kids.size(); ++k) named[k] = partition_.named(ClassId(kids[k]));
  return partition_.home_of(symbol, std::span(named).first(kids.size())) == partition_.rank();
}

inline RowId Insertion::make(std::uint32_t shard, const Request& request, const HashconsSlot& slot,
                             std::span<const std::uint32_t> kids, const Wave& wave) {
  ClassId cls;
  if (request.target == kNoTarget) {
    cls = graph_.classes.add(shard, name_of(request, wave));
    ++totals_[shard].classes;
  } else {
    cls = graph_.classes.find(ClassId(request.target));
  }
  const RowId row = graph_.nodes.insert(shard, slot, request.symbol, kids, cls, graph_.iteration);
  graph_.touched[shard].push_back(row);
  ++totals_[shard].rows;
  if (graph_.language().has_data())
    made[shard].push_back({row, request.rule == kPackedNoRule ? kNoRule : request.rule});
  partition_.link_new(shard, row, request.symbol, cls, request.target == kNoTarget, kids);
  return row;
}

// Answers a request that has its row.
inline void Insertion::conclude(std::uint32_t shard, const Request& request, RowId row, bool is_new, bool fresh,
                                const Wave& wave) {
  const std::uint32_t cls = graph_.nodes[row].class_id;
  if (request.target != kNoTarget) {
    const bool has_rule = request.rule != kPackedNoRule;
    if (!is_new && cls != request.target)
      unions[shard].push_back({cls, request.target, has_rule ? request.rule : kNoRule});
    if (has_rule && (cls != request.target || fresh)) ++totals_[shard].asserted[request.rule];
    return;
  }
  if (!is_new) {
    ClassRecord& record = graph_.classes[ClassId(cls)];
    if (ClassTable::birth(record.name) == graph_.iteration && !partition_.is_ghost(ClassId(cls)))
      record.name = std::min(record.name, name_of(request, wave));
  }
  const NodeResult result{fresh ? cls | NodeResult::kFresh : cls};
  if ((request.ticket & kForeignTicket) != 0)
    wave.foreign_results[request.ticket & ~kForeignTicket] = result;
  else
    wave.results[request.ticket] = result;
}

}  // namespace tessera
