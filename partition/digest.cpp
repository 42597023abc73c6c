#include "partition/digest.hpp"

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdio>

namespace tessera {
namespace {

struct Named {
  GlobalId cls;
  std::uint64_t hash;
};

class LowestTerms {
 public:
  explicit LowestTerms(Partition& partition)
      : partition_(partition), graph_(partition.graph), hash_(graph_.classes.bound(), kUnknown) {}

  void run() {
    partition_.exchange.enter_phase(graph_.iteration, "digest");
    std::vector<RowId> frontier;
    graph_.for_each_row([&](RowId row) {
      if (graph_.arity(row) == 0) frontier.push_back(row);
    });
    Outbox news(partition_.ranks());
    for (;;) {
      level_.clear();
      for (const RowId row : frontier) {
        const ClassId cls(graph_.nodes[row].class_id);
        if (hash_[cls.value] != kUnknown) continue;  // known from a lower level
        const std::uint64_t hash = row_hash(row);
        if (partition_.is_ghost(cls))
          partition_.outbox.put(partition_.global(cls).home(), Named{partition_.global(cls), hash});
        else
          propose(cls, hash);
      }
      if (!partition_.alone()) exchange_level(news);
      frontier.clear();
      for (const auto& [cls, hash] : level_) hash_[cls.value] = hash;
      for (const auto& [cls, hash] : level_)
        graph_.for_each_parent(cls, [&](RowId row, std::uint32_t) {
          if (kids_known(row)) frontier.push_back(row);
        });
      std::uint64_t busy = frontier.empty() ? 0 : 1;
      if (!partition_.alone()) partition_.exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
      if (busy == 0) break;
    }
  }

  [[nodiscard]] std::string sum() {
    DigestSum sum;
    graph_.for_each_row([&](RowId row) { sum.add(row_hash(row), hash_[graph_.nodes[row].class_id]); });
    if (!partition_.alone()) partition_.exchange.all_reduce(sum.sums, Reduction::kSum);
    return sum.text();
  }

 private:
  static constexpr std::uint64_t kUnknown = 0;

  void propose(ClassId cls, std::uint64_t hash) {
    if (hash_[cls.value] != kUnknown) return;
    const auto [it, fresh] = level_.try_emplace(cls, hash);
    if (!fresh) it->second = std::min(it->second, hash);
  }

  void exchange_level(Outbox& news) {
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto named = reader.take<Named>();
        propose(named.cls.index(), named.hash);
      }
    });
    for (const auto& [cls, hash] : level_) {
      const Named named{GlobalId(partition_.rank(), cls), hash};
      partition_.subscribers.for_each(cls, [&](const Subscriber& s) { news.put(static_cast<int>(s.rank), named); });
    }
    superstep(partition_.exchange, news, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto named = reader.take<Named>();
        level_.emplace(partition_.find_local(named.cls), named.hash);
      }
    });
  }

  [[nodiscard]] bool kids_known(RowId row) const {
    const std::uint32_t arity = graph_.arity(row);
    for (std::uint32_t k = 0; k < arity; ++k)
      if (hash_[graph_.nodes.kid(row, arity, k)] == kUnknown) return false;
    return true;
  }

  [[nodiscard]] std::uint64_t row_hash(RowId row) const {
    const std::uint32_t arity = graph_.arity(row);
    std::uint64_t hash = graph_.symbols().hash(graph_.nodes[row].symbol);
    for (std::uint32_t k = 0; k < arity; ++k) hash = hash_combine(hash, hash_[graph_.nodes.kid(row, arity, k)]);
    return hash | 1;  // never kUnknown
  }

  Partition& partition_;
  const EGraph& graph_;
  std::vector<std::uint64_t> hash_;  // by class id
  boost::unordered_flat_map<ClassId, std::uint64_t, decltype([](ClassId id) { return mix64(id.value); })> level_;
};

}  // namespace

std::string DigestSum::text() const {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(hash_combine(sums[0], sums[2])),
                static_cast<unsigned long long>(sums[1]));
  return text.data();
}

std::string digest(Partition& partition) {
  LowestTerms terms(partition);
  terms.run();
  return terms.sum();
}

}  // namespace tessera
