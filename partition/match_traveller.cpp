#include "partition/match_traveller.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace tessera {
namespace {

constexpr std::size_t kFewValues = std::size_t{1} << 16;  // held back; fewer are not worth a second thread
// Where more are held back, what small crowds save is worth the exchange that they take.
constexpr std::size_t kManyValues = std::size_t{1} << 14;
constexpr std::size_t kFewerInCrowds = 8;
constexpr std::size_t kAhead = 8;   // partial matches whose cache misses overlap, when they are sent
constexpr std::size_t kGroup = 32;  // and read

// Calls visit(rank) for every other rank but `met` that may hold rows for the walk in this class of this rank.
template <class Visit>
void for_each_holder(const Partition& partition, const MatchWalk& walk, ClassId cls, std::uint32_t met, Visit&& visit) {
  partition.subscribers.for_each(cls, [&](const Subscriber& subscriber) {
    const std::uint64_t mask = walk.kind == Step::Kind::kMembers ? subscriber.member_mask : subscriber.parent_mask;
    if ((mask & walk.operators) != 0 && subscriber.rank != met) visit(static_cast<int>(subscriber.rank));
  });
}

}  // namespace

MatchTraveller::MatchTraveller(Partition& partition, std::span<const RunningProgram> programs, ForeignClasses& foreign,
                               std::size_t tasks)
    : partition_(partition),
      programs_(programs),
      wire_(partition, programs, foreign),
      crowds_(partition, wire_),
      outboxes_(tasks, Outbox(partition.ranks())),
      held_(tasks) {
  for (std::vector<Held>& of_task : held_)
    for (std::uint32_t p = 0; p < programs.size(); ++p)
      for (std::uint32_t w = 0; w < programs[p].program->walks.size(); ++w) of_task.push_back({p, w, {}, {}});
}

bool MatchTraveller::forward(std::size_t task, const PartialMatch& partial) {
  const MatchWalk& walk = wire_.walk(partial.program, partial.walk);
  if (walk.kind == Step::Kind::kLookup) {
    std::array<std::uint32_t, kMaxArity> kids;
    for (std::size_t k = 0; k < walk.kids.size(); ++k) kids[k] = partial.registers[walk.kids[k]];
    if (no_other_rank_has_row(walk, std::span(kids).first(walk.kids.size()))) return true;
    if (home_of_row(walk, std::span(kids).first(walk.kids.size())) == partition_.rank()) return true;
    hold(task, partial, PartialMatch::kNoRank);
    return false;
  }
  const Handle from{partial.registers[walk.from]};
  if (from.is_foreign()) {
    hold(task, partial, PartialMatch::kNoRank);
    return false;
  }
  if (partition_.is_ghost(ClassId(from.value))) {
    hold(task, partial, static_cast<std::uint32_t>(partition_.rank()));
    return true;
  }
  bool any = false;
  for_each_holder(partition_, walk, ClassId(from.value), partial.met, [&](int) { any = true; });
  if (any) hold(task, partial, partial.met);
  return true;
}

void MatchTraveller::hold(std::size_t task, const PartialMatch& partial, std::uint32_t met) {
  const RunningProgram& running = programs_[partial.program];
  Held& held = held_[task][running.first_walk + partial.walk];
  for (const Carried& carried : running.program->walks[partial.walk].carried)
    held.values.push_back(partial.registers[carried.reg]);
  held.met.push_back(met);
}

void MatchTraveller::send_held() {
  std::size_t count = 0;
  for (const std::vector<Held>& of_task : held_)
    for (const Held& held : of_task) count += held.values.size();
  const std::size_t tasks = held_.size();
  const std::size_t fewer = count > kManyValues ? kFewerInCrowds : 1;
  const std::size_t least = std::max<std::size_t>(1, partition_.least_crowd() / (tasks * fewer));
  std::vector<std::vector<Crowd>> found(tasks);
  partition_.workers.for_each(tasks, count > kFewValues, [&](std::size_t task) {
    for (Held& held : held_[task]) {
      if (held.values.empty()) continue;
      send(outboxes_[task], held, least, found[task]);
      held.values.clear();
      held.met.clear();
      if (held.values.capacity() > kFewValues) {
        held.values.shrink_to_fit();
        held.met.shrink_to_fit();
      }
    }
  });
  crowds_.ask(found, outboxes_.front());
}

void MatchTraveller::send(Outbox& outbox, const Held& held, std::size_t least, std::vector<Crowd>& crowds) {
  const MatchWalk& walk = wire_.walk(held.program, held.walk);
  const std::size_t stride = walk.carried.size();
  const MatchHeader header{held.program, static_cast<std::uint16_t>(held.walk), MatchMessage::kContinue};
  std::vector<char> taken;
  crowds_.find(header, held.values, held.met, least, crowds, taken);
  Message message;
  for (std::size_t i = 0; i < held.met.size(); ++i) {
    prefetch_held(held, walk, i + 2 * kAhead);
    prefetch_holders(held, walk, i + kAhead);
    if (taken.empty() || taken[i] == 0)
      send_to_holders(outbox, header, std::span(held.values).subspan(i * stride, stride), held.met[i], message);
  }
}

// What will be read of a partial match when it is sent, in two stages.
[[gnu::always_inline]] inline void MatchTraveller::prefetch_held(const Held& held, const MatchWalk& walk,
                                                                 std::size_t at) const {
  if (at >= held.met.size()) return;
  for (std::size_t c = 0; c < walk.carried.size(); ++c)
    if (!walk.carried[c].is_symbol) wire_.prefetch(Handle{held.values[at * walk.carried.size() + c]});
  if (walk.kind == Step::Kind::kLookup) return;
  const Handle from{held.values[at * walk.carried.size() + walk.list_names.front()]};
  if (!is_elsewhere(from)) partition_.subscribers.prefetch_head(ClassId(from.value));
}

[[gnu::always_inline]] inline void MatchTraveller::prefetch_holders(const Held& held, const MatchWalk& walk,
                                                                    std::size_t at) const {
  if (at >= held.met.size() || walk.kind == Step::Kind::kLookup) return;
  const Handle from{held.values[at * walk.carried.size() + walk.list_names.front()]};
  if (!is_elsewhere(from)) partition_.subscribers.prefetch_first(ClassId(from.value));
}

void MatchTraveller::send_to_holders(Outbox& outbox, MatchHeader header, std::span<const std::uint32_t> values,
                                     std::uint32_t met, Message& message) const {
  const MatchWalk& walk = wire_.walk(header.program, header.walk);
  const auto send = [&](int rank) { outbox.put_all(rank, message.all()); };
  if (walk.kind == Step::Kind::kLookup) {
    std::array<std::uint32_t, kMaxArity> kids;
    for (std::size_t k = 0; k < walk.kids.size(); ++k) kids[k] = values[walk.list_names[k]];
    wire_.encode(header, values, message);
    send(home_of_row(walk, std::span(kids).first(walk.kids.size())));
    return;
  }
  const Handle from{values[walk.list_names.front()]};
  if (is_elsewhere(from)) {
    header.message = met == PartialMatch::kNoRank ? MatchMessage::kToHome : MatchMessage::kToHomeHasMet;
    wire_.encode(header, values, message);
    send(wire_.global(from).home());
    return;
  }
  wire_.encode(header, values, message);
  for_each_holder(partition_, walk, ClassId(from.value), met, send);
}

bool MatchTraveller::deliver(Arrivals& arrived, std::span<std::uint64_t> matches) {
  arrived.matches.clear();
  arrived.values.clear();
  send_held();
  std::vector<std::uint64_t> sums(matches.begin(), matches.end());
  std::uint64_t& sent = sums.emplace_back(0);
  for (Outbox& outbox : outboxes_) partition_.outbox.splice(outbox);
  for (const auto& buffer : partition_.outbox.buffers()) sent += buffer.size();
  partition_.exchange.name_step("any partials");
  partition_.exchange.all_reduce(sums, Reduction::kSum);
  if (sent == 0) {
    std::copy_n(sums.begin(), matches.size(), matches.begin());
    return false;
  }
  partition_.exchange.name_step("partials");
  superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int source, MessageReader& reader) {
    while (!reader.done()) read(source, reader, arrived);
  });
  crowds_.pass_on(outboxes_.front());
  return true;
}

// Reads some messages: of partial matches a group, twice, so that the ghosts of their classes are in cache by the
// second time.
void MatchTraveller::read(int source, MessageReader& reader, Arrivals& arrived) {
  const std::span<const std::uint64_t> words = reader.rest_words();
  const std::uint64_t* at = words.data();
  const std::uint64_t* const end = at + words.size();
  sought_.clear();
  std::size_t partials = 0;
  for (; partials < kGroup && at != end; ++partials) {
    const auto header = std::bit_cast<MatchHeader>(*at);
    if (!is_partial(header.message)) break;
    at = wire_.look_ahead(at + 1, end, wire_.walk(header.program, header.walk).carried, sought_);
  }
  wire_.guess({sought_.data(), sought_.size()});
  const MatchWire::Sought* next = sought_.data();
  at = words.data();
  for (std::size_t i = 0; i < partials; ++i) {
    const auto header = std::bit_cast<MatchHeader>(*at++);
    const RunningProgram& running = programs_[header.program];
    const MatchWalk& walk = running.program->walks[header.walk];
    const std::size_t values_at = arrived.values.size();
    std::uint32_t* values = arrived.values.extend(1 + walk.carried.size());
    *values++ =
        header.message == MatchMessage::kToHomeHasMet ? static_cast<std::uint32_t>(source) : PartialMatch::kNoRank;
    for (std::size_t c = 0; c < walk.carried.size(); ++c) values[c] = wire_.take(at, walk.carried[c], next);
    const std::uint64_t of_all = running.first_walk + header.walk;
    const std::uint64_t here = header.message == MatchMessage::kContinue ? 1 : 0;
    const std::uint32_t cls = walk.list_names.empty() ? 0 : values[walk.list_names.front()];
    *arrived.matches.extend(1) = {(of_all << 1 | here) << ArrivedMatch::kClassBits | cls, values_at};
  }
  reader.skip(static_cast<std::size_t>(at - words.data()) * sizeof(std::uint64_t));
  if (partials != 0 || reader.done()) return;
  const auto header = reader.take<MatchHeader>();
  crowds_.read(source, header, reader);
}

bool MatchTraveller::no_other_rank_has_row(const MatchWalk& walk, std::span<const std::uint32_t> kids) const {
  const std::uint64_t bit = EGraph::mask_bit(partition_.graph.symbols().op(walk.arms.front().symbol));
  return std::ranges::any_of(kids, [&](std::uint32_t kid) {
    if (is_elsewhere(Handle{kid})) return false;
    bool any = false;
    partition_.subscribers.for_each(ClassId(kid),
                                    [&](const Subscriber& s) { any = any || (s.parent_mask & bit) != 0; });
    return !any;
  });
}

int MatchTraveller::home_of_row(const MatchWalk& walk, std::span<const std::uint32_t> kids) const {
  std::array<NamedClass, kMaxArity> named;
  for (std::size_t k = 0; k < kids.size(); ++k) named[k] = wire_.named(Handle{kids[k]});
  return partition_.home_of(walk.arms.front().symbol, std::span(named).first(kids.size()));
}

}  // namespace tessera
