// The plans of many rules as one program, in which common work is done once. Variants are merged into a tree of
// *walks*: a walk is one pass over a list of rows (the start rows of an operator, the members of a class, the parents
// of a class) or one look-up; its *arms* say which rows it wants (operator, age, child position); an arm's *branches*
// check what was bound and then emit matches or walk on. So rules whose left sides begin alike share the beginning, and
// all rules that want to see one class's list see it in one pass. (A trie of steps in the spirit of Rete, Forgy,
// Artificial Intelligence 1982, without its memories.) A row binds *registers*, numbered by the path: symbol, class,
// children. Rules' slots are read from registers at the end only; so two rules may share a path whatever they call
// their variables.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/rule/plan.hpp"

namespace tessera {

inline constexpr std::uint32_t kNoPosition = 0xffffffffU;

// Where a slot's value is found: a register with a class, or an attribute of the symbol in a register.
struct Place {
  std::uint32_t reg = 0;
  std::uint32_t position = kNoPosition;  // of the attribute
  friend bool operator==(const Place&, const Place&) = default;
};

struct Check {
  enum class Kind : std::uint8_t {
    kSame,       // registers a and b hold the same class
    kDistinct,   // registers a and b hold different classes
    kGround,     // register a holds the class of ground symbol number b
    kConstant,   // the attribute at `a` has the value
    kAttribute,  // the attributes at `a` and `b` are equal
  };
  Kind kind = Kind::kSame;
  Place a;
  Place b;
  Value value;
  friend bool operator==(const Check&, const Check&) = default;
};

// A childless symbol whose class is looked up once a phase; it counts as absent if its row has not the age.
struct GroundSymbol {
  SymbolId symbol;
  Age age = Age::kAny;
  friend bool operator==(const GroundSymbol&, const GroundSymbol&) = default;
};

// One variant's way through the program.
struct ProgramPath {
  std::uint32_t rule = 0;
  std::uint32_t variant = 0;
  std::vector<Place> places;  // by slot of the rule's plan, all bindings
  struct Stage {
    std::uint32_t walk = 0;
    std::uint32_t branch = 0;
  };
  std::vector<Stage> stages;
};

struct MatchBranch {
  std::uint32_t id = 0;  // numbers the branches of a program
  std::vector<Check> checks;
  std::vector<std::uint32_t> conditions;  // of the rule of `path`
  std::uint32_t path = 0;                 // whose conditions
  std::vector<std::uint32_t> walks;
  struct Emit {
    std::uint32_t rule = 0;
    bool has_attributes = false;
    std::vector<Place> slots;            // of the match
    std::vector<std::uint32_t> columns;  // by slot: which of the arm's loads it is, kNoPosition: bound further up
  };
  std::vector<Emit> emits;
  bool only_emits = false;  // classes: every row of the arm is a match
};

// A register that goes to another rank, as part of a partial match or of a row that fits one.
struct Carried {
  std::uint32_t reg = 0;
  bool is_symbol = false;
  bool needs_data = false;
  bool local = false;  // must be one of the receiver's own classes if the receiver knows it
};

struct MatchArm {
  OperatorId op;
  SymbolId symbol;  // none: any of the operator with this arity
  std::uint32_t arity = 0;
  std::uint32_t via = 0;  // kParents: child position
  Age age = Age::kAny;
  // What of a matching row is put into registers: only what is read later.
  struct Load {
    std::uint32_t reg;
    std::uint32_t part;  // kSymbol, kClass, or kKids + child position
  };
  static constexpr std::uint32_t kSymbol = 0;
  static constexpr std::uint32_t kClass = 1;
  static constexpr std::uint32_t kKids = 2;
  std::uint32_t base = 0;  // registers base: symbol, base + 1: class, base + 2 + i: child i
  std::vector<Load> loads;
  std::vector<Carried> brought;  // by load: what a row must bring along to the partial matches of another rank
  std::vector<MatchBranch> branches;
};

struct MatchWalk {
  Step::Kind kind = Step::Kind::kScan;
  std::uint32_t from = 0;           // register: the class whose list it is
  std::vector<std::uint32_t> kids;  // kLookup: registers of the children
  std::uint64_t operators = 0;      // mask of the arms' operators
  bool all_old = true;              // every arm wants old rows
  bool repeats = false;        // the list does not depend on the row above: it is the same for one row after another
  std::vector<MatchArm> arms;  // ordered by operator
  struct Range {
    std::uint16_t begin = 0;
    std::uint16_t end = 0;
  };
  std::vector<Range> arms_of;  // by operator; operators beyond have none
  [[nodiscard]] Range arms_for(OperatorId op) const { return op.value < arms_of.size() ? arms_of[op.value] : Range{}; }
  std::vector<Carried> carried;           // what a partial match must bring along to another rank
  std::vector<std::uint32_t> list_names;  // which of `carried` say whose list it is: `from`, or `kids`
};

struct MatchProgram {
  std::vector<MatchWalk> walks;  // the first: from start rows; the second: from classes (bare variables)
  std::vector<ProgramPath> paths;
  std::vector<GroundSymbol> grounds;
  // A class that a rule is given; the first registers hold them, before a walk begins and on every rank.
  struct Given {
    std::uint32_t rule = 0;
    std::uint32_t index = 0;  // among RulePlan::given_slots
  };
  std::vector<Given> givens;
  std::uint32_t registers = 0;  // with those of `givens`
  std::uint32_t branch_count = 0;
  std::vector<std::uint32_t> walk_users;    // paths through each walk
  std::vector<std::uint32_t> branch_users;  // paths through each branch

  static constexpr std::uint32_t kRows = 0;
  static constexpr std::uint32_t kClasses = 1;
};

// A variant of a rule that takes part.
struct ProgramEntry {
  std::uint32_t rule = 0;
  std::uint32_t variant = 0;
  friend bool operator==(const ProgramEntry&, const ProgramEntry&) = default;
};

// The same on all ranks for the same plans. `plans` may be changed or go away afterwards; their rules may not.
[[nodiscard]] MatchProgram compile_program(std::span<const RulePlan> plans, std::span<const ProgramEntry> entries);

}  // namespace tessera
