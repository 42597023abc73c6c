#include "partition/placement.hpp"

#include <algorithm>
#include <limits>

#include "engine/base/check.hpp"
#include "engine/base/hash.hpp"
#include "engine/graph/class_table.hpp"

namespace tessera {
namespace {

std::uint64_t hash_of(std::uint64_t symbol, std::span<const NamedClass> kids) {
  std::uint64_t h = symbol;
  for (const NamedClass& kid : kids) h = hash_combine(h, kid.id.value);
  return h;
}

// Good enough to choose some of many nodes by, at a third of the cost.
std::uint64_t quick_hash_of(std::uint64_t symbol, std::span<const NamedClass> kids) {
  std::uint64_t h = symbol;
  for (const NamedClass& kid : kids) {
    h = (h ^ kid.id.value) * 0xd6e8feb86659fd93ULL;
    h ^= h >> 32;
  }
  return mix64(h);
}

// The high half of a product maps evenly onto 0 … ranks-1 (Lemire's multiply-shift).
int rank_of(std::uint64_t hash, int ranks) {
  return static_cast<int>((hash >> 32) * static_cast<std::uint64_t>(ranks) >> 32);
}

class HashPlacement final : public Placement {
 public:
  explicit HashPlacement(int ranks) : ranks_(ranks) {}
  [[nodiscard]] int home(std::uint64_t symbol, std::span<const NamedClass> kids) const override {
    return rank_of(hash_of(symbol, kids), ranks_);
  }
  [[nodiscard]] bool wants_loads(std::uint64_t /*rows*/) const override { return false; }
  void set_loads(std::uint32_t /*iteration*/, std::span<const std::uint64_t> /*loads*/) override {}

 private:
  int ranks_;
};

// E-nodes grow out of e-nodes: where a node's youngest child is, its other children and the rows that a match found on
// the way to it are likely to be, too. So a node lives with its youngest child, and what would travel stays. Left
// alone, ranks that began with more would get ever more. So each generation of classes (those born in one iteration)
// has its own shares: of the parents of the youngest classes of a rank with more rows than the mean, so many are sent
// off, by hash, to ranks with less, that another generation like the last would be even. Shares of a generation never
// change. Until each rank has enough rows for shares to mean something, parents are spread by hash.
class NeighbourPlacement final : public Placement {
 public:
  NeighbourPlacement(int ranks, std::uint64_t spread_rows) : ranks_(ranks), spread_rows_(spread_rows) {}

  [[nodiscard]] int home(std::uint64_t symbol, std::span<const NamedClass> kids) const override {
    if (kids.empty()) return rank_of(hash_of(symbol, kids), ranks_);
    const NamedClass* youngest = kids.data();
    for (const NamedClass& kid : kids.subspan(1)) youngest = younger(kid, *youngest) ? &kid : youngest;
    const std::uint32_t birth = ClassTable::birth(youngest->name);
    const std::size_t at = birth < generation_of_.size() ? generation_of_[birth] : generations_.size();
    if (at == 0) return rank_of(hash_of(symbol, kids), ranks_);
    const Generation& generation = generations_[at - 1];
    const int near = youngest->id.home();
    const std::uint64_t stays = generation.stays[static_cast<std::size_t>(near)];
    if (stays > std::numeric_limits<std::uint32_t>::max()) return near;
    const std::uint64_t hash = quick_hash_of(symbol, kids);
    if ((hash & std::numeric_limits<std::uint32_t>::max()) < stays) return near;
    const std::uint64_t ticket = (hash >> 32) * generation.room.back() >> 32;
    return static_cast<int>(std::ranges::upper_bound(generation.room, ticket) - generation.room.begin());
  }

  [[nodiscard]] bool wants_loads(std::uint64_t rows) const override {
    return rows >= spread_rows_ * static_cast<std::uint64_t>(ranks_) && rows >= told_ + told_ / 8;
  }

  void set_loads(std::uint32_t iteration, std::span<const std::uint64_t> loads) override {
    CHECK(loads.size() == static_cast<std::size_t>(ranks_));
    CHECK(generation_of_.size() < iteration);
    generation_of_.resize(iteration, static_cast<std::uint32_t>(generations_.size()));
    told_ = 0;
    for (const std::uint64_t load : loads) told_ += load;
    Generation next;
    const std::uint64_t mean = std::max<std::uint64_t>(1, told_ / loads.size());
    std::uint64_t room = 0;
    for (const std::uint64_t load : loads) {
      next.stays.push_back(load <= mean
                               ? kAll
                               : static_cast<std::uint64_t>(static_cast<double>(kAll) * static_cast<double>(mean) /
                                                            static_cast<double>(load)));
      room += load < mean ? mean - load : 0;
      next.room.push_back(room);
    }
    if (room == 0) std::ranges::fill(next.stays, kAll);
    generations_.push_back(std::move(next));
  }

 private:
  static constexpr std::uint64_t kAll = std::uint64_t{1} << 32;
  struct Generation {
    std::vector<std::uint64_t> stays;  // by rank: of 2^32 parents of its classes, how many live there
    std::vector<std::uint64_t> room;   // by rank, summed up: rows below the mean
  };

  // Birth is what all ranks know alike; the rest of a name may still change while a class is new.
  static bool younger(const NamedClass& a, const NamedClass& b) {
    const std::uint32_t x = ClassTable::birth(a.name);
    const std::uint32_t y = ClassTable::birth(b.name);
    const unsigned of_twins = mix64(a.id.value) > mix64(b.id.value) ? 1 : 0;  // no branch: it could not be foretold
    return (static_cast<unsigned>(x > y) | (static_cast<unsigned>(x == y) & of_twins)) != 0;
  }

  int ranks_;
  std::uint64_t spread_rows_;
  std::uint64_t told_ = 0;  // rows when last told
  std::vector<Generation> generations_;
  // By birth: how many generations there were then, the last of which counts. Those born later: all there are.
  std::vector<std::uint32_t> generation_of_;
};

}  // namespace

std::unique_ptr<Placement> make_placement(const PlacementOptions& options, int ranks) {
  if (options.policy == PlacementPolicy::kHash) return std::make_unique<HashPlacement>(ranks);
  return std::make_unique<NeighbourPlacement>(ranks, options.spread_rows);
}

}  // namespace tessera
