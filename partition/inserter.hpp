// Waves of node requests over all ranks: what apply does with right sides, rebuild with rows that must move, and
// seeding with the start expression. Each request goes to the node's home (rank by placement), is answered there from
// the hashcons (partition/insertion.hpp), and its class comes back. Requests of a wave name only classes that existed
// before it. One wave is two supersteps; a rank alone needs none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partition/insertion.hpp"

namespace tessera {

// A class another rank told us of, for this phase only.
struct ForeignClass {
  NamedClass named;
  DataId data;
};
using ForeignClasses = GrowingArray<ForeignClass>;

class Inserter {
 public:
  using NameHash = Insertion::NameHash;

  // `foreign`: the classes that foreign handles index; replies from other ranks are appended to it.
  Inserter(Partition& partition, ForeignClasses& foreign, std::size_t rules);

  void set_tasks(std::size_t tasks);
  // Tasks may add at the same time, each under its own number. Kids are given by handle, `kids.size()` the symbol's
  // arity. `name_hash` is the wave's.
  [[gnu::always_inline]] void add(std::size_t task, const NodeRequest& request, std::span<const std::uint32_t> kids,
                                  const NameHash& name_hash) {
    if (partition_.alone())
      insertion_.add(task, request, kids);
    else
      route(task, request, kids, name_hash);
  }

  // Collective. Runs all requests added since the last wave. Afterwards results[ticket] holds the result of every
  // request without a target. Where all requests, on all ranks, have a target (`wants_results` false, the same on all
  // ranks), nothing is answered, and an exchange is saved.
  void run_wave(const NameHash& name_hash, std::span<NodeResult> results, bool wants_results = true);

  [[nodiscard]] NamedClass named(std::uint32_t handle) const {
    const Handle h{handle};
    return h.is_foreign() ? foreign_[h.foreign_index()].named : partition_.named(ClassId(handle));
  }
  // The class of a handle as a local id, making a ghost if it was foreign. Single-threaded.
  [[nodiscard]] std::uint32_t local_handle(std::uint32_t handle);

  [[nodiscard]] Insertion& insertion() { return insertion_; }  // what the waves found and made

 private:
  struct Reply {
    int rank;
    std::uint32_t ticket;
  };
  struct Deferred {  // a request of this rank for this rank that needs a ghost made: single-threaded
    NodeRequest request;
    std::uint32_t kids_begin;
    std::uint32_t kids_end;
  };
  struct Task {
    explicit Task(int ranks) : outbox(ranks), named_kids(kMaxArity) {}
    Outbox outbox;
    std::vector<Deferred> deferred;
    std::vector<std::uint32_t> deferred_kids;
    std::uint64_t asked = 0;             // since a recorder was told
    std::vector<NamedClass> named_kids;  // of the request being routed
  };

  // A request as it is sent: followed by the target's name if it has a target, else by the structural hash; then by
  // arity NamedClass kids.
  struct WireRequest {
    GlobalId target;  // none: no target
    std::uint64_t name;
    std::uint32_t symbol;
    std::uint32_t ticket;
    std::uint32_t rule;
    std::uint16_t arity;
    std::uint16_t fresh;
  };
  void route(std::size_t task, const NodeRequest& request, std::span<const std::uint32_t> kids,
             const NameHash& name_hash);
  void add_deferred();
  void receive_requests();
  void read_requests(int source, std::span<const std::byte> bytes);
  void send_replies(std::span<NodeResult> results);

  Partition& partition_;
  ForeignClasses& foreign_;
  Insertion insertion_;
  std::vector<Task> tasks_;
  std::vector<Reply> replies_;
  std::vector<NodeResult> foreign_results_;  // of replies_
};

// Inlined, so that callers' loops are made for the number of kids.
[[gnu::always_inline]] inline void Inserter::route(std::size_t task, const NodeRequest& request,
                                                   std::span<const std::uint32_t> kids, const NameHash& name_hash) {
  Task& t = tasks_[task];
  ++t.asked;
  std::uint32_t marks = request.target == kNoTarget ? 0 : request.target;
  for (std::size_t k = 0; k < kids.size(); ++k) {
    t.named_kids[k] = named(kids[k]);
    marks |= kids[k];
  }
  const std::span<const NamedClass> named_kids(t.named_kids.data(), kids.size());
  const int home = partition_.home_of(request.symbol, named_kids);
  if (home != partition_.rank()) {
    const NamedClass target = request.target == kNoTarget ? NamedClass{} : named(request.target);
    t.outbox.put(
        home,
        WireRequest{target.id, request.target == kNoTarget ? name_hash(request.name_token) : target.name,
                    request.symbol.value, request.ticket, request.rule, static_cast<std::uint16_t>(kids.size()),
                    request.fresh ? std::uint16_t{1} : std::uint16_t{0}},
        named_kids);
  } else if (Handle{marks}.is_foreign()) {
    const auto begin = static_cast<std::uint32_t>(t.deferred_kids.size());
    t.deferred_kids.insert(t.deferred_kids.end(), kids.begin(), kids.end());
    t.deferred.push_back({request, begin, static_cast<std::uint32_t>(t.deferred_kids.size())});
  } else {
    insertion_.add(task, request, kids);
  }
}

}  // namespace tessera
