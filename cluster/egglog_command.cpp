#include "cluster/egglog_command.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "cluster/rule_selection.hpp"
#include "cluster/saturation_output.hpp"
#include "cluster/search_record.hpp"
#include "cluster/snapshot_keeper.hpp"
#include "engine/language/expression_edit.hpp"
#include "io/egglog_reader.hpp"
#include "partition/extraction.hpp"
#include "partition/inspection.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kMostPrinted = 1'000'000;  // constructors of an extracted term

class EgglogRun {
 public:
  EgglogRun(const EgglogProgram& program, const std::vector<Rule>& rules, SymbolTable& symbols, Exchange& exchange,
            const SearchOptions& search_options, SnapshotKeeper& keeper, SaturationOutput& output, Log& log)
      : program_(program),
        symbols_(symbols),
        keeper_(keeper),
        output_(output),
        log_(log),
        leads_(exchange.rank() == 0),
        search_(exchange, program.language, symbols, rules, search_options) {
    std::unordered_set<std::string> kept;
    for (const Rule& rule : rules) kept.insert(rule.name);
    kept_before_.push_back(0);
    for (const Rule& rule : program.rules) kept_before_.push_back(kept_before_.back() + kept.count(rule.name));
  }

  // `origin`: what snapshots say of the program.
  int run(SnapshotOrigin origin) {
    keeper_.ask_for_progress([this] { return progress(); });
    std::vector<NamedClass> roots;  // none are kept: commands look their terms up
    keeper_.begin(search_, std::move(origin), roots);
    take_up(keeper_.resumed_progress());
    int code = kExitDone;
    for (; at_ < program_.commands.size() && code == kExitDone; ++at_) {
      code = run(program_.commands[at_]);
      std::fflush(stdout);
      if (code == kExitDone) done_ = 0;
    }
    if (code == kExitRequeue) return code;
    if (code != kExitDone) {
      keeper_.close();
      return code;
    }
    if (!is_finished_) keeper_.finish(last_stop_.value_or(StopReason::kSaturated));
    return with_snapshots_closed(keeper_, [&] {
      output_.finish(search_, last_stop_, keeper_.seconds());
      return kExitDone;
    });
  }

 private:
  // SearchState::progress. Asked within the run command at at_, or after all commands.
  [[nodiscard]] std::vector<std::uint64_t> progress() const {
    const std::uint64_t done = is_running_ ? done_ + search_.iterations().size() - before_ : 0;
    return {at_, done, last_stop_ ? static_cast<std::uint64_t>(*last_stop_) + 1 : 0};
  }

  // Goes on where a snapshot was taken: commands before it have said what they had to say.
  void take_up(const std::vector<std::uint64_t>& progress) {
    if (!keeper_.resumes()) return;
    if (progress.size() != 3 || progress[0] > program_.commands.size() ||
        progress[2] > static_cast<std::uint64_t>(StopReason::kInterrupted) + 1)
      throw Error(ErrorCode::kInput, "found a snapshot without an egglog program's progress");
    at_ = progress[0];
    done_ = progress[1];
    if (progress[2] != 0) last_stop_ = static_cast<StopReason>(progress[2] - 1);
    for (std::size_t i = 0; i < at_; ++i)
      if (program_.commands[i].kind == EgglogCommand::Kind::kInsert ||
          program_.commands[i].kind == EgglogCommand::Kind::kExtract)
        is_empty_ = false;
  }

  // kExitIncomplete: a check that does not hold; kExitRequeue: interrupted.
  int run(const EgglogCommand& command) {
    switch (command.kind) {
      case EgglogCommand::Kind::kInsert:
        insert(command.roots);
        return kExitDone;
      case EgglogCommand::Kind::kRun:
        return saturate(command) ? kExitDone : kExitRequeue;
      case EgglogCommand::Kind::kPrintSize:
        print_size(command);
        return kExitDone;
      case EgglogCommand::Kind::kPrintSizes:
        print_sizes(command);
        return kExitDone;
      case EgglogCommand::Kind::kExtract:
        extract(command);
        return kExitDone;
      case EgglogCommand::Kind::kCheck:
        return check(command) ? kExitDone : kExitIncomplete;
    }
    return kExitDone;
  }

  // The program's terms that these roots reach, as a program of their own with one root for each.
  [[nodiscard]] Expression part(const std::vector<std::uint32_t>& roots) const {
    Expression result;
    Substitution copied;
    result.roots = copy_into(result, program_.terms, roots, copied);
    return result;
  }

  std::vector<NamedClass> insert(const std::vector<std::uint32_t>& roots) {
    const Expression terms = part(roots);
    const std::vector<NamedClass> classes = is_empty_ ? search_.start(terms) : search_.insert(terms);
    is_empty_ = false;
    std::vector<NamedClass> result;
    for (const std::uint32_t root : terms.roots) result.push_back(classes[root]);
    return result;
  }

  // False: interrupted, and all is on disk.
  bool saturate(const EgglogCommand& command) {
    if (!has_started_) output_.started(search_);
    has_started_ = true;
    search_.use_rules(kept_before_[command.rules]);
    before_ = search_.iterations().size();
    is_running_ = true;
    const StopReason reason =
        search_.run_for(command.iterations == Search::kNoLimit ? Search::kNoLimit : command.iterations - done_,
                        [this](const IterationRecord& record) { output_.iteration_done(search_, record); });
    // What is to be taken up again goes on within this run, not after what follows it.
    const bool ends_early = reason == StopReason::kInterrupted || reason == StopReason::kTime;
    if (ends_early && !is_finished_) keeper_.finish(reason);
    is_finished_ = is_finished_ || ends_early;
    is_running_ = false;
    if (reason == StopReason::kInterrupted) return false;
    last_stop_ = reason;
    const std::uint64_t done = done_ + search_.iterations().size() - before_;
    if (reason != StopReason::kSaturated && done < command.iterations)
      log_.warn("{}: the run was stopped after {} iterations by a limit: {}", command.where.to_string(), done,
                stop_reason_name(reason));
    return true;
  }

  [[nodiscard]] std::uint64_t size_of(const std::vector<std::uint64_t>& counts, std::uint32_t constructor) const {
    const auto op = symbols_.find_operator(Name(program_.language.constructors()[constructor].name));
    return op ? counts[op->value] : 0;
  }

  void print_size(const EgglogCommand& command) {
    const std::vector<std::uint64_t> counts = count_by_operator(search_.partition());
    if (leads_) std::printf("%llu\n", static_cast<unsigned long long>(size_of(counts, command.constructor)));
  }

  void print_sizes(const EgglogCommand& command) {
    const std::vector<std::uint64_t> counts = count_by_operator(search_.partition());
    if (!leads_) return;
    std::vector<std::pair<std::string, std::uint64_t>> sizes;
    for (std::uint32_t c = 0; c < command.constructor; ++c)
      sizes.emplace_back(program_.language.constructors()[c].name, size_of(counts, c));
    std::sort(sizes.begin(), sizes.end());
    for (const auto& [name, size] : sizes)
      std::printf("%s: %llu\n", name.c_str(), static_cast<unsigned long long>(size));
  }

  void extract(const EgglogCommand& command) {
    const std::vector<NamedClass> root = insert(command.roots);
    Extraction extraction(search_.partition(), {});
    extraction.run();
    const Extracted extracted = extraction.extract(root);
    if (!leads_) return;
    const auto text =
        egglog_text(extracted.program, extracted.program.roots.front(), symbols_, program_.language, kMostPrinted);
    if (text)
      std::printf("%s\n", text->c_str());
    else
      std::printf("; the cheapest term costs %llu and has more than %llu constructors: too many to print\n",
                  static_cast<unsigned long long>(extracted.costs.front()),
                  static_cast<unsigned long long>(kMostPrinted));
  }

  bool check(const EgglogCommand& command) {
    if (!command.false_facts.empty()) return failed(command.false_facts.front(), "this fact about constants is false");
    for (const EgglogGroundFact& fact : command.facts) {
      const std::vector<GlobalId> classes = find_terms(search_.partition(), part({fact.left, fact.right}));
      if (classes[0].is_none() || classes[1].is_none())
        return failed(fact.where, fact.left == fact.right ? "this term is not in the e-graph"
                                  : classes[0].is_none()  ? "the first of these terms is not in the e-graph"
                                                          : "the second of these terms is not in the e-graph");
      if ((classes[0] == classes[1]) != fact.equal)
        return failed(fact.where, fact.equal ? "these terms are in different e-classes, expected one"
                                             : "these terms are in one e-class, expected different ones");
    }
    for (const Rule& query : command.queries)
      if (search_.count_matches(query) == 0)
        return failed(command.where, "nothing in the e-graph matches these facts, expected at least one match");
    return true;
  }

  bool failed(const Where& where, const char* why) const {
    std::fflush(stdout);
    if (leads_)
      std::fprintf(stderr, "tessera: %s: check failed after %zu iterations: %s\n", where.to_string().c_str(),
                   search_.iterations().size(), why);
    return false;
  }

  const EgglogProgram& program_;
  const SymbolTable& symbols_;
  SnapshotKeeper& keeper_;
  SaturationOutput& output_;
  Log& log_;
  bool leads_;
  Search search_;
  std::vector<std::size_t> kept_before_;  // of the program's first i rules, how many are in use
  bool is_empty_ = true;                  // nothing has been inserted yet
  std::optional<StopReason> last_stop_;
  std::size_t at_ = 0;        // the command that is being run
  std::uint64_t done_ = 0;    // iterations of it before this program was started
  std::size_t before_ = 0;    // iterations of the search before it
  bool is_running_ = false;   // it is a run, and under way
  bool is_finished_ = false;  // no more snapshots are taken
  bool has_started_ = false;  // a first run
};

// What the commands do, for SnapshotOrigin::model_digest.
std::string commands_digest(const EgglogProgram& program, const SymbolTable& symbols) {
  std::string text = std::to_string(structural_hash(program.terms, symbols));
  for (const EgglogCommand& command : program.commands) {
    text += "\n" + std::to_string(static_cast<int>(command.kind)) + " " + std::to_string(command.iterations) + " " +
            std::to_string(command.rules) + " " + std::to_string(command.constructor);
    for (const std::uint32_t root : command.roots) text += " " + std::to_string(root);
    for (const EgglogGroundFact& fact : command.facts)
      text += " " + std::to_string(fact.left) + (fact.equal ? "=" : "!") + std::to_string(fact.right);
  }
  return text_digest(text);
}

}  // namespace

int run_egglog(const Options& options, const Resources& resources, Exchange& exchange, Log& log) {
  SaturationOutput output(options, resources, exchange, log);
  SymbolTable symbols;
  const EgglogProgram program = load_egglog(options.input, symbols);
  RuleSet set;
  set.rules = program.rules;
  apply_rule_options(set, options);
  output.input_read();
  SnapshotOrigin origin = origin_of(options, rules_digest(set.rules, symbols, program.language));
  origin.model = options.input;
  origin.model_digest = commands_digest(program, symbols);
  SnapshotKeeper keeper(options, resources, exchange, log);
  SearchOptions search_settings = search_options(options, resources);
  keeper.watch(search_settings);
  return EgglogRun(program, set.rules, symbols, exchange, search_settings, keeper, output, log).run(std::move(origin));
}

}  // namespace tessera
