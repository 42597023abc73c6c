#include "partition/match_phase.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>

#include "engine/base/radix_sort.hpp"
#include "partition/match_traveller.hpp"

namespace tessera {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Rows to start from, by operator.
using RowsByOperator = std::vector<std::vector<RowId>>;

struct Unit {  // a program over some rows of one operator, or over some classes
  std::uint32_t program;
  std::span<const RowId> rows;
  std::span<const ClassId> classes;
  std::size_t weight = 1;  // rules and variants that start from these
};

constexpr std::size_t kFewRows = 4096;  // fewer are not worth a second thread
constexpr std::size_t kLeastUnitRows = 256;
constexpr std::size_t kUnitRows = 2048;                      // taken at a time when there are several threads
constexpr std::size_t kRoundRows = std::size_t{1} << 22;     // times rules, whose walks are put off together
constexpr std::size_t kMostTogether = std::size_t{1} << 16;  // walks put off into one list, or neighbours
constexpr std::size_t kFewArrivals = 1024;                   // partial matches from other ranks

class MatchPhase {
 public:
  MatchPhase(Partition& partition, const MatchRequest& request)
      : partition_(partition), graph_(partition.graph), request_(request), threads_(partition.workers.threads()) {}

  MatchResult run() {
    collect_programs();
    resolve_grounds();
    resolve_givens();
    collect_units();
    std::size_t work = 0;
    for (const Unit& unit : units_) work += (unit.rows.size() + unit.classes.size()) * unit.weight;
    const auto tasks = static_cast<std::size_t>(threads_);
    for (std::size_t t = 0; t < tasks; ++t)
      result_.outputs.emplace_back(request_.plans.size(), walks_, branches_).slots_left =
          request_.store_bytes / sizeof(std::uint32_t) / tasks;
    MatchTraveller traveller(partition_, programs_, result_.foreign, tasks);
    remote_ = partition_.alone() ? nullptr : &traveller;
    for (std::size_t begin = 0; begin < units_.size();) begin = run_units(begin, work >= kFewRows);
    count_visited();
    if (remote_ != nullptr)
      travel(traveller);
    else
      count_matches();
    finish();
    if (request_.cache != nullptr) request_.cache->drop_unused();
    return std::move(result_);
  }

 private:
  // Runs step(matcher, i) for all i below `count`, on one thread or on all: each takes the next i that nobody took.
  template <class StepFunction>
  void share(std::size_t count, bool worthwhile, StepFunction&& step) {
    if (count == 0) return;
    std::atomic<std::size_t> next{0};
    const std::size_t tasks = worthwhile ? result_.outputs.size() : 1;
    partition_.workers.for_each(tasks, worthwhile, [&](std::size_t task) {
      const auto begin = Clock::now();
      MatchOutput& out = result_.outputs[task];
      Matcher matcher(graph_, request_.plans, programs_, request_.store_limit, remote_, threads_ > 1, task, out);
      for (std::size_t i = next++; i < count; i = next++) step(matcher, i);
      out.seconds += seconds_since(begin);
    });
  }

  // Starts from some units, from `begin` on; returns where they end. Several threads share the rows first and then,
  // by list, the walks that begin at them: so each list is gone through by one thread, and once.
  std::size_t run_units(std::size_t begin, bool worthwhile) {
    const bool put_off = worthwhile && threads_ > 1;
    std::size_t end = begin;
    for (std::size_t work = 0; end < units_.size() && (!put_off || work < kRoundRows); ++end)
      work += units_[end].rows.size() * units_[end].weight;
    if (put_off)
      for (MatchOutput& out : result_.outputs) out.put_off.resize(walks_);
    share(end - begin, worthwhile, [&](Matcher& matcher, std::size_t u) {
      const Unit& unit = units_[begin + u];
      if (unit.classes.empty())
        matcher.start(unit.program, unit.rows, put_off);
      else
        matcher.start_classes(unit.program, unit.classes);
    });
    if (put_off) walk_put_off();
    walk_rests();
    return end;
  }

  void walk_put_off() {
    struct Part {  // of the walks that begin at one arm and go into one kind of list: some buckets
      std::uint32_t program;
      std::uint32_t walk;
      const MatchArm* arm;
      std::uint32_t begin;
      std::uint32_t end;
      std::size_t first;  // of the walks in these buckets
      std::size_t count;
    };
    std::vector<Part> parts;
    std::size_t work = 0;
    const auto add = [&](Part part) {
      for (; part.count > kMostTogether; part.first += kMostTogether, part.count -= kMostTogether) {
        parts.push_back(part);
        parts.back().count = kMostTogether;
      }
      if (part.count != 0) parts.push_back(part);
    };
    for_each_start_walk([&](std::uint32_t program, const MatchArm& arm, std::uint32_t walk) {
      Part part{program, walk, &arm, 0, 0, 0, 0};
      for (std::uint32_t b = 0; b < PutOffWalks::kBuckets; ++b) {
        std::size_t count = 0;
        for (const MatchOutput& out : result_.outputs) {
          const auto& buckets = out.put_off[programs_[program].first_walk + walk].buckets;
          if (!buckets.empty()) count += buckets[b].size();
        }
        work += count;
        part.count += count;
        part.end = b + 1;
        if (part.count < kUnitRows) continue;
        add(part);
        part.begin = b + 1;
        part.count = 0;
      }
      add(part);
    });
    std::vector<CachePadded<std::vector<std::uint64_t>>> rows_of(result_.outputs.size());
    share(parts.size(), work >= kFewRows, [&](Matcher& matcher, std::size_t p) {
      const Part& part = parts[p];
      std::vector<std::uint64_t>& rows = rows_of[matcher.task()];
      rows.clear();
      std::size_t skip = part.first;
      for (std::uint32_t b = part.begin; b < part.end; ++b) {
        for (const MatchOutput& out : result_.outputs) {
          const auto& buckets = out.put_off[programs_[part.program].first_walk + part.walk].buckets;
          if (buckets.empty()) continue;
          const std::span<const std::uint64_t> all = buckets[b].all();
          const std::span<const std::uint64_t> rest = all.subspan(std::min(skip, all.size()));
          skip -= all.size() - rest.size();
          const std::span<const std::uint64_t> wanted = rest.first(std::min(rest.size(), part.count - rows.size()));
          rows.insert(rows.end(), wanted.begin(), wanted.end());
        }
      }
      matcher.walk_lists(part.program, *part.arm, part.walk, rows);
    });
    for (MatchOutput& out : result_.outputs) out.put_off.clear();
  }

  // Calls visit(program, arm of the start rows, walk) for every walk that begins at start rows.
  template <class Visit>
  void for_each_start_walk(Visit&& visit) const {
    for (std::uint32_t p = 0; p < programs_.size(); ++p)
      for (const MatchArm& arm : programs_[p].program->walks[MatchProgram::kRows].arms)
        for (const MatchBranch& branch : arm.branches)
          for (const std::uint32_t walk : branch.walks) visit(p, arm, walk);
  }

  // What was left of long lists; going on with it may leave more.
  void walk_rests() {
    struct Part {
      const LongWalk* rest;
      std::size_t begin;
      std::size_t end;
    };
    for (;;) {
      std::vector<LongWalk> rests;
      for (MatchOutput& out : result_.outputs) {
        std::move(out.long_walks.begin(), out.long_walks.end(), std::back_inserter(rests));
        out.long_walks.clear();
        out.left_words = 0;
      }
      if (rests.empty()) return;
      std::vector<Part> parts;
      std::size_t rows = 0;
      for (const LongWalk& rest : rests) {
        rows += rest.rows->count;
        for (std::size_t at = 0; at < rest.rows->count; at += kUnitRows)
          parts.push_back({&rest, at, std::min(at + kUnitRows, rest.rows->count)});
      }
      share(parts.size(), rows >= kFewRows,
            [&](Matcher& matcher, std::size_t p) { matcher.resume(*parts[p].rest, parts[p].begin, parts[p].end); });
    }
  }

  void travel(MatchTraveller& traveller) {
    Arrivals arrived;
    while (traveller.deliver(arrived, count_matches())) {
      partition_.exchange.count_work(Work::kPartials, arrived.matches.size());
      go_on(traveller, arrived);
      give_rows(traveller);
      join_crowds(traveller.settle());
      walk_rests();
      count_visited();
    }
  }

  // Those of this rank.
  std::span<std::uint64_t> count_matches() {
    result_.matches.assign(request_.plans.size(), 0);
    for (const MatchOutput& out : result_.outputs)
      for (std::size_t r = 0; r < result_.matches.size(); ++r) result_.matches[r] += out.count[r];
    return result_.matches;
  }

  // With partial matches that arrived.
  void go_on(const MatchTraveller& traveller, Arrivals& arrived) {
    constexpr std::size_t kPart = 512;
    GrowingArray<ArrivedMatch>& matches = arrived.matches;
    // Those that ask for one list follow each other, as start rows do.
    radix_sort(matches, scratch_, 0, [](const ArrivedMatch& match) { return match.list; });
    const auto walk_of = [&](const ArrivedMatch& match) -> const MatchWalk& {
      const auto [program, walk] = traveller.program_and_walk(match.walk());
      return programs_[program].program->walks[walk];
    };
    const std::size_t parts = (matches.size() + kPart - 1) / kPart;
    share(parts, matches.size() >= kFewArrivals, [&](Matcher& matcher, std::size_t part) {
      const std::size_t end = std::min(matches.size(), (part + 1) * kPart);
      for (std::size_t i = part * kPart; i < end; ++i) {
        if (const std::size_t far = i + 2 * Matcher::kAhead; far < end) {
          __builtin_prefetch(&arrived.values[matches[far].at]);
          if (walk_of(matches[far]).kind != Step::Kind::kLookup) matcher.prefetch_class(matches[far].cls());
        }
        if (const std::size_t near = i + Matcher::kAhead; near < end)
          if (const Step::Kind kind = walk_of(matches[near]).kind; kind != Step::Kind::kLookup)
            matcher.prefetch_list(kind, matches[near].cls());
        const ArrivedMatch& match = matches[i];
        const auto [program, walk] = traveller.program_and_walk(match.walk());
        const std::uint32_t* values = &arrived.values[match.at];
        const std::span carried(values + 1, walk_of(match).carried.size());
        const bool again = (i > 0 && matches[i - 1].list == match.list) ||
                           (i + 1 < matches.size() && matches[i + 1].list == match.list);
        if (match.wants_rows_here())
          matcher.resume({program, walk, carried, *values}, again);
        else
          matcher.arrive({program, walk, carried, *values}, again);
      }
    });
  }

  // Lists that crowds of other ranks want.
  void give_rows(MatchTraveller& traveller) {
    const std::span<const WantedList> wanted = traveller.wanted();
    std::uint64_t asked = 0;
    for (const WantedList& list : wanted) asked += list.asked;
    std::vector<FittingRows> rows(wanted.size());
    share(wanted.size(), asked >= kFewArrivals, [&](Matcher& matcher, std::size_t i) {
      std::vector<ClassId> list;
      for (const GlobalId cls : wanted[i].list) list.push_back(partition_.find_local(cls));
      // A class that this rank does not know has no parents here.
      if (std::ranges::none_of(list, &ClassId::is_none))
        matcher.collect(wanted[i].program, wanted[i].walk, list, rows[i]);
    });
    traveller.answer(rows);
  }

  // Crowds whose rows have come.
  void join_crowds(const std::vector<CrowdJoin>& joins) {
    struct Part {
      const CrowdJoin* join;
      std::size_t begin;  // of the partial matches
      std::size_t end;
    };
    std::vector<Part> parts;
    std::size_t work = 0;
    const Crowd* last = nullptr;
    for (const CrowdJoin& join : joins) {
      const Crowd& crowd = *join.crowd;
      const std::size_t size = crowd.values.size() / carried_of(crowd);
      if (&crowd != last) partition_.exchange.count_work(Work::kPartials, size);  // as if they had arrived here
      last = &crowd;
      work += size * join.rows->count;
      const std::size_t part = std::max<std::size_t>(1, kUnitRows / join.rows->count);
      for (std::size_t at = 0; at < size; at += part) parts.push_back({&join, at, std::min(at + part, size)});
    }
    share(parts.size(), work >= kFewRows, [&](Matcher& matcher, std::size_t p) {
      const Crowd& crowd = *parts[p].join->crowd;
      const CrowdJoin& join = *parts[p].join;
      const std::size_t carried = carried_of(crowd);
      for (std::size_t i = parts[p].begin; i < parts[p].end; ++i)
        if (crowd.met[i] != join.rank)
          matcher.resume(crowd.program, crowd.walk, std::span(crowd.values).subspan(i * carried, carried), *join.rows);
    });
  }
  [[nodiscard]] std::size_t carried_of(const Crowd& crowd) const {
    return programs_[crowd.program].program->walks[crowd.walk].carried.size();
  }

  // For a recorder: the rows looked at since the last call.
  void count_visited() {
    std::uint64_t visited = 0;
    for (const MatchOutput& out : result_.outputs)
      for (const std::uint64_t of_walk : out.visited) visited += of_walk;
    partition_.exchange.count_work(Work::kVisited, visited - visited_);
    visited_ = visited;
  }

  // Rules that have seen the same rows run as one program.
  void collect_programs() {
    std::map<std::uint32_t, std::vector<ProgramEntry>> groups;
    for (std::uint32_t r = 0; r < request_.plans.size(); ++r) {
      if (request_.active[r] == 0) continue;
      // Before its first run everything is new to a rule: one variant finds each match exactly once.
      const std::size_t variants = request_.seen[r] == 0 ? 1 : request_.plans[r].variants.size();
      for (std::uint32_t v = 0; v < variants; ++v) groups[request_.seen[r]].push_back({r, v});
    }
    ProgramCache& cache = request_.cache != nullptr ? *request_.cache : own_programs_;
    for (const auto& [seen, entries] : groups) {
      const MatchProgram& program = cache.get(request_.plans, entries);
      programs_.push_back({&program, seen, {}, {}, walks_, branches_});
      walks_ += program.walks.size();
      branches_ += program.branch_count;
    }
  }

  // Finds the classes of the childless symbols that patterns name. One small reduction, and only if there are any.
  void resolve_grounds() {
    std::vector<std::uint64_t> found;  // of every ground symbol: its class's global id, its row's stamp
    for (const RunningProgram& running : programs_) {
      for (const GroundSymbol& ground : running.program->grounds) {
        const RowId row = graph_.nodes.find(NodeTable::hash_key(ground.symbol, {}), ground.symbol, {});
        const bool here = !row.is_none();
        found.push_back(here ? partition_.global(ClassId(graph_.nodes[row].class_id)).value : GlobalId::kNone);
        found.push_back(here ? graph_.nodes[row].stamp : ~std::uint64_t{0});
      }
    }
    partition_.exchange.name_step("ground symbols");
    if (!partition_.alone() && !found.empty()) partition_.exchange.all_reduce(found, Reduction::kMin);
    std::size_t at = 0;
    for (RunningProgram& running : programs_) {
      for (const GroundSymbol& ground : running.program->grounds) {
        const std::uint64_t stamp = found[at + 1];
        GlobalId cls;
        cls.value = found[at];
        at += 2;
        const bool wanted = cls.value != GlobalId::kNone &&
                            (ground.age == Age::kAny || (ground.age == Age::kOld) == (stamp < running.seen));
        running.grounds.push_back(wanted ? handle_of(cls) : RunningProgram::kAbsent);
      }
    }
  }

  void resolve_givens() {
    for (RunningProgram& running : programs_)
      for (const MatchProgram::Given& given : running.program->givens)
        running.givens.push_back(handle_of(request_.given[given.rule][given.index]));
  }

  // Classes this rank has never met are foreign to it, as those that partial matches bring along.
  std::uint32_t handle_of(GlobalId cls) {
    const ClassId here = partition_.find_local(cls);
    if (!here.is_none()) return here.value;
    result_.foreign.push_back({{cls, 0}, DataId()});  // compared only
    return Handle::kForeign | static_cast<std::uint32_t>(result_.foreign.size() - 1);
  }

  void finish() {
    result_.visited_by_walk.assign(walks_, 0);
    result_.passed_by_branch.assign(branches_, 0);
    double seconds = 0;
    for (const MatchOutput& out : result_.outputs) {
      seconds += out.seconds;
      result_.overflowed = result_.overflowed || out.overflowed;
      for (std::size_t w = 0; w < walks_; ++w) result_.visited_by_walk[w] += out.visited[w];
      for (std::size_t b = 0; b < branches_; ++b) result_.passed_by_branch[b] += out.passed[b];
    }
    for (const std::uint64_t visited : result_.visited_by_walk) result_.visited += visited;
    share_out(seconds);
    if (request_.count_steps) count_steps();
  }

  // The time that all rules took together is shared out by work: rows visited and let through, those of a shared walk
  // in equal parts.
  void share_out(double seconds) {
    std::vector<double> work(request_.plans.size(), 0);
    double total = 0;
    for (const RunningProgram& running : programs_) {
      const MatchProgram& program = *running.program;
      for (const ProgramPath& path : program.paths) {
        for (const ProgramPath::Stage& stage : path.stages) {
          const double part = static_cast<double>(result_.visited_by_walk[running.first_walk + stage.walk]) /
                                  program.walk_users[stage.walk] +
                              static_cast<double>(result_.passed_by_branch[running.first_branch + stage.branch]) /
                                  program.branch_users[stage.branch];
          work[path.rule] += part;
          total += part;
        }
      }
    }
    result_.seconds.assign(request_.plans.size(), 0);
    for (std::size_t r = 0; r < work.size(); ++r)
      if (total > 0) result_.seconds[r] = seconds * work[r] / total;
  }

  void count_steps() {
    for (const RunningProgram& running : programs_) {
      for (const ProgramPath& path : running.program->paths) {
        for (std::uint32_t s = 0; s < path.stages.size(); ++s) {
          const ProgramPath::Stage& stage = path.stages[s];
          result_.steps.push_back({path.rule, path.variant, s, running.program->walk_users[stage.walk],
                                   result_.visited_by_walk[running.first_walk + stage.walk],
                                   result_.passed_by_branch[running.first_branch + stage.branch]});
        }
      }
    }
  }

  void add_units(std::uint32_t program, std::span<const RowId> rows, MatchWalk::Range arms) {
    const MatchWalk& starts = programs_[program].program->walks[MatchProgram::kRows];
    std::size_t weight = 0;
    for (std::size_t a = arms.begin; a < arms.end; ++a) weight += starts.arms[a].branches.size();
    const std::size_t unit = threads_ == 1 ? std::max<std::size_t>(1, rows.size())
                                           : std::max(kLeastUnitRows, 2 * kUnitRows / std::max<std::size_t>(2, weight));
    for (std::size_t at = 0; at < rows.size(); at += unit)
      units_.push_back({program, rows.subspan(at, std::min(unit, rows.size() - at)), {}, weight});
  }

  // Which rows each program starts from. Rules that ran in the last iteration start from what it touched; those that
  // were put aside, from every row with a young enough stamp.
  void collect_units() {
    std::uint32_t oldest = graph_.iteration;  // rows with this stamp are the newest
    for (const RunningProgram& running : programs_) {
      if (running.program->walks[MatchProgram::kRows].arms.empty()) continue;
      if (running.seen == graph_.iteration)
        fill_delta();
      else
        oldest = std::min(oldest, running.seen);
    }
    if (oldest != graph_.iteration) fill_all(oldest);
    for (std::uint32_t p = 0; p < programs_.size(); ++p) {
      const RunningProgram& running = programs_[p];
      const MatchWalk& starts = running.program->walks[MatchProgram::kRows];
      if (!running.program->walks[MatchProgram::kClasses].arms.empty()) add_class_units(p);
      if (starts.arms.empty()) continue;
      const std::span<const RowsByOperator> parts =
          running.seen == graph_.iteration ? delta_ : std::span(&since(running.seen, oldest), 1);
      for (std::size_t op = 0; op < starts.arms_of.size(); ++op)
        for (const RowsByOperator& rows : parts)
          if (starts.arms_of[op].end != 0 && op < rows.size()) add_units(p, rows[op], starts.arms_of[op]);
    }
  }

  // In parts, by threads. Shard by turns, so that rows made at one time, which lead to the same lists, come into the
  // same unit.
  void fill_delta() {
    constexpr std::size_t kTurn = 1024;
    std::size_t turns = 0;
    for (const auto& list : graph_.touched) turns = std::max(turns, (list.size() + kTurn - 1) / kTurn);
    delta_.resize(static_cast<std::size_t>(threads_));
    partition_.workers.for_each(delta_.size(), turns > 1, [&](std::size_t part) {
      RowsByOperator& rows = delta_[part];
      rows.resize(graph_.symbols().operator_count());
      for (std::size_t turn = turns * part / delta_.size(); turn < turns * (part + 1) / delta_.size(); ++turn)
        for (const auto& list : graph_.touched)
          for (std::size_t i = turn * kTurn; i < std::min((turn + 1) * kTurn, list.size()); ++i)
            if (graph_.nodes.is_live(list[i]))
              rows[graph_.symbols().op(graph_.nodes[list[i]].symbol).value].push_back(list[i]);
    });
  }

  void fill_all(std::uint32_t seen) {
    RowsByOperator& rows = all_;
    rows.resize(graph_.symbols().operator_count());
    graph_.for_each_row([&](RowId row) {
      if (graph_.nodes[row].stamp >= seen) rows[graph_.symbols().op(graph_.nodes[row].symbol).value].push_back(row);
    });
  }

  const RowsByOperator& since(std::uint32_t seen, std::uint32_t oldest) {
    if (seen == oldest) return all_;
    for (const auto& [stamp, rows] : younger_)
      if (stamp == seen) return rows;
    RowsByOperator& rows = younger_.emplace_back(seen, RowsByOperator(all_.size())).second;
    for (std::size_t op = 0; op < all_.size(); ++op)
      for (const RowId row : all_[op])
        if (graph_.nodes[row].stamp >= seen) rows[op].push_back(row);
    return rows;
  }

  void add_class_units(std::uint32_t program) {
    std::vector<std::vector<ClassId>>& parts = class_starts_.emplace_back(static_cast<std::size_t>(threads_));
    const std::uint32_t seen = programs_[program].seen;
    partition_.workers.for_each(parts.size(), graph_.classes.bound() >= kFewRows, [&](std::size_t part) {
      partition_.for_each_owned_class(part, parts.size(), [&](ClassId cls) {
        const bool changed =
            cls.value < request_.class_data_stamp.size() && request_.class_data_stamp[cls.value] >= seen;
        if (changed || ClassTable::birth(graph_.classes[cls].name) >= seen) parts[part].push_back(cls);
      });
    });
    for (const std::vector<ClassId>& found : parts)
      for (std::size_t at = 0; at < found.size(); at += kUnitRows)
        units_.push_back({program, {}, std::span(found).subspan(at, std::min(kUnitRows, found.size() - at)), 1});
  }

  Partition& partition_;
  const EGraph& graph_;
  const MatchRequest& request_;
  int threads_;
  Remote* remote_ = nullptr;
  ProgramCache own_programs_;
  std::vector<RunningProgram> programs_;
  std::size_t walks_ = 0;  // of all programs
  std::size_t branches_ = 0;
  std::uint64_t visited_ = 0;  // rows, as told to a recorder
  MatchResult result_;
  std::vector<Unit> units_;
  GrowingArray<ArrivedMatch> scratch_;  // to sort them
  std::vector<RowsByOperator> delta_;   // what the last iteration touched
  RowsByOperator all_;
  std::deque<std::pair<std::uint32_t, RowsByOperator>> younger_;
  std::deque<std::vector<std::vector<ClassId>>> class_starts_;  // of a program, in parts
};

}  // namespace

MatchResult run_match_phase(Partition& partition, const MatchRequest& request) {
  MatchResult result = MatchPhase(partition, request).run();
  for (std::size_t r = 0; r < request.plans.size(); ++r)
    if (request.active[r] != 0)
      result.supersteps =
          std::max(result.supersteps, static_cast<std::uint32_t>(request.plans[r].variants.front().steps.size()));
  return result;
}

}  // namespace tessera
