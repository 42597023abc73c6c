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
            const SearchOptions& search_options, SaturationOutput& output, Log& log)
      : program_(program),
        symbols_(symbols),
        output_(output),
        log_(log),
        leads_(exchange.rank() == 0),
        search_(exchange, program.language, symbols, rules, search_options) {
    std::unordered_set<std::string> kept;
    for (const Rule& rule : rules) kept.insert(rule.name);
    kept_before_.push_back(0);
    for (const Rule& rule : program.rules) kept_before_.push_back(kept_before_.back() + kept.count(rule.name));
  }

  int run() {
    for (const EgglogCommand& command : program_.commands) {
      if (!run(command)) return kExitIncomplete;
      std::fflush(stdout);
    }
    output_.finish(search_, last_stop_);
    return kExitDone;
  }

 private:
  // False: a check that does not hold.
  bool run(const EgglogCommand& command) {
    switch (command.kind) {
      case EgglogCommand::Kind::kInsert:
        insert(command.roots);
        return true;
      case EgglogCommand::Kind::kRun:
        saturate(command);
        return true;
      case EgglogCommand::Kind::kPrintSize:
        print_size(command);
        return true;
      case EgglogCommand::Kind::kPrintSizes:
        print_sizes(command);
        return true;
      case EgglogCommand::Kind::kExtract:
        extract(command);
        return true;
      case EgglogCommand::Kind::kCheck:
        return check(command);
    }
    return true;
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

  void saturate(const EgglogCommand& command) {
    if (!last_stop_) output_.started(search_);
    search_.use_rules(kept_before_[command.rules]);
    const std::size_t before = search_.iterations().size();
    const StopReason reason = search_.run_for(
        command.iterations, [this](const IterationRecord& record) { output_.iteration_done(search_, record); });
    last_stop_ = reason;
    const std::size_t done = search_.iterations().size() - before;
    if (reason != StopReason::kSaturated && done < command.iterations)
      log_.warn("{}: the run was stopped after {} iterations by a limit: {}", command.where.to_string(), done,
                stop_reason_name(reason));
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
  SaturationOutput& output_;
  Log& log_;
  bool leads_;
  Search search_;
  std::vector<std::size_t> kept_before_;  // of the program's first i rules, how many are in use
  bool is_empty_ = true;                  // nothing has been inserted yet
  std::optional<StopReason> last_stop_;
};

}  // namespace

int run_egglog(const Options& options, const Resources& resources, Exchange& exchange, Log& log) {
  SaturationOutput output(options, resources, exchange, log);
  SymbolTable symbols;
  const EgglogProgram program = load_egglog(options.input, symbols);
  RuleSet set;
  set.rules = program.rules;
  apply_rule_options(set, options);
  output.input_read();
  return EgglogRun(program, set.rules, symbols, exchange, search_options(options, resources), output, log).run();
}

}  // namespace tessera
