#include "partition/apply_phase.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <optional>

#include "engine/graph/match_values.hpp"

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPieceMatches = 1024;  // small enough that threads finish a slice together
// Requests of a slice should fit into a core's cache; threads and ranks must have enough of them between two barriers:
// to wake a thread takes long, and so does waiting for the slowest.
constexpr std::size_t kSliceResults = std::size_t{1} << 14;
constexpr std::size_t kSliceOfMany = 4;
constexpr std::size_t kMostSliceResults = std::size_t{1} << 20;

// Consecutive matches of one rule, found by one task.
struct Piece {
  std::uint32_t rule;
  std::uint32_t count;
  const std::uint32_t* slots;
  std::size_t results = 0;         // offset of this piece's results: count * builds
  std::vector<SymbolId> computed;  // count * plan.computed_symbols
};

// Names a right-side node for Inserter's callback: piece, match, node.
constexpr std::uint64_t token_of(std::size_t piece, std::uint32_t match, std::size_t node) {
  return static_cast<std::uint64_t>(piece) << 32 | static_cast<std::uint64_t>(match) << 12 | node;
}
static_assert(kPieceMatches <= (1U << 20));

class ApplyPhase {
 public:
  ApplyPhase(Partition& partition, std::span<const RulePlan> plans, std::span<const char> apply, MatchResult& matches,
             const std::function<std::size_t()>& room)
      : partition_(partition),
        graph_(partition.graph),
        plans_(plans),
        apply_(apply),
        matches_(matches),
        room_(room),
        inserter_(partition, matches.foreign, plans.size()) {
    result_.asserted.assign(plans.size(), 0);
    result_.seconds.assign(plans.size(), 0);
  }

  ApplyResult run() {
    cut_pieces();
    const auto cores =
        static_cast<std::size_t>(partition_.ranks()) * static_cast<std::size_t>(partition_.workers.threads());
    const std::size_t slice = std::min(kMostSliceResults, kSliceResults * cores * (cores == 1 ? 1 : kSliceOfMany));
    std::size_t begin = 0;
    for (;;) {
      std::size_t end = begin;
      std::size_t results = 0;
      while (end < pieces_.size() && results < slice) {
        pieces_[end].results = results;
        results += pieces_[end].count * std::max<std::size_t>(1, plans_[pieces_[end].rule].builds.size());
        ++end;
      }
      const bool here = end > begin;
      const bool must_grow = graph_.nodes.must_grow(results);
      const std::size_t room = room_();
      const std::size_t growth = graph_.nodes.bytes_to_grow(results);
      const bool over = room <= (must_grow ? growth : 0);
      const auto [next, any_must_grow] = agree(over ? Next::kStop : here ? Next::kSlice : Next::kDone, must_grow);
      result_.stopped = next == Next::kStop;
      if (next != Next::kSlice) break;
      if (any_must_grow && growth < room)
        partition_.workers.for_each(graph_.shards(), true, [&](std::size_t shard) {
          graph_.nodes.make_room(static_cast<std::uint32_t>(shard), results);
        });
      run_slice(begin, end, results);
      begin = end;
    }
    finish();
    return std::move(result_);
  }

 private:
  enum class Next : std::uint8_t { kDone, kSlice, kStop };
  // The most that any rank says; whether the hashcons of any must grow.
  std::pair<Next, bool> agree(Next here, bool must_grow) {
    std::array<std::uint64_t, 2> most = {static_cast<std::uint64_t>(here), must_grow ? 1U : 0U};
    partition_.exchange.name_step("any slice");
    if (!partition_.alone()) partition_.exchange.all_reduce(most, Reduction::kMax);
    return {static_cast<Next>(most[0]), most[1] != 0};
  }

  // Whether the condition holds on any rank; collective unless alone.
  bool any_rank(bool here) {
    std::uint64_t any = here ? 1 : 0;
    partition_.exchange.name_step("any symbols");
    if (!partition_.alone()) partition_.exchange.all_reduce(std::span(&any, 1), Reduction::kMax);
    return any != 0;
  }

  void cut_pieces() {
    // Short right sides first: what they unite, the longer ones then build on.
    std::vector<std::uint32_t> order(plans_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, {}, [this](std::uint32_t r) { return plans_[r].builds.size(); });
    for (const std::uint32_t r : order) {
      if (apply_[r] == 0) continue;
      if (matches_.matches[r] != 0) {
        result_.supersteps = std::max(result_.supersteps, plans_[r].height);
        computes_symbols_ = computes_symbols_ || plans_[r].computed_symbols != 0;
      }
      const std::uint32_t stride = plans_[r].slot_count;
      for (const MatchOutput& out : matches_.outputs) {
        const MatchSlots& slots = out.slots[r];
        const std::size_t count = slots.size() / stride;
        CHECK(count == out.count[r]);
        for (std::size_t at = 0; at < count; at += kPieceMatches)
          pieces_.push_back(
              {r, static_cast<std::uint32_t>(std::min(kPieceMatches, count - at)), slots.data() + at * stride, 0, {}});
      }
    }
  }

  void run_slice(std::size_t begin, std::size_t end, std::size_t results) {
    const std::size_t pieces = end - begin;
    const std::size_t tasks = partition_.workers.threads() == 1 || pieces < 2
                                  ? 1
                                  : std::min(pieces, static_cast<std::size_t>(partition_.workers.threads()) * 2);
    inserter_.set_tasks(tasks);
    const std::size_t foreign = matches_.foreign.size();
    results_.resize(results);
    if (computes_symbols_) compute_symbols(begin, end);
    std::vector<std::vector<double>> seconds(tasks, std::vector<double>(plans_.size(), 0));
    std::vector<std::vector<std::size_t>> requests(tasks, std::vector<std::size_t>(plans_.size(), 0));
    for (std::uint32_t wave = 0; wave == 0 || wave < result_.supersteps; ++wave) {
      partition_.workers.for_each(tasks, true, [&](std::size_t task) {
        for (std::size_t p = begin + pieces * task / tasks; p < begin + pieces * (task + 1) / tasks; ++p) {
          const auto clock = Clock::now();
          requests[task][pieces_[p].rule] += request_wave(task, p, wave);
          seconds[task][pieces_[p].rule] += std::chrono::duration<double>(Clock::now() - clock).count();
        }
      });
      const auto clock = Clock::now();
      inserter_.run_wave(name_hash_, results_, makes_operands(wave));
      share_out(std::chrono::duration<double>(Clock::now() - clock).count(), requests);
    }
    for (const auto& of_task : seconds)
      for (std::size_t r = 0; r < plans_.size(); ++r) result_.seconds[r] += of_task[r];
    for (std::size_t p = begin; p < end; ++p) unite_variables(pieces_[p]);
    collect_unions();
    unite_now(partition_, unions_, result_.united);
    result_.unions.insert(result_.unions.end(), unions_.begin(), unions_.end());
    unions_.clear();
    for (std::size_t p = begin; p < end; ++p) pieces_[p].computed = {};
    matches_.foreign.resize(foreign);  // results of the slice are of no use any more
  }

  // Whether any rule that is applied builds nodes of this height below its root: only those are waited for. The same on
  // all ranks.
  [[nodiscard]] bool makes_operands(std::uint32_t wave) const {
    for (std::size_t r = 0; r < plans_.size(); ++r) {
      if (apply_[r] == 0 || matches_.matches[r] == 0) continue;
      const auto& builds = plans_[r].builds;
      for (std::size_t b = 0; b + 1 < builds.size(); ++b)
        if (builds[b].height == wave) return true;
    }
    return false;
  }

  // Inserting serves all rules at once: its time is shared out by the requests that each made.
  void share_out(double seconds, std::vector<std::vector<std::size_t>>& requests) {
    std::size_t total = 0;
    for (const auto& of_task : requests)
      for (const std::size_t n : of_task) total += n;
    for (auto& of_task : requests) {
      for (std::size_t r = 0; r < of_task.size(); ++r) {
        if (total != 0) result_.seconds[r] += seconds * static_cast<double>(of_task[r]) / static_cast<double>(total);
        of_task[r] = 0;
      }
    }
  }

  [[nodiscard]] SymbolId symbol_of(const Piece& piece, const RulePlan::Build& build, std::uint32_t match) const {
    return build.symbol.is_none() ? piece.computed[match * plans_[piece.rule].computed_symbols + build.computed]
                                  : build.symbol;
  }

  // Handles of classes, of one match after another.
  struct Source {
    const std::uint32_t* at;
    std::size_t step;
  };

  // Ahead of a group of matches of which requests are made: the global ids and names of their classes. Always inlined,
  // or the compiler takes it for pure.
  static constexpr std::uint32_t kGroup = 32;
  [[gnu::always_inline]] void prefetch_classes(const Source& source, std::uint32_t begin, std::uint32_t end) const {
    for (std::uint32_t m = begin; m < end; ++m) {
      const Handle handle{NodeResult{source.at[m * source.step]}.handle()};
      if (!handle.is_foreign()) partition_.prefetch_class(ClassId(handle.value));
    }
  }

  std::size_t request_wave(std::size_t task, std::size_t p, std::uint32_t wave) {
    const RulePlan& plan = plans_[pieces_[p].rule];
    std::size_t made = 0;
    for (std::size_t b = 0; b < plan.builds.size(); ++b) {
      if (plan.builds[b].height != wave) continue;
      switch (plan.builds[b].kids.size()) {
        case 1:
          request_build<1>(task, p, b);
          break;
        case 2:
          request_build<2>(task, p, b);
          break;
        default:
          request_build<kAnyArity>(task, p, b);
      }
      made += pieces_[p].count;
    }
    return made;
  }

  // Asks for one node of the right side, for every match of the piece. `kArity`: known when this is compiled, for the
  // loop that the search spends most of its instructions in; or kAnyArity.
  static constexpr std::size_t kAnyArity = kMaxArity + 1;
  template <std::size_t kArity>
  void request_build(std::size_t task, std::size_t p, std::size_t b) {
    const Piece& piece = pieces_[p];
    const RulePlan& plan = plans_[piece.rule];
    const RulePlan::Build& build = plan.builds[b];
    const std::size_t arity = kArity == kAnyArity ? build.kids.size() : kArity;
    const std::size_t nodes = plan.builds.size();
    const std::uint32_t* root = b + 1 == nodes ? piece.slots + plan.root_slot : nullptr;
    constexpr std::size_t kMost = kArity == kAnyArity ? kMaxArity : kArity;
    std::array<Source, kMost> sources;
    for (std::size_t k = 0; k < arity; ++k) {
      const RulePlan::Operand& kid = build.kids[k];
      sources[k] = kid.is_slot ? Source{piece.slots + kid.index, plan.slot_count}
                               : Source{&results_[piece.results + kid.index].value, nodes};
    }
    NodeRequest request{build.symbol, kNoTarget, piece.rule, static_cast<std::uint32_t>(piece.results + b), 0, false};
    std::array<std::uint32_t, kMost> kids;
    for (std::uint32_t m = 0; m < piece.count; ++m) {
      if (m % kGroup == 0 && !partition_.alone()) {
        const std::uint32_t end = std::min(m + kGroup, piece.count);
        for (std::size_t k = 0; k < arity; ++k) prefetch_classes(sources[k], m, end);
        if (root != nullptr) prefetch_classes({root, plan.slot_count}, m, end);
      }
      if (build.symbol.is_none()) request.symbol = symbol_of(piece, build, m);
      if (root != nullptr) request.target = root[std::size_t{m} * plan.slot_count];
      std::uint32_t marks = 0;
      for (std::size_t k = 0; k < arity; ++k) {
        const NodeResult kid{sources[k].at[m * sources[k].step]};  // a slot's is not marked as fresh
        kids[k] = kid.handle();
        marks |= kid.value;
      }
      request.fresh = NodeResult{marks}.fresh();
      request.name_token = token_of(p, m, b);
      inserter_.add(task, request, std::span<const std::uint32_t>(kids.data(), arity), name_hash_);
      request.ticket += static_cast<std::uint32_t>(nodes);
    }
  }

  // The structural hash of a right-side node: of its symbol and the names of the classes its variables stand for.
  [[nodiscard]] std::uint64_t hash_of(std::uint64_t token) const {
    const Piece& piece = pieces_[token >> 32];
    const auto match = static_cast<std::uint32_t>(token >> 12 & 0xfffffU);
    return hash_node(piece, match, static_cast<std::uint32_t>(token & 0xfffU));
  }
  [[nodiscard]] std::uint64_t hash_node(const Piece& piece, std::uint32_t match, std::uint32_t node) const {
    const RulePlan& plan = plans_[piece.rule];
    const RulePlan::Build& build = plan.builds[node];
    std::uint64_t h = graph_.symbols().hash(symbol_of(piece, build, match));
    for (const RulePlan::Operand& kid : build.kids)
      h = hash_combine(h, kid.is_slot
                              ? inserter_.named(piece.slots[std::size_t{match} * plan.slot_count + kid.index]).name
                              : hash_node(piece, match, kid.index));
    return h;
  }

  // Evaluates computed attributes; symbols nobody has yet are agreed on by all ranks. Piece by piece, as threads are
  // free: what a match costs here differs from rule to rule.
  void compute_symbols(std::size_t begin, std::size_t end) {
    const Remote* remote = partition_.alone() ? nullptr : &data_of_foreign_;
    std::vector<std::size_t> computing;
    for (std::size_t p = begin; p < end; ++p)
      if (plans_[pieces_[p].rule].computed_symbols != 0) computing.push_back(p);
    std::vector<std::vector<Symbol>> missing(computing.size());
    std::vector<std::string> failures(computing.size());
    const auto pass = [&](bool first) {
      partition_.workers.for_each(computing.size(), true, [&](std::size_t i) {
        Piece& piece = pieces_[computing[i]];
        const RulePlan& plan = plans_[piece.rule];
        piece.computed.resize(std::size_t{piece.count} * plan.computed_symbols);
        try {
          compute_piece(piece, plan, remote, first ? &missing[i] : nullptr);
        } catch (const Error& error) {
          failures[i] = "rule " + plan.rule->name + ": " + error.what();
        }
      });
    };
    pass(true);
    std::string failure;
    for (const std::string& f : failures)
      if (failure.empty()) failure = f;
    partition_.agree_on_error(failure);
    std::vector<Symbol> wanted;
    for (auto& of_piece : missing) wanted.insert(wanted.end(), of_piece.begin(), of_piece.end());
    if (!any_rank(!wanted.empty())) return;
    agree_on_symbols(partition_, wanted);
    pass(false);
  }

  void compute_piece(Piece& piece, const RulePlan& plan, const Remote* remote, std::vector<Symbol>* missing) {
    std::vector<Value> values;
    for (std::uint32_t m = 0; m < piece.count; ++m) {
      std::optional<SlotValues> match;
      for (const RulePlan::Build& build : plan.builds) {
        if (!build.symbol.is_none()) continue;
        SymbolId& symbol = piece.computed[std::size_t{m} * plan.computed_symbols + build.computed];
        if (missing == nullptr && !symbol.is_none()) continue;
        if (!match)
          match.emplace(graph_, plan, std::span(piece.slots + std::size_t{m} * plan.slot_count, plan.slot_count),
                        remote);
        values.clear();
        for (const AttributeExpression& attribute : build.attributes) values.push_back(evaluate(attribute, *match));
        const auto arity = static_cast<std::uint32_t>(build.kids.size());
        const std::optional<SymbolId> found = graph_.symbols().find(build.op, values, arity);
        symbol = found.value_or(SymbolId());
        if (!found && missing != nullptr)
          missing->push_back({build.op, graph_.symbols().operator_name(build.op), arity, values});
      }
    }
  }

  // Right sides that are a variable build nothing: the root's class equals the variable's.
  void unite_variables(const Piece& piece) {
    const RulePlan& plan = plans_[piece.rule];
    if (!plan.builds.empty()) return;
    for (std::uint32_t m = 0; m < piece.count; ++m) {
      const std::uint32_t* slots = piece.slots + std::size_t{m} * plan.slot_count;
      const std::uint32_t a = inserter_.local_handle(slots[plan.root_slot]);
      const std::uint32_t b = inserter_.local_handle(slots[plan.right_root.index]);
      if (a == b) continue;
      unions_.push_back({a, b, piece.rule});
      ++result_.asserted[piece.rule];
    }
  }

  void collect_unions() {
    for (auto& of_shard : inserter_.insertion().unions) {
      unions_.insert(unions_.end(), of_shard.begin(), of_shard.end());
      of_shard.clear();
    }
  }

  void finish() {
    for (std::size_t r = 0; r < plans_.size(); ++r) result_.asserted[r] += inserter_.insertion().asserted[r];
    partition_.exchange.name_step("asserted");
    if (!partition_.alone() && !result_.asserted.empty())
      partition_.exchange.all_reduce(result_.asserted, Reduction::kSum);
    result_.rows_made = inserter_.insertion().rows_made;
    result_.made = std::move(inserter_.insertion().made);
  }

  // Data of foreign handles while attributes are computed.
  class ForeignData final : public Remote {
   public:
    ForeignData(const EGraph& graph, const ForeignClasses& foreign) : graph_(graph), foreign_(foreign) {}
    [[nodiscard]] bool same(Handle, Handle) const override { return false; }
    [[nodiscard]] DataView data(Handle handle) const override {
      const DataId id = foreign_[handle.foreign_index()].data;
      return id.is_none() ? DataView{} : graph_.data[id];
    }
    bool forward(std::size_t, const PartialMatch&) override { return false; }

   private:
    const EGraph& graph_;
    const ForeignClasses& foreign_;
  };

  Partition& partition_;
  EGraph& graph_;
  std::span<const RulePlan> plans_;
  std::span<const char> apply_;
  MatchResult& matches_;
  const std::function<std::size_t()>& room_;
  Inserter inserter_;
  const Inserter::NameHash name_hash_ = [this](std::uint64_t token) { return hash_of(token); };
  ForeignData data_of_foreign_{graph_, matches_.foreign};
  bool computes_symbols_ = false;
  std::vector<Piece> pieces_;
  std::vector<NodeResult> results_;
  std::vector<UnionRequest> unions_;  // of the slice
  ApplyResult result_;
};

}  // namespace

ApplyResult run_apply_phase(Partition& partition, std::span<const RulePlan> plans, std::span<const char> apply,
                            MatchResult& matches, const std::function<std::size_t()>& room) {
  return ApplyPhase(partition, plans, apply, matches, room).run();
}

std::vector<NamedClass> insert_expression(Partition& partition, const Expression& expression) {
  std::vector<std::uint32_t> height(expression.size(), 0);
  std::vector<std::uint64_t> hash(expression.size(), 0);
  std::uint32_t tallest = 0;
  for (std::uint32_t i = 0; i < expression.size(); ++i) {
    hash[i] = partition.graph.symbols().hash(expression[i].symbol);
    for (const std::uint32_t kid : expression[i].kids) {
      height[i] = std::max(height[i], height[kid] + 1);
      // As hash_node() does for a variable: the kid's class has its name already.
      hash[i] = hash_combine(hash[i], ClassTable::make_name(partition.graph.iteration, hash[kid]));
    }
    tallest = std::max(tallest, height[i]);
  }
  std::vector<std::vector<std::uint32_t>> levels(tallest + 1);
  for (std::uint32_t i = 0; i < expression.size(); ++i) levels[height[i]].push_back(i);
  ForeignClasses foreign;
  Inserter inserter(partition, foreign, 0);
  const Inserter::NameHash name_hash = [&](std::uint64_t token) { return hash[token]; };
  std::vector<NodeResult> results(expression.size());
  std::vector<std::uint32_t> kids;
  for (const std::vector<std::uint32_t>& level : levels) {
    if (partition.rank() == 0) {  // the program is small, and every rank has read it: one rank asks
      for (const std::uint32_t i : level) {
        kids.clear();
        for (const std::uint32_t kid : expression[i].kids) kids.push_back(results[kid].handle());
        inserter.add(0, {expression[i].symbol, kNoTarget, kNoRule, i, i}, kids, name_hash);
      }
    }
    inserter.run_wave(name_hash, results);
  }
  std::vector<NamedClass> classes(expression.size());
  if (partition.rank() == 0)
    for (std::uint32_t i = 0; i < expression.size(); ++i) classes[i] = inserter.named(results[i].handle());
  if (!partition.alone()) {
    partition.exchange.name_step("start classes");
    partition.exchange.all_gather(
        partition.rank() == 0 ? std::as_bytes(std::span(classes)) : std::span<const std::byte>{}, partition.inbox);
    std::memcpy(classes.data(), partition.inbox.bytes.data(), classes.size() * sizeof(NamedClass));
  }
  return classes;
}

}  // namespace tessera
