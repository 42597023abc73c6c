// Match plans. A left side of k operators ("atoms") compiles to k variants for semi-naive matching (as egglog does,
// Zhang et al., PLDI 2023): variant i starts from the rows of atom i that are new since the rule last ran, demands old
// rows for atoms before i and takes any for atoms after i, so that a match is found exactly once, in the iteration it
// becomes possible. An atom's number is its place in the pattern, root first; in which order a variant visits the atoms
// after its start is the planner's choice (rule/planner.hpp), from statistics. A rule that never ran uses variant 0
// alone, over all rows. A match is a row of 32-bit slots: a handle of a class for each class position of the left side
// that the right side needs, and a reference into the symbol table for each such attribute variable.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/ids.hpp"
#include "engine/language/symbol_table.hpp"
#include "engine/rule/rule.hpp"
#include "engine/rule/statistics.hpp"

namespace tessera {

inline constexpr std::uint32_t kMaxSlots = 48;
inline constexpr std::uint32_t kNoSlot = 0xffffffffU;

enum class Age : std::uint8_t { kAny, kOld, kNew };

// What to do with one position of a matched row: bind the slot, or compare with what is bound.
struct SlotAction {
  std::uint32_t position = 0;  // child or attribute index
  std::uint32_t slot = 0;
  bool bind = true;
};

struct ConstantCheck {
  std::uint32_t position = 0;  // attribute index
  Value value;
};

struct Step {
  enum class Kind : std::uint8_t {
    kScan,     // the start: rows of the operator with the right age
    kClasses,  // the start of a pattern that is a bare variable: classes that are new
    kMembers,  // rows of the class in slot `from`
    kParents,  // rows that have the class in slot `from` as their child number `via`
    kLookup,   // the row with these children, all bound: found in the hashcons
    kGround,   // the class in slot `from` is that of the row of a childless symbol, looked up once for all
  };
  Kind kind = Kind::kScan;
  Age age = Age::kAny;
  OperatorId op;
  SymbolId symbol;  // when the atom fixes operator, attributes and arity; none otherwise
  std::uint32_t arity = 0;
  std::uint32_t from = kNoSlot;
  std::uint32_t via = 0;
  SlotAction class_action;  // of the row's class; position unused
  bool has_class_action = true;
  std::vector<SlotAction> kids;
  std::vector<SlotAction> attributes;
  std::vector<ConstantCheck> constants;
  std::vector<std::uint32_t> conditions;  // of the rule: those whose last variable this step binds
  std::vector<std::pair<std::uint32_t, std::uint32_t>> distinct;  // slots, likewise: their classes must differ
  // The planner's estimates, for one start row: rows looked at, partial matches that are left after the step.
  double visited_per_start = 1;
  double bindings_per_start = 1;
};

struct Variant {
  std::vector<Step> steps;  // one an atom; the first is the start
};

enum class SlotKind : std::uint8_t { kClass, kAttribute };

struct RulePlan {
  const Rule* rule = nullptr;
  std::uint32_t slot_count = 0;              // of a match: those that the right side needs, numbered first
  std::uint32_t binding_count = 0;           // all that the left side binds
  std::vector<SlotKind> slot_kind;           // per binding; so for the next
  std::vector<bool> needs_data;              // e-class data is read by a condition, a let or the right side
  std::vector<std::uint32_t> term_slot;      // per term of the left side: the slot of its class
  std::vector<std::uint32_t> atoms;          // terms of the left side that are operators, root first
  std::vector<std::uint32_t> variable_slot;  // per variable; kNoSlot for lets
  std::uint32_t root_slot = 0;
  std::vector<std::uint32_t> given_slots;  // of Rule::given_variables: bound before a match begins
  std::vector<Variant> variants;

  // Right side, bottom-up. A node's children are variables' slots or earlier nodes.
  struct Operand {
    bool is_slot = true;
    std::uint32_t index = 0;  // slot, or right-side node
  };
  struct Build {
    OperatorId op;
    SymbolId symbol;  // none: attributes are computed for each match
    std::vector<AttributeExpression> attributes;
    std::vector<Operand> kids;
    std::uint32_t height = 0;          // 0: all children are slots
    std::uint32_t computed = kNoSlot;  // index among the rule's computed symbols
  };
  std::vector<Build> builds;  // the last one is the root; empty when the right side is a variable
  Operand right_root;         // when builds is empty: the slot
  std::uint32_t height = 0;   // waves needed
  std::uint32_t computed_symbols = 0;
};

// Interns the constant symbols that the rule mentions; all ranks must call it in the same order.
// The rule must outlive the plan. Throws Error(kInput) when the rule needs more than kMaxSlots slots.
RulePlan compile(const Rule& rule, SymbolTable& symbols);

// Orders the atoms of every variant anew by these statistics. Returns whether an order changed.
bool replan(RulePlan& plan, const SymbolTable& symbols, const GraphStatistics& statistics);

}  // namespace tessera
