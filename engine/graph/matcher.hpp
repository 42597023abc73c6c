// Runs match plans over one rank's rows. Reads the frozen e-graph only, so any number of matchers may run at once, each
// with an output of its own. Where the class to walk into has members or parents on other ranks, the partial match is
// handed to a Remote, which takes it there.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/graph/egraph.hpp"
#include "engine/rule/plan.hpp"

namespace tessera {

// A class as a match slot holds it: a ClassId of this rank, or (top bit set) an index into the table of classes that
// partial matches from other ranks brought along.
struct Handle {
  static constexpr std::uint32_t kForeign = 0x80000000U;
  std::uint32_t value = 0;
  [[nodiscard]] bool is_foreign() const { return (value & kForeign) != 0; }
  [[nodiscard]] std::uint32_t foreign_index() const { return value & ~kForeign; }
};

// Matches found by one task, a flat row of slots each; and what finding them cost.
struct MatchOutput {
  explicit MatchOutput(std::size_t rules) : slots(rules), count(rules, 0), seconds(rules, 0), visited(rules, 0) {}
  std::vector<std::vector<std::uint32_t>>
      slots;                           // per rule: count * slot_count, or fewer if the rule is over its limit
  std::vector<std::uint64_t> count;    // per rule
  std::vector<double> seconds;         // per rule
  std::vector<std::uint64_t> visited;  // per rule: rows looked at, a measure of work
};

struct PartialMatch {
  std::uint32_t rule = 0;
  std::uint32_t variant = 0;
  std::uint32_t step = 0;
  std::span<const std::uint32_t> slots;
};

class Remote {
 public:
  virtual ~Remote() = default;
  // Whether two handles, at least one of them foreign, are the same class.
  [[nodiscard]] virtual bool same(Handle a, Handle b) const = 0;
  [[nodiscard]] virtual DataView data(Handle foreign) const = 0;
  // Sends a partial match on its way to the other ranks that hold rows for its next step. Returns whether this rank's
  // own rows are to be walked now. `task`: the caller's index, for buffers.
  virtual bool forward(std::size_t task, const PartialMatch& partial) = 0;
};

class Matcher {
 public:
  // `seen[r]`: rows with a stamp below it are old for rule r. `store_limit[r]`: matches beyond it are counted, not
  // stored. `remote` is null on a single rank. `given`: per rule, handles for its given_slots; may be empty if no rule
  // has any.
  Matcher(const EGraph& graph, std::span<const RulePlan> plans, std::span<const std::uint32_t> seen,
          std::span<const std::uint64_t> store_limit, Remote* remote, std::size_t task, MatchOutput& out,
          std::span<const std::vector<std::uint32_t>> given = {})
      : graph_(graph),
        plans_(plans),
        seen_(seen),
        store_limit_(store_limit),
        remote_(remote),
        task_(task),
        out_(out),
        given_(given) {}

  // Matches of a variant that starts from these rows, all live and of the start's operator and age.
  void start(std::uint32_t rule, std::uint32_t variant, std::span<const RowId> rows);
  // Matches of a bare-variable left side at these classes.
  void start_classes(std::uint32_t rule, std::span<const ClassId> classes);
  // Continues a partial match with this rank's rows.
  void resume(const PartialMatch& partial);

 private:
  void enter(std::uint32_t index);                   // runs a step for the bound slots, wherever its rows are
  void walk(const Step& step, std::uint32_t index);  // this rank's rows of a kMembers or kParents step
  void try_row(const Step& step, std::uint32_t index, RowId row);
  [[nodiscard]] bool bind_row(const Step& step, RowId row);
  [[nodiscard]] bool conditions_hold(const Step& step);
  [[nodiscard]] bool same(std::uint32_t a, std::uint32_t b) const {
    return a == b || (remote_ != nullptr && ((a | b) & Handle::kForeign) != 0 && remote_->same(Handle{a}, Handle{b}));
  }
  void emit();
  void select(std::uint32_t rule, std::uint32_t variant);
  void bind_given();

  const EGraph& graph_;
  std::span<const RulePlan> plans_;
  std::span<const std::uint32_t> seen_;
  std::span<const std::uint64_t> store_limit_;
  Remote* remote_;
  std::size_t task_;
  MatchOutput& out_;
  std::span<const std::vector<std::uint32_t>> given_;

  std::uint32_t rule_ = 0;
  std::uint32_t variant_ = 0;
  const RulePlan* plan_ = nullptr;
  const std::vector<Step>* steps_ = nullptr;
  std::array<std::uint32_t, kMaxSlots> slots_{};
};

}  // namespace tessera
