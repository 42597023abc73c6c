// Runs match programs (rule/match_program.hpp) over one rank's rows. Reads the frozen e-graph only, so any number of
// matchers may run at once, each with an output of its own. Where the class to walk into has members or parents on
// other ranks, the partial match is handed to a Remote, which takes it there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/cache_padded.hpp"
#include "engine/base/growing_array.hpp"
#include "engine/graph/egraph.hpp"
#include "engine/rule/match_program.hpp"

namespace tessera {

// A class as a match slot holds it: a ClassId of this rank, or (top bit set) an index into the table of classes that
// partial matches from other ranks brought along.
struct Handle {
  static constexpr std::uint32_t kForeign = 0x80000000U;
  std::uint32_t value = 0;
  [[nodiscard]] bool is_foreign() const { return (value & kForeign) != 0; }
  [[nodiscard]] std::uint32_t foreign_index() const { return value & ~kForeign; }
};

// A program with what it needs to run in one phase.
struct RunningProgram {
  static constexpr std::uint32_t kAbsent = 0xffffffffU;
  const MatchProgram* program = nullptr;
  std::uint32_t seen = 0;              // rows with a stamp below it are old
  std::vector<std::uint32_t> grounds;  // handle of each ground symbol's class, or kAbsent
  std::vector<std::uint32_t> givens;   // handle of each class that a rule is given
  std::size_t first_walk = 0;          // where the program's walks and branches begin in MatchOutput's counters
  std::size_t first_branch = 0;
};

// What the arms of a walk load from the rows of a list that fit them: going over the list again reads this memory in
// order, and looks at nothing else.
struct FittingRows {
  struct OfArm {
    std::uint32_t count = 0;            // rows
    std::vector<std::uint32_t> values;  // count * loads of the arm
  };
  std::vector<OfArm> arms;
  std::size_t count = 0;  // rows of all arms
};

// A partial match whose walk was left to all tasks because its list is long.
struct LongWalk {
  std::uint32_t program = 0;
  std::uint32_t walk = 0;
  std::vector<std::uint32_t> registers;
  std::shared_ptr<const FittingRows> rows;
};

// Walks from start rows, put off until all rows of a batch are there that lead to the same lists: class whose list it
// is << 32 | start row. Those of one list are in one bucket.
struct PutOffWalks {
  static constexpr std::uint32_t kBuckets = 64;
  // Neighbouring classes, whose records share cache lines, stay together.
  [[nodiscard]] static std::uint32_t bucket_of(std::uint32_t list) { return (list >> 6) * 0x9e3779b1U >> 26; }
  std::vector<GrowingArray<std::uint64_t>> buckets;  // none, or kBuckets
};

using MatchSlots = GrowingArray<std::uint32_t>;

// Matches found by one task, a flat row of slots each; and what finding them cost.
struct alignas(kApartBytes) MatchOutput {
  MatchOutput(std::size_t rules, std::size_t walks, std::size_t branches)
      : slots(rules), count(rules, 0), visited(walks, 0), passed(branches, 0) {}
  CachePaddedVector<MatchSlots> slots;       // per rule: count * slot_count, or fewer if the rule is over its limit
  CachePaddedVector<std::uint64_t> count;    // per rule
  CachePaddedVector<std::uint64_t> visited;  // per walk of all programs: rows looked at, a measure of work
  CachePaddedVector<std::uint64_t> passed;   // per branch of all programs: rows that met its checks and conditions
  std::vector<LongWalk> long_walks;          // left for later
  std::vector<PutOffWalks> put_off;          // per walk of all programs, if start rows are shared out by list
  std::size_t left_words = 0;                // that long_walks take up, 4 bytes each
  std::size_t slots_left = ~std::size_t{0};  // that may still be stored, of all rules together
  bool overflowed = false;                   // more were found: matches are missing, though counted
  double seconds = 0;

  // Whether so many more slots may be stored.
  [[nodiscard]] bool take(std::size_t wanted) {
    overflowed = overflowed || wanted > slots_left;
    if (overflowed) return false;
    slots_left -= wanted;
    return true;
  }
};

struct PartialMatch {
  static constexpr std::uint32_t kNoRank = 0xffffffffU;

  std::uint32_t program = 0;
  std::uint32_t walk = 0;
  std::span<const std::uint32_t> registers;
  std::uint32_t met = kNoRank;  // another rank, with whose rows it has gone on already
};

// The same as it comes from another rank: with what its walk carries.
struct CarriedMatch {
  std::uint32_t program = 0;
  std::uint32_t walk = 0;
  std::span<const std::uint32_t> carried;
  std::uint32_t met = PartialMatch::kNoRank;
};

class Remote {
 public:
  virtual ~Remote() = default;
  // Whether two handles, at least one of them foreign, are the same class.
  [[nodiscard]] virtual bool same(Handle a, Handle b) const = 0;
  [[nodiscard]] virtual DataView data(Handle foreign) const = 0;
  // Sends a partial match on its way to the other ranks that hold rows for its next walk. Returns whether this rank's
  // own rows are to be walked now. `task`: the caller's index, for buffers.
  virtual bool forward(std::size_t task, const PartialMatch& partial) = 0;
};

class Matcher {
 public:
  // `store_limit[r]`: matches of rule r beyond it are counted, not stored. `remote` is null on a single rank. With
  // `leave_long` what is beyond the first rows of a long list is put into the output's long_walks.
  Matcher(const EGraph& graph, std::span<const RulePlan> plans, std::span<const RunningProgram> programs,
          std::span<const std::uint64_t> store_limit, Remote* remote, bool leave_long, std::size_t task,
          MatchOutput& out);

  // Matches that start from these rows, all live, of the operator, and new to the program. With `put_off` only those
  // of a single row; walks from there are left in the output's put_off.
  void start(std::uint32_t program, std::span<const RowId> rows, bool put_off);
  // Goes on with walks that were put off: of an arm of the start rows, into the lists of a walk. Sorts `rows`.
  void walk_lists(std::uint32_t program, const MatchArm& arm, std::uint32_t walk, std::vector<std::uint64_t>& rows);
  // Matches of bare-variable left sides at these classes.
  void start_classes(std::uint32_t program, std::span<const ClassId> classes);
  [[nodiscard]] std::size_t task() const { return task_; }
  // Continues a partial match of another rank with this rank's rows. `again`: another one asks for the same list,
  // before or after.
  void resume(const CarriedMatch& partial, bool again);
  // Continues a partial match of another rank at the home of the class that it must enter, wherever the rows are.
  void arrive(const CarriedMatch& partial, bool again);
  // Ahead of either, in two stages: `list` is what the walk goes into. Not for look-ups. Always inlined, or the
  // compiler takes them for pure and drops them.
  static constexpr std::size_t kAhead = 8;  // whose first cache misses overlap
  [[gnu::always_inline]] void prefetch_class(Handle list) const {
    if (!list.is_foreign()) __builtin_prefetch(&graph_.classes[ClassId(list.value)]);
  }
  [[gnu::always_inline]] void prefetch_list(Step::Kind kind, Handle list) const {
    if (list.is_foreign()) return;
    if (kind == Step::Kind::kMembers) {
      const std::uint32_t first = graph_.classes[ClassId(list.value)].first_member;
      if (first != 0) graph_.nodes.prefetch_row(RowId(first - 1));
    } else if (const Edge first = graph_.first_parent(ClassId(list.value)); !first.is_end()) {
      graph_.nodes.prefetch_edge(first);
    }
  }
  // Goes on with a part of a long list.
  void resume(const LongWalk& rest, std::size_t begin, std::size_t end);
  // Continues a partial match with rows of another rank. `carried`: as the walk's.
  void resume(std::uint32_t program, std::uint32_t walk, std::span<const std::uint32_t> carried,
              const FittingRows& rows);
  // What this rank has for a walk: of the list of a class, or the row with these children.
  void collect(std::uint32_t program, std::uint32_t walk, std::span<const ClassId> list, FittingRows& rows);

 private:
  // What fits of a list, kept while the list is asked for again and again.
  struct KeptList {
    std::uint32_t from = RunningProgram::kAbsent;
    bool too_long = false;  // to be kept
    std::shared_ptr<FittingRows> rows;
  };
  // Walks from start rows of this task's own batch, as in PutOffWalks.
  struct PutOff {
    std::uint32_t walk;
    const MatchArm* arm;
    std::vector<std::uint64_t> rows;
  };

  void select(std::uint32_t program);
  void start_batch(const MatchWalk& walk, std::span<const RowId> rows, bool put_off);
  void start_arm(const MatchArm& arm, std::span<const RowId> rows, bool put_off);
  void put_off_here(const MatchBranch& branch, const MatchArm& arm, RowId row);  // to the end of this task's batch
  void put_off_for_all(const MatchBranch& branch, RowId row) const;              // to the output
  // Of the walk to come: the class whose list it is; 0 of a look-up.
  [[nodiscard]] std::uint64_t list_of(std::uint32_t walk) const;
  // Runs a walk, wherever its rows are; `again`: its list will be asked for again at once.
  void enter(std::uint32_t index, bool again);
  [[nodiscard]] bool is_hopeless(const MatchWalk& walk) const;
  // Goes on where a partial match of another rank was: what it carries is put into registers.
  const MatchWalk& take_up(std::uint32_t program, std::uint32_t walk, std::span<const std::uint32_t> carried);
  void walk_here(const MatchWalk& walk, std::uint32_t index, bool again);  // this rank's rows
  void walk_list(const MatchWalk& walk, std::uint32_t index);
  void keep(const MatchWalk& walk, std::uint32_t index, KeptList& kept);
  void add_fitting(const MatchWalk& walk, RowId row, const Row& r, std::uint32_t position, FittingRows& rows) const;
  void leave(std::uint32_t index, std::shared_ptr<const FittingRows> rows);
  void try_all(const MatchWalk& walk, const FittingRows& rows);
  template <class Meet>
  void for_each_fitting(const MatchWalk& walk, std::uint32_t index, Meet&& meet);
  // Rows `begin` to `end` of those that fit an arm.
  void try_rows(const MatchArm& arm, const FittingRows::OfArm& rows, std::size_t begin, std::size_t end);
  void emit_rows(const MatchArm& arm, const MatchBranch::Emit& emit, std::span<const std::uint32_t> values,
                 std::size_t count);
  void look_up(const MatchWalk& walk, std::uint32_t index);
  [[nodiscard]] RowId find_row(const MatchWalk& walk, std::uint32_t index);
  void try_row(const MatchWalk& walk, RowId row, const Row& r, std::uint32_t position);
  [[nodiscard]] bool fits(const MatchArm& arm, const Row& r, std::uint32_t position) const;
  [[nodiscard]] std::uint32_t part(const MatchArm& arm, RowId row, const Row& r, std::uint32_t part) const;
  void load(const MatchArm& arm, RowId row, const Row& r);
  void run_branches(const MatchArm& arm, bool but_only_emits = false);
  [[nodiscard]] bool checks_hold(const MatchBranch& branch) const;
  [[nodiscard]] bool conditions_hold(const MatchBranch& branch) const;
  [[nodiscard]] bool same(std::uint32_t a, std::uint32_t b) const {
    return a == b || (remote_ != nullptr && ((a | b) & Handle::kForeign) != 0 && remote_->same(Handle{a}, Handle{b}));
  }
  void emit(const MatchBranch::Emit& emit);

  const EGraph& graph_;
  std::span<const RulePlan> plans_;
  std::span<const RunningProgram> programs_;
  std::span<const std::uint64_t> store_limit_;
  Remote* remote_;
  bool leave_long_;
  std::size_t task_;
  MatchOutput& out_;

  std::uint32_t index_ = 0;
  const RunningProgram* running_ = nullptr;
  const MatchProgram* program_ = nullptr;
  std::vector<std::uint32_t> registers_;
  std::vector<KeptList> kept_;  // by walk of the program
  std::vector<PutOff> put_off_;
  std::vector<std::uint32_t> put_off_of_;  // by branch: the first of its walks in put_off_
  FittingRows::OfArm starts_;              // of the start rows at hand, those that fit the arm at hand
  std::vector<RowId> start_ids_;
  std::vector<std::uint64_t> scratch_;
};

}  // namespace tessera
