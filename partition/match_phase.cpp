#include "partition/match_phase.hpp"

#include <algorithm>
#include <chrono>

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct PartialHeader {
  std::uint32_t rule;
  std::uint16_t variant;
  std::uint8_t step;
  std::uint8_t expand;  // 0: on its way to the class's home; 1: to be continued with the receiver's rows
};

// A partial match as it arrived, slots translated to this rank's handles.
struct Arrived {
  PartialHeader header;
  std::size_t slots;  // offset
};

// Carries partial matches between ranks.
class Traveller final : public Remote {
 public:
  Traveller(Partition& partition, std::span<const RulePlan> plans, std::vector<ForeignClass>& foreign,
            std::size_t tasks)
      : partition_(partition), plans_(plans), foreign_(foreign), outboxes_(tasks, Outbox(partition.ranks())) {}

  [[nodiscard]] bool same(Handle a, Handle b) const override { return global(a) == global(b); }

  [[nodiscard]] DataView data(Handle handle) const override {
    const DataId id = foreign_[handle.foreign_index()].data;
    return id.is_none() ? DataView{} : partition_.graph.data[id];
  }

  bool forward(std::size_t task, const PartialMatch& partial) override {
    const Step& step = plans_[partial.rule].variants[partial.variant].steps[partial.step];
    const Handle from{partial.slots[step.from]};
    if (from.is_foreign() || partition_.is_ghost(ClassId(from.value))) {
      write(outboxes_[task], global(from).home(), partial, 0);
      return false;
    }
    const std::uint64_t bit = EGraph::mask_bit(step.op);
    partition_.subscribers.for_each(ClassId(from.value), [&](const Subscriber& subscriber) {
      const std::uint64_t mask = step.kind == Step::Kind::kMembers ? subscriber.member_mask : subscriber.parent_mask;
      if ((mask & bit) != 0) write(outboxes_[task], static_cast<int>(subscriber.rank), partial, 1);
    });
    return true;
  }

  // Collective: delivers what was forwarded. Returns whether any rank sent anything.
  bool deliver(std::vector<Arrived>& arrived, std::vector<std::uint32_t>& slots) {
    arrived.clear();
    slots.clear();
    std::uint64_t sent = 0;
    for (Outbox& outbox : outboxes_) partition_.outbox.splice(outbox);
    for (const auto& buffer : partition_.outbox.buffers()) sent += buffer.size();
    partition_.exchange.name_step("any partials");
    partition_.exchange.all_reduce(std::span(&sent, 1), Reduction::kMax);
    if (sent == 0) return false;
    partition_.exchange.name_step("partials");
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) read(reader, arrived, slots);
    });
    return true;
  }

 private:
  [[nodiscard]] NamedClass named(Handle handle) const {
    if (handle.is_foreign()) return foreign_[handle.foreign_index()].named;
    const ClassId id(handle.value);
    return {partition_.global(id), partition_.graph.classes[id].name};
  }
  [[nodiscard]] GlobalId global(Handle handle) const {
    return handle.is_foreign() ? foreign_[handle.foreign_index()].named.id : partition_.global(ClassId(handle.value));
  }
  [[nodiscard]] DataView data_of(Handle handle) const {
    if (handle.is_foreign()) return data(handle);
    const DataId id = partition_.graph.classes[ClassId(handle.value)].data;
    return id.is_none() ? DataView{} : partition_.graph.data[id];
  }

  void write(Outbox& outbox, int to, const PartialMatch& partial, std::uint8_t expand) {
    const RulePlan& plan = plans_[partial.rule];
    outbox.put(to, PartialHeader{partial.rule, static_cast<std::uint16_t>(partial.variant),
                                 static_cast<std::uint8_t>(partial.step), expand});
    for (const std::uint32_t slot : plan.variants[partial.variant].bound_before[partial.step]) {
      if (plan.slot_kind[slot] == SlotKind::kAttribute) {
        outbox.put(to, std::uint64_t{partial.slots[slot]});
        continue;
      }
      const Handle handle{partial.slots[slot]};
      outbox.put(to, named(handle));
      if (plan.needs_data[slot]) {
        const DataView words = data_of(handle);
        outbox.put(to, std::uint64_t{words.size()});
        outbox.put_all(to, words);
      }
    }
  }

  void read(MessageReader& reader, std::vector<Arrived>& arrived, std::vector<std::uint32_t>& slots) {
    const auto header = reader.take<PartialHeader>();
    const RulePlan& plan = plans_[header.rule];
    const Variant& variant = plan.variants[header.variant];
    const std::uint32_t from = variant.steps[header.step].from;
    const std::size_t at = slots.size();
    slots.resize(at + plan.slot_count);
    for (const std::uint32_t slot : variant.bound_before[header.step]) {
      if (plan.slot_kind[slot] == SlotKind::kAttribute) {
        slots[at + slot] = static_cast<std::uint32_t>(reader.take<std::uint64_t>());
        continue;
      }
      const auto cls = reader.take<NamedClass>();
      DataId data;
      if (plan.needs_data[slot]) {
        words_.clear();
        const auto count = reader.take<std::uint64_t>();
        for (std::uint64_t i = 0; i < count; ++i) words_.push_back(reader.take<std::int64_t>());
        if (count != 0) data = partition_.graph.data.intern(words_);
      }
      if (cls.id.home() == partition_.rank()) {
        slots[at + slot] = cls.id.index().value;
      } else if (slot == from) {
        const ClassId here = partition_.find_local(cls.id);
        CHECK(!here.is_none());  // the home sends only to subscribers
        slots[at + slot] = here.value;
      } else {
        slots[at + slot] = Handle::kForeign | static_cast<std::uint32_t>(foreign_.size());
        foreign_.push_back({cls, data});
      }
    }
    arrived.push_back({header, at});
  }

  Partition& partition_;
  std::span<const RulePlan> plans_;
  std::vector<ForeignClass>& foreign_;
  std::vector<Outbox> outboxes_;
  DataWords words_;
};

// Rows to start from, by operator.
using RowsByOperator = std::vector<std::vector<RowId>>;

struct Unit {  // one variant over some rows (or, for bare-variable rules, classes)
  std::uint32_t rule;
  std::uint32_t variant;
  std::span<const RowId> rows;
  std::span<const ClassId> classes;
};

constexpr std::size_t kUnitRows = 4096;

class MatchPhase {
 public:
  MatchPhase(Partition& partition, const MatchRequest& request)
      : partition_(partition), graph_(partition.graph), request_(request) {}

  MatchResult run() {
    const std::size_t rules = request_.plans.size();
    collect_units();
    std::size_t rows = 0;
    for (const Unit& unit : units_) rows += unit.rows.size() + unit.classes.size();
    const std::size_t tasks = partition_.workers.threads() == 1 || rows < kUnitRows
                                  ? 1
                                  : static_cast<std::size_t>(partition_.workers.threads()) * 4;
    MatchResult result;
    for (std::size_t t = 0; t < tasks; ++t) result.outputs.emplace_back(rules);
    Traveller traveller(partition_, request_.plans, result.foreign, tasks);
    Remote* remote = partition_.alone() ? nullptr : &traveller;
    bind_given(result.foreign);
    partition_.workers.for_each(tasks, true, [&](std::size_t task) {
      MatchOutput& out = result.outputs[task];
      Matcher matcher(graph_, request_.plans, request_.seen, request_.store_limit, remote, task, out, given_);
      for (std::size_t u = task; u < units_.size(); u += tasks) {
        const Unit& unit = units_[u];
        const auto begin = Clock::now();
        if (unit.classes.empty())
          matcher.start(unit.rule, unit.variant, unit.rows);
        else
          matcher.start_classes(unit.rule, unit.classes);
        out.seconds[unit.rule] += seconds_since(begin);
      }
    });
    if (remote != nullptr)
      travel(traveller, result);
    else
      count_visited(result);
    finish(result);
    return result;
  }

 private:
  // Classes this rank has never met are foreign to it, as those that partial matches bring along.
  void bind_given(std::vector<ForeignClass>& foreign) {
    for (std::size_t r = 0; r < request_.given.size(); ++r) {
      std::vector<std::uint32_t>& handles = given_.emplace_back();
      for (const GlobalId id : request_.given[r]) {
        const ClassId here = partition_.find_local(id);
        handles.push_back(here.is_none() ? Handle::kForeign | static_cast<std::uint32_t>(foreign.size()) : here.value);
        if (here.is_none()) foreign.push_back({{id, 0}, DataId()});
      }
    }
  }

  void travel(Traveller& traveller, MatchResult& result) {
    std::vector<Arrived> arrived;
    std::vector<std::uint32_t> slots;
    const std::size_t tasks = result.outputs.size();
    count_visited(result);
    while (traveller.deliver(arrived, slots)) {
      partition_.exchange.count_work(Work::kPartials, arrived.size());
      partition_.workers.for_each(tasks, arrived.size() > 256, [&](std::size_t task) {
        MatchOutput& out = result.outputs[task];
        Matcher matcher(graph_, request_.plans, request_.seen, request_.store_limit, &traveller, task, out, given_);
        const std::size_t begin = arrived.size() * task / tasks;
        const std::size_t end = arrived.size() * (task + 1) / tasks;
        auto clock = Clock::now();
        for (std::size_t i = begin; i < end; ++i) {
          const PartialHeader& header = arrived[i].header;
          const PartialMatch partial{
              header.rule, header.variant, header.step,
              std::span(slots).subspan(arrived[i].slots, request_.plans[header.rule].slot_count)};
          if (header.expand != 0 || traveller.forward(task, partial)) matcher.resume(partial);
          if (i + 1 == end || arrived[i + 1].header.rule != header.rule) {
            out.seconds[header.rule] += seconds_since(clock);
            clock = Clock::now();
          }
        }
      });
      count_visited(result);
    }
  }

  // For a recorder: the rows looked at since the last call.
  void count_visited(const MatchResult& result) {
    std::uint64_t visited = 0;
    for (const MatchOutput& out : result.outputs)
      for (const std::uint64_t of_rule : out.visited) visited += of_rule;
    partition_.exchange.count_work(Work::kVisited, visited - visited_);
    visited_ = visited;
  }

  void finish(MatchResult& result) {
    const std::size_t rules = request_.plans.size();
    result.matches.assign(rules, 0);
    result.seconds.assign(rules, 0);
    for (const MatchOutput& out : result.outputs) {
      for (std::size_t r = 0; r < rules; ++r) {
        result.matches[r] += out.count[r];
        result.seconds[r] += out.seconds[r];
        result.visited += out.visited[r];
      }
    }
    partition_.exchange.name_step("matches");
    if (!partition_.alone() && rules > 0) partition_.exchange.all_reduce(result.matches, Reduction::kSum);
  }

  void add_units(std::uint32_t rule, std::uint32_t variant, std::span<const RowId> rows) {
    for (std::size_t at = 0; at < rows.size(); at += kUnitRows)
      units_.push_back({rule, variant, rows.subspan(at, std::min(kUnitRows, rows.size() - at)), {}});
  }

  // Which rows each rule starts from. Rules that ran in the last iteration start from what it touched; a rule that was
  // put aside, from every row with a young enough stamp.
  void collect_units() {
    const std::uint32_t last = graph_.iteration;  // rows with this stamp are the newest
    bool any_delta = false;
    std::uint32_t oldest = last;
    bool any_behind = false;
    for (std::uint32_t r = 0; r < request_.plans.size(); ++r) {
      if (request_.active[r] == 0) continue;
      if (is_behind(r)) {
        any_behind = true;
        oldest = std::min(oldest, request_.seen[r]);
      } else {
        any_delta = true;
      }
    }
    if (any_delta) fill_delta();
    if (any_behind) fill_all(oldest);
    for (std::uint32_t r = 0; r < request_.plans.size(); ++r) {
      if (request_.active[r] == 0) continue;
      const RulePlan& plan = request_.plans[r];
      if (plan.variants.front().steps.front().kind == Step::Kind::kClasses) {
        add_class_units(r);
        continue;
      }
      const RowsByOperator& rows = is_behind(r) ? since(request_.seen[r], oldest) : delta_;
      // Before its first run everything is new to a rule: one variant finds each match exactly once.
      const std::size_t variants = request_.seen[r] == 0 ? 1 : plan.variants.size();
      for (std::uint32_t v = 0; v < variants; ++v) {
        const OperatorId op = plan.variants[v].steps.front().op;
        if (op.value < rows.size()) add_units(r, v, rows[op.value]);
      }
    }
  }

  [[nodiscard]] bool is_behind(std::uint32_t rule) const { return request_.seen[rule] != graph_.iteration; }

  void fill_delta() {
    delta_.resize(graph_.symbols().operator_count());
    for (const auto& list : graph_.touched)
      for (const RowId row : list)
        if (graph_.nodes.is_live(row)) delta_[graph_.symbols().op(graph_.nodes[row].symbol).value].push_back(row);
  }

  void fill_all(std::uint32_t seen) {
    RowsByOperator& rows = all_;
    rows.resize(graph_.symbols().operator_count());
    const ShardedIds& ids = graph_.nodes.ids();
    for (std::uint32_t shard = 0; shard < ids.shards(); ++shard) {
      for (std::uint32_t at = 0; at < ids.used(shard); ++at) {
        const RowId row(ids.id(shard, at));
        if (graph_.nodes.is_live(row) && graph_.nodes[row].stamp >= seen)
          rows[graph_.symbols().op(graph_.nodes[row].symbol).value].push_back(row);
      }
    }
  }

  const RowsByOperator& since(std::uint32_t seen, std::uint32_t oldest) {
    if (seen == oldest) return all_;
    for (const auto& [stamp, rows] : younger_)
      if (stamp == seen) return rows;
    RowsByOperator& rows = younger_.emplace_back(seen, RowsByOperator(all_.size())).second;
    for (std::size_t op = 0; op < all_.size(); ++op)
      for (const RowId row : all_[op])
        if (graph_.nodes[row].stamp >= seen) rows[op].push_back(row);
    return rows;
  }

  void add_class_units(std::uint32_t rule) {
    std::vector<ClassId>& found = class_starts_.emplace_back();
    const ShardedIds& ids = graph_.classes.ids();
    const std::uint32_t seen = request_.seen[rule];
    for (std::uint32_t shard = 0; shard < ids.shards(); ++shard) {
      for (std::uint32_t at = 0; at < ids.used(shard); ++at) {
        const ClassId cls(ids.id(shard, at));
        if (!graph_.classes.is_leader(cls) || partition_.is_ghost(cls)) continue;
        const bool changed =
            cls.value < request_.class_data_stamp.size() && request_.class_data_stamp[cls.value] >= seen;
        if (changed || ClassTable::birth(graph_.classes[cls].name) >= seen) found.push_back(cls);
      }
    }
    for (std::size_t at = 0; at < found.size(); at += kUnitRows)
      units_.push_back(
          {rule, 0, {}, std::span<const ClassId>(found).subspan(at, std::min(kUnitRows, found.size() - at))});
  }

  Partition& partition_;
  const EGraph& graph_;
  const MatchRequest& request_;
  std::uint64_t visited_ = 0;  // rows, as told to a recorder
  std::vector<Unit> units_;
  RowsByOperator delta_;
  RowsByOperator all_;
  std::deque<std::pair<std::uint32_t, RowsByOperator>> younger_;
  std::deque<std::vector<ClassId>> class_starts_;
  std::vector<std::vector<std::uint32_t>> given_;  // per rule: handles
};

}  // namespace

MatchResult run_match_phase(Partition& partition, const MatchRequest& request) {
  MatchResult result = MatchPhase(partition, request).run();
  for (std::size_t r = 0; r < request.plans.size(); ++r)
    if (request.active[r] != 0)
      result.supersteps =
          std::max(result.supersteps, static_cast<std::uint32_t>(request.plans[r].variants.front().steps.size()));
  return result;
}

}  // namespace tessera
