#include "partition/inserter.hpp"

#include <algorithm>
#include <array>

namespace tessera {
namespace {

constexpr std::uint32_t kRemoteTicket = 0x80000000U;

struct WireRequest {  // followed by arity NamedClass kids
  NamedClass target;  // id none: no target
  std::uint64_t name;
  std::uint32_t symbol;
  std::uint32_t rule;
  std::uint32_t ticket;
  std::uint16_t arity;
  std::uint16_t fresh;
};

struct WireReply {
  NamedClass cls;
  std::uint32_t ticket;
  std::uint32_t fresh;
};

}  // namespace

Inserter::Inserter(Partition& partition, std::vector<ForeignClass>& foreign, std::size_t rules)
    : unions(partition.graph.shards()),
      made(partition.graph.shards()),
      asserted(rules, 0),
      partition_(partition),
      graph_(partition.graph),
      foreign_(foreign),
      totals_(partition.graph.shards()) {
  for (Totals& totals : totals_) totals.asserted.assign(rules, 0);
  set_tasks(1);
}

void Inserter::set_tasks(std::size_t tasks) {
  tasks_ = tasks;
  queues_.resize((tasks + 1) * graph_.shards());
  deferred_.resize(tasks);
  deferred_kids_.resize(tasks);
}

NamedClass Inserter::named(std::uint32_t handle) const {
  const Handle h{handle};
  if (h.is_foreign()) return foreign_[h.foreign_index()].named;
  const ClassId id(handle);
  return {partition_.global(id), graph_.classes[id].name};
}

void Inserter::enqueue(Queue* queues, const NodeRequest& request, std::span<const std::uint32_t> kids) {
  Local local{NodeTable::hash_key(request.symbol, kids),
              request.symbol,
              {0, 0},
              request.target,
              request.rule,
              request.ticket,
              request.name_token,
              request.fresh};
  Queue& queue = queues[graph_.nodes.shard_of_hash(local.hash)];
  if (kids.size() <= NodeTable::kInlineArity) {
    std::copy(kids.begin(), kids.end(), local.kids);
  } else {
    local.kids[0] = static_cast<std::uint32_t>(queue.wide.size());
    local.kids[1] = static_cast<std::uint32_t>(kids.size());
    queue.wide.insert(queue.wide.end(), kids.begin(), kids.end());
  }
  queue.requests.push_back(local);
}

void Inserter::add(std::size_t task, const NodeRequest& request, std::span<const std::uint32_t> kids) {
  if (partition_.alone()) {
    enqueue(&queues_[task * graph_.shards()], request, kids);
    return;
  }
  std::vector<std::uint32_t>& pool = deferred_kids_[task];
  const auto begin = static_cast<std::uint32_t>(pool.size());
  pool.insert(pool.end(), kids.begin(), kids.end());
  deferred_[task].push_back({request, begin, static_cast<std::uint32_t>(pool.size())});
}

std::uint32_t Inserter::local_handle(std::uint32_t handle) {
  const Handle h{handle};
  return h.is_foreign() ? partition_.local(foreign_[h.foreign_index()].named).value : handle;
}

void Inserter::receive_requests() {
  const std::size_t shards = graph_.shards();
  Queue* remote_queues = &queues_[tasks_ * shards];
  std::vector<std::uint32_t> kids;
  superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int source, MessageReader& reader) {
    while (!reader.done()) {
      const auto wire = reader.take<WireRequest>();
      kids.clear();
      for (std::uint32_t i = 0; i < wire.arity; ++i) kids.push_back(partition_.local(reader.take<NamedClass>()).value);
      NodeRequest request;
      request.symbol = SymbolId(wire.symbol);
      request.target = wire.target.id.is_none() ? kNoTarget : partition_.local(wire.target).value;
      request.rule = wire.rule;
      request.ticket = kRemoteTicket | static_cast<std::uint32_t>(replies_.size());
      request.name_token = wire.name;
      request.fresh = wire.fresh != 0;
      replies_.push_back({source, wire.ticket, {}, false});
      enqueue(remote_queues, request, kids);
    }
  });
}

void Inserter::run_wave(const NameHash& name_hash, std::vector<NodeResult>& results) {
  const std::uint32_t shards = graph_.shards();
  if (!partition_.alone()) {
    std::vector<GlobalId> globals;
    std::vector<std::uint32_t> kids;
    for (std::size_t task = 0; task < tasks_; ++task) {
      for (const Deferred& deferred : deferred_[task]) {
        const NodeRequest& request = deferred.request;
        const std::span handles(deferred_kids_[task].data() + deferred.kids_begin,
                                deferred.kids_end - deferred.kids_begin);
        globals.clear();
        for (const std::uint32_t handle : handles) globals.push_back(named(handle).id);
        const int home = partition_.home_of(request.symbol, globals);
        if (home == partition_.rank()) {
          NodeRequest here = request;
          if (here.target != kNoTarget) here.target = local_handle(here.target);
          kids.clear();
          for (const std::uint32_t handle : handles) kids.push_back(local_handle(handle));
          enqueue(&queues_[task * shards], here, kids);
        } else {
          WireRequest wire{request.target == kNoTarget ? NamedClass{} : named(request.target),
                           request.target == kNoTarget ? name_hash(request.name_token) : 0,
                           request.symbol.value,
                           request.rule,
                           request.ticket,
                           static_cast<std::uint16_t>(handles.size()),
                           request.fresh ? std::uint16_t{1} : std::uint16_t{0}};
          partition_.outbox.put(home, wire);
          for (const std::uint32_t handle : handles) partition_.outbox.put(home, named(handle));
        }
      }
      deferred_[task].clear();
      deferred_kids_[task].clear();
    }
    receive_requests();
  }
  std::vector<std::size_t> rows(shards, 0);
  std::vector<std::size_t> wide(shards, 0);
  std::size_t total = 0;
  for (std::size_t q = 0; q < queues_.size(); ++q) {
    rows[q % shards] += queues_[q].requests.size();
    wide[q % shards] += queues_[q].wide.size();
    total += queues_[q].requests.size();
  }
  partition_.reserve(rows, wide, rows);
  partition_.workers.for_each(shards, total > 2048, [&](std::size_t shard) {
    run_shard(static_cast<std::uint32_t>(shard), name_hash, results);
  });
  partition_.flush_links();
  for (Totals& totals : totals_) {
    rows_made += totals.rows;
    classes_made += totals.classes;
    partition_.owned_classes += static_cast<std::int64_t>(totals.classes);
    totals.rows = totals.classes = 0;
    for (std::size_t r = 0; r < asserted.size(); ++r) {
      asserted[r] += totals.asserted[r];
      totals.asserted[r] = 0;
    }
  }
  if (!partition_.alone()) send_replies(results);
}

void Inserter::run_shard(std::uint32_t shard, const NameHash& name_hash, std::vector<NodeResult>& results) {
  constexpr std::size_t kFar = 12;
  constexpr std::size_t kNear = 6;
  Totals& totals = totals_[shard];
  NodeTable& nodes = graph_.nodes;
  ClassTable& classes = graph_.classes;
  for (std::size_t q = shard; q < queues_.size(); q += graph_.shards()) {
    Queue& queue = queues_[q];
    const std::vector<Local>& requests = queue.requests;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (i + kFar < requests.size()) nodes.prefetch(requests[i + kFar].hash);
      if (i + kNear < requests.size()) nodes.prefetch_row(requests[i + kNear].hash);
      const Local& request = requests[i];
      const std::uint32_t arity = graph_.symbols()[request.symbol].arity;
      const std::span<const std::uint32_t> kids =
          arity <= NodeTable::kInlineArity ? std::span(request.kids, arity)
                                           : std::span<const std::uint32_t>(queue.wide).subspan(request.kids[0], arity);
      const bool remote = (request.ticket & kRemoteTicket) != 0 && !partition_.alone();
      const auto name = [&] {
        return ClassTable::make_name(graph_.iteration, remote ? request.name : name_hash(request.name));
      };
      RowId row = nodes.find(request.hash, request.symbol, kids);
      const bool is_new = row.is_none();
      if (is_new) {
        ClassId cls(request.target);
        if (request.target == kNoTarget) {
          cls = classes.add(shard, name());
          ++totals.classes;
        }
        row = nodes.insert(request.hash, request.symbol, kids, cls, graph_.iteration);
        graph_.touched[shard].push_back(row);
        ++totals.rows;
        if (graph_.language().has_data()) made[shard].push_back({row, request.rule});
        partition_.link_member(shard, cls, row);
        for (std::uint32_t k = 0; k < arity; ++k)
          partition_.link(shard, ClassId(kids[k]), row, nodes.edge(row, arity, k).value);
        if (request.rule != kNoRule && request.target != kNoTarget) ++totals.asserted[request.rule];
      }
      const std::uint32_t cls = nodes[row].class_id;
      const bool fresh = request.fresh || nodes[row].stamp == graph_.iteration;
      if (request.target != kNoTarget) {
        if (!is_new) {
          if (cls != request.target) unions[shard].push_back({cls, request.target, request.rule});
          if (request.rule != kNoRule && (cls != request.target || fresh)) ++totals.asserted[request.rule];
        }
        continue;
      }
      if (!is_new) {
        ClassRecord& record = classes[ClassId(cls)];
        if (ClassTable::birth(record.name) == graph_.iteration && !partition_.is_ghost(ClassId(cls)))
          record.name = std::min(record.name, name());
      }
      const NodeResult result{fresh ? cls | NodeResult::kFresh : cls};
      if (remote) {
        replies_[request.ticket & ~kRemoteTicket].result = result;
        replies_[request.ticket & ~kRemoteTicket].wanted = true;
      } else {
        results[request.ticket] = result;
      }
    }
    queue.requests.clear();
    queue.wide.clear();
  }
}

void Inserter::send_replies(std::vector<NodeResult>& results) {
  for (const Reply& reply : replies_) {
    if (!reply.wanted) continue;
    const ClassId cls(reply.result.handle());
    partition_.outbox.put(
        reply.rank,
        WireReply{{partition_.global(cls), graph_.classes[cls].name}, reply.ticket, reply.result.fresh() ? 1U : 0U});
  }
  replies_.clear();
  superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
    while (!reader.done()) {
      const auto reply = reader.take<WireReply>();
      std::uint32_t handle = partition_.find_local(reply.cls.id).value;
      if (ClassId(handle).is_none()) {
        handle = Handle::kForeign | static_cast<std::uint32_t>(foreign_.size());
        foreign_.push_back({reply.cls, DataId()});
      }
      results[reply.ticket].value = reply.fresh != 0 ? handle | NodeResult::kFresh : handle;
    }
  });
}

}  // namespace tessera
