#include "partition/rebuild_phase.hpp"

#include <algorithm>
#include <array>

#include "engine/base/cache_padded.hpp"
#include "engine/base/growing_array.hpp"

namespace tessera {
namespace {

struct Rekey {
  std::uint64_t hash;
  RowId row;
};

struct Splice {
  ClassId leader;
  std::uint32_t first;  // row id + 1; 0: no rows
  RowId last;
  std::uint64_t rows_mask;
  std::uint64_t class_mask;
};

class RebuildRound {
 public:
  explicit RebuildRound(Partition& partition)
      : partition_(partition),
        graph_(partition.graph),
        shards_(graph_.shards()),
        inserter_(partition, foreign_, 0),
        affected_(std::size_t{shards_} * shards_),
        inserts_(affected_.size()),
        splices_(affected_.size()),
        unions_(shards_),
        totals_(shards_) {
    inserter_.set_tasks(shards_);
  }

  RebuildResult run(const std::vector<Loser>& losers) {
    std::vector<GrowingArray<ClassId>> by_owner(shards_);
    for (const Loser& loser : losers) by_owner[graph_.classes.shard_of(loser.id)].push_back(loser.id);
    const bool worthwhile = losers.size() > 512;
    partition_.workers.for_each(shards_, worthwhile, [&](std::size_t s) {
      for (std::size_t begin = 0; begin < by_owner[s].size(); begin += kGroup)
        empty_lists(static_cast<std::uint32_t>(s), group_at<ClassId>(by_owner[s].all(), begin));
    });
    partition_.workers.for_each(shards_, worthwhile, [&](std::size_t s) { take_out(static_cast<std::uint32_t>(s)); });
    partition_.workers.for_each(shards_, worthwhile, [&](std::size_t s) { put_back(static_cast<std::uint32_t>(s)); });
    partition_.flush_notes();
    partition_.workers.for_each(shards_, worthwhile, [&](std::size_t owner) {
      for (std::uint32_t acting = 0; acting < shards_; ++acting)
        for (const Splice& splice : splices_[std::size_t{acting} * shards_ + owner])
          partition_.splice_members(splice.leader, splice.first, splice.last, splice.rows_mask, splice.class_mask);
    });
    for (const Totals& totals : totals_) partition_.exchange.count_work(Work::kRekeyed, totals.rekeyed);
    partition_.exchange.count_work(Work::kLosers, losers.size());
    RebuildResult result;
    if (!partition_.alone()) {
      std::vector<NodeResult> no_results;
      inserter_.run_wave(no_names_, no_results, false);
      for (const auto& of_shard : inserter_.insertion().unions)
        result.unions.insert(result.unions.end(), of_shard.begin(), of_shard.end());
    }
    for (std::uint32_t s = 0; s < shards_; ++s) {
      result.unions.insert(result.unions.end(), unions_[s].begin(), unions_[s].end());
      result.rekeyed += totals_[s].rekeyed;
      result.moved += totals_[s].moved;
    }
    return result;
  }

 private:
  // As in partition/insertion.cpp: tight loops fetch what the work on a group will read. Always inlined, or dropped.
  static constexpr std::size_t kGroup = 32;
  template <class T>
  [[nodiscard]] static std::span<const T> group_at(std::span<const T> list, std::size_t begin) {
    return list.subspan(begin, std::min(kGroup, list.size() - begin));
  }
  [[gnu::always_inline]] void prefetch_lists(std::span<const ClassId> losers) const {
    for (const ClassId loser : losers) graph_.classes.prefetch(loser.value);
    for (const ClassId loser : losers) {
      const ClassRecord& record = graph_.classes[loser];
      if (record.first_member != 0) graph_.nodes.prefetch_row(RowId(record.first_member - 1));
      if (const Edge edge = graph_.first_parent(loser); !edge.is_end() && (edge.value & Edge::kWide) == 0)
        graph_.nodes.prefetch_row(RowId(edge.value >> 1));
    }
  }
  [[gnu::always_inline]] void prefetch_keys(std::uint32_t shard, std::span<const Rekey> group) const {
    for (const Rekey& rekey : group) {
      graph_.nodes.prefetch(shard, rekey.hash);
      graph_.nodes.prefetch_row(rekey.row);
    }
  }

  // Task = owner of the losers. Their parents are to be re-keyed; their members get the leaders' labels. Lists are gone
  // through side by side, an entry of each in turn, so that their cache misses overlap (asynchronous memory access
  // chaining: Kocberber, Falsafi and Grot, VLDB 2015).
  void empty_lists(std::uint32_t shard, std::span<const ClassId> losers) {
    prefetch_lists(losers);
    find_parents(shard, losers);
    label_members(shard, losers);
    for (const ClassId loser : losers) graph_.classes[loser].first_member = graph_.classes[loser].first_edge = 0;
  }
  void find_parents(std::uint32_t shard, std::span<const ClassId> losers) {
    std::array<Edge, kGroup> at;
    std::size_t lists = 0;
    for (const ClassId loser : losers)
      if (const Edge first = graph_.first_parent(loser); !first.is_end()) at[lists++] = first;
    while (lists != 0) {
      std::size_t left = 0;
      for (std::size_t i = 0; i < lists; ++i) {
        const Edge edge = at[i];
        if (const Edge next = graph_.nodes.next(edge); !next.is_end()) {
          graph_.nodes.prefetch_edge(next);
          at[left++] = next;
        }
        const RowId row = graph_.nodes.edge_row(edge);
        if (!graph_.nodes.is_live(row)) continue;
        const std::uint64_t hash = graph_.nodes.hash_row(row, graph_.arity(row));
        affected_[shard * shards_ + graph_.nodes.shard_of_hash(hash)].push_back({hash, row});
      }
      lists = left;
    }
  }
  void label_members(std::uint32_t shard, std::span<const ClassId> losers) {
    struct Member {
      std::uint32_t row;  // id + 1
      std::uint32_t loser;
    };
    std::array<Splice, kGroup> splices;
    std::array<Member, kGroup> at;
    std::size_t lists = 0;
    for (std::uint32_t i = 0; i < losers.size(); ++i) {
      const ClassRecord& record = graph_.classes[losers[i]];
      splices[i] = {ClassId(record.parent), 0, RowId(), 0, record.mask};
      if (record.first_member != 0) at[lists++] = {record.first_member, i};
    }
    while (lists != 0) {
      std::size_t left = 0;
      for (std::size_t i = 0; i < lists; ++i) {
        const RowId row(at[i].row - 1);
        Splice& splice = splices[at[i].loser];
        Row& r = graph_.nodes[row];
        if (r.next_member != 0) {
          graph_.nodes.prefetch_row(RowId(r.next_member - 1));
          at[left++] = {r.next_member, at[i].loser};
        }
        if (!graph_.nodes.is_live(row)) continue;
        r.class_id = splice.leader.value;
        graph_.touch(row, shard);
        splice.rows_mask |= EGraph::mask_bit(graph_.symbols().op(r.symbol));
        r.next_member = splice.first;
        if (splice.first == 0) splice.last = row;
        splice.first = row.value + 1;
      }
      lists = left;
    }
    for (std::size_t i = 0; i < losers.size(); ++i)
      splices_[shard * shards_ + graph_.classes.shard_of(splices[i].leader)].push_back(splices[i]);
  }

  // Task = shard of the old key. A row may be named twice; the hashcons knows it once.
  void take_out(std::uint32_t shard) {
    std::array<std::uint32_t, kMaxArity> old_kids;
    std::array<std::uint32_t, kMaxArity> kids;
    for (std::uint32_t from = 0; from < shards_; ++from) {
      const std::span<const Rekey> list = affected_[from * shards_ + shard].all();
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (i % kGroup == 0) {
          const std::span<const Rekey> group = group_at(list, i);
          prefetch_keys(shard, group);
          for (const Rekey& rekey : group) {
            const Row& r = graph_.nodes[rekey.row];
            if (r.symbol.is_none() || graph_.symbols()[r.symbol].arity > NodeTable::kInlineArity) continue;
            graph_.classes.prefetch(r.kids[0]);
            graph_.classes.prefetch(r.kids[1]);
          }
          for (const Rekey& rekey : group) {  // and whose lists they will be in
            const Row& r = graph_.nodes[rekey.row];
            if (r.symbol.is_none() || graph_.symbols()[r.symbol].arity > NodeTable::kInlineArity) continue;
            partition_.prefetch_class(ClassId(graph_.classes[ClassId(r.kids[0])].parent));
            partition_.prefetch_class(ClassId(graph_.classes[ClassId(r.kids[1])].parent));
          }
        }
        const auto [hash, row] = list[i];
        if (!graph_.nodes.erase(shard, hash, row)) continue;
        ++totals_[shard].rekeyed;
        const SymbolId symbol = graph_.nodes[row].symbol;
        const std::uint32_t arity = graph_.symbols()[symbol].arity;
        for (std::uint32_t k = 0; k < arity; ++k) {
          old_kids[k] = graph_.nodes.kid(row, arity, k);
          kids[k] = graph_.classes[ClassId(old_kids[k])].parent;
        }
        const std::span now(kids.data(), arity);
        if (!partition_.alone() && partition_.home_of_local(symbol, now) != partition_.rank()) {
          inserter_.add(shard, {symbol, graph_.nodes[row].class_id, kNoRule, 0, 0}, now, no_names_);
          graph_.nodes.kill(row, arity, shard);
          ++totals_[shard].moved;
          continue;
        }
        for (std::uint32_t k = 0; k < arity; ++k) {
          if (kids[k] == old_kids[k]) continue;
          graph_.nodes.set_kid(row, arity, k, kids[k]);
          partition_.link_parent(shard, ClassId(kids[k]), graph_.nodes.edge(row, arity, k),
                                 EGraph::mask_bit(graph_.symbols().op(symbol)));
        }
        const std::uint64_t new_hash = NodeTable::hash_key(symbol, now);
        inserts_[shard * shards_ + graph_.nodes.shard_of_hash(new_hash)].push_back({new_hash, row});
      }
    }
  }

  // Task = shard of the new key.
  void put_back(std::uint32_t shard) {
    std::array<std::uint32_t, kMaxArity> kids;
    for (std::uint32_t from = 0; from < shards_; ++from) {
      const std::span<const Rekey> list = inserts_[from * shards_ + shard].all();
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (i % kGroup == 0) {
          const std::span<const Rekey> group = group_at(list, i);
          prefetch_keys(shard, group);
          for (const Rekey& rekey : group) graph_.nodes.prefetch_row(shard, rekey.hash);
        }
        const auto [hash, row] = list[i];
        const SymbolId symbol = graph_.nodes[row].symbol;
        const std::uint32_t arity = graph_.symbols()[symbol].arity;
        for (std::uint32_t k = 0; k < arity; ++k) kids[k] = graph_.nodes.kid(row, arity, k);
        const HashconsSlot slot = graph_.nodes.look_up(shard, hash, symbol, std::span(kids).first(arity));
        const RowId other = slot.row;
        if (other.is_none()) {
          graph_.nodes.insert_existing(shard, slot, row);
          graph_.touch(row, shard);
          continue;
        }
        const std::uint32_t a = graph_.nodes[row].class_id;
        const std::uint32_t b = graph_.nodes[other].class_id;
        if (a != b) unions_[shard].push_back({a, b, kNoRule});
        graph_.nodes.kill(row, arity, shard);
      }
    }
  }

  Partition& partition_;
  EGraph& graph_;
  std::uint32_t shards_;
  ForeignClasses foreign_;
  Inserter inserter_;
  const Inserter::NameHash no_names_ = [](std::uint64_t) { return std::uint64_t{0}; };  // every request has a target
  std::vector<CachePadded<GrowingArray<Rekey>>> affected_;  // [shard that found it][shard of the old key]
  std::vector<CachePadded<GrowingArray<Rekey>>> inserts_;   // [shard of the old key][shard of the new key]
  std::vector<CachePadded<GrowingArray<Splice>>> splices_;  // [loser's owner][leader's owner]
  struct alignas(kApartBytes) Totals {
    std::uint64_t rekeyed = 0;
    std::uint64_t moved = 0;
  };
  std::vector<CachePadded<std::vector<UnionRequest>>> unions_;
  std::vector<Totals> totals_;  // by shard
};

}  // namespace

RebuildResult run_rebuild_round(Partition& partition, const std::vector<Loser>& losers) {
  return RebuildRound(partition).run(losers);
}

}  // namespace tessera
