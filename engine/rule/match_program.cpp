#include "engine/rule/match_program.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "engine/base/check.hpp"

namespace tessera {
namespace {

std::uint64_t mask_bit(OperatorId op) { return std::uint64_t{1} << (op.value & 63U); }

class ProgramCompiler {
 public:
  explicit ProgramCompiler(std::span<const RulePlan> plans) : plans_(plans) {
    program_.walks.resize(2);
    program_.walks[MatchProgram::kClasses].kind = Step::Kind::kClasses;
  }

  MatchProgram run(std::span<const ProgramEntry> entries) {
    number_givens(entries);
    for (const ProgramEntry& entry : entries) insert(entry);
    program_.walk_users.assign(program_.walks.size(), 0);
    program_.branch_users.assign(program_.branch_count, 0);
    for (const ProgramPath& path : program_.paths) {
      for (const ProgramPath::Stage& stage : path.stages) {
        ++program_.walk_users[stage.walk];
        ++program_.branch_users[stage.branch];
      }
    }
    note_uses();
    finish_walk(MatchProgram::kRows);
    finish_walk(MatchProgram::kClasses);
    return std::move(program_);
  }

 private:
  using Registers = std::vector<bool>;  // by number

  // A step that visits rows, with the checks of the ground symbols that follow it.
  struct Stage {
    const Step* step;
    std::vector<const Step*> grounds;
    std::vector<std::uint32_t> conditions;
  };

  void number_givens(std::span<const ProgramEntry> entries) {
    for (const ProgramEntry& entry : entries) {
      if (!first_given_.emplace(entry.rule, static_cast<std::uint32_t>(program_.givens.size())).second) continue;
      for (std::uint32_t i = 0; i < plans_[entry.rule].given_slots.size(); ++i)
        program_.givens.push_back({entry.rule, i});
    }
    program_.registers = first_register();
  }
  [[nodiscard]] std::uint32_t first_register() const { return static_cast<std::uint32_t>(program_.givens.size()); }

  void insert(const ProgramEntry& entry) {
    const RulePlan& plan = plans_[entry.rule];
    const auto path_index = static_cast<std::uint32_t>(program_.paths.size());
    ProgramPath path{entry.rule, entry.variant, std::vector<Place>(plan.binding_count), {}};
    std::vector<bool> bound(plan.binding_count, false);
    for (std::uint32_t i = 0; i < plan.given_slots.size(); ++i) {
      path.places[plan.given_slots[i]] = {first_given_.at(entry.rule) + i, kNoPosition};
      bound[plan.given_slots[i]] = true;
    }
    std::vector<Stage> stages;
    for (const Step& step : plan.variants[entry.variant].steps) {
      if (step.kind == Step::Kind::kGround)
        stages.back().grounds.push_back(&step);
      else
        stages.push_back({&step, {}, {}});
      Stage& stage = stages.back();
      stage.conditions.insert(stage.conditions.end(), step.conditions.begin(), step.conditions.end());
    }
    std::uint32_t base = first_register();
    std::uint32_t base_above = base;
    MatchBranch* branch = nullptr;
    for (const Stage& stage : stages) {
      const Step& step = *stage.step;
      const std::uint32_t walk = find_walk(branch, base_above, step, path);
      MatchArm& arm = find_arm(program_.walks[walk], step, base);
      std::vector<Check> checks = bind(step, base, bound, path);
      for (const Step* ground : stage.grounds)
        checks.push_back({Check::Kind::kGround,
                          path.places[ground->from],
                          {ground_number({ground->symbol, ground->age}), kNoPosition},
                          {}});
      branch = &find_branch(arm, checks, stage.conditions, path_index);
      path.stages.push_back({walk, branch->id});
      base_above = base;
      base += 2 + step.arity;
    }
    program_.registers = std::max(program_.registers, base);
    MatchBranch::Emit emit{entry.rule, false, {path.places.begin(), path.places.begin() + plan.slot_count}, {}};
    emit.has_attributes =
        std::ranges::any_of(emit.slots, [](const Place& place) { return place.position != kNoPosition; });
    branch->emits.push_back(std::move(emit));
    program_.paths.push_back(std::move(path));
  }

  // The walk that the step asks for, below the branch; made if there is none.
  std::uint32_t find_walk(MatchBranch* branch, std::uint32_t base_above, const Step& step, const ProgramPath& path) {
    if (branch == nullptr) return step.kind == Step::Kind::kClasses ? MatchProgram::kClasses : MatchProgram::kRows;
    MatchWalk wanted;
    wanted.kind = step.kind;
    if (step.kind == Step::Kind::kLookup) {
      for (const SlotAction& kid : step.kids) wanted.kids.push_back(path.places[kid.slot].reg);
      looked_up_.insert(wanted.kids.begin(), wanted.kids.end());
    } else {
      wanted.from = path.places[step.from].reg;
      wanted.repeats = wanted.from < base_above;
    }
    for (const std::uint32_t w : branch->walks) {
      const MatchWalk& walk = program_.walks[w];
      if (walk.kind == wanted.kind && walk.from == wanted.from && walk.kids == wanted.kids &&
          (walk.kind != Step::Kind::kLookup || walk.arms.front().symbol == step.symbol))
        return w;
    }
    const auto made = static_cast<std::uint32_t>(program_.walks.size());
    branch->walks.push_back(made);
    program_.walks.push_back(std::move(wanted));  // `branch` lives in an arm, and arms' storage does not move with this
    return made;
  }

  static MatchArm& find_arm(MatchWalk& walk, const Step& step, std::uint32_t base) {
    for (MatchArm& arm : walk.arms)
      if (arm.op == step.op && arm.symbol == step.symbol && arm.arity == step.arity && arm.via == step.via &&
          arm.age == step.age)
        return arm;
    walk.operators |= step.op.is_none() ? 0 : mask_bit(step.op);
    walk.all_old = walk.all_old && step.age == Age::kOld;
    return walk.arms.emplace_back(MatchArm{step.op, step.symbol, step.arity, step.via, step.age, base, {}, {}, {}});
  }

  // Gives the slots that the step binds their places, and says what must be compared.
  std::vector<Check> bind(const Step& step, std::uint32_t base, std::vector<bool>& bound, ProgramPath& path) {
    std::vector<Check> checks;
    const auto meet = [&](std::uint32_t slot, Place place, Check::Kind kind) {
      if (!bound[slot]) {
        bound[slot] = true;
        path.places[slot] = place;
      } else {
        checks.push_back({kind, path.places[slot], place, {}});
      }
    };
    // In a look-up the children are what was looked for.
    if (step.kind != Step::Kind::kLookup)
      for (const SlotAction& kid : step.kids)
        meet(kid.slot, {base + 2 + kid.position, kNoPosition}, Check::Kind::kSame);
    if (step.has_class_action) meet(step.class_action.slot, {base + 1, kNoPosition}, Check::Kind::kSame);
    for (const ConstantCheck& constant : step.constants)
      checks.push_back({Check::Kind::kConstant, {base, constant.position}, {}, constant.value});
    for (const SlotAction& attribute : step.attributes)
      meet(attribute.slot, {base, attribute.position}, Check::Kind::kAttribute);
    for (const auto& [a, b] : step.distinct)
      checks.push_back({Check::Kind::kDistinct, path.places[a], path.places[b], {}});
    return checks;
  }

  std::uint32_t ground_number(const GroundSymbol& ground) {
    const auto found = std::ranges::find(program_.grounds, ground);
    if (found == program_.grounds.end()) {
      program_.grounds.push_back(ground);
      return static_cast<std::uint32_t>(program_.grounds.size()) - 1;
    }
    return static_cast<std::uint32_t>(found - program_.grounds.begin());
  }

  // Conditions belong to one rule: a branch that has any is not shared.
  MatchBranch& find_branch(MatchArm& arm, const std::vector<Check>& checks,
                           const std::vector<std::uint32_t>& conditions, std::uint32_t path) {
    if (conditions.empty())
      for (MatchBranch& branch : arm.branches)
        if (branch.conditions.empty() && branch.checks == checks) return branch;
    return arm.branches.emplace_back(MatchBranch{program_.branch_count++, checks, conditions, path, {}, {}, false});
  }

  // How the paths through each walk use the registers.
  void note_uses() {
    uses_.assign(program_.walks.size() * program_.registers, 0);
    for (const ProgramPath& path : program_.paths) {
      for (std::uint32_t slot = 0; slot < path.places.size(); ++slot) {
        const std::uint8_t use = path.places[slot].position != kNoPosition ? kSymbolUse
                                 : plans_[path.rule].needs_data[slot]      ? kDataUse
                                                                           : 0;
        if (use == 0) continue;
        for (const ProgramPath::Stage& stage : path.stages)
          uses_[std::size_t{stage.walk} * program_.registers + path.places[slot].reg] |= use;
      }
    }
  }

  // What is read of the registers below a walk; bottom-up.
  Registers finish_walk(std::uint32_t index) {
    Registers read(program_.registers);
    for (MatchArm& arm : program_.walks[index].arms) {
      Registers of_arm(program_.registers);
      for (MatchBranch& branch : arm.branches) {
        for (const Check& check : branch.checks) {
          of_arm[check.a.reg] = true;
          if (check.kind != Check::Kind::kGround && check.kind != Check::Kind::kConstant) of_arm[check.b.reg] = true;
        }
        if (!branch.conditions.empty())
          for (const Place& place : program_.paths[branch.path].places) of_arm[place.reg] = true;
        for (const MatchBranch::Emit& emit : branch.emits)
          for (const Place& place : emit.slots) of_arm[place.reg] = true;
        for (const std::uint32_t walk : branch.walks) {
          const Registers below = finish_walk(walk);
          for (std::uint32_t reg = 0; reg < below.size(); ++reg) of_arm[reg] = of_arm[reg] || below[reg];
        }
      }
      for (std::uint32_t reg = first_register(); reg < arm.base; ++reg) read[reg] = read[reg] || of_arm[reg];
      for (std::uint32_t reg = arm.base; reg < arm.base + 2 + arm.arity; ++reg)
        if (of_arm[reg]) arm.loads.push_back({reg, reg - arm.base});  // registers are numbered as parts are
      for (const MatchArm::Load load : arm.loads)
        arm.brought.push_back({load.reg, load.part == MatchArm::kSymbol, (use_of(index, load.reg) & kDataUse) != 0,
                               looked_up_.contains(load.reg)});
      for (MatchBranch& branch : arm.branches) note_columns(arm, branch);
    }
    MatchWalk& walk = program_.walks[index];
    if (index > MatchProgram::kClasses) {
      for (const std::uint32_t kid : walk.kids) read[kid] = true;
      if (walk.kind != Step::Kind::kLookup) read[walk.from] = true;
    }
    for (std::uint32_t reg = 0; reg < read.size(); ++reg) {
      if (!read[reg]) continue;
      const bool local = looked_up_.contains(reg) || (walk.kind != Step::Kind::kLookup && reg == walk.from);
      const std::uint8_t use = use_of(index, reg);
      walk.carried.push_back({reg, (use & kSymbolUse) != 0, (use & kDataUse) != 0, local});
    }
    if (index > MatchProgram::kClasses) name_list(walk);
    order_arms(walk);
    return read;
  }

  [[nodiscard]] std::uint8_t use_of(std::uint32_t walk, std::uint32_t reg) const {
    return uses_[std::size_t{walk} * program_.registers + reg];
  }

  static void name_list(MatchWalk& walk) {
    const auto name = [&](std::uint32_t reg) {
      const auto at = std::ranges::find(walk.carried, reg, &Carried::reg);
      walk.list_names.push_back(static_cast<std::uint32_t>(at - walk.carried.begin()));
    };
    if (walk.kind == Step::Kind::kLookup)
      for (const std::uint32_t kid : walk.kids) name(kid);
    else
      name(walk.from);
  }

  static void note_columns(const MatchArm& arm, MatchBranch& branch) {
    branch.only_emits = branch.checks.empty() && branch.conditions.empty() && branch.walks.empty();
    for (MatchBranch::Emit& emit : branch.emits) {
      branch.only_emits = branch.only_emits && !emit.has_attributes;
      for (const Place& place : emit.slots) {
        const auto load = std::ranges::find(arm.loads, place.reg, &MatchArm::Load::reg);
        const auto column = static_cast<std::uint32_t>(load - arm.loads.begin());
        emit.columns.push_back(load == arm.loads.end() ? kNoPosition : column);
      }
    }
  }

  static void order_arms(MatchWalk& walk) {
    std::stable_sort(walk.arms.begin(), walk.arms.end(),
                     [](const MatchArm& a, const MatchArm& b) { return a.op < b.op; });
    for (std::size_t a = 0; a < walk.arms.size(); ++a) {
      const std::uint32_t op = walk.arms[a].op.value;
      if (walk.arms[a].op.is_none()) continue;
      if (op >= walk.arms_of.size()) walk.arms_of.resize(op + 1);
      if (walk.arms_of[op].end == 0) walk.arms_of[op].begin = static_cast<std::uint16_t>(a);
      walk.arms_of[op].end = static_cast<std::uint16_t>(a + 1);
    }
  }

  static constexpr std::uint8_t kSymbolUse = 1;
  static constexpr std::uint8_t kDataUse = 2;

  std::span<const RulePlan> plans_;
  MatchProgram program_;
  std::map<std::uint32_t, std::uint32_t> first_given_;  // by rule: its first register for what it is given
  std::vector<std::uint8_t> uses_;                      // by walk and register
  std::set<std::uint32_t> looked_up_;                   // children of look-ups, of any path
};

}  // namespace

MatchProgram compile_program(std::span<const RulePlan> plans, std::span<const ProgramEntry> entries) {
  return ProgramCompiler(plans).run(entries);
}

}  // namespace tessera
