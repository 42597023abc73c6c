// The analyze phase: e-class data, a join-semilattice, carried upward to a fixpoint: a row's data is made from its
// children's, joined into its class at the class's home, and sent on to the ranks that hold ghosts of the class.
// It goes in rounds, each shared among the rank's threads: rows are looked up in the memo of what was made before
// (engine/graph/data_memo.hpp), and what they make is entered by the owners of their classes' shards; only what is
// new to the memo, or changes what was known of a class, is done by one thread. The fixpoint depends on no order.
// Data that disagrees (two shapes in one class) is a wrong rule: all ranks throw Error(kInput) that names it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/graph/data_memo.hpp"
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
  std::uint32_t run(MadeRows made, std::span<const RulePlan> plans);

  // By class id: the iteration in which the class's known data last changed; shorter than the class table. Not that in
  // which the class was made: what its first rows say one after the other is no change.
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
  struct Finding {  // what a row says of its class
    RowId row;
    ClassId cls;
    DataId data;
  };
  struct Unanswered {
    RowId row;
    std::uint32_t number;  // of the question in the memo, once it is asked
  };
  struct Task {                                  // a part of a round's rows
    std::vector<std::vector<Finding>> findings;  // by owner of the class
    std::vector<Finding> of_ghosts;
    std::vector<Unanswered> unanswered;
  };
  struct Culprit {  // what asked for data that may not fit: looked up only if it does not
    std::uint32_t rule = kNoRule;
    RowId row;  // if the rule is not known yet
  };
  struct Shard {  // of classes, for its owner
    std::vector<ClassId> changed;
    std::vector<Finding> disputed;  // for join()
    std::vector<RowId> parents;     // of the changed classes: the next round's rows
  };

  void queue_touched();
  void cut(
      std::span<const RowId> rows);  // into pieces_; the list must stay as it is until the round has looked at them
  // Rows of pieces_ and queue_, and what follows from them on this rank.
  void run_here(std::span<const RulePlan> plans);
  void look_up(Task& task, std::span<const std::span<const RowId>> pieces) const;
  [[gnu::always_inline]] void prefetch(std::span<const RowId> group) const;
  void find(Task& task, RowId row, DataId data) const;
  void answer(std::span<Task> tasks, std::span<const RulePlan> plans);
  void enter(std::span<Task> tasks, std::uint32_t shard);
  void queue_parents(Shard& shard) const;
  // The data of the row's children; false: not all are known.
  [[nodiscard]] bool data_of_kids(RowId row, std::vector<DataId>& data) const;
  [[nodiscard]] DataMemo::Question join_question(std::span<const DataId, 2> both) const {
    return {DataMemo::kJoin, both};
  }

  void propose(std::span<Task> tasks);
  void take_proposals(MessageReader& reader, std::span<const RulePlan> plans);
  void put_news(Outbox& news);
  void take_news(MessageReader& reader);

  // Joins into an owned class; whether its data changed. Keeps the first failure.
  bool join(ClassId owned, DataId data, Culprit culprit, std::span<const RulePlan> plans);
  void set_data(ClassId cls, DataId data, bool known_before);
  [[nodiscard]] bool made_in_this_iteration(ClassId cls) const {
    return ClassTable::birth(graph_.classes[cls].name) == graph_.iteration;
  }
  // The rule that asked for a row made in this iteration.
  [[nodiscard]] std::uint32_t rule_of(RowId row);
  void fail(Culprit culprit, std::span<const RulePlan> plans, const std::string& message);

  Partition& partition_;
  EGraph& graph_;
  DataMemo memo_;
  std::vector<std::uint32_t> data_stamp_;
  std::vector<ClassId> changed_;  // owned classes whose data changed, of which other ranks have not been told
  std::vector<std::span<const RowId>> pieces_;  // the next round's rows, and:
  std::vector<RowId> queue_;
  std::vector<Task> tasks_;
  std::vector<Shard> shards_;
  MadeRows made_;               // of the iteration
  bool made_in_order_ = false;  // made_ is, of rows: once somebody asks for a rule
  std::string failure_;
};

}  // namespace tessera
