// The analyze phase: e-class data, a join-semilattice, carried upward to a fixpoint: a row's data is made from its
// children's, joined into its class at the class's home, and sent on to the ranks that hold ghosts of the class.
// Data that disagrees (two shapes in one class) is a wrong rule: all ranks throw Error(kInput) that names it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/rule/plan.hpp"
#include "partition/merge_phase.hpp"

namespace tessera {

class Analysis {
 public:
  explicit Analysis(Partition& partition) : partition_(partition), graph_(partition.graph) {}

  // Joins the data of classes that lost into their leaders'; after every merge round. Collective (errors are agreed
  // on).
  void join_merged(const std::vector<PendingJoin>& joins, std::span<const RulePlan> plans);

  // Carries the data of everything touched in this iteration upward. Rows around classes whose known data changed count
  // as touched, for a condition may hold now that did not before. Collective. Returns the rounds needed, the same on
  // any number of ranks.
  std::uint32_t run(const std::vector<MadeRow>& made, std::span<const RulePlan> plans);

  // By class id: the iteration in which the class's known data last changed; shorter than the class table.
  [[nodiscard]] std::span<const std::uint32_t> data_stamp() const { return data_stamp_; }
  void restore_data_stamp(ClassId cls, std::uint32_t stamp) {
    if (data_stamp_.size() <= cls.value) data_stamp_.resize(std::size_t{cls.value} + 1, 0);
    data_stamp_[cls.value] = stamp;
  }

 private:
  struct Proposal {
    GlobalId cls;
    std::uint32_t rule;
    std::uint32_t words;
  };
  struct News {
    GlobalId cls;
    std::uint32_t known_before;
    std::uint32_t words;
  };

  // Joins into an owned class; whether its data changed. Keeps the first failure.
  bool join(ClassId owned, DataView words, std::uint32_t rule, std::span<const RulePlan> plans);
  void set_data(ClassId cls, DataId data, bool known_before);
  void fail(std::uint32_t rule, std::span<const RulePlan> plans, const std::string& message);

  Partition& partition_;
  EGraph& graph_;
  std::vector<std::uint32_t> data_stamp_;
  std::vector<ClassId> changed_;  // owned classes whose data changed and whose parents have not been recomputed
  std::vector<RowId> queue_;
  std::string failure_;
};

}  // namespace tessera
