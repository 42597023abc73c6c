// Match programs that are kept between iterations: making one takes longer than an iteration over a small e-graph, and
// the same rules run again and again.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "engine/rule/match_program.hpp"

namespace tessera {

class ProgramCache {
 public:
  // Valid until the second drop_unused() after which nobody asked for it, or clear().
  const MatchProgram& get(std::span<const RulePlan> plans, const std::vector<ProgramEntry>& entries) {
    for (Kept& kept : kept_) {
      if (kept.entries != entries) continue;
      kept.used = true;
      return kept.program;
    }
    kept_.push_back({entries, compile_program(plans, entries), true});
    return kept_.back().program;
  }
  // Forgets what nobody asked for since the last call.
  void drop_unused() {
    std::erase_if(kept_, [](const Kept& kept) { return !kept.used; });
    for (Kept& kept : kept_) kept.used = false;
  }
  // Plans have changed.
  void clear() { kept_.clear(); }

 private:
  struct Kept {
    std::vector<ProgramEntry> entries;
    MatchProgram program;
    bool used;
  };
  std::deque<Kept> kept_;
};

}  // namespace tessera
