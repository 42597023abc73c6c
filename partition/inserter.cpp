#include "partition/inserter.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace tessera {
namespace {

struct WireReply {
  NamedClass cls;
  std::uint32_t ticket;
  std::uint32_t fresh;
};

constexpr std::size_t kGroup = 32;
constexpr std::size_t kAhead = 8;

}  // namespace

Inserter::Inserter(Partition& partition, ForeignClasses& foreign, std::size_t rules)
    : partition_(partition), foreign_(foreign), insertion_(partition, rules) {
  set_tasks(1);
}

void Inserter::set_tasks(std::size_t tasks) {
  insertion_.set_tasks(tasks);
  if (partition_.alone()) return;
  while (tasks_.size() < tasks) tasks_.emplace_back(partition_.ranks());
}

std::uint32_t Inserter::local_handle(std::uint32_t handle) {
  const Handle h{handle};
  return h.is_foreign() ? partition_.local(foreign_[h.foreign_index()].named).value : handle;
}

void Inserter::add_deferred() {
  std::array<std::uint32_t, kMaxArity> kids;
  for (Task& task : tasks_) {
    // Calls visit(id) for a request's children that must be made ghosts of.
    const auto for_each_foreign = [&](std::size_t request, auto&& visit) {
      if (request >= task.deferred.size()) return;
      for (std::uint32_t k = task.deferred[request].kids_begin; k < task.deferred[request].kids_end; ++k)
        if (const Handle kid{task.deferred_kids[k]}; kid.is_foreign()) visit(foreign_[kid.foreign_index()].named.id);
    };
    for (std::size_t i = 0; i < task.deferred.size(); ++i) {
      for_each_foreign(i + 2 * kAhead, [&](GlobalId id) { partition_.prefetch_local_slot(id); });
      for_each_foreign(i + kAhead, [&](GlobalId id) { partition_.prefetch_local(id); });
      Deferred& deferred = task.deferred[i];
      const std::size_t arity = deferred.kids_end - deferred.kids_begin;
      for (std::size_t k = 0; k < arity; ++k) kids[k] = local_handle(task.deferred_kids[deferred.kids_begin + k]);
      if (deferred.request.target != kNoTarget) deferred.request.target = local_handle(deferred.request.target);
      insertion_.add(0, deferred.request, std::span(kids).first(arity));
    }
    task.deferred.clear();
    task.deferred_kids.clear();
  }
}

void Inserter::receive_requests() {
  for (Task& task : tasks_) {
    partition_.outbox.splice(task.outbox);
    partition_.exchange.count_work(Work::kAsked, std::exchange(task.asked, 0));
  }
  partition_.exchange.name_step("requests");
  superstep(partition_.exchange, partition_.outbox, partition_.inbox,
            [this](int source, MessageReader& reader) { read_requests(source, reader.rest()); });
}

// Reads a group of requests twice, and between looks where the ghosts of its classes probably are, so that they are in
// cache by the second time.
void Inserter::read_requests(int source, std::span<const std::byte> bytes) {
  struct Named {
    GlobalId id;
    ClassId guess;
  };
  std::array<std::uint32_t, kMaxArity> kids;
  std::vector<Named> classes;  // of the group
  MessageReader reader(bytes);
  while (!reader.done()) {
    const MessageReader group_begin = reader;
    classes.clear();
    const auto note = [&](GlobalId id) {
      partition_.prefetch_local_slot(id);
      classes.push_back({id, ClassId()});
    };
    for (std::size_t i = 0; i < kGroup && !reader.done(); ++i) {
      const auto wire = reader.take<WireRequest>();
      for (std::uint32_t k = 0; k < wire.arity; ++k) note(reader.take<NamedClass>().id);
      if (!wire.target.is_none()) note(wire.target);
    }
    for (Named& cls : classes) cls.guess = partition_.prefetch_local(cls.id);
    reader = group_begin;
    const Named* next = classes.data();
    for (std::size_t i = 0; i < kGroup && !reader.done(); ++i) {
      const auto wire = reader.take<WireRequest>();
      for (std::uint32_t k = 0; k < wire.arity; ++k)
        kids[k] = partition_.local(reader.take<NamedClass>(), next++->guess).value;
      NodeRequest request;
      request.symbol = SymbolId(wire.symbol);
      request.rule = wire.rule;
      request.name_token = wire.name;
      request.fresh = wire.fresh != 0;
      if (wire.target.is_none()) {
        request.ticket = Insertion::kForeignTicket | static_cast<std::uint32_t>(replies_.size());
        replies_.push_back({source, wire.ticket});
      } else {
        request.target = partition_.local({wire.target, wire.name}, next++->guess).value;
      }
      insertion_.add(0, request, std::span(kids).first(wire.arity));
    }
  }
}

void Inserter::run_wave(const NameHash& name_hash, std::span<NodeResult> results, bool wants_results) {
  if (!partition_.alone()) {
    add_deferred();
    receive_requests();
    foreign_results_.resize(replies_.size());
  }
  insertion_.run(name_hash, results, foreign_results_);
  if (partition_.alone()) return;
  if (wants_results)
    send_replies(results);
  else
    CHECK(replies_.empty());
}

void Inserter::send_replies(std::span<NodeResult> results) {
  for (std::size_t i = 0; i < replies_.size(); ++i) {
    const NodeResult result = foreign_results_[i];
    partition_.outbox.put(replies_[i].rank, WireReply{partition_.named(ClassId(result.handle())), replies_[i].ticket,
                                                      result.fresh() ? 1U : 0U});
  }
  replies_.clear();
  partition_.exchange.name_step("replies");
  superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
    while (!reader.done()) {
      const auto reply = reader.take<WireReply>();
      std::uint32_t handle = reply.cls.id.index().value;
      if (reply.cls.id.home() != partition_.rank()) {
        handle = Handle::kForeign | static_cast<std::uint32_t>(foreign_.size());
        foreign_.push_back({reply.cls, DataId()});
      }
      results[reply.ticket].value = reply.fresh != 0 ? handle | NodeResult::kFresh : handle;
    }
  });
}

}  // namespace tessera
