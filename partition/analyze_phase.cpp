#include "partition/analyze_phase.hpp"

#include <algorithm>
#include <unordered_map>

#include "engine/base/sorted.hpp"

namespace tessera {

void Analysis::fail(std::uint32_t rule, std::span<const RulePlan> plans, const std::string& message) {
  if (!failure_.empty()) return;
  if (rule < plans.size()) {
    const Rule& culprit = *plans[rule].rule;
    const std::string where = culprit.where.to_string();
    failure_ = (where.empty() ? "" : where + ": ") + "rule " + culprit.name + " is unsound: " + message;
  } else {
    failure_ = message;
  }
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

bool Analysis::join(ClassId owned, DataView words, std::uint32_t rule, std::span<const RulePlan> plans) {
  const DataId old = graph_.classes[owned].data;
  if (old.is_none()) {
    set_data(owned, graph_.data.intern(words), false);
    return true;
  }
  const DataView current = graph_.data[old];
  if (std::ranges::equal(current, words)) return false;
  DataWords joined(current.begin(), current.end());
  try {
    if (!graph_.language().join(joined, words)) return false;
  } catch (const Error& error) {
    fail(rule, plans, error.message());
    return false;
  }
  set_data(owned, graph_.data.intern(joined), true);
  return true;
}

void Analysis::join_merged(const std::vector<PendingJoin>& joins, std::span<const RulePlan> plans) {
  if (!graph_.language().has_data()) return;
  for (const PendingJoin& pending : joins)
    if (join(pending.leader, graph_.data[pending.data], pending.rule, plans)) changed_.push_back(pending.leader);
  partition_.agree_on_error(failure_);
}

std::uint32_t Analysis::run(const std::vector<MadeRow>& made, std::span<const RulePlan> plans) {
  if (!graph_.language().has_data()) return 0;
  std::unordered_map<std::uint32_t, std::uint32_t> rule_of;
  for (const MadeRow& m : made) rule_of.emplace(m.row.value, m.rule);
  for (const auto& list : graph_.touched) queue_.insert(queue_.end(), list.begin(), list.end());
  std::vector<RowId> rows;
  std::vector<DataView> kids;
  DataWords words;
  Outbox news(partition_.ranks());
  std::uint64_t busy = 1;
  while (busy != 0) {
    // Alone, this loop runs to the fixpoint by itself: queue_ grows as classes change.
    while (!queue_.empty()) {
      rows.clear();
      rows.swap(queue_);
      for (const RowId row : rows) {
        if (!graph_.nodes.is_live(row)) continue;
        const Symbol& symbol = graph_.symbols()[graph_.nodes[row].symbol];
        kids.clear();
        for (std::uint32_t k = 0; k < symbol.arity; ++k) {
          const DataId data = graph_.classes[ClassId(graph_.nodes.kid(row, symbol.arity, k))].data;
          if (data.is_none()) break;
          kids.push_back(graph_.data[data]);
        }
        if (kids.size() != symbol.arity) continue;  // comes back when the child's data is known
        const auto it = rule_of.find(row.value);
        const std::uint32_t rule = it == rule_of.end() ? kNoRule : it->second;
        try {
          graph_.language().make(symbol, kids, words);
        } catch (const Error& error) {
          fail(rule, plans, error.message());
          continue;
        }
        const ClassId cls(graph_.nodes[row].class_id);
        if (partition_.is_ghost(cls)) {
          const GlobalId id = partition_.global(cls);
          const DataId known = graph_.classes[cls].data;
          if (!known.is_none() && std::ranges::equal(graph_.data[known], words)) continue;
          partition_.outbox.put(id.home(), Proposal{id, rule, static_cast<std::uint32_t>(words.size())});
          partition_.outbox.put_all(id.home(), std::span<const std::int64_t>(words));
        } else if (join(cls, words, rule, plans)) {
          changed_.push_back(cls);
        }
      }
    }
    if (partition_.alone()) break;
    partition_.exchange.name_step("proposals");
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto proposal = reader.take<Proposal>();
        words.clear();
        for (std::uint32_t i = 0; i < proposal.words; ++i) words.push_back(reader.take<std::int64_t>());
        if (join(proposal.cls.index(), words, proposal.rule, plans)) changed_.push_back(proposal.cls.index());
      }
    });
    sort_unique(changed_);
    busy = changed_.empty() && queue_.empty() ? 0 : 1;
    for (const ClassId cls : changed_) {
      if (!graph_.classes.is_leader(cls)) continue;
      const DataView data = graph_.data[graph_.classes[cls].data];
      const bool known_before = cls.value < data_stamp_.size() && data_stamp_[cls.value] == graph_.iteration;
      partition_.subscribers.for_each(cls, [&](const Subscriber& s) {
        news.put(static_cast<int>(s.rank), News{GlobalId(partition_.rank(), cls), known_before ? 1U : 0U,
                                                static_cast<std::uint32_t>(data.size())});
        news.put_all(static_cast<int>(s.rank), data);
      });
    }
    changed_.clear();
    partition_.exchange.name_step("data news");
    superstep(partition_.exchange, news, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto item = reader.take<News>();
        words.clear();
        for (std::uint32_t i = 0; i < item.words; ++i) words.push_back(reader.take<std::int64_t>());
        const ClassId cls = partition_.find_local(item.cls);
        CHECK(!cls.is_none());
        const DataId data = graph_.data.intern(words);
        if (graph_.classes[cls].data != data) set_data(cls, data, item.known_before != 0);
      }
    });
    if (!queue_.empty()) busy = 1;
    partition_.exchange.name_step("any busy");
    partition_.exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
  }
  changed_.clear();
  partition_.agree_on_error(failure_);
  return 1;
}

}  // namespace tessera
