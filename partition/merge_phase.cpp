#include "partition/merge_phase.hpp"

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>

namespace tessera {
namespace {

// --- classes of one rank ---

class ConcurrentUnionFind {
 public:
  explicit ConcurrentUnionFind(ClassTable& classes) : classes_(classes) {}

  // The class that lost by this call; none if the two were one already.
  ClassId unite(ClassId a, ClassId b) {
    for (;;) {
      a = find(a);
      b = find(b);
      if (a == b) return ClassId();
      if (classes_.leads(b, a)) std::swap(a, b);
      std::uint32_t expected = b.value;
      if (parent(b).compare_exchange_strong(expected, a.value, std::memory_order_relaxed)) return b;
    }
  }

  [[nodiscard]] ClassId find(ClassId id) const {
    std::uint32_t at = id.value;
    for (;;) {
      const std::uint32_t up = parent(ClassId(at)).load(std::memory_order_relaxed);
      if (up == at) return ClassId(at);
      std::uint32_t expected = up;
      const std::uint32_t above = parent(ClassId(up)).load(std::memory_order_relaxed);
      if (above != up)
        parent(ClassId(at)).compare_exchange_weak(expected, above, std::memory_order_relaxed);  // halving
      at = above;
    }
  }

 private:
  [[nodiscard]] std::atomic_ref<std::uint32_t> parent(ClassId id) const { return std::atomic_ref(classes_[id].parent); }
  ClassTable& classes_;
};

void unite_here(Partition& partition, std::span<const UnionRequest> requests, std::vector<Loser>& losers) {
  ConcurrentUnionFind sets(partition.graph.classes);
  constexpr std::size_t kGrain = 8192;
  const std::size_t tasks = (requests.size() + kGrain - 1) / kGrain;
  std::vector<std::vector<Loser>> found(tasks);
  partition.workers.for_each(tasks, true, [&](std::size_t task) {
    const std::size_t end = std::min(requests.size(), (task + 1) * kGrain);
    for (std::size_t i = task * kGrain; i < end; ++i) {
      const ClassId loser = sets.unite(ClassId(requests[i].a), ClassId(requests[i].b));
      if (!loser.is_none()) found[task].push_back({loser, requests[i].rule});
    }
  });
  for (const auto& of_task : found) losers.insert(losers.end(), of_task.begin(), of_task.end());
}

MergeResult merge_alone(Partition& partition, const std::vector<UnionRequest>& requests, std::vector<Loser>&& united) {
  ClassTable& classes = partition.graph.classes;
  const ConcurrentUnionFind sets(classes);
  MergeResult result;
  result.losers = std::move(united);
  unite_here(partition, requests, result.losers);
  // Every loser must point at its leader directly, for rebuild reads parents without walking.
  std::vector<std::uint32_t> leader(result.losers.size());
  for (std::size_t i = 0; i < leader.size(); ++i) leader[i] = sets.find(result.losers[i].id).value;
  for (std::size_t i = 0; i < leader.size(); ++i) {
    ClassRecord& record = classes[result.losers[i].id];
    record.parent = leader[i];
    // Names of classes made in this iteration may have become less since they were compared.
    ClassRecord& to = classes[ClassId(leader[i])];
    to.name = std::min(to.name, record.name);
    if (!record.data.is_none()) result.joins.push_back({ClassId(leader[i]), record.data, result.losers[i].rule});
  }
  partition.owned_classes -= static_cast<std::int64_t>(result.losers.size());
  partition.exchange.count_work(Work::kUnions, requests.size());
  return result;
}

// --- many ranks ---

struct ParentReply {
  GlobalId asked;
  NamedClass parent;
};

struct Hook {
  GlobalId loser;
  NamedClass leader;
  std::uint64_t rule;
};

struct Takeover {  // loser's home to leader's home; followed by data_words words, then by the subscribers
  NamedClass leader;
  std::uint64_t mask;
  std::uint32_t rule;
  std::uint32_t data_words;
  std::uint64_t subscribers;
};

struct Subscription {
  std::uint64_t rank;
  std::uint64_t member_mask;
  std::uint64_t parent_mask;
};

struct Loss {  // loser's home to its subscribers
  GlobalId loser;
  NamedClass leader;
};

bool leads(const NamedClass& a, const NamedClass& b) { return a.name != b.name ? a.name < b.name : a.id < b.id; }

// Union-find over the classes that one rank's requests name.
class LocalForest {
 public:
  // Whether they were apart.
  bool unite(std::uint32_t a, std::uint32_t b) {
    a = find(a);
    b = find(b);
    if (a != b) parent_[a] = b;
    return a != b;
  }

 private:
  std::uint32_t find(std::uint32_t id) {
    for (;;) {
      const std::uint32_t up = parent_.try_emplace(id, id).first->second;
      if (up == id) return id;
      const std::uint32_t above = parent_[up];
      parent_[id] = above;  // halving
      id = above;
    }
  }
  boost::unordered_flat_map<std::uint32_t, std::uint32_t> parent_;
};

class DistributedMerge {
 public:
  DistributedMerge(Partition& partition, const std::vector<UnionRequest>& requests, std::span<const Loser> united)
      : partition_(partition), exchange_(partition.exchange) {
    // Names of classes made in this iteration may have become less since they were compared.
    ClassTable& classes = partition_.graph.classes;
    for (const Loser& loser : united) {
      std::uint64_t& name = classes[classes.find(loser.id)].name;
      name = std::min(name, classes[loser.id].name);
    }
    for (const Loser& loser : united)
      hooked_.emplace(loser.id.value, Hooked{partition_.named(classes.find(loser.id)), loser.rule});
    // What this rank's other requests imply need not be asked of anyone.
    LocalForest forest;
    for (const UnionRequest& request : requests)
      if (forest.unite(request.a, request.b))
        open_.push_back(
            {{partition.global(ClassId(request.a)), 0}, {partition.global(ClassId(request.b)), 0}, request.rule});
  }

  MergeResult run() {
    for (;;) {
      learn_parents();
      const bool jumped = jump();
      advance_requests();
      std::uint64_t busy = jumped || !open_.empty() ? 1 : 0;
      exchange_.name_step("any open");
      exchange_.all_reduce(std::span(&busy, 1), Reduction::kMax);
      if (busy == 0) break;
      hook();
    }
    spread_losses();
    return std::move(result_);
  }

 private:
  struct Request {
    NamedClass a;
    NamedClass b;
    std::uint32_t rule;
  };
  struct Hooked {
    NamedClass parent;
    std::uint32_t rule;
  };

  [[nodiscard]] NamedClass parent_here(ClassId id) const {
    const auto it = hooked_.find(id.value);
    if (it != hooked_.end()) return it->second.parent;
    return {GlobalId(partition_.rank(), id), partition_.graph.classes[id].name};
  }
  [[nodiscard]] NamedClass parent_of(GlobalId id) const {
    return id.home() == partition_.rank() ? parent_here(id.index()) : answer_.at(id);
  }

  // Asks the homes of all classes that open requests and hooked classes point at for those classes' parents.
  void learn_parents() {
    answer_.clear();
    const auto ask = [&](GlobalId id) {
      if (id.home() != partition_.rank() && answer_.try_emplace(id).second) partition_.outbox.put(id.home(), id);
    };
    for (const Request& request : open_) {
      ask(request.a.id);
      ask(request.b.id);
    }
    for (const auto& [id, hooked] : hooked_) ask(hooked.parent.id);
    Outbox replies(partition_.ranks());
    exchange_.count_work(Work::kUnions, open_.size());
    exchange_.name_step("parents asked");
    superstep(exchange_, partition_.outbox, partition_.inbox, [&](int source, MessageReader& reader) {
      while (!reader.done()) {
        const auto id = reader.take<GlobalId>();
        replies.put(source, ParentReply{id, parent_here(id.index())});
      }
    });
    exchange_.name_step("parents told");
    superstep(exchange_, replies, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto reply = reader.take<ParentReply>();
        answer_[reply.asked] = reply.parent;
      }
    });
  }

  bool jump() {
    bool jumped = false;
    for (auto& [id, hooked] : hooked_) {
      const NamedClass up = parent_of(hooked.parent.id);
      if (up.id != hooked.parent.id) {
        hooked.parent = up;
        jumped = true;
      }
    }
    return jumped;
  }

  void advance_requests() {
    for (Request& request : open_) {
      request.a = parent_of(request.a.id);
      request.b = parent_of(request.b.id);
    }
    std::erase_if(open_, [](const Request& request) { return request.a.id == request.b.id; });
  }

  void hook() {
    for (const Request& request : open_) {
      const bool a_leads = leads(request.a, request.b);
      const NamedClass& leader = a_leads ? request.a : request.b;
      const NamedClass& loser = a_leads ? request.b : request.a;
      partition_.outbox.put(loser.id.home(), Hook{loser.id, leader, request.rule});
    }
    boost::unordered_flat_map<std::uint32_t, Hooked> proposals;
    exchange_.name_step("hooks");
    superstep(exchange_, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto hook = reader.take<Hook>();
        const std::uint32_t id = hook.loser.index().value;
        if (hooked_.contains(id)) continue;  // no root any more: the request will catch up
        const Hooked proposal{hook.leader, static_cast<std::uint32_t>(hook.rule)};
        const auto [it, fresh] = proposals.try_emplace(id, proposal);
        if (!fresh && leads(proposal.parent, it->second.parent)) it->second = proposal;
      }
    });
    hooked_.merge(proposals);
  }

  // Tells every rank that knows a class which lost, and hands its subscribers over to the leader's home.
  void spread_losses() {
    EGraph& graph = partition_.graph;
    Outbox takeovers(partition_.ranks());
    for (const auto& entry : hooked_) {
      const ClassId loser(entry.first);
      const Hooked& hooked = entry.second;
      const ClassRecord& record = graph.classes[loser];
      const int to = hooked.parent.id.home();
      const DataView words = record.data.is_none() ? DataView{} : graph.data[record.data];
      std::vector<Subscription> subscriptions;
      partition_.subscribers.for_each(loser, [&](const Subscriber& s) {
        subscriptions.push_back({s.rank, s.member_mask, s.parent_mask});
        partition_.outbox.put(static_cast<int>(s.rank), Loss{GlobalId(partition_.rank(), loser), hooked.parent});
      });
      partition_.outbox.put(partition_.rank(), Loss{GlobalId(partition_.rank(), loser), hooked.parent});
      partition_.subscribers.clear(loser);
      takeovers.put(to, Takeover{hooked.parent, record.mask, hooked.rule, static_cast<std::uint32_t>(words.size()),
                                 subscriptions.size()});
      takeovers.put_all(to, words);
      takeovers.put_all(to, std::span<const Subscription>(subscriptions));
    }
    partition_.owned_classes -= static_cast<std::int64_t>(hooked_.size());
    exchange_.name_step("takeovers");
    superstep(exchange_, takeovers, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) take_over(reader);
    });
    exchange_.name_step("losses");
    superstep(exchange_, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto loss = reader.take<Loss>();
        const ClassId loser = partition_.find_local(loss.loser);
        CHECK(!loser.is_none());
        const ClassId leader = partition_.local(loss.leader);
        graph.classes[loser].parent = leader.value;
        result_.losers.push_back({loser, kNoRule});
      }
    });
  }

  void take_over(MessageReader& reader) {
    const auto takeover = reader.take<Takeover>();
    const ClassId leader = takeover.leader.id.index();
    DataWords words;
    for (std::uint32_t i = 0; i < takeover.data_words; ++i) words.push_back(reader.take<std::int64_t>());
    if (!words.empty()) result_.joins.push_back({leader, partition_.graph.data.intern(words), takeover.rule});
    ClassRecord& record = partition_.graph.classes[leader];
    record.mask |= takeover.mask;
    partition_.mark_changed(leader);
    for (std::uint64_t i = 0; i < takeover.subscribers; ++i) {
      const auto s = reader.take<Subscription>();
      partition_.add_subscriber(leader, static_cast<std::uint32_t>(s.rank), s.member_mask, s.parent_mask);
    }
  }

  Partition& partition_;
  Exchange& exchange_;
  std::vector<Request> open_;
  boost::unordered_flat_map<std::uint32_t, Hooked> hooked_;  // owned classes hooked in this phase
  boost::unordered_flat_map<GlobalId, NamedClass, std::hash<GlobalId>> answer_;
  MergeResult result_;
};

}  // namespace

void unite_now(Partition& partition, std::vector<UnionRequest>& requests, std::vector<Loser>& united) {
  const auto of_others = std::partition(requests.begin(), requests.end(), [&](const UnionRequest& request) {
    return !partition.is_ghost(ClassId(request.a)) && !partition.is_ghost(ClassId(request.b));
  });
  unite_here(partition, {requests.begin(), of_others}, united);
  requests.erase(requests.begin(), of_others);
}

MergeResult run_merge_phase(Partition& partition, const std::vector<UnionRequest>& requests,
                            std::vector<Loser>&& united) {
  if (partition.alone()) return merge_alone(partition, requests, std::move(united));
  return DistributedMerge(partition, requests, united).run();
}

}  // namespace tessera
