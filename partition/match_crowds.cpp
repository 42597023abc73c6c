#include "partition/match_crowds.hpp"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace tessera {
namespace {

constexpr std::size_t kAhead = 16;  // partial matches whose classes are fetched ahead

// Followed by the ids that name the list.
struct WireAsk {
  std::uint64_t size;
  std::uint64_t crowd;
};

// From the list's home; followed by the class's id, and then by the askers.
struct WireRequest {
  std::uint64_t asked;
  std::uint64_t most;
  std::uint64_t askers;
};

// Followed, if they are sent, by the number of rows of each arm, and by their values, arm by arm.
struct WireRows {
  std::uint64_t crowd;
  std::uint64_t rows;
  std::uint64_t asked;
  std::uint64_t most;
  std::uint64_t sent;
};

// Rows that were counted only, and are to be sent all the same; followed by the class's id.
struct WireInsist {
  std::uint64_t crowd;
};

auto list_of(const Crowd& crowd) { return std::tie(crowd.program, crowd.walk, crowd.list); }

MatchHeader header_of(std::uint32_t program, std::uint32_t walk, MatchMessage message) {
  return {program, static_cast<std::uint16_t>(walk), message};
}

// Keys that may occur `least` times, cheaply: by counting how many share a place in a small table.
std::vector<std::pair<std::uint64_t, std::uint32_t>> frequent(std::span<const std::uint64_t> keys, std::size_t least) {
  constexpr std::size_t kKeysAPlace = 4;
  std::vector<std::uint32_t> places(std::bit_ceil(keys.size() / kKeysAPlace + 1));
  const auto place = [&](std::uint64_t key) -> std::uint32_t& { return places[mix64(key) & (places.size() - 1)]; };
  for (const std::uint64_t key : keys) ++place(key);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> found;
  for (std::uint32_t i = 0; i < keys.size(); ++i)
    if (place(keys[i]) >= least) found.emplace_back(keys[i], i);
  std::ranges::sort(found);
  return found;
}

// Whether `part` of `whole` is a greater share than `other` of `other_whole`, by a quarter at least.
bool clearly_more(std::uint64_t part, std::uint64_t whole, std::uint64_t other, std::uint64_t other_whole) {
  return static_cast<double>(part) * static_cast<double>(other_whole) * 4 >
         static_cast<double>(other) * static_cast<double>(whole) * 5;
}

}  // namespace

void MatchCrowds::find(const MatchHeader& walk, std::span<const std::uint32_t> held, std::span<const std::uint32_t> met,
                       std::size_t least, std::vector<Crowd>& crowds, std::vector<char>& taken) const {
  taken.clear();
  const MatchWalk& of = wire_.walk(walk.program, walk.walk);
  const std::size_t stride = of.carried.size();
  const std::size_t count = held.size() / stride;
  if (count < least) return;
  const auto id = [&](std::size_t i, std::uint32_t name) { return wire_.global(Handle{held[i * stride + name]}); };
  std::vector<std::uint64_t> keys(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kAhead < count)
      for (const std::uint32_t name : of.list_names) wire_.prefetch(Handle{held[(i + kAhead) * stride + name]});
    for (const std::uint32_t name : of.list_names) keys[i] = hash_combine(keys[i], id(i, name).value);
  }
  const auto found = frequent(keys, least);
  for (std::size_t begin = 0; begin < found.size();) {
    std::size_t end = begin;
    while (end < found.size() && found[end].first == found[begin].first) ++end;
    if (end - begin >= least) {
      Crowd crowd{walk.program, walk.walk, {}, {}, {}};
      for (const std::uint32_t name : of.list_names) crowd.list.push_back(id(found[begin].second, name));
      taken.resize(count);
      for (std::size_t f = begin; f < end; ++f) {
        const std::size_t i = found[f].second;
        bool same = true;  // as their hashes are
        for (std::size_t n = 0; n < crowd.list.size(); ++n) same = same && id(i, of.list_names[n]) == crowd.list[n];
        if (!same) continue;
        taken[i] = 1;
        const auto values = held.subspan(i * stride, stride);
        crowd.values.insert(crowd.values.end(), values.begin(), values.end());
        crowd.met.push_back(met[i]);
      }
      crowds.push_back(std::move(crowd));
    }
    begin = end;
  }
}

int MatchCrowds::home_of(const Crowd& crowd) const {
  if (!is_look_up(crowd.program, crowd.walk)) return crowd.list.front().home();
  const MatchWalk& walk = wire_.walk(crowd.program, crowd.walk);
  std::vector<NamedClass> kids;
  for (const std::uint32_t name : walk.list_names) kids.push_back(wire_.named(Handle{crowd.values[name]}));
  return partition_.home_of(walk.arms.front().symbol, kids);
}

void MatchCrowds::ask(std::span<std::vector<Crowd>> found, Outbox& outbox) {
  ++delivery_;
  std::vector<Crowd> crowds;
  for (std::vector<Crowd>& of_task : found) std::ranges::move(of_task, std::back_inserter(crowds));
  std::stable_sort(crowds.begin(), crowds.end(),
                   [](const Crowd& a, const Crowd& b) { return list_of(a) < list_of(b); });
  for (std::size_t begin = 0; begin < crowds.size();) {
    Crowd& crowd = crowds[begin];
    std::size_t end = begin + 1;
    for (; end < crowds.size() && list_of(crowds[end]) == list_of(crowd); ++end) {
      crowd.values.insert(crowd.values.end(), crowds[end].values.begin(), crowds[end].values.end());
      crowd.met.insert(crowd.met.end(), crowds[end].met.begin(), crowds[end].met.end());
    }
    begin = end;
    const int home = home_of(crowd);
    const std::uint64_t size = crowd.values.size() / wire_.walk(crowd.program, crowd.walk).carried.size();
    outbox.put(home, header_of(crowd.program, crowd.walk, MatchMessage::kAsk));
    outbox.put(home, WireAsk{size, waiting_.size()});
    outbox.put_all(home, std::span<const GlobalId>(crowd.list));
    const std::uint32_t due = delivery_ + (is_look_up(crowd.program, crowd.walk) ? 1 : 2);
    waiting_.push_back({std::make_shared<const Crowd>(std::move(crowd)), due, {}});
  }
}

void MatchCrowds::read(int source, const MatchHeader& header, MessageReader& reader) {
  const auto from = static_cast<std::uint32_t>(source);
  if (header.message == MatchMessage::kRows) {
    read_rows(source, header, reader);
  } else if (header.message == MatchMessage::kAsk) {
    const auto wire = reader.take<WireAsk>();
    Question question{{header.program, header.walk, {}, {}, {}},
                      {from, static_cast<std::uint32_t>(wire.crowd), wire.size}};
    const std::size_t names = wire_.walk(header.program, header.walk).list_names.size();
    for (std::size_t n = 0; n < names; ++n) question.list.list.push_back(reader.take<GlobalId>());
    questions_.push_back(std::move(question));
  } else if (header.message == MatchMessage::kRequest) {
    const auto wire = reader.take<WireRequest>();
    WantedList list{header.program, header.walk, {reader.take<GlobalId>()}, wire.asked, wire.most, {}};
    for (std::uint64_t i = 0; i < wire.askers; ++i) list.askers.push_back(reader.take<WantedList::Asker>());
    wanted_.push_back(std::move(list));
  } else {
    CHECK(header.message == MatchMessage::kInsist);
    const auto wire = reader.take<WireInsist>();
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    wanted_.push_back({header.program,
                       header.walk,
                       {reader.take<GlobalId>()},
                       kAll,
                       kAll,
                       {{from, static_cast<std::uint32_t>(wire.crowd), kAll}}});
  }
}

void MatchCrowds::pass_on(Outbox& outbox) {
  std::stable_sort(questions_.begin(), questions_.end(),
                   [](const Question& a, const Question& b) { return list_of(a.list) < list_of(b.list); });
  for (std::size_t begin = 0; begin < questions_.size();) {
    const Crowd& named = questions_[begin].list;
    WantedList list{named.program, named.walk, named.list, 0, 0, {}};
    for (; begin < questions_.size() && list_of(questions_[begin].list) == list_of(named); ++begin) {
      list.asked += questions_[begin].asker.size;
      list.most = std::max(list.most, questions_[begin].asker.size);
      list.askers.push_back(questions_[begin].asker);
    }
    if (is_look_up(list.program, list.walk)) {
      wanted_.push_back(std::move(list));
      continue;
    }
    const MatchWalk& walk = wire_.walk(list.program, list.walk);
    const auto send = [&](int to) {
      outbox.put(to, header_of(list.program, list.walk, MatchMessage::kRequest));
      outbox.put(to, WireRequest{list.asked, list.most, list.askers.size()});
      outbox.put(to, list.list.front());
      outbox.put_all(to, std::span<const WantedList::Asker>(list.askers));
    };
    send(partition_.rank());
    partition_.subscribers.for_each(list.list.front().index(), [&](const Subscriber& subscriber) {
      const std::uint64_t mask = walk.kind == Step::Kind::kMembers ? subscriber.member_mask : subscriber.parent_mask;
      if ((mask & walk.operators) != 0) send(static_cast<int>(subscriber.rank));
    });
  }
  questions_.clear();
}

void MatchCrowds::answer(std::span<const FittingRows> rows, Outbox& outbox) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].count != 0)
      for (const WantedList::Asker& asker : wanted_[i].askers) put_rows(wanted_[i], rows[i], asker, outbox);
  wanted_.clear();
}

void MatchCrowds::put_rows(const WantedList& list, const FittingRows& rows, const WantedList::Asker& asker,
                           Outbox& outbox) const {
  const auto to = static_cast<int>(asker.rank);
  const bool sent = rows.count <= list.asked / list.askers.size();
  outbox.put(to, header_of(list.program, list.walk, MatchMessage::kRows));
  outbox.put(to, WireRows{asker.crowd, rows.count, list.asked, list.most, sent ? 1U : 0U});
  if (!sent) return;
  const MatchWalk& walk = wire_.walk(list.program, list.walk);
  Message message;
  for (std::size_t a = 0; a < walk.arms.size(); ++a) {
    const std::vector<Carried>& brought = walk.arms[a].brought;
    const std::uint32_t* value = rows.arms[a].values.data();
    message.push_back(rows.arms[a].count);
    for (std::size_t i = 0; i < rows.arms[a].count; ++i)
      for (const Carried& carried : brought) wire_.append(carried, *value++, message);
  }
  outbox.put_all(to, message.all());
}

void MatchCrowds::read_rows(int source, const MatchHeader& header, MessageReader& reader) {
  const auto wire = reader.take<WireRows>();
  Waiting& waiting = waiting_[wire.crowd];
  Answer answer{source, wire.rows, wire.asked, wire.most, nullptr};
  if (wire.sent != 0) {
    auto rows = std::make_shared<FittingRows>();
    GrowingArray<MatchWire::Sought> sought;
    for (const MatchArm& arm : wire_.walk(header.program, header.walk).arms) {
      FittingRows::OfArm& of_arm = rows->arms.emplace_back();
      of_arm.count = static_cast<std::uint32_t>(reader.take<std::uint64_t>());
      rows->count += of_arm.count;
      of_arm.values.reserve(of_arm.count * arm.brought.size());
      const std::span<const std::uint64_t> words = reader.rest_words();
      const std::uint64_t* ahead = words.data();
      sought.clear();
      for (std::size_t i = 0; i < of_arm.count; ++i)
        ahead = wire_.look_ahead(ahead, words.data() + words.size(), arm.brought, sought);
      wire_.guess({sought.data(), sought.size()});
      const MatchWire::Sought* next = sought.data();
      const std::uint64_t* at = words.data();
      for (std::size_t i = 0; i < of_arm.count; ++i)
        for (const Carried& carried : arm.brought) of_arm.values.push_back(wire_.take(at, carried, next));
      reader.skip(static_cast<std::size_t>(at - words.data()) * sizeof(std::uint64_t));
    }
    answer.here = std::move(rows);
  }
  waiting.answers.push_back(std::move(answer));
}

// What is divided more evenly stays. If neither is clearly, rows that are here already are used.
bool MatchCrowds::stays(std::span<const Answer> answers) {
  std::uint64_t rows = 0;
  std::uint64_t most_rows = 0;
  bool here = true;
  for (const Answer& answer : answers) {
    rows += answer.rows;
    most_rows = std::max(most_rows, answer.rows);
    here = here && answer.here != nullptr;
  }
  if (answers.empty()) return true;
  const std::uint64_t asked = answers.front().asked;
  const std::uint64_t most = answers.front().most;
  return here ? !clearly_more(most, asked, most_rows, rows) : clearly_more(most_rows, rows, most, asked);
}

std::vector<CrowdJoin> MatchCrowds::settle(Outbox& outbox) {
  std::vector<CrowdJoin> joins;
  Message message;
  for (std::uint32_t number = 0; number < waiting_.size(); ++number) {
    Waiting& waiting = waiting_[number];
    if (waiting.crowd == nullptr || waiting.due > delivery_ || (waiting.due == 0 && waiting.answers.empty())) continue;
    const Crowd& crowd = *waiting.crowd;
    const std::size_t stride = wire_.walk(crowd.program, crowd.walk).carried.size();
    const bool all_stay = waiting.due == 0 || stays(waiting.answers);  // 0: has insisted
    bool insists = false;
    for (Answer& answer : waiting.answers) {
      const auto rank = static_cast<std::uint32_t>(answer.rank);
      if (std::ranges::all_of(crowd.met, [&](std::uint32_t met) { return met == rank; })) continue;
      // Partial matches at the home of a class met the home's rows before they became a crowd.
      if (answer.rank == partition_.rank() && home_of(crowd) == partition_.rank()) continue;
      if (!all_stay) {
        for (std::size_t i = 0; i < crowd.met.size(); ++i) {
          if (crowd.met[i] == rank) continue;
          wire_.encode(header_of(crowd.program, crowd.walk, MatchMessage::kContinue),
                       std::span(crowd.values).subspan(i * stride, stride), message);
          outbox.put_all(answer.rank, message.all());
        }
      } else if (answer.here != nullptr) {
        joins.push_back({waiting.crowd, rank, std::move(answer.here)});
      } else {
        outbox.put(answer.rank, header_of(crowd.program, crowd.walk, MatchMessage::kInsist));
        outbox.put(answer.rank, WireInsist{number});
        outbox.put(answer.rank, crowd.list.front());
        insists = true;
      }
    }
    waiting.answers.clear();
    waiting.due = 0;
    if (!insists) waiting.crowd = nullptr;
  }
  return joins;
}

}  // namespace tessera
