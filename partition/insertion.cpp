#include "partition/insertion.hpp"

#include <algorithm>

namespace tessera {

// What is known of a request of a group before its turn comes.
struct Insertion::Probe {
  RowId guess;       // the row that it will probably be answered with; none: it will probably make one
  bool has_leaders;  // then, what it is looked up by if it is not there under its own key:
  bool differs;      // from the request's own
  std::uint64_t hash;
  std::array<std::uint32_t, NodeTable::kInlineArity> kids;  // if there are no more
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

void Insertion::set_wide_kids(Request& request, Queue& queue, std::span<const std::uint32_t> kids) {
  request.kids = {static_cast<std::uint32_t>(queue.wide.size()), 0};
  queue.wide.insert(queue.wide.end(), kids.begin(), kids.end());
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

// The request's key under its children's leaders; inline children only.
[[gnu::always_inline]] inline void Insertion::find_leaders(const Request& request, std::span<const std::uint32_t> kids,
                                                           Probe& probe) const {
  probe.has_leaders = true;
  probe.differs = false;
  for (std::size_t k = 0; k < kids.size(); ++k) {
    probe.kids[k] = graph_.classes.find(ClassId(kids[k])).value;
    probe.differs = probe.differs || probe.kids[k] != kids[k];
  }
  if (probe.differs) probe.hash = NodeTable::hash_key(request.symbol, std::span(probe.kids).first(kids.size()));
}

// Group prefetching (Chen, Ailamaki, Gibbons and Mowry, ICDE 2004): tight loops, so that many cache and page-table
// misses are under way at once. Always inlined, or the compiler takes it for pure and drops it.
[[gnu::always_inline]] inline void Insertion::prepare(std::uint32_t shard, std::span<const Request> group,
                                                      std::span<Probe, kGroup> probes) const {
  const NodeTable& nodes = graph_.nodes;
  const ClassTable& classes = graph_.classes;
  for (const Request& request : group) nodes.prefetch(shard, request.hash);
  bool any_new = false;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Request& request = group[i];
    Probe& probe = probes[i];
    probe.has_leaders = false;
    probe.guess = nodes.guess(shard, request.hash);
    if (!probe.guess.is_none()) {
      nodes.prefetch_row(probe.guess);
      continue;
    }
    any_new = true;
    if (request.target != kNoTarget) classes.prefetch(request.target);
    if (request.arity > NodeTable::kInlineArity) continue;
    for (std::uint32_t k = 0; k < request.arity; ++k) {
      classes.prefetch(request.kids[k]);
      partition_.prefetch_ghost(ClassId(request.kids[k]));
    }
  }
  if (!any_new) return;
  bool any_differs = false;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Request& request = group[i];
    Probe& probe = probes[i];
    if (!probe.guess.is_none() || request.arity > NodeTable::kInlineArity) continue;
    const std::span kids = std::span(request.kids).first(request.arity);
    find_leaders(request, kids, probe);
    if (!probe.differs) continue;
    any_differs = true;
    if (nodes.shard_of_hash(probe.hash) == shard) nodes.prefetch(shard, probe.hash);
  }
  if (!any_differs) return;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Probe& probe = probes[i];
    if (!probe.has_leaders || !probe.differs || nodes.shard_of_hash(probe.hash) != shard) continue;
    nodes.prefetch_row(shard, probe.hash);
    for (std::uint32_t k = 0; k < group[i].arity; ++k) classes.prefetch(probe.kids[k]);
  }
}

void Insertion::run_queue(std::uint32_t shard, Queue& queue, const Wave& wave) {
  NodeTable& nodes = graph_.nodes;
  const std::span<const Request> requests = queue.requests.all();
  std::array<Probe, kGroup> probes;
  std::array<std::uint32_t, kMaxArity> leaders;
  for (std::size_t begin = 0; begin < requests.size(); begin += kGroup) {
    const std::span<const Request> group = requests.subspan(begin, std::min(kGroup, requests.size() - begin));
    prepare(shard, group, probes);
    for (std::size_t i = 0; i < group.size(); ++i) {
      const Request& request = group[i];
      Probe& probe = probes[i];
      const bool is_wide = request.arity > NodeTable::kInlineArity;
      std::span<const std::uint32_t> kids = std::span(request.kids).first(is_wide ? 0 : request.arity);
      if (!is_wide && !probe.guess.is_none() && nodes.has_inline_key(probe.guess, request.symbol, request.kids)) {
        conclude(shard, request, probe.guess, false, nodes[probe.guess].stamp == graph_.iteration, wave);
        continue;
      }
      if (is_wide) kids = std::span<const std::uint32_t>(queue.wide).subspan(request.kids[0], request.arity);
      HashconsSlot slot = nodes.look_up(shard, request.hash, request.symbol, kids);
      const bool was_there = !slot.row.is_none();
      if (!was_there) {
        // The node was not in the e-graph when the phase began. If its children have been united with others since, it
        // may be there now, under their leaders.
        std::span<const std::uint32_t> canonical = std::span(probe.kids).first(is_wide ? 0 : request.arity);
        if (is_wide) {
          for (std::size_t k = 0; k < kids.size(); ++k) leaders[k] = graph_.classes.find(ClassId(kids[k])).value;
          canonical = std::span(leaders).first(kids.size());
          probe.differs = !std::ranges::equal(canonical, kids);
          if (probe.differs) probe.hash = NodeTable::hash_key(request.symbol, canonical);
        } else if (!probe.has_leaders) {
          find_leaders(request, kids, probe);
        }
        if (probe.differs && lives_here(request.symbol, canonical)) {
          if (const std::uint32_t owner = nodes.shard_of_hash(probe.hash); owner != shard) {
            Queue& elsewhere = forwarded_[std::size_t{shard} * graph_.shards() + owner];
            Request& r = *elsewhere.requests.extend(1);
            r = request;
            r.hash = probe.hash;
            r.fresh = 1;
            if (is_wide)
              set_wide_kids(r, elsewhere, canonical);
            else
              std::ranges::copy(canonical, r.kids.begin());
            continue;
          }
          kids = canonical;
          slot = nodes.look_up(shard, probe.hash, request.symbol, kids);
        }
      }
      const bool is_new = slot.row.is_none();
      conclude(shard, request, is_new ? make(shard, request, slot, kids, wave) : slot.row, is_new,
               !was_there || nodes[slot.row].stamp == graph_.iteration, wave);
    }
  }
  queue.requests.clear();
  queue.wide.clear();
}

bool Insertion::lives_here(SymbolId symbol, std::span<const std::uint32_t> kids) const {
  if (partition_.alone()) return true;
  return partition_.home_of_local(symbol, kids) == partition_.rank();
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

// Answers a request that has its row. `is_recent`: which was not there when the phase began.
[[gnu::always_inline]] inline void Insertion::conclude(std::uint32_t shard, const Request& request, RowId row,
                                                       bool is_new, bool is_recent, const Wave& wave) {
  const std::uint32_t cls = graph_.nodes[row].class_id;
  const bool fresh = is_recent || request.fresh != 0;
  if (request.target != kNoTarget) {
    const bool has_rule = request.rule != kPackedNoRule;
    if (!is_new && cls != request.target)
      unions[shard].push_back({cls, request.target, has_rule ? request.rule : kNoRule});
    if (has_rule && (cls != request.target || fresh)) ++totals_[shard].asserted[request.rule];
    return;
  }
  if (!is_new && is_recent) {  // classes made in this phase hold no others
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
