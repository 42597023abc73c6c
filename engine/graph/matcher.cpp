#include "engine/graph/matcher.hpp"

#include <algorithm>
#include <array>

#include "engine/base/radix_sort.hpp"
#include "engine/graph/match_values.hpp"

namespace tessera {
namespace {

constexpr std::size_t kLongList = 2048;  // fitting rows; one task does not go on from more if others may help
constexpr std::size_t kBatch = std::size_t{1} << 16;  // start rows whose lists are put in order together

}  // namespace

Matcher::Matcher(const EGraph& graph, std::span<const RulePlan> plans, std::span<const RunningProgram> programs,
                 std::span<const std::uint64_t> store_limit, Remote* remote, bool leave_long, std::size_t task,
                 MatchOutput& out)
    : graph_(graph),
      plans_(plans),
      programs_(programs),
      store_limit_(store_limit),
      remote_(remote),
      leave_long_(leave_long),
      task_(task),
      out_(out) {
  std::size_t registers = 0;
  for (const RunningProgram& running : programs)
    registers = std::max<std::size_t>(registers, running.program->registers);
  registers_.resize(registers);
}

void Matcher::select(std::uint32_t program) {
  index_ = program;
  running_ = &programs_[program];
  program_ = running_->program;
  if (kept_.size() < program_->walks.size()) kept_.resize(program_->walks.size());
  for (KeptList& kept : kept_) kept.from = RunningProgram::kAbsent;
  std::ranges::copy(running_->givens, registers_.begin());
}

inline bool Matcher::fits(const MatchArm& arm, const Row& r, std::uint32_t position) const {
  if (arm.symbol.is_none() ? graph_.symbols()[r.symbol].arity != arm.arity : r.symbol != arm.symbol) return false;
  return arm.via == position && (arm.age == Age::kAny || (arm.age == Age::kOld) == (r.stamp < running_->seen));
}

inline void Matcher::load(const MatchArm& arm, RowId row, const Row& r) {
  const std::array<std::uint32_t, 4> parts = {r.symbol.value, r.class_id, r.kids[0], r.kids[1]};
  static_assert(NodeTable::kInlineArity == 2 && MatchArm::kSymbol == 0 && MatchArm::kClass == 1);
  if (arm.arity <= NodeTable::kInlineArity) {
    for (const MatchArm::Load load : arm.loads) registers_[load.reg] = parts[load.part];
    return;
  }
  for (const MatchArm::Load load : arm.loads)
    registers_[load.reg] =
        load.part < MatchArm::kKids ? parts[load.part] : graph_.nodes.kid(row, arm.arity, load.part - MatchArm::kKids);
}

inline void Matcher::emit(const MatchBranch::Emit& emit) {
  if (++out_.count[emit.rule] > store_limit_[emit.rule]) return;
  std::uint32_t* to = out_.slots[emit.rule].extend(emit.slots.size());
  if (!emit.has_attributes) {
    for (const Place& place : emit.slots) *to++ = registers_[place.reg];
    return;
  }
  for (const Place& place : emit.slots)
    *to++ = place.position == kNoPosition ? registers_[place.reg]
                                          : AttributeReference::pack(SymbolId(registers_[place.reg]), place.position);
}

inline void Matcher::run_branches(const MatchArm& arm) {
  for (const MatchBranch& branch : arm.branches) {
    if (!branch.checks.empty() && !checks_hold(branch)) continue;
    if (!branch.conditions.empty() && !conditions_hold(branch)) continue;
    ++out_.passed[running_->first_branch + branch.id];
    for (const MatchBranch::Emit& e : branch.emits) emit(e);
    for (const std::uint32_t walk : branch.walks) enter(walk, false);
  }
}

inline void Matcher::try_row(const MatchWalk& walk, RowId row, const Row& r, std::uint32_t position) {
  const MatchWalk::Range range = walk.arms_for(graph_.symbols().op(r.symbol));
  for (std::uint32_t a = range.begin; a < range.end; ++a) {
    const MatchArm& arm = walk.arms[a];
    if (!fits(arm, r, position)) continue;
    load(arm, row, r);
    run_branches(arm);
  }
}

void Matcher::start(std::uint32_t program, std::span<const RowId> rows) {
  if (running_ != &programs_[program]) select(program);
  const MatchWalk& walk = program_->walks[MatchProgram::kRows];
  out_.visited[running_->first_walk + MatchProgram::kRows] += rows.size();
  for (std::size_t at = 0; at < rows.size(); at += kBatch)
    start_batch(walk, rows.subspan(at, std::min(kBatch, rows.size() - at)));
}

// Many start rows lead to the same lists. So rows are first checked and emitted from, and then, walk by walk, taken in
// the order of the classes whose lists are walked: each list is gone through once a batch, the table of classes in
// order.
void Matcher::start_batch(const MatchWalk& walk, std::span<const RowId> rows) {
  put_off_.clear();
  std::uint32_t last_op = walk.arms_of.empty() ? 0 : 0xffffffffU;
  MatchWalk::Range range;
  std::vector<std::vector<std::size_t>> put_off_of;  // by arm in range and branch: the first of put_off_
  for (const RowId row : rows) {
    const Row& r = graph_.nodes[row];
    const OperatorId op = graph_.symbols().op(r.symbol);
    if (op.value != last_op) {
      last_op = op.value;
      range = walk.arms_for(op);
      put_off_of.assign(range.end - range.begin, {});
      for (std::uint32_t a = range.begin; a < range.end; ++a) {
        for (const MatchBranch& branch : walk.arms[a].branches) {
          put_off_of[a - range.begin].push_back(put_off_.size());
          for (const std::uint32_t w : branch.walks) put_off_.push_back({w, &walk.arms[a], {}});
        }
      }
    }
    for (std::uint32_t a = range.begin; a < range.end; ++a) {
      const MatchArm& arm = walk.arms[a];
      if (!fits(arm, r, 0)) continue;
      load(arm, row, r);
      for (std::size_t b = 0; b < arm.branches.size(); ++b) {
        const MatchBranch& branch = arm.branches[b];
        if (!branch.checks.empty() && !checks_hold(branch)) continue;
        if (!branch.conditions.empty() && !conditions_hold(branch)) continue;
        ++out_.passed[running_->first_branch + branch.id];
        for (const MatchBranch::Emit& e : branch.emits) emit(e);
        const std::size_t first = put_off_of[a - range.begin][b];
        for (std::size_t w = 0; w < branch.walks.size(); ++w) {
          const MatchWalk& next = program_->walks[branch.walks[w]];
          const std::uint32_t from = next.kind == Step::Kind::kLookup ? 0 : registers_[next.from];
          put_off_[first + w].rows.push_back(std::uint64_t{from} << 32 | row.value);
        }
      }
    }
  }
  for (PutOff& batch : put_off_) run_put_off(batch);
}

void Matcher::run_put_off(PutOff& batch) {
  const bool has_list = program_->walks[batch.walk].kind != Step::Kind::kLookup;
  if (has_list) sort_by_upper_half(batch.rows, scratch_);
  std::uint64_t last = ~std::uint64_t{0};
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const std::uint64_t list = batch.rows[i] >> 32;
    const bool again = list == last || (i + 1 < batch.rows.size() && batch.rows[i + 1] >> 32 == list);
    last = list;
    const RowId row(static_cast<std::uint32_t>(batch.rows[i]));
    load(*batch.arm, row, graph_.nodes[row]);
    enter(batch.walk, has_list && again);
  }
  batch.rows = {};
}

void Matcher::start_classes(std::uint32_t program, std::span<const ClassId> classes) {
  if (running_ != &programs_[program]) select(program);
  out_.visited[running_->first_walk + MatchProgram::kClasses] += classes.size();
  for (const ClassId cls : classes) {
    for (const MatchArm& arm : program_->walks[MatchProgram::kClasses].arms) {
      registers_[arm.base + 1] = cls.value;
      run_branches(arm);
    }
  }
}

void Matcher::resume(const PartialMatch& partial, bool again) {
  if (running_ != &programs_[partial.program]) select(partial.program);
  const auto givens = static_cast<std::ptrdiff_t>(running_->givens.size());  // in place since select()
  std::copy(partial.registers.begin() + givens, partial.registers.end(), registers_.begin() + givens);
  const MatchWalk& walk = program_->walks[partial.walk];
  walk_here(walk, partial.walk, again);
}

void Matcher::arrive(const PartialMatch& partial, bool again) {
  if (remote_->forward(task_, partial)) resume(partial, again);
}

void Matcher::resume(const LongWalk& rest, std::size_t begin, std::size_t end) {
  if (running_ != &programs_[rest.program]) select(rest.program);
  std::copy(rest.registers.begin(), rest.registers.end(), registers_.begin());
  const MatchWalk& walk = program_->walks[rest.walk];
  for (std::size_t at = begin; at < end; ++at)
    try_row(walk, (*rest.rows)[at].id, (*rest.rows)[at].row, (*rest.rows)[at].position);
}

void Matcher::enter(std::uint32_t index, bool again) {
  const MatchWalk& walk = program_->walks[index];
  if (walk.kind != Step::Kind::kLookup && is_hopeless(walk)) return;
  if (remote_ != nullptr && !remote_->forward(task_, {index_, index, std::span(registers_).first(program_->registers)}))
    return;
  walk_here(walk, index, again);
}

bool Matcher::is_hopeless(const MatchWalk& walk) const {
  const Handle from{registers_[walk.from]};
  if (from.is_foreign()) return false;
  const ClassRecord& record = graph_.classes[ClassId(from.value)];
  // A class that is new has new members and new parents only: its leader is the oldest of the classes it was made of.
  if (walk.all_old && ClassTable::birth(record.name) >= running_->seen) return true;
  return walk.kind == Step::Kind::kMembers && (record.mask & walk.operators) == 0;
}

void Matcher::walk_here(const MatchWalk& walk, std::uint32_t index, bool again) {
  if (walk.kind == Step::Kind::kLookup) {
    look_up(walk, index);
  } else if (again || walk.repeats) {
    KeptList& kept = kept_[index];
    if (kept.from != registers_[walk.from]) {
      kept.from = registers_[walk.from];
      if (kept.rows == nullptr || kept.rows.use_count() > 1)
        kept.rows = std::make_shared<std::vector<FittingRow>>();
      else
        kept.rows->clear();
      for_each_fitting(walk, index, [&](RowId row, const Row& r, std::uint32_t position) {
        kept.rows->push_back({r, row, position});
      });
    }
    if (leave_long_ && kept.rows->size() > kLongList)
      leave(index, kept.rows);
    else
      for (const FittingRow& row : *kept.rows) try_row(walk, row.id, row.row, row.position);  // never inside itself
  } else if (!leave_long_) {
    for_each_fitting(walk, index,
                     [&](RowId row, const Row& r, std::uint32_t position) { try_row(walk, row, r, position); });
  } else {
    std::shared_ptr<std::vector<FittingRow>> rest;
    std::size_t met = 0;
    for_each_fitting(walk, index, [&](RowId row, const Row& r, std::uint32_t position) {
      if (++met <= kLongList) {
        try_row(walk, row, r, position);
        return;
      }
      if (rest == nullptr) rest = std::make_shared<std::vector<FittingRow>>();
      rest->push_back({r, row, position});
    });
    if (rest != nullptr) leave(index, std::move(rest));
  }
}

void Matcher::leave(std::uint32_t index, std::shared_ptr<const std::vector<FittingRow>> rows) {
  out_.long_walks.push_back({index_, index, registers_, std::move(rows)});
}

// Calls meet(RowId, row, child position) for the rows of a list that have an arm's operator, and its age if all arms
// want the same.
template <class Meet>
void Matcher::for_each_fitting(const MatchWalk& walk, std::uint32_t index, Meet&& meet) {
  const ClassId from(registers_[walk.from]);
  const NodeTable& nodes = graph_.nodes;
  const SymbolTable& symbols = graph_.symbols();
  const std::uint32_t end_of_age = walk.all_old ? running_->seen : 0xffffffffU;
  std::uint64_t visited = 0;
  const auto fits = [&](const Row& r) {
    return r.stamp < end_of_age && !r.symbol.is_none() && walk.arms_for(symbols.op(r.symbol)).end != 0;
  };
  if (walk.kind == Step::Kind::kMembers) {
    for (std::uint32_t at = graph_.classes[from].first_member; at != 0;) {
      const RowId row(at - 1);
      const Row& r = nodes[row];
      at = r.next_member;
      ++visited;
      if (fits(r)) meet(row, r, 0);
    }
  } else {
    for (Edge edge = graph_.first_parent(from); !edge.is_end();) {
      const Edge current = edge;
      const RowId row = nodes.edge_row(current);
      const Row& r = nodes[row];
      edge = nodes.next(edge);
      ++visited;
      if (fits(r)) meet(row, r, nodes.edge_position(current));
    }
  }
  out_.visited[running_->first_walk + index] += visited;
}

void Matcher::look_up(const MatchWalk& walk, std::uint32_t index) {
  std::array<std::uint32_t, kMaxArity> kids;
  for (std::size_t k = 0; k < walk.kids.size(); ++k) {
    kids[k] = registers_[walk.kids[k]];
    if (Handle{kids[k]}.is_foreign()) return;  // a class that this rank does not know has no parents here
  }
  const std::span<const std::uint32_t> key = std::span(kids).first(walk.kids.size());
  const SymbolId symbol = walk.arms.front().symbol;
  ++out_.visited[running_->first_walk + index];
  const RowId row = graph_.nodes.find(NodeTable::hash_key(symbol, key), symbol, key);
  if (!row.is_none()) try_row(walk, row, graph_.nodes[row], 0);
}

bool Matcher::checks_hold(const MatchBranch& branch) const {
  const auto attribute = [&](const Place& place) -> const Value* {
    const std::vector<Value>& values = graph_.symbols()[SymbolId(registers_[place.reg])].attributes;
    return place.position < values.size() ? &values[place.position] : nullptr;
  };
  for (const Check& check : branch.checks) {
    if (check.kind == Check::Kind::kSame) {
      if (!same(registers_[check.a.reg], registers_[check.b.reg])) return false;
    } else if (check.kind == Check::Kind::kDistinct) {
      if (same(registers_[check.a.reg], registers_[check.b.reg])) return false;
    } else if (check.kind == Check::Kind::kGround) {
      const std::uint32_t ground = running_->grounds[check.b.reg];
      if (ground == RunningProgram::kAbsent || !same(registers_[check.a.reg], ground)) return false;
    } else {
      const Value* a = attribute(check.a);
      const Value* b = check.kind == Check::Kind::kConstant ? &check.value : attribute(check.b);
      if (a == nullptr || b == nullptr || !(*a == *b)) return false;
    }
  }
  return true;
}

bool Matcher::conditions_hold(const MatchBranch& branch) const {
  const ProgramPath& path = program_->paths[branch.path];
  const RulePlan& plan = plans_[path.rule];
  const RegisterValues values(graph_, plan, path.places, registers_, remote_);
  return std::ranges::all_of(branch.conditions,
                             [&](std::uint32_t c) { return holds(plan.rule->conditions[c], values); });
}

}  // namespace tessera
