#include "partition/merge_phase.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

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

// What one rank can unite it unites first, in its own union-find (`united`); the classes that lead there are the ones
// that ranks hook under each other's. Where those end is known last, and then what they lead follows them.
class DistributedMerge {
 public:
  DistributedMerge(Partition& partition, std::vector<UnionRequest>&& requests, std::vector<Loser>&& united)
      : partition_(partition),
        exchange_(partition.exchange),
        classes_(partition.graph.classes),
        united_(std::move(united)) {
    find_leaders(united_, [&](ClassId loser, ClassId leader) {
      // Names of classes made in this iteration may have become less since they were compared.
      std::uint64_t& name = classes_[leader].name;
      name = std::min(name, classes_[loser].name);
    });
    const std::size_t asked = requests.size();
    unite_now(partition_, requests, united_);
    exchange_.count_work(Work::kUnions, asked - requests.size());
    open_requests(requests);
    std::vector<UnionRequest>().swap(requests);
  }

  MergeResult run() {
    bool all_asked = true;  // hooked classes, since the last of them was hooked
    for (;;) {
      const Next next = agree(!open_.empty() ? Next::kHook : !unsettled_.empty() ? Next::kJump : Next::kDone);
      if (next == Next::kDone) {
        if (all_asked) break;
        unsettled_.resize(hooked_.size());
        std::iota(unsettled_.begin(), unsettled_.end(), 0U);
        all_asked = true;
        continue;
      }
      learn_parents();
      advance();
      if (next != Next::kHook) continue;
      hook();
      all_asked = false;
    }
    spread_losses();
    return std::move(result_);
  }

 private:
  enum class Next : std::uint8_t { kDone, kJump, kHook };
  struct Request {
    NamedClass a;
    NamedClass b;
    std::uint32_t rule;
  };
  struct Hooked {  // a class that led here and lost to one that another rank's request named
    ClassId id;
    NamedClass parent;
    std::uint32_t rule;
  };
  static constexpr std::size_t kGroup = 32;
  static constexpr std::size_t kAhead = 16;  // what is fetched before its turn

  template <class T>
  [[nodiscard]] static std::span<const T> group_at(const std::vector<T>& list, std::size_t begin) {
    return std::span<const T>(list).subspan(begin, std::min(kGroup, list.size() - begin));
  }

  // The most that any rank says.
  Next agree(Next here) {
    auto most = static_cast<std::uint64_t>(here);
    exchange_.name_step("any open");
    exchange_.all_reduce(std::span(&most, 1), Reduction::kMax);
    return static_cast<Next>(most);
  }

  // Calls visit(loser, the class that leads it here) for each.
  template <class Visit>
  void find_leaders(const std::vector<Loser>& losers, Visit&& visit) {
    for (std::size_t i = 0; i < losers.size(); ++i) {
      if (i + 2 * kAhead < losers.size()) classes_.prefetch(losers[i + 2 * kAhead].id.value);
      if (i + kAhead < losers.size()) classes_.prefetch(classes_[losers[i + kAhead].id].parent);
      visit(losers[i].id, leader_here(losers[i].id));
    }
  }

  // The class that leads this one here; it may be hooked. What was hooked has, for the time of the phase, its place in
  // hooked_ where others have their parents.
  static constexpr std::uint32_t kHook = 1U << 31;
  static_assert(kMaxClasses <= kHook);
  [[nodiscard]] ClassId leader_here(ClassId id) {
    for (;;) {
      const std::uint32_t up = classes_[id].parent;
      if (up == id.value || (up & kHook) != 0) return id;
      const std::uint32_t above = classes_[ClassId(up)].parent;
      if (above == up || (above & kHook) != 0) return ClassId(up);
      classes_[id].parent = above;  // halving
      id = ClassId(above);
    }
  }
  [[nodiscard]] NamedClass parent_here(ClassId id) {
    const ClassId leader = leader_here(id);
    const ClassRecord& record = classes_[leader];
    if ((record.parent & kHook) != 0) return hooked_[record.parent & ~kHook].parent;
    return partition_.named(leader);
  }

  // Requests that have an end elsewhere. What this rank's other requests imply need not be asked of anyone: for as long
  // as it goes through them, ghosts are united here like classes that live here, and follow these.
  void open_requests(const std::vector<UnionRequest>& requests) {
    std::vector<ClassId> followers;  // ghosts
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (i % kGroup == 0) prefetch(group_at(requests, i));
      ClassId leader = leader_here(ClassId(requests[i].a));
      ClassId loser = leader_here(ClassId(requests[i].b));
      if (leader == loser) continue;
      const bool is_led_by_ghost = classes_.is_ghost(leader);
      if (is_led_by_ghost != classes_.is_ghost(loser) ? is_led_by_ghost : classes_.leads(loser, leader))
        std::swap(leader, loser);
      classes_[loser].parent = leader.value;
      if (classes_.is_ghost(loser)) {
        open_.push_back({partition_.named(leader), partition_.named(loser), requests[i].rule});
        followers.push_back(loser);
      } else {
        united_.push_back({loser, requests[i].rule});
      }
    }
    for (const ClassId ghost : followers) classes_[ghost].parent = ghost.value;
  }
  // Always inlined, or the compiler takes it for pure.
  [[gnu::always_inline]] void prefetch(std::span<const UnionRequest> group) const {
    for (const UnionRequest& request : group) {
      partition_.prefetch_class(ClassId(request.a));
      partition_.prefetch_class(ClassId(request.b));
    }
    for (const UnionRequest& request : group) {
      classes_.prefetch(classes_[ClassId(request.a)].parent);
      classes_.prefetch(classes_[ClassId(request.b)].parent);
    }
  }

  [[gnu::always_inline]] void prefetch_parent(GlobalId id) const {
    if (id.home() == partition_.rank()) classes_.prefetch(id.index().value);
  }

  // Everything whose parent must be known: both ends of open requests, then what hooked classes that may have to jump
  // point at.
  [[nodiscard]] std::size_t pointers() const { return 2 * open_.size() + unsettled_.size(); }
  [[nodiscard]] NamedClass& pointer(std::size_t i) {
    if (i < 2 * open_.size()) return i % 2 == 0 ? open_[i / 2].a : open_[i / 2].b;
    return hooked_[unsettled_[i - 2 * open_.size()]].parent;
  }

  // Asks the homes of all classes that are pointed at for those classes' parents. Answers come in the order of the
  // questions.
  void learn_parents() {
    for (std::size_t i = 0; i < pointers(); ++i)
      if (const GlobalId id = pointer(i).id; id.home() != partition_.rank()) partition_.outbox.put(id.home(), id);
    answers_.assign(static_cast<std::size_t>(partition_.ranks()), {});
    exchange_.count_work(Work::kUnions, open_.size());
    exchange_.name_step("parents asked");
    superstep(exchange_, partition_.outbox, partition_.inbox,
              [&](int source, MessageReader& reader) { tell_parents(source, reader.rest()); });
    exchange_.name_step("parents told");
    superstep(exchange_, replies_, partition_.inbox,
              [&](int source, MessageReader& reader) { answers_[static_cast<std::size_t>(source)] = reader.rest(); });
  }
  void tell_parents(int source, std::span<const std::byte> bytes) {
    std::array<GlobalId, kGroup> group;
    for (std::size_t at = 0; at < bytes.size(); at += sizeof group) {
      const std::size_t count = std::min(sizeof group, bytes.size() - at) / sizeof(GlobalId);
      std::memcpy(group.data(), bytes.data() + at, count * sizeof(GlobalId));
      for (std::size_t i = 0; i < count; ++i) prefetch_parent(group[i]);
      for (std::size_t i = 0; i < count; ++i) replies_.put(source, parent_here(group[i].index()));
    }
  }

  // Takes every pointer on to the parent that was learnt; requests that have come together are done.
  void advance() {
    std::size_t jumped = 0;
    for (std::size_t i = 0; i < pointers(); ++i) {
      if (i + kAhead < pointers()) prefetch_parent(pointer(i + kAhead).id);
      NamedClass& cls = pointer(i);
      const NamedClass parent = next_parent(cls.id);
      const bool jumps = parent.id != cls.id;
      cls = parent;
      if (jumps && i >= 2 * open_.size()) unsettled_[jumped++] = unsettled_[i - 2 * open_.size()];
    }
    unsettled_.resize(jumped);
    std::erase_if(open_, [](const Request& request) { return request.a.id == request.b.id; });
  }
  NamedClass next_parent(GlobalId id) {
    if (id.home() == partition_.rank()) return parent_here(id.index());
    std::span<const std::byte>& answers = answers_[static_cast<std::size_t>(id.home())];
    NamedClass parent;
    CHECK(answers.size() >= sizeof parent);
    std::memcpy(&parent, answers.data(), sizeof parent);
    answers = answers.subspan(sizeof parent);
    return parent;
  }

  void hook() {
    const std::size_t before = hooked_.size();
    for (const Request& request : open_) {
      const bool a_leads = leads(request.a, request.b);
      const NamedClass& leader = a_leads ? request.a : request.b;
      const NamedClass& loser = a_leads ? request.b : request.a;
      if (loser.id.home() == partition_.rank())
        propose({loser.id.index(), leader, request.rule}, before);
      else
        partition_.outbox.put(loser.id.home(), Hook{loser.id, leader, request.rule});
    }
    exchange_.name_step("hooks");
    superstep(exchange_, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto hook = reader.take<Hook>();
        propose({hook.loser.index(), hook.leader, static_cast<std::uint32_t>(hook.rule)}, before);
      }
    });
    for (std::size_t place = before; place < hooked_.size(); ++place)
      unsettled_.push_back(static_cast<std::uint32_t>(place));
  }
  // `before`: how many were hooked before this round. One of those is no root any more: the request will catch up.
  void propose(const Hooked& hook, std::size_t before) {
    std::uint32_t& parent = classes_[hook.id].parent;
    if (parent == hook.id.value) {
      parent = kHook | static_cast<std::uint32_t>(hooked_.size());
      hooked_.push_back(hook);
    } else if (Hooked* const other = (parent & kHook) != 0 ? &hooked_[parent & ~kHook] : nullptr;
               other != nullptr && (parent & ~kHook) >= before && leads(hook.parent, other->parent)) {
      *other = hook;
    }
  }

  // Tells every rank that knows a class which lost, and hands its subscribers over to the leader's home.
  void spread_losses() {
    find_leaders(united_, [&](ClassId loser, ClassId leader) { classes_[loser].parent = leader.value; });
    Outbox takeovers(partition_.ranks());
    result_.losers.reserve(united_.size() + hooked_.size());
    for (std::size_t i = 0; i < united_.size(); ++i) {
      if (i % kGroup == 0) prefetch_losers(group_at(united_, i));
      lose(united_[i].id, parent_here(ClassId(classes_[united_[i].id].parent)), united_[i].rule, takeovers);
    }
    for (std::size_t i = 0; i < hooked_.size(); ++i) {
      if (i % kGroup == 0) prefetch_losers(group_at(hooked_, i));
      lose(hooked_[i].id, hooked_[i].parent, hooked_[i].rule, takeovers);
    }
    partition_.owned_classes -= static_cast<std::int64_t>(united_.size() + hooked_.size());
    exchange_.name_step("takeovers");
    superstep(exchange_, takeovers, partition_.inbox, [&](int, MessageReader& reader) { read_takeovers(reader); });
    exchange_.name_step("losses");
    superstep(exchange_, partition_.outbox, partition_.inbox,
              [&](int, MessageReader& reader) { read_losses(reader.rest()); });
  }
  // Of a Loser or Hooked. Leaders that live elsewhere are looked up when their turn comes.
  template <class Lost>
  [[gnu::always_inline]] void prefetch_losers(std::span<const Lost> group) const {
    for (const Lost& lost : group) {
      classes_.prefetch(lost.id.value);
      partition_.subscribers.prefetch_head(lost.id);
      if constexpr (std::is_same_v<Lost, Hooked>) partition_.prefetch_local_slot(lost.parent.id);
    }
    for (const Lost& lost : group) {
      partition_.subscribers.prefetch_first(lost.id);
      if constexpr (std::is_same_v<Lost, Hooked>) {
        partition_.prefetch_local(lost.parent.id);
      } else {
        const ClassId leader(classes_[lost.id].parent);
        classes_.prefetch(leader.value);
        partition_.subscribers.prefetch_head(leader);
      }
    }
  }

  // A class that lived here follows the leader from now on.
  void lose(ClassId loser, const NamedClass& leader, std::uint32_t rule, Outbox& takeovers) {
    const ClassRecord& record = classes_[loser];
    const Loss loss{GlobalId(partition_.rank(), loser), leader};
    subscriptions_.clear();
    partition_.subscribers.for_each(loser, [&](const Subscriber& s) {
      subscriptions_.push_back({s.rank, s.member_mask, s.parent_mask});
      partition_.outbox.put(static_cast<int>(s.rank), loss);
    });
    partition_.subscribers.clear(loser);
    if (leader.id.home() == partition_.rank()) {
      const ClassId here = leader.id.index();
      if (!record.data.is_none()) result_.joins.push_back({here, record.data, rule});
      add_mask(here, record.mask);
      for (const Subscription& s : subscriptions_) add_subscriber(here, s);
    } else {
      const DataView words = record.data.is_none() ? DataView{} : partition_.graph.data[record.data];
      const int to = leader.id.home();
      takeovers.put(
          to, Takeover{leader, record.mask, rule, static_cast<std::uint32_t>(words.size()), subscriptions_.size()});
      takeovers.put_all(to, words);
      takeovers.put_all(to, std::span<const Subscription>(subscriptions_));
    }
    follow(loser, leader);
  }
  void follow(ClassId loser, const NamedClass& leader) {
    classes_[loser].parent = partition_.local(leader).value;
    result_.losers.push_back({loser, kNoRule});
  }

  void read_takeovers(MessageReader& reader) {
    std::array<ClassId, kGroup> leaders;
    while (!reader.done()) {
      MessageReader ahead = reader;
      std::size_t count = 0;
      for (; count < kGroup && !ahead.done(); ++count) {
        const auto takeover = ahead.take<Takeover>();
        ahead.skip(takeover.data_words * sizeof(std::int64_t) + takeover.subscribers * sizeof(Subscription));
        leaders[count] = takeover.leader.id.index();
        classes_.prefetch(leaders[count].value);
        partition_.subscribers.prefetch_head(leaders[count]);
      }
      for (std::size_t i = 0; i < count; ++i) partition_.subscribers.prefetch_first(leaders[i]);
      for (std::size_t i = 0; i < count; ++i) take_over(reader);
    }
  }
  void take_over(MessageReader& reader) {
    const auto takeover = reader.take<Takeover>();
    const ClassId leader = takeover.leader.id.index();
    words_.clear();
    for (std::uint32_t i = 0; i < takeover.data_words; ++i) words_.push_back(reader.take<std::int64_t>());
    if (!words_.empty()) result_.joins.push_back({leader, partition_.graph.data.intern(words_), takeover.rule});
    add_mask(leader, takeover.mask);
    for (std::uint64_t i = 0; i < takeover.subscribers; ++i) add_subscriber(leader, reader.take<Subscription>());
  }
  void add_mask(ClassId leader, std::uint64_t mask) {
    ClassRecord& record = classes_[leader];
    if ((record.mask | mask) == record.mask) return;  // what the leader's subscribers know is true still
    record.mask |= mask;
    partition_.mark_changed(leader);
  }
  void add_subscriber(ClassId leader, const Subscription& s) {
    partition_.add_subscriber(leader, static_cast<std::uint32_t>(s.rank), s.member_mask, s.parent_mask);
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
        follow(loser, loss.leader);
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

  Partition& partition_;
  Exchange& exchange_;
  ClassTable& classes_;
  std::vector<Loser> united_;
  std::vector<Request> open_;
  std::vector<Hooked> hooked_;
  std::vector<std::uint32_t> unsettled_;  // places in hooked_ of those that may have to jump
  Outbox replies_{partition_.ranks()};
  std::vector<std::span<const std::byte>> answers_;  // by rank, in the inbox: parents not taken yet
  std::vector<Subscription> subscriptions_;          // of a loser
  DataWords words_;                                  // of a takeover
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

MergeResult run_merge_phase(Partition& partition, std::vector<UnionRequest>&& requests, std::vector<Loser>&& united) {
  if (partition.alone()) return merge_alone(partition, requests, std::move(united));
  return DistributedMerge(partition, std::move(requests), std::move(united)).run();
}

}  // namespace tessera
