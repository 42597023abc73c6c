#include "engine/rule/planner.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "engine/base/check.hpp"

namespace tessera {
namespace {

constexpr double kLookupRows = 2;              // a look-up touches a slot and a row
constexpr double kConstantSelectivity = 0.25;  // of one attribute that must have a value
constexpr std::uint32_t kMostOrders = 4096;    // partial orders tried; what was best by then is taken

class Orderer {
 public:
  Orderer(std::span<const Atom> atoms, const GraphStatistics& statistics) : atoms_(atoms), statistics_(statistics) {}

  std::vector<Access> run(std::uint32_t start) {
    bound_ = slots_of(atoms_[start]);
    order_.push_back({start, Step::Kind::kScan, 0, 1, 1});
    extend(std::uint64_t{1} << start, 0);
    CHECK(best_.size() == atoms_.size());  // a pattern is connected
    return best_;
  }

 private:
  struct Candidate {
    Access access;
    double cost;
  };

  static std::uint64_t bit(std::uint32_t slot) { return std::uint64_t{1} << slot; }
  static std::uint64_t slots_of(const Atom& atom) {
    std::uint64_t slots = bit(atom.class_slot);
    for (const std::uint32_t kid : atom.kid_slots) slots |= bit(kid);
    return slots;
  }
  [[nodiscard]] bool bound(std::uint32_t slot) const { return (bound_ & bit(slot)) != 0; }

  // The cheapest way to an atom from what is bound; none if it cannot be reached yet.
  [[nodiscard]] std::optional<Candidate> reach(std::uint32_t index) const {
    const Atom& atom = atoms_[index];
    const double incoming = order_.back().bindings_per_start;
    const double rows = statistics_.rows_with(atom.op, atom.symbol);
    const double classes = std::max(1.0, statistics_.class_count());
    const bool has_class = bound(atom.class_slot);
    // Of what is bound, one thing leads to the atom's rows; every other one must agree.
    const GraphStatistics::Fanout members = statistics_.members(atom.op, atom.symbol);
    double fitting = has_class ? members.fitting : std::numeric_limits<double>::infinity();
    double selectivity = 1;
    std::uint32_t joined = has_class ? 1 : 0;
    std::optional<std::uint32_t> via;
    GraphStatistics::Fanout parents;
    for (std::uint32_t p = 0; p < atom.kid_slots.size(); ++p) {
      if (!bound(atom.kid_slots[p])) continue;
      const GraphStatistics::Fanout fanout = statistics_.parents(atom.op, p, atom.symbol);
      if (!via || fanout.entries < parents.entries) {
        via = p;
        parents = fanout;
      }
      fitting = std::min(fitting, fanout.fitting);
      if (joined++ != 0) selectivity /= std::max(1.0, std::min(classes, rows));
    }
    if (joined == 0) return std::nullopt;
    for (std::uint32_t c = 0; c < atom.constants; ++c) selectivity *= kConstantSelectivity;
    const double bindings = incoming * fitting * selectivity;
    Candidate best{{index, Step::Kind::kGround, 0, 0, bindings}, 0};
    if (has_class && atom.kid_slots.empty() && !atom.symbol.is_none()) return best;
    best.cost = std::numeric_limits<double>::infinity();
    const auto consider = [&](Step::Kind kind, std::uint32_t position, double visited) {
      if (visited >= best.cost) return;
      best.access = {index, kind, position, visited, bindings};
      best.cost = visited;
    };
    if (has_class) consider(Step::Kind::kMembers, 0, incoming * members.entries);
    if (via) consider(Step::Kind::kParents, *via, incoming * parents.entries);
    if (!atom.symbol.is_none() && !atom.kid_slots.empty() && joined == atom.kid_slots.size() + (has_class ? 1U : 0U))
      consider(Step::Kind::kLookup, 0, incoming * kLookupRows);
    return best;
  }

  void extend(std::uint64_t done, double cost) {
    if (order_.size() == atoms_.size()) {
      if (best_.empty() || cost < best_cost_) {
        best_ = order_;
        best_cost_ = cost;
      }
      return;
    }
    if (!best_.empty() && (cost >= best_cost_ || ++tried_ > kMostOrders)) return;
    std::vector<Candidate> candidates;
    for (std::uint32_t a = 0; a < atoms_.size(); ++a) {
      if ((done >> a & 1) != 0) continue;
      if (const std::optional<Candidate> candidate = reach(a)) candidates.push_back(*candidate);
    }
    // Likely best first; equal ones in the pattern's order.
    std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return a.cost + a.access.bindings_per_start < b.cost + b.access.bindings_per_start;
    });
    // What costs nothing to check is never better checked later.
    if (!candidates.empty() && candidates.front().access.kind == Step::Kind::kGround) candidates.resize(1);
    for (const Candidate& candidate : candidates) {
      const std::uint64_t before = bound_;
      bound_ |= slots_of(atoms_[candidate.access.atom]);
      order_.push_back(candidate.access);
      extend(done | std::uint64_t{1} << candidate.access.atom, cost + candidate.cost);
      order_.pop_back();
      bound_ = before;
    }
  }

  std::span<const Atom> atoms_;
  const GraphStatistics& statistics_;
  std::uint64_t bound_ = 0;
  std::vector<Access> order_;
  std::vector<Access> best_;
  double best_cost_ = 0;
  std::uint32_t tried_ = 0;
};

}  // namespace

std::vector<Access> order_atoms(std::span<const Atom> atoms, std::uint32_t start, const GraphStatistics& statistics) {
  return Orderer(atoms, statistics).run(start);
}

}  // namespace tessera
