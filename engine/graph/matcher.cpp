#include "engine/graph/matcher.hpp"

#include <algorithm>
#include <array>

#include "engine/base/radix_sort.hpp"
#include "engine/graph/match_values.hpp"

namespace tessera {
namespace {

constexpr std::size_t kLongList = 2048;  // fitting rows; one task does not go on from more if others may help
constexpr std::size_t kMostKept = std::size_t{1} << 20;  // rows of a list that may be copied to go over it again
constexpr std::size_t kWordsOfRow = 4;                   // that an arm loads, more or less
constexpr std::size_t kMostLeft = std::size_t{1} << 22;  // words that a task writes to leave walks to others
constexpr std::size_t kStartRows = 512;                  // of one operator, that go through an arm together
constexpr std::size_t kBatch = std::size_t{1} << 16;     // start rows whose lists are put in order together

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

inline std::uint32_t Matcher::part(const MatchArm& arm, RowId row, const Row& r, std::uint32_t part) const {
  switch (part) {
    case MatchArm::kSymbol:
      return r.symbol.value;
    case MatchArm::kClass:
      return r.class_id;
    default:
      return arm.arity <= NodeTable::kInlineArity ? r.kids[part - MatchArm::kKids]
                                                  : graph_.nodes.kid(row, arm.arity, part - MatchArm::kKids);
  }
}

inline void Matcher::load(const MatchArm& arm, RowId row, const Row& r) {
  for (const MatchArm::Load load : arm.loads) registers_[load.reg] = part(arm, row, r, load.part);
}

inline void Matcher::emit(const MatchBranch::Emit& emit) {
  if (++out_.count[emit.rule] > store_limit_[emit.rule] || !out_.take(emit.slots.size())) return;
  std::uint32_t* to = out_.slots[emit.rule].extend(emit.slots.size());
  if (!emit.has_attributes) {
    for (const Place& place : emit.slots) *to++ = registers_[place.reg];
    return;
  }
  for (const Place& place : emit.slots)
    *to++ = place.position == kNoPosition ? registers_[place.reg]
                                          : AttributeReference::pack(SymbolId(registers_[place.reg]), place.position);
}

inline void Matcher::run_branches(const MatchArm& arm, bool but_only_emits) {
  for (const MatchBranch& branch : arm.branches) {
    if (but_only_emits && branch.only_emits) continue;
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

void Matcher::start(std::uint32_t program, std::span<const RowId> rows, bool put_off) {
  if (running_ != &programs_[program]) select(program);
  const MatchWalk& walk = program_->walks[MatchProgram::kRows];
  out_.visited[running_->first_walk + MatchProgram::kRows] += rows.size();
  for (std::size_t at = 0; at < rows.size(); at += kBatch)
    start_batch(walk, rows.subspan(at, std::min(kBatch, rows.size() - at)), put_off);
}

// Many start rows lead to the same lists. So rows are first checked and emitted from, and then, walk by walk, taken in
// the order of the classes whose lists are walked: each list is gone through once a batch, the table of classes in
// order. Where tasks share the rows, they share the walks anew: by list.
void Matcher::start_batch(const MatchWalk& walk, std::span<const RowId> rows, bool put_off) {
  put_off_.clear();
  put_off_of_.assign(program_->branch_count, kNoPosition);
  for (std::size_t at = 0; at < rows.size();) {
    const OperatorId op = graph_.symbols().op(graph_.nodes[rows[at]].symbol);
    std::size_t end = at + 1;
    while (end < rows.size() && end - at < kStartRows && graph_.symbols().op(graph_.nodes[rows[end]].symbol) == op)
      ++end;
    const MatchWalk::Range range = walk.arms_for(op);
    for (std::uint32_t a = range.begin; a < range.end; ++a)
      start_arm(walk.arms[a], rows.subspan(at, end - at), put_off);
    at = end;
  }
  for (PutOff& batch : put_off_) {
    walk_lists(index_, *batch.arm, batch.walk, batch.rows);
    batch.rows = {};
  }
}

// Branch by branch: what is done for one row after another is then the same.
void Matcher::start_arm(const MatchArm& arm, std::span<const RowId> rows, bool put_off) {
  FittingRows::OfArm& fitting = starts_;
  fitting.count = 0;
  fitting.values.clear();
  start_ids_.clear();
  for (const RowId row : rows) {
    const Row& r = graph_.nodes[row];
    if (!fits(arm, r, 0)) continue;
    for (const MatchArm::Load load : arm.loads) fitting.values.push_back(part(arm, row, r, load.part));
    start_ids_.push_back(row);
    ++fitting.count;
  }
  for (const MatchBranch& branch : arm.branches) {
    std::uint64_t& passed = out_.passed[running_->first_branch + branch.id];
    if (branch.only_emits) {
      passed += fitting.count;
      for (const MatchBranch::Emit& e : branch.emits) emit_rows(arm, e, fitting.values, fitting.count);
      continue;
    }
    const std::uint32_t* value = fitting.values.data();
    for (const RowId row : start_ids_) {
      for (const MatchArm::Load load : arm.loads) registers_[load.reg] = *value++;
      if (!branch.checks.empty() && !checks_hold(branch)) continue;
      if (!branch.conditions.empty() && !conditions_hold(branch)) continue;
      ++passed;
      for (const MatchBranch::Emit& e : branch.emits) emit(e);
      if (put_off)
        put_off_for_all(branch, row);
      else
        put_off_here(branch, arm, row);
    }
  }
}

inline void Matcher::put_off_here(const MatchBranch& branch, const MatchArm& arm, RowId row) {
  if (put_off_of_[branch.id] == kNoPosition) {
    put_off_of_[branch.id] = static_cast<std::uint32_t>(put_off_.size());
    for (const std::uint32_t w : branch.walks) put_off_.push_back({w, &arm, {}});
  }
  for (std::size_t w = 0; w < branch.walks.size(); ++w)
    put_off_[put_off_of_[branch.id] + w].rows.push_back(list_of(branch.walks[w]) << 32 | row.value);
}

inline void Matcher::put_off_for_all(const MatchBranch& branch, RowId row) const {
  for (const std::uint32_t w : branch.walks) {
    std::vector<GrowingArray<std::uint64_t>>& buckets = out_.put_off[running_->first_walk + w].buckets;
    if (buckets.empty()) buckets.resize(PutOffWalks::kBuckets);
    const std::uint64_t list = list_of(w);
    const bool has_list = program_->walks[w].kind != Step::Kind::kLookup;
    const auto name = has_list ? static_cast<std::uint32_t>(list) : row.value;
    *buckets[PutOffWalks::bucket_of(name)].extend(1) = list << 32 | row.value;
  }
}

inline std::uint64_t Matcher::list_of(std::uint32_t walk) const {
  const MatchWalk& next = program_->walks[walk];
  return next.kind == Step::Kind::kLookup ? 0 : registers_[next.from];
}

void Matcher::walk_lists(std::uint32_t program, const MatchArm& arm, std::uint32_t walk,
                         std::vector<std::uint64_t>& rows) {
  if (running_ != &programs_[program]) select(program);
  const bool has_list = program_->walks[walk].kind != Step::Kind::kLookup;
  if (has_list) sort_by_upper_half(rows, scratch_);
  std::uint64_t last = ~std::uint64_t{0};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (has_list && i + 2 * kAhead < rows.size()) {
      graph_.nodes.prefetch_row(RowId(static_cast<std::uint32_t>(rows[i + 2 * kAhead])));
      prefetch_class(Handle{static_cast<std::uint32_t>(rows[i + 2 * kAhead] >> 32)});
    }
    if (has_list && i + kAhead < rows.size())
      prefetch_list(program_->walks[walk].kind, Handle{static_cast<std::uint32_t>(rows[i + kAhead] >> 32)});
    const std::uint64_t list = rows[i] >> 32;
    const bool again = list == last || (i + 1 < rows.size() && rows[i + 1] >> 32 == list);
    last = list;
    const RowId row(static_cast<std::uint32_t>(rows[i]));
    load(arm, row, graph_.nodes[row]);
    enter(walk, has_list && again);
  }
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

const MatchWalk& Matcher::take_up(std::uint32_t program, std::uint32_t walk, std::span<const std::uint32_t> carried) {
  if (running_ != &programs_[program]) select(program);
  const MatchWalk& of = program_->walks[walk];
  for (std::size_t c = 0; c < carried.size(); ++c) registers_[of.carried[c].reg] = carried[c];
  return of;
}

void Matcher::resume(const CarriedMatch& partial, bool again) {
  walk_here(take_up(partial.program, partial.walk, partial.carried), partial.walk, again);
}

void Matcher::arrive(const CarriedMatch& partial, bool again) {
  const MatchWalk& walk = take_up(partial.program, partial.walk, partial.carried);
  const std::span<const std::uint32_t> registers(registers_.data(), program_->registers);
  if (remote_->forward(task_, {partial.program, partial.walk, registers, partial.met}))
    walk_here(walk, partial.walk, again);
}

void Matcher::resume(const LongWalk& rest, std::size_t begin, std::size_t end) {
  if (running_ != &programs_[rest.program]) select(rest.program);
  std::copy(rest.registers.begin(), rest.registers.end(), registers_.begin());
  const MatchWalk& walk = program_->walks[rest.walk];
  std::size_t first = 0;  // the arm's, among the rows of all arms
  for (std::size_t a = 0; a < walk.arms.size() && first < end; ++a) {
    const FittingRows::OfArm& rows = rest.rows->arms[a];
    const std::size_t after = first + rows.count;
    if (begin < after) try_rows(walk.arms[a], rows, std::max(begin, first) - first, std::min(end, after) - first);
    first = after;
  }
}

void Matcher::resume(std::uint32_t program, std::uint32_t walk, std::span<const std::uint32_t> carried,
                     const FittingRows& rows) {
  try_all(take_up(program, walk, carried), rows);
}

void Matcher::collect(std::uint32_t program, std::uint32_t walk, std::span<const ClassId> list, FittingRows& rows) {
  if (running_ != &programs_[program]) select(program);
  const MatchWalk& of = program_->walks[walk];
  rows.arms.resize(of.arms.size());
  if (of.kind != Step::Kind::kLookup) {
    registers_[of.from] = list.front().value;
    for_each_fitting(of, walk,
                     [&](RowId row, const Row& r, std::uint32_t position) { add_fitting(of, row, r, position, rows); });
    return;
  }
  for (std::size_t k = 0; k < list.size(); ++k) registers_[of.kids[k]] = list[k].value;
  const RowId row = find_row(of, walk);
  if (!row.is_none()) add_fitting(of, row, graph_.nodes[row], 0, rows);
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
    return;
  }
  if (!again && !walk.repeats) {
    walk_list(walk, index);
    return;
  }
  KeptList& kept = kept_[index];
  if (kept.from != registers_[walk.from]) keep(walk, index, kept);
  if (kept.too_long) {
    walk_list(walk, index);
  } else if (leave_long_ && kept.rows->count > kLongList && out_.left_words < kMostLeft) {
    if (kept.rows.use_count() == 1) out_.left_words += kept.rows->count * kWordsOfRow;
    leave(index, kept.rows);
  } else {
    try_all(walk, *kept.rows);  // which stay as they are: a walk is never inside itself
  }
}

void Matcher::try_all(const MatchWalk& walk, const FittingRows& rows) {
  for (std::size_t a = 0; a < walk.arms.size(); ++a)
    if (rows.arms[a].count != 0) try_rows(walk.arms[a], rows.arms[a], 0, rows.arms[a].count);
}

void Matcher::walk_list(const MatchWalk& walk, std::uint32_t index) {
  if (!leave_long_) {
    for_each_fitting(walk, index,
                     [&](RowId row, const Row& r, std::uint32_t position) { try_row(walk, row, r, position); });
    return;
  }
  std::shared_ptr<FittingRows> rest;
  std::size_t met = 0;
  for_each_fitting(walk, index, [&](RowId row, const Row& r, std::uint32_t position) {
    if (++met <= kLongList || out_.left_words >= kMostLeft) {
      try_row(walk, row, r, position);
      return;
    }
    if (rest == nullptr) {
      rest = std::make_shared<FittingRows>();
      rest->arms.resize(walk.arms.size());
    }
    const std::size_t before = rest->count;
    add_fitting(walk, row, r, position, *rest);
    out_.left_words += (rest->count - before) * kWordsOfRow;
  });
  if (rest != nullptr) leave(index, std::move(rest));
}

void Matcher::keep(const MatchWalk& walk, std::uint32_t index, KeptList& kept) {
  kept.from = registers_[walk.from];
  kept.too_long = false;
  if (kept.rows == nullptr || kept.rows.use_count() > 1) kept.rows = std::make_shared<FittingRows>();
  FittingRows& rows = *kept.rows;
  rows.count = 0;
  rows.arms.resize(walk.arms.size());
  for (FittingRows::OfArm& of_arm : rows.arms) {
    of_arm.count = 0;
    of_arm.values.clear();
  }
  for_each_fitting(walk, index, [&](RowId row, const Row& r, std::uint32_t position) {
    if (rows.count < kMostKept) add_fitting(walk, row, r, position, rows);
  });
  if (rows.count < kMostKept) return;
  kept.too_long = true;
  kept.rows.reset();
}

inline void Matcher::add_fitting(const MatchWalk& walk, RowId row, const Row& r, std::uint32_t position,
                                 FittingRows& rows) const {
  const MatchWalk::Range range = walk.arms_for(graph_.symbols().op(r.symbol));
  for (std::uint32_t a = range.begin; a < range.end; ++a) {
    const MatchArm& arm = walk.arms[a];
    if (!fits(arm, r, position)) continue;
    FittingRows::OfArm& of_arm = rows.arms[a];
    ++of_arm.count;
    ++rows.count;
    for (const MatchArm::Load load : arm.loads) of_arm.values.push_back(part(arm, row, r, load.part));
  }
}

void Matcher::leave(std::uint32_t index, std::shared_ptr<const FittingRows> rows) {
  out_.left_words += registers_.size();
  out_.long_walks.push_back({index_, index, registers_, std::move(rows)});
}

void Matcher::try_rows(const MatchArm& arm, const FittingRows::OfArm& rows, std::size_t begin, std::size_t end) {
  const std::size_t columns = arm.loads.size();
  const std::span<const std::uint32_t> values =
      std::span(rows.values).subspan(begin * columns, (end - begin) * columns);
  bool all_emit = true;
  for (const MatchBranch& branch : arm.branches) {
    all_emit = all_emit && branch.only_emits;
    if (!branch.only_emits) continue;
    out_.passed[running_->first_branch + branch.id] += end - begin;
    for (const MatchBranch::Emit& e : branch.emits) emit_rows(arm, e, values, end - begin);
  }
  if (all_emit) return;
  const std::uint32_t* value = values.data();
  for (std::size_t i = begin; i < end; ++i) {
    for (const MatchArm::Load load : arm.loads) registers_[load.reg] = *value++;
    run_branches(arm, true);
  }
}

// One match a row: what the row gives and what was bound before, column by column.
void Matcher::emit_rows(const MatchArm& arm, const MatchBranch::Emit& emit, std::span<const std::uint32_t> values,
                        std::size_t count) {
  std::uint64_t& found = out_.count[emit.rule];
  const std::uint64_t room = store_limit_[emit.rule] - std::min(found, store_limit_[emit.rule]);
  found += count;
  const std::size_t stored = static_cast<std::size_t>(std::min<std::uint64_t>(count, room));
  const std::size_t columns = arm.loads.size();
  const std::size_t slots = emit.slots.size();
  if (!out_.take(stored * slots)) return;
  std::uint32_t* to = out_.slots[emit.rule].extend(stored * slots);
  for (std::size_t s = 0; s < slots; ++s) {
    if (emit.columns[s] == kNoPosition) {
      const std::uint32_t value = registers_[emit.slots[s].reg];
      for (std::size_t i = 0; i < stored; ++i) to[i * slots + s] = value;
    } else {
      const std::uint32_t* from = values.data() + emit.columns[s];
      for (std::size_t i = 0; i < stored; ++i) to[i * slots + s] = from[i * columns];
    }
  }
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

inline RowId Matcher::find_row(const MatchWalk& walk, std::uint32_t index) {
  std::array<std::uint32_t, kMaxArity> kids;
  for (std::size_t k = 0; k < walk.kids.size(); ++k) {
    kids[k] = registers_[walk.kids[k]];
    if (Handle{kids[k]}.is_foreign()) return {};  // a class that this rank does not know has no parents here
  }
  const std::span<const std::uint32_t> key = std::span(kids).first(walk.kids.size());
  const SymbolId symbol = walk.arms.front().symbol;
  ++out_.visited[running_->first_walk + index];
  return graph_.nodes.find(NodeTable::hash_key(symbol, key), symbol, key);
}

void Matcher::look_up(const MatchWalk& walk, std::uint32_t index) {
  const RowId row = find_row(walk, index);
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
