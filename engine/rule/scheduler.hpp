// Which rules take part in an iteration: exponential backoff as in egg (Willsey et al., POPL 2021), on global counts,
// so that every rank decides the same. A rule with more matches than its budget is put aside for some iterations, and
// budget and wait double each time; the wait is capped, so that a rule which matches everything is not starved. Of one
// iteration's matches of a rule either all are applied or none. Pinned rules are never put aside.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace tessera {

struct RuleSchedule {
  std::uint64_t match_limit = 0;  // 0: no budget
  bool pinned = false;
  std::uint32_t seen = 0;         // rows with a stamp below have been matched
  std::uint32_t aside_until = 0;  // the first iteration in which it runs again
  std::uint32_t times_aside = 0;
};

class Scheduler {
 public:
  static constexpr std::uint32_t kFirstWait = 5;  // iterations
  static constexpr std::uint32_t kLongestWait = 40;

  explicit Scheduler(std::vector<RuleSchedule> rules) : rules_(std::move(rules)) {}

  [[nodiscard]] bool active(std::size_t rule, std::uint32_t iteration) const {
    return iteration >= rules_[rule].aside_until;
  }
  // Matches beyond this many need not be kept: they will not be applied.
  [[nodiscard]] std::uint64_t budget(std::size_t rule) const {
    const RuleSchedule& r = rules_[rule];
    if (r.match_limit == 0 || r.pinned) return ~std::uint64_t{0};
    const std::uint32_t doublings = std::min(r.times_aside, 40U);
    return r.match_limit > (~std::uint64_t{0} >> doublings) ? ~std::uint64_t{0} : r.match_limit << doublings;
  }
  // Told the global count of an active rule's matches; whether they are to be applied. If not, the rule is put aside.
  bool admit(std::size_t rule, std::uint64_t matches, std::uint32_t iteration) {
    RuleSchedule& r = rules_[rule];
    if (matches <= budget(rule)) {
      r.seen = iteration;
      return true;
    }
    const std::uint32_t wait = std::min(kFirstWait << std::min(r.times_aside, 16U), kLongestWait);
    ++r.times_aside;
    r.aside_until = iteration + 1 + wait;
    return false;
  }
  // When nothing else changes, the rules that wait get their turn at once.
  bool release_all(std::uint32_t next_iteration) {
    bool any = false;
    for (RuleSchedule& r : rules_) {
      if (r.aside_until <= next_iteration) continue;
      r.aside_until = next_iteration;
      any = true;
    }
    return any;
  }
  [[nodiscard]] const std::vector<RuleSchedule>& rules() const { return rules_; }

 private:
  std::vector<RuleSchedule> rules_;
};

}  // namespace tessera
