#include "partition/merge_phase.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "engine/base/cache_padded.hpp"

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

  [[nodiscard]] ClassId parent_of(ClassId id) const { return ClassId(parent(id).load(std::memory_order_relaxed)); }
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
  std::vector<CachePadded<std::vector<Loser>>> found(tasks);
  partition.workers.for_each(tasks, true, [&](std::size_t task) {
    const std::size_t end = std::min(requests.size(), (task + 1) * kGrain);
    for (std::size_t i = task * kGrain; i < end; ++i) {
      const ClassId loser = sets.unite(ClassId(requests[i].a), ClassId(requests[i].b));
      if (!loser.is_none()) found[task].push_back({loser, requests[i].rule});
    }
  });
  for (const auto& of_task : found) losers.insert(losers.end(), of_task.begin(), of_task.end());
}

// Every loser is to point at its leader directly, for rebuild reads parents without walking. Names of classes made in
// this iteration may have become less since they were compared: the leader's is the least.
void point_at_leaders(Partition& partition, MergeResult& result) {
  constexpr std::size_t kGrain = 4096;
  constexpr std::size_t kAhead = 16;  // losers whose records are fetched before their turn
  ClassTable& classes = partition.graph.classes;
  const ConcurrentUnionFind sets(classes);
  const std::vector<Loser>& losers = result.losers;
  std::vector<std::uint32_t> leader(losers.size());
  const std::size_t tasks = (losers.size() + kGrain - 1) / kGrain;
  const auto end_of = [&](std::size_t task) { return std::min(losers.size(), (task + 1) * kGrain); };
  partition.workers.for_each(tasks, true, [&](std::size_t task) {
    for (std::size_t i = task * kGrain; i < end_of(task); ++i) {
      if (i + 2 * kAhead < end_of(task)) classes.prefetch(losers[i + 2 * kAhead].id.value);
      if (i + kAhead < end_of(task)) classes.prefetch(sets.parent_of(losers[i + kAhead].id).value);
      leader[i] = sets.find(losers[i].id).value;
    }
  });
  std::vector<CachePadded<std::vector<PendingJoin>>> joins(tasks);
  partition.workers.for_each(tasks, true, [&](std::size_t task) {
    for (std::size_t i = task * kGrain; i < end_of(task); ++i) {
      if (i + kAhead < end_of(task)) {
        classes.prefetch(losers[i + kAhead].id.value);
        classes.prefetch(leader[i + kAhead]);
      }
      ClassRecord& record = classes[losers[i].id];
      record.parent = leader[i];
      const std::atomic_ref name(classes[ClassId(leader[i])].name);
      std::uint64_t known = name.load(std::memory_order_relaxed);
      while (record.name < known && !name.compare_exchange_weak(known, record.name, std::memory_order_relaxed)) {
      }
      if (!record.data.is_none()) joins[task].push_back({ClassId(leader[i]), record.data, losers[i].rule});
    }
  });
  for (const auto& of_task : joins) result.joins.insert(result.joins.end(), of_task.begin(), of_task.end());
}

MergeResult merge_alone(Partition& partition, const std::vector<UnionRequest>& requests, std::vector<Loser>&& united) {
  MergeResult result;
  result.losers = std::move(united);
  unite_here(partition, requests, result.losers);
  point_at_leaders(partition, result);
  partition.owned_classes -= static_cast<std::int64_t>(result.losers.size());
  partition.exchange.count_work(Work::kUnions, requests.size());
  return result;
}

// --- many ranks ---

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

// A number by class id, zero at first. Memory is taken only where it is written.
class ScratchColumn {
 public:
  explicit ScratchColumn(std::size_t ids)
      : values_(static_cast<std::uint32_t*>(std::calloc(std::max<std::size_t>(ids, 1), sizeof(std::uint32_t)))) {
    if (values_ == nullptr) throw std::bad_alloc();
  }
  std::uint32_t& operator[](ClassId id) { return values_.get()[id.value]; }
  std::uint32_t operator[](ClassId id) const { return values_.get()[id.value]; }
  [[gnu::always_inline]] void prefetch(std::uint32_t id) const { __builtin_prefetch(values_.get() + id, 1); }

 private:
  struct Free {
    void operator()(std::uint32_t* values) const { std::free(values); }
  };
  std::unique_ptr<std::uint32_t, Free> values_;
};

// Union-find over the classes that one rank's requests name.
class LocalForest {
 public:
  explicit LocalForest(std::size_t ids) : parent_(ids) {}

  // Whether they were apart.
  bool unite(std::uint32_t a, std::uint32_t b) {
    a = find(a);
    b = find(b);
    if (a != b) parent_[ClassId(a)] = b + 1;
    return a != b;
  }
  [[gnu::always_inline]] void prefetch(std::uint32_t id) const { parent_.prefetch(id); }

 private:
  std::uint32_t find(std::uint32_t id) {
    for (;;) {
      const std::uint32_t up = parent_[ClassId(id)];
      if (up == 0) return id;
      const std::uint32_t above = parent_[ClassId(up - 1)];
      if (above == 0) return up - 1;
      parent_[ClassId(id)] = above;  // halving
      id = above - 1;
    }
  }
  ScratchColumn parent_;  // id + 1; 0: itself
};

class DistributedMerge {
 public:
  DistributedMerge(Partition& partition, const std::vector<UnionRequest>& requests, std::span<const Loser> united)
      : partition_(partition), exchange_(partition.exchange), place_(partition.graph.classes.bound()) {
    // Names of classes made in this iteration may have become less since they were compared.
    ClassTable& classes = partition_.graph.classes;
    for (const Loser& loser : united) {
      std::uint64_t& name = classes[classes.find(loser.id)].name;
      name = std::min(name, classes[loser.id].name);
    }
    for (const Loser& loser : united)
      hooked_.push_back({loser.id, partition_.named(classes.find(loser.id)), loser.rule});
    for (std::uint32_t i = 0; i < hooked_.size(); ++i) place_[hooked_[i].id] = i + 1;
    open_requests(requests);
  }

  MergeResult run() {
    for (;;) {
      learn_parents();
      const bool jumped = advance();
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
  struct Hooked {  // an owned class that lost in this phase
    ClassId id;
    NamedClass parent;
    std::uint32_t rule;
  };
  static constexpr std::size_t kGroup = 32;

  // What this rank's other requests imply need not be asked of anyone.
  void open_requests(const std::vector<UnionRequest>& requests) {
    LocalForest forest(partition_.graph.classes.bound());
    for (std::size_t begin = 0; begin < requests.size(); begin += kGroup) {
      const std::span group =
          std::span<const UnionRequest>(requests).subspan(begin, std::min(kGroup, requests.size() - begin));
      prefetch(group, forest);
      for (const UnionRequest& request : group)
        if (forest.unite(request.a, request.b))
          open_.push_back(
              {{partition_.global(ClassId(request.a)), 0}, {partition_.global(ClassId(request.b)), 0}, request.rule});
    }
  }
  // Always inlined, or the compiler takes it for pure.
  [[gnu::always_inline]] void prefetch(std::span<const UnionRequest> group, const LocalForest& forest) const {
    for (const UnionRequest& request : group) {
      forest.prefetch(request.a);
      forest.prefetch(request.b);
      partition_.prefetch_ghost(ClassId(request.a));
      partition_.prefetch_ghost(ClassId(request.b));
    }
  }

  [[nodiscard]] NamedClass parent_here(ClassId id) const {
    const std::uint32_t place = place_[id];
    if (place != 0) return hooked_[place - 1].parent;
    return {GlobalId(partition_.rank(), id), partition_.graph.classes[id].name};
  }

  // Calls visit(NamedClass&) for everything whose parent must be known, in an order that does not change until it is.
  template <class Visit>
  void for_each_pointer(Visit&& visit) {
    for (Request& request : open_) {
      visit(request.a);
      visit(request.b);
    }
    for (Hooked& hooked : hooked_) visit(hooked.parent);
  }

  // Asks the homes of all classes that open requests and hooked classes point at for those classes' parents. Answers
  // come in the order of the questions.
  void learn_parents() {
    for_each_pointer([&](const NamedClass& cls) {
      if (cls.id.home() != partition_.rank()) partition_.outbox.put(cls.id.home(), cls.id);
    });
    answers_.assign(static_cast<std::size_t>(partition_.ranks()), {});
    Outbox replies(partition_.ranks());
    exchange_.count_work(Work::kUnions, open_.size());
    exchange_.name_step("parents asked");
    superstep(exchange_, partition_.outbox, partition_.inbox, [&](int source, MessageReader& reader) {
      while (!reader.done()) replies.put(source, parent_here(reader.take<GlobalId>().index()));
    });
    exchange_.name_step("parents told");
    superstep(exchange_, replies, partition_.inbox, [&](int source, MessageReader& reader) {
      std::vector<NamedClass>& answers = answers_[static_cast<std::size_t>(source)];
      const std::span<const std::byte> bytes = reader.rest();
      answers.resize(bytes.size() / sizeof(NamedClass));
      std::memcpy(answers.data(), bytes.data(), bytes.size());
    });
  }

  // Takes every pointer on to the parent that was learnt; requests that have come together are done. Whether a hooked
  // class jumped.
  bool advance() {
    std::vector<std::size_t> next(answers_.size(), 0);
    learnt_.clear();
    for_each_pointer([&](const NamedClass& cls) {
      const auto home = static_cast<std::size_t>(cls.id.home());
      learnt_.push_back(cls.id.home() == partition_.rank() ? parent_here(cls.id.index())
                                                           : answers_[home][next[home]++]);
    });
    bool jumped = false;
    std::size_t at = 0;
    for_each_pointer([&](NamedClass& cls) {
      jumped = jumped || (at >= 2 * open_.size() && learnt_[at].id != cls.id);
      cls = learnt_[at++];
    });
    std::erase_if(open_, [](const Request& request) { return request.a.id == request.b.id; });
    return jumped;
  }

  void hook() {
    for (const Request& request : open_) {
      const bool a_leads = leads(request.a, request.b);
      const NamedClass& leader = a_leads ? request.a : request.b;
      const NamedClass& loser = a_leads ? request.b : request.a;
      partition_.outbox.put(loser.id.home(), Hook{loser.id, leader, request.rule});
    }
    const std::size_t before = hooked_.size();
    exchange_.name_step("hooks");
    superstep(exchange_, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto hook = reader.take<Hook>();
        const ClassId id = hook.loser.index();
        const Hooked proposal{id, hook.leader, static_cast<std::uint32_t>(hook.rule)};
        std::uint32_t& place = place_[id];
        if (place == 0) {
          hooked_.push_back(proposal);
          place = static_cast<std::uint32_t>(hooked_.size());
        } else if (place > before && leads(proposal.parent, hooked_[place - 1].parent)) {
          hooked_[place - 1] = proposal;
        }  // else no root any more: the request will catch up
      }
    });
  }

  // Tells every rank that knows a class which lost, and hands its subscribers over to the leader's home.
  void spread_losses() {
    EGraph& graph = partition_.graph;
    Outbox takeovers(partition_.ranks());
    std::vector<Subscription> subscriptions;
    for (const Hooked& hooked : hooked_) {
      const ClassRecord& record = graph.classes[hooked.id];
      const int to = hooked.parent.id.home();
      const DataView words = record.data.is_none() ? DataView{} : graph.data[record.data];
      const Loss loss{GlobalId(partition_.rank(), hooked.id), hooked.parent};
      subscriptions.clear();
      partition_.subscribers.for_each(hooked.id, [&](const Subscriber& s) {
        subscriptions.push_back({s.rank, s.member_mask, s.parent_mask});
        partition_.outbox.put(static_cast<int>(s.rank), loss);
      });
      partition_.outbox.put(partition_.rank(), loss);
      partition_.subscribers.clear(hooked.id);
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
    superstep(exchange_, partition_.outbox, partition_.inbox,
              [&](int, MessageReader& reader) { read_losses(reader.rest()); });
  }

  void read_losses(std::span<const std::byte> bytes) {
    std::array<Loss, kGroup> group;
    for (std::size_t at = 0; at < bytes.size(); at += sizeof group) {
      const std::size_t count = std::min(sizeof group, bytes.size() - at) / sizeof(Loss);
      std::memcpy(group.data(), bytes.data() + at, count * sizeof(Loss));
      const std::span<const Loss> losses = std::span<const Loss>(group).first(count);
      prefetch(losses);
      for (const Loss& loss : losses) {
        const ClassId loser = partition_.find_local(loss.loser);
        CHECK(!loser.is_none());
        const ClassId leader = partition_.local(loss.leader);
        partition_.graph.classes[loser].parent = leader.value;
        result_.losers.push_back({loser, kNoRule});
      }
    }
  }
  [[gnu::always_inline]] void prefetch(std::span<const Loss> losses) const {
    for (const Loss& loss : losses) {
      partition_.prefetch_local_slot(loss.loser);
      partition_.prefetch_local_slot(loss.leader.id);
    }
    for (const Loss& loss : losses) {
      partition_.prefetch_local(loss.loser);
      partition_.prefetch_local(loss.leader.id);
    }
  }

  void take_over(MessageReader& reader) {
    const auto takeover = reader.take<Takeover>();
    const ClassId leader = takeover.leader.id.index();
    DataWords words;
    for (std::uint32_t i = 0; i < takeover.data_words; ++i) words.push_back(reader.take<std::int64_t>());
    if (!words.empty()) result_.joins.push_back({leader, partition_.graph.data.intern(words), takeover.rule});
    ClassRecord& record = partition_.graph.classes[leader];
    if ((record.mask | takeover.mask) != record.mask) {  // else what the leader's subscribers know is true still
      record.mask |= takeover.mask;
      partition_.mark_changed(leader);
    }
    for (std::uint64_t i = 0; i < takeover.subscribers; ++i) {
      const auto s = reader.take<Subscription>();
      partition_.add_subscriber(leader, static_cast<std::uint32_t>(s.rank), s.member_mask, s.parent_mask);
    }
  }

  Partition& partition_;
  Exchange& exchange_;
  std::vector<Request> open_;
  std::vector<Hooked> hooked_;
  ScratchColumn place_;                           // of an owned class: its place in hooked_ + 1
  std::vector<std::vector<NamedClass>> answers_;  // by rank
  std::vector<NamedClass> learnt_;                // by pointer
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
