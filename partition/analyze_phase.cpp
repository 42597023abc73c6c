#include "partition/analyze_phase.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "engine/base/sorted.hpp"

namespace tessera {
namespace {

constexpr std::size_t kTasksOfThread = 16;     // parts of a round's rows
constexpr std::size_t kPiece = 1024;           // of a list of rows
constexpr std::size_t kFewPieces = 4;          // fewer are not worth a second thread
constexpr std::size_t kFewQuestions = 64;      // likewise
constexpr std::size_t kGroup = 32;             // rows whose cache misses overlap
constexpr std::size_t kMostAnswers = 1 << 20;  // that are kept between iterations

}  // namespace

void Analysis::fail(Culprit culprit, std::span<const RulePlan> plans, const std::string& message) {
  if (!failure_.empty()) return;
  const std::uint32_t rule = culprit.row.is_none() ? culprit.rule : rule_of(culprit.row);
  if (rule < plans.size()) {
    const Rule& wrong = *plans[rule].rule;
    const std::string where = wrong.where.to_string();
    failure_ = (where.empty() ? "" : where + ": ") + "rule " + wrong.name + " is unsound: " + message;
  } else {
    failure_ = message;
  }
}

std::uint32_t Analysis::rule_of(RowId row) {
  if (made_.empty()) return kNoRule;
  // Ids are given in order, but for those that are given again.
  if (!std::exchange(made_in_order_, true))
    for (auto& of_shard : made_)
      if (!std::ranges::is_sorted(of_shard, {}, &MadeRow::row)) std::ranges::sort(of_shard, {}, &MadeRow::row);
  const auto& of_shard = made_[graph_.nodes.ids().owner(row.value)];
  const auto found = std::ranges::lower_bound(of_shard, row, {}, &MadeRow::row);
  return found != of_shard.end() && found->row == row ? found->rule : kNoRule;
}

void Analysis::set_data(ClassId cls, DataId data, bool known_before) {
  graph_.classes[cls].data = data;
  if (known_before) {
    if (data_stamp_.size() <= cls.value) data_stamp_.resize(std::size_t{cls.value} + 1, 0);
    data_stamp_[cls.value] = graph_.iteration;
    graph_.for_each_member(cls, [&](RowId row) { graph_.touch(row, 0); });
  }
  graph_.for_each_parent(cls, [&](RowId row, std::uint32_t) {
    if (known_before) graph_.touch(row, 0);
    queue_.push_back(row);
  });
}

bool Analysis::join(ClassId owned, DataId data, Culprit culprit, std::span<const RulePlan> plans) {
  const std::array<DataId, 2> both = {graph_.classes[owned].data, data};
  if (both[0] == both[1]) return false;
  if (both[0].is_none()) {
    set_data(owned, data, false);
    return true;
  }
  const std::uint32_t number = memo_.ask(join_question(both));
  if (memo_.answer(number).is_none()) {
    const DataView known = graph_.data[both[0]];
    DataWords joined(known.begin(), known.end());
    try {
      const bool more = graph_.language().join(joined, graph_.data[data]);
      memo_.set_answer(number, more ? graph_.data.intern(joined) : both[0]);
    } catch (const Error& error) {
      fail(culprit, plans, error.message());
      return false;
    }
  }
  if (memo_.answer(number) == both[0]) return false;
  set_data(owned, memo_.answer(number), !made_in_this_iteration(owned));
  return true;
}

void Analysis::join_merged(const std::vector<PendingJoin>& joins, std::span<const RulePlan> plans) {
  if (!graph_.language().has_data()) return;
  for (const PendingJoin& pending : joins)
    if (join(pending.leader, pending.data, {pending.rule, {}}, plans)) changed_.push_back(pending.leader);
  partition_.agree_on_error(failure_);
}

bool Analysis::data_of_kids(RowId row, std::vector<DataId>& data) const {
  const std::uint32_t arity = graph_.arity(row);
  data.clear();
  for (std::uint32_t k = 0; k < arity; ++k) {
    const DataId of_kid = graph_.classes[ClassId(graph_.nodes.kid(row, arity, k))].data;
    if (of_kid.is_none()) return false;
    data.push_back(of_kid);
  }
  return true;
}

void Analysis::find(Task& task, RowId row, DataId data) const {
  const ClassId cls(graph_.nodes[row].class_id);
  if (data.is_none() || graph_.classes[cls].data == data) return;
  if (partition_.is_ghost(cls))
    task.of_ghosts.push_back({row, cls, data});
  else
    task.findings[graph_.classes.shard_of(cls)].push_back({row, cls, data});
}

// As in partition/insertion.cpp: tight loops fetch what the work on a group will read. Always inlined, or dropped.
[[gnu::always_inline]] inline void Analysis::prefetch(std::span<const RowId> group) const {
  for (const RowId row : group) graph_.nodes.prefetch_row(row);
  for (const RowId row : group) {
    const Row& r = graph_.nodes[row];
    graph_.classes.prefetch(r.class_id);
    if (r.symbol.is_none() || graph_.symbols()[r.symbol].arity > NodeTable::kInlineArity) continue;
    graph_.classes.prefetch(r.kids[0]);
    graph_.classes.prefetch(r.kids[1]);
  }
}

void Analysis::look_up(Task& task, std::span<const std::span<const RowId>> pieces) const {
  std::vector<DataId> data;
  for (const std::span<const RowId> rows : pieces) {
    for (std::size_t begin = 0; begin < rows.size(); begin += kGroup) {
      const std::span<const RowId> group = rows.subspan(begin, std::min(kGroup, rows.size() - begin));
      prefetch(group);
      for (const RowId row : group) {
        // A row with a child of which nothing is known comes back when something is.
        if (!graph_.nodes.is_live(row) || !data_of_kids(row, data)) continue;
        const std::uint32_t number = memo_.find({graph_.nodes[row].symbol, data});
        if (number == DataMemo::kNew)
          task.unanswered.push_back({row, number});
        else
          find(task, row, memo_.answer(number));
      }
    }
  }
}

// What the memo did not know: asked once each, made by all threads, entered in order.
void Analysis::answer(std::span<Task> tasks, std::span<const RulePlan> plans) {
  struct Made {
    RowId row;
    std::uint32_t number;
    DataWords words;
    std::string failure;
  };
  std::vector<Made> made;
  std::vector<DataId> data;
  for (Task& task : tasks) {
    for (Unanswered& unanswered : task.unanswered) {
      CHECK(data_of_kids(unanswered.row, data));
      const std::size_t known = memo_.size();
      unanswered.number = memo_.ask({graph_.nodes[unanswered.row].symbol, data});
      if (memo_.size() != known) made.push_back({unanswered.row, unanswered.number, {}, {}});
    }
  }
  if (made.empty()) return;
  const std::size_t parts =
      made.size() < kFewQuestions ? 1 : static_cast<std::size_t>(partition_.workers.threads()) * kTasksOfThread;
  partition_.workers.for_each(parts, parts > 1, [&](std::size_t part) {
    std::vector<DataId> ids;
    std::vector<DataView> kids;
    for (std::size_t i = made.size() * part / parts; i < made.size() * (part + 1) / parts; ++i) {
      CHECK(data_of_kids(made[i].row, ids));
      kids.clear();
      for (const DataId id : ids) kids.push_back(graph_.data[id]);
      try {
        graph_.language().make(graph_.symbols()[graph_.nodes[made[i].row].symbol], kids, made[i].words);
      } catch (const Error& error) {
        made[i].failure = error.message();
      }
    }
  });
  for (const Made& m : made) {
    if (m.failure.empty())
      memo_.set_answer(m.number, graph_.data.intern(m.words));
    else
      fail({kNoRule, m.row}, plans, m.failure);
  }
  for (Task& task : tasks) {
    for (const Unanswered& unanswered : task.unanswered) find(task, unanswered.row, memo_.answer(unanswered.number));
    task.unanswered.clear();
  }
}

// By the owner of the shard. What needs a join that was never made, or changes what was known before the iteration and
// so touches rows of any shard, is left to join().
void Analysis::enter(std::span<Task> tasks, std::uint32_t shard) {
  Shard& own = shards_[shard];
  for (Task& task : tasks) {
    for (const Finding& finding : task.findings[shard]) {
      DataId& data = graph_.classes[finding.cls].data;
      if (data == finding.data) continue;
      if (!data.is_none()) {
        const std::array<DataId, 2> both = {data, finding.data};
        const std::uint32_t number = memo_.find(join_question(both));
        const DataId joined = number == DataMemo::kNew ? DataId() : memo_.answer(number);
        if (joined == data) continue;
        if (joined.is_none() || !made_in_this_iteration(finding.cls)) {
          own.disputed.push_back(finding);
          continue;
        }
        data = joined;
      } else {
        data = finding.data;
      }
      own.changed.push_back(finding.cls);
    }
    task.findings[shard].clear();
  }
}

void Analysis::queue_parents(Shard& shard) const {
  std::vector<DataId> data;
  for (std::size_t begin = 0; begin < shard.changed.size(); begin += kGroup) {
    const std::span<const ClassId> group =
        std::span<const ClassId>(shard.changed).subspan(begin, std::min(kGroup, shard.changed.size() - begin));
    for (const ClassId cls : group) {
      const Edge edge = graph_.first_parent(cls);
      if (!edge.is_end() && (edge.value & Edge::kWide) == 0) graph_.nodes.prefetch_row(RowId(edge.value >> 1));
    }
    for (const ClassId cls : group)
      graph_.for_each_parent(cls, [&](RowId row, std::uint32_t) {
        if (data_of_kids(row, data)) shard.parents.push_back(row);
      });
  }
}

// Shard by turns: rows made at one time have children and classes made at one time, too.
void Analysis::queue_touched() {
  std::size_t longest = 0;
  for (const auto& list : graph_.touched) longest = std::max(longest, list.size());
  for (std::size_t begin = 0; begin < longest; begin += kPiece) {
    for (const auto& list : graph_.touched) {
      const std::span<const RowId> rest = std::span<const RowId>(list).subspan(std::min(begin, list.size()));
      cut(rest.first(std::min(kPiece, rest.size())));
    }
  }
}

void Analysis::cut(std::span<const RowId> rows) {
  for (std::size_t begin = 0; begin < rows.size(); begin += kPiece)
    pieces_.push_back(rows.subspan(begin, std::min(kPiece, rows.size() - begin)));
}

void Analysis::run_here(std::span<const RulePlan> plans) {
  const auto threads = static_cast<std::size_t>(partition_.workers.threads());
  shards_.resize(graph_.shards());
  std::vector<std::vector<RowId>> lists;  // that the pieces of a round are of
  for (;;) {
    if (!queue_.empty()) lists.push_back(std::exchange(queue_, {}));
    for (const std::vector<RowId>& list : lists) cut(list);
    if (pieces_.empty()) break;
    const std::vector<std::span<const RowId>> pieces = std::exchange(pieces_, {});
    const std::size_t parts = threads == 1 || pieces.size() < kFewPieces ? 1 : threads * kTasksOfThread;
    while (tasks_.size() < parts) tasks_.emplace_back().findings.resize(graph_.shards());
    const std::span tasks = std::span(tasks_).first(parts);
    partition_.workers.for_each(parts, parts > 1, [&](std::size_t part) {
      const std::size_t begin = pieces.size() * part / parts;
      look_up(tasks[part], std::span(pieces).subspan(begin, pieces.size() * (part + 1) / parts - begin));
    });
    lists.clear();
    answer(tasks, plans);
    if (!partition_.alone()) propose(tasks);
    partition_.workers.for_each(shards_.size(), parts > 1,
                                [&](std::size_t shard) { enter(tasks, static_cast<std::uint32_t>(shard)); });
    for (Shard& shard : shards_) {
      for (const Finding& finding : shard.disputed)
        if (join(finding.cls, finding.data, {kNoRule, finding.row}, plans) && !partition_.alone())
          changed_.push_back(finding.cls);
      shard.disputed.clear();
    }
    partition_.workers.for_each(shards_.size(), parts > 1, [&](std::size_t shard) { queue_parents(shards_[shard]); });
    for (Shard& shard : shards_) {
      if (!partition_.alone())
        std::ranges::copy_if(shard.changed, std::back_inserter(changed_),
                             [&](ClassId cls) { return partition_.subscribers.any(cls); });
      if (!shard.parents.empty()) lists.push_back(std::exchange(shard.parents, {}));
      shard.changed.clear();
    }
  }
}

void Analysis::propose(std::span<Task> tasks) {
  for (Task& task : tasks) {
    for (const Finding& finding : task.of_ghosts) {
      const GlobalId id = partition_.global(finding.cls);
      const DataView words = graph_.data[finding.data];
      partition_.outbox.put(id.home(), Proposal{id, rule_of(finding.row), static_cast<std::uint32_t>(words.size())},
                            words);
    }
    task.of_ghosts.clear();
  }
}

void Analysis::take_proposals(MessageReader& reader, std::span<const RulePlan> plans) {
  DataWords words;
  while (!reader.done()) {
    const auto proposal = reader.take<Proposal>();
    words.clear();
    for (std::uint32_t i = 0; i < proposal.words; ++i) words.push_back(reader.take<std::int64_t>());
    if (join(proposal.cls.index(), graph_.data.intern(words), {proposal.rule, {}}, plans))
      changed_.push_back(proposal.cls.index());
  }
}

void Analysis::put_news(Outbox& news) {
  sort_unique(changed_);
  for (const ClassId cls : changed_) {
    if (!graph_.classes.is_leader(cls)) continue;
    const DataView data = graph_.data[graph_.classes[cls].data];
    const bool known_before = cls.value < data_stamp_.size() && data_stamp_[cls.value] == graph_.iteration;
    partition_.subscribers.for_each(cls, [&](const Subscriber& s) {
      news.put(static_cast<int>(s.rank),
               News{GlobalId(partition_.rank(), cls), known_before ? 1U : 0U, static_cast<std::uint32_t>(data.size())},
               data);
    });
  }
  changed_.clear();
}

void Analysis::take_news(MessageReader& reader) {
  DataWords words;
  while (!reader.done()) {
    const auto item = reader.take<News>();
    words.clear();
    for (std::uint32_t i = 0; i < item.words; ++i) words.push_back(reader.take<std::int64_t>());
    const ClassId cls = partition_.find_local(item.cls);
    CHECK(!cls.is_none());
    const DataId data = graph_.data.intern(words);
    if (graph_.classes[cls].data != data) set_data(cls, data, item.known_before != 0);
  }
}

std::uint32_t Analysis::run(MadeRows made, std::span<const RulePlan> plans) {
  if (!graph_.language().has_data()) return 0;
  if (memo_.size() > kMostAnswers) memo_.clear();
  made_ = std::move(made);
  queue_touched();
  Outbox news(partition_.ranks());
  std::uint64_t busy = 1;
  while (busy != 0) {
    run_here(plans);
    if (partition_.alone()) break;
    partition_.exchange.name_step("proposals");
    superstep(partition_.exchange, partition_.outbox, partition_.inbox,
              [&](int, MessageReader& reader) { take_proposals(reader, plans); });
    busy = changed_.empty() && queue_.empty() ? 0 : 1;
    put_news(news);
    partition_.exchange.name_step("data news");
    superstep(partition_.exchange, news, partition_.inbox, [&](int, MessageReader& reader) { take_news(reader); });
    if (!queue_.empty()) busy = 1;
    partition_.exchange.name_step("any busy");
    partition_.exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
  }
  changed_.clear();
  tasks_ = {};
  shards_ = {};
  made_ = {};
  made_in_order_ = false;
  partition_.agree_on_error(failure_);
  return 1;
}

}  // namespace tessera
