#include "cluster/run_loop.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "cluster/model_search.hpp"
#include "cluster/progress.hpp"
#include "cluster/rule_selection.hpp"
#include "cluster/run_status.hpp"
#include "cluster/search_record.hpp"
#include "cluster/snapshot_keeper.hpp"
#include "cluster/verification.hpp"
#include "engine/base/kill_point.hpp"
#include "engine/language/expression_edit.hpp"
#include "io/atomic_file.hpp"
#include "io/builtin_networks.hpp"
#include "io/program_writer.hpp"
#include "partition/digest.hpp"
#include "partition/search.hpp"

namespace tessera {
namespace {

constexpr double kLookGuess = 0.4e-6;  // seconds an e-node that a look at costs takes, before one has been taken

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }
  [[nodiscard]] double since_lap() const { return std::chrono::duration<double>(Clock::now() - lap_).count(); }
  // Seconds since the last lap, and begins a new one.
  double lap() {
    const auto now = Clock::now();
    const double result = std::chrono::duration<double>(now - lap_).count();
    lap_ = now;
    return result;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point lap_ = begin_;
};

class SearchRun {
 public:
  SearchRun(const Options& options, const Resources& resources, Exchange& exchange, Log& log)
      : options_(options), resources_(resources), exchange_(exchange), log_(log), leads_(exchange.rank() == 0) {}

  int run() {
    read();
    const StopReason reason = saturate();
    if (reason == StopReason::kInterrupted) return kExitRequeue;
    const int code = with_snapshots_closed(*keeper_, [&] {
      sum_up(reason);
      kill_point("extract", exchange_.rank());
      extract();
      let_go();
      return leads_ ? conclude() : kExitDone;
    });
    return agree(code);
  }

 private:
  void read() {
    model_ = plan_model_search(find_network(options_.input, symbols_, language_), options_.scope, symbols_, language_);
    if (model_.layers.empty())
      throw Error(ErrorCode::kInput,
                  options_.input + ": the model has no convolution and no dense layer to put on an array");
    rules_ = select_rules(options_.rules, options_, language_, symbols_);
    report_.model = model_.network.name;
    record_options(options_, resources_, exchange_.size(), report_);
    if (leads_)
      log_.info("{}: {} layers, {} searched, {} rules; {} ranks x {} threads x {} shards", model_.network.name,
                model_.network.layers.size(), model_.layers.size(), rules_.rules.size(), exchange_.size(),
                resources_.threads, resources_.shards);
    add_phase(report_, "read", watch_.lap());
  }

  StopReason saturate() {
    keeper_.emplace(options_, resources_, exchange_, log_);
    SearchOptions search_settings = search_options(options_, resources_);
    keeper_->watch(search_settings);
    search_.emplace(exchange_, language_, symbols_, rules_.rules, search_settings);
    begin();
    for (const std::size_t barrier : model_.barriers) barriers_.push_back(roots_[barrier]);
    Progress progress(log_, exchange_.rank());
    const StopReason reason = search_->run([&](const IterationRecord& record) { observe(record, progress); });
    progress.finish();
    keeper_->finish(reason);
    return reason;
  }

  void sum_up(StopReason reason) {
    report_.search_seconds = std::max(0.0, watch_.since_lap() - looking_seconds_ - keeper_->seconds());
    if (!options_.snapshot.empty()) add_phase(report_, "snapshot", keeper_->seconds());
    report_.stop_reason = stop_reason_name(reason);
    report_.saturated = reason == StopReason::kSaturated;
    record_search(*search_, watch_.seconds(), report_);
    const double spent = watch_.lap();
    double in_phases = 0;
    for (const PhaseReport& phase : report_.phases)
      if (phase.name != "read") in_phases += phase.seconds;
    add_phase(report_, "extract", std::min(looking_seconds_, std::max(0.0, spent - in_phases)));
    report_.digest = digest(search_->partition());
    add_phase(report_, "digest", watch_.lap());
    const std::string plans = options_.explain_plan ? search_->explain_plan() : std::string();
    if (leads_) std::fputs(plans.c_str(), stdout);
    if (leads_) {
      log_.info("stopped: {} after {} iterations; {} e-nodes in {} e-classes; digest {}", report_.stop_reason,
                search_->iterations().size(), with_separators(search_->enodes()), with_separators(search_->eclasses()),
                report_.digest);
      if (reason == StopReason::kMemory)
        log_.warn("the memory limit of {} a rank was reached: the result is what was found until then",
                  size_text(resources_.memory_limit_bytes));
      for (const RuleReport& rule : report_.rules)
        if (rule.times_put_aside > 0)
          log_.warn("rule {} was put aside {} times while it had matches (see --pin and --match-limit)", rule.name,
                    rule.times_put_aside);
    }
  }

  // Starts the search, or takes it up; either way it is kept from here on.
  void begin() {
    if (keeper_->resumes()) {
      roots_.resize(model_.start.roots.size());
    } else {
      const std::vector<NamedClass> classes = search_->start(model_.start);
      for (const std::uint32_t root : model_.start.roots) roots_.push_back(classes[root]);
    }
    SnapshotOrigin origin = origin_of(options_, rules_digest(rules_.rules, symbols_, language_));
    origin.model = model_.network.name;
    origin.model_digest =
        text_digest(print_program(model_.network.tensors, model_.network.program, symbols_, language_) +
                    (options_.scope == Scope::kLayer ? "layer" : "network"));
    keeper_->begin(*search_, std::move(origin), roots_);
  }

  // At most once a second, and for about a tenth of the time, what could be extracted now: a look at the costs of all
  // layers. How long that takes is told from the look before.
  void observe(const IterationRecord& record, Progress& progress) {
    state_.iteration = record.iteration;
    state_.enodes = record.enodes;
    state_.eclasses = record.eclasses;
    state_.memory_bytes = resident_bytes();
    state_.seconds = watch_.seconds();
    const double until_next = std::max(1.0, 9 * look_s_an_enode_ * static_cast<double>(record.enodes));
    std::uint64_t look = leads_ && watch_.seconds() - last_look_s_ >= until_next ? 1 : 0;
    if (exchange_.size() > 1) exchange_.all_reduce(std::span(&look, 1), Reduction::kMax);
    if (look != 0) look_at_costs();
    progress.iteration_done(state_);
  }

  void look_at_costs() {
    const double begin = watch_.seconds();
    Extraction extraction(search_->partition(), barriers_);
    extraction.run();
    std::vector<NamedClass> layers;
    for (const SearchedLayer& layer : model_.layers) layers.push_back(roots_[layer.root]);
    const std::vector<std::uint64_t> costs = extraction.costs(layers);
    if (first_costs_.empty()) first_costs_ = costs;
    // A product left outside the arrays costs many times its blocking: a fall to an eighth tells that it is blocked.
    state_.layers = static_cast<int>(model_.network.layers.size());
    state_.layers_tensorized = 0;
    for (const std::size_t index : model_.layer_of)
      if (costs[index] < first_costs_[index] / 8) ++state_.layers_tensorized;
    state_.best_cost = 0;
    for (const std::size_t index : model_.layer_of) *state_.best_cost += costs[index] / kCostOfCycle;
    last_look_s_ = watch_.seconds();
    look_s_an_enode_ = (last_look_s_ - begin) / static_cast<double>(search_->enodes());
    looking_seconds_ += last_look_s_ - begin;
  }

  void extract() {
    Extraction extraction(search_->partition(), barriers_);
    extraction.run();
    extracted_ = extraction.extract(roots_).program;
    add_phase(report_, "extract", watch_.lap());
  }

  // The e-graph has told all that is wanted of it.
  void let_go() {
    const auto iterations = static_cast<std::uint32_t>(search_->iterations().size());
    keeper_->let_go();
    if (!options_.snapshot.empty()) add_phase(report_, "snapshot", watch_.lap());
    search_.reset();
    watch_.lap();
    if (options_.verify) RunStatus::of_process().enter(iterations, "verify");
  }

  // What rank 0 does alone, while the others wait for it. Returns its exit code.
  int conclude() {
    describe();
    if (options_.verify) verify();
    return write();
  }

  void describe() {
    const std::vector<DataWords> data = infer_data(extracted_, symbols_, language_);
    for (std::size_t i = 0; i < model_.layers.size(); ++i)
      programs_.push_back(layer_program(model_, i, extracted_, data, symbols_));
    program_ = network_program(model_, extracted_, programs_, symbols_);
    for (std::size_t i = 0; i < model_.network.layers.size(); ++i) {
      const std::size_t index = model_.layer_of[i];
      report_.layers.push_back(describe_layer(model_.network.layers[i], model_.layers[index].alone, programs_[index],
                                              symbols_, language_, options_.arrays));
    }
    add_phase(report_, "extract", watch_.lap());
  }

  // What stops the checking (an array too large to be simulated in memory) is a failed check: the result is written all
  // the same, and says so.
  void verify() {
    std::string failure;
    try {
      failure = check_layers_and_network();
    } catch (const Error& error) {
      failure = error.what();
    }
    report_.verification.status = failure.empty() ? "passed" : "failed";
    if (!failure.empty()) log_.error("verification failed: {}", failure);
    add_phase(report_, "verify", watch_.lap());
  }

  // The first failure; empty if there is none.
  std::string check_layers_and_network() {
    std::string failure;
    std::vector<LayerCheck> checks;
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      const SearchedLayer& layer = model_.layers[i];
      const LayerInputs inputs{layer.alone.tensors.at(0).name, layer.alone.tensors.at(1).name};
      LayerCheck check = verify_layer(symbols_, programs_[i], programs_[i].roots.front(), layer.layer, inputs,
                                      options_.seed, Arithmetic::kInteger);
      if (check.passed) {
        const LayerCheck reals = verify_layer(symbols_, programs_[i], programs_[i].roots.front(), layer.layer, inputs,
                                              options_.seed, Arithmetic::kFloat);
        check.max_abs_err = reals.max_abs_err;
        check.tolerance = reals.tolerance;
        check.passed = reals.passed;
        check.failure = reals.failure;
      }
      if (!check.passed && failure.empty()) failure = "layer " + layer.layer.name + ": " + check.failure;
      log_.debug("layer {}: {} (largest error {:.3g}, tolerance {:.3g})", layer.layer.name,
                 check.passed ? "verified" : check.failure, check.max_abs_err, check.tolerance);
      checks.push_back(check);
    }
    for (std::size_t i = 0; i < report_.layers.size(); ++i)
      report_.layers[i].max_abs_err = checks[model_.layer_of[i]].max_abs_err;
    const NetworkCheck network = verify_network(symbols_, model_.network, program_, program_.roots, options_.seed);
    if (!network.passed && failure.empty()) failure = "network: " + network.failure;
    report_.verification.mode = network.reference_layers > 0 ? "float32" : "int64";
    report_.verification.tolerance = network.tolerance;
    report_.verification.network_max_abs_err = network.max_abs_err;
    if (failure.empty())
      log_.info(
          "verified: every layer bit-exact on integers; network: largest error {:.3g} (relative {:.3g}, tolerance "
          "{:.3g}), output changes by {:.3g} with the input",
          network.max_abs_err, network.max_rel_err, network.tolerance, network.input_sensitivity);
    return failure;
  }

  int write() {
    const std::filesystem::path program_path = options_.out / "program.glenside";
    const std::filesystem::path report_path = options_.out / "report.json";
    std::array<char, 17> hash{};
    std::snprintf(hash.data(), hash.size(), "%016llx",
                  static_cast<unsigned long long>(structural_hash(program_, symbols_)));
    report_.program_digest = hash.data();
    write_file_atomically(program_path.string(), print_program(model_.network.tensors, program_, symbols_, language_));
    close_times(report_, watch_.seconds());
    write_report(report_, report_path.string());
    const TotalsReport sums = totals(report_);
    std::fputs(layer_table(report_).c_str(), stdout);
    std::printf("%llu of %llu layers tensorized; saturated: %s; verification: %s; %.2f s\n",
                static_cast<unsigned long long>(sums.tensorized), static_cast<unsigned long long>(sums.layers),
                report_.saturated ? "true" : "false", report_.verification.status.c_str(), report_.total_seconds);
    std::printf("program: %s\nreport:  %s\nlog:     %s\n", program_path.c_str(), report_path.c_str(),
                (options_.out / "run.log").c_str());
    std::fflush(stdout);
    if (report_.verification.status == "failed") return kExitFailure;
    return sums.tensorized == sums.layers ? kExitDone : kExitIncomplete;
  }

  // Rank 0's exit code, on every rank.
  int agree(int code) {
    auto value = static_cast<std::uint64_t>(leads_ ? code : 0);
    if (exchange_.size() > 1) exchange_.all_reduce(std::span(&value, 1), Reduction::kMax);
    return static_cast<int>(value);
  }

  const Options& options_;
  const Resources& resources_;
  Exchange& exchange_;
  Log& log_;
  bool leads_;
  Stopwatch watch_;

  SymbolTable symbols_;
  TensorLanguage language_;
  ModelSearch model_;
  RuleSet rules_;
  std::optional<SnapshotKeeper> keeper_;
  std::optional<Search> search_;
  std::vector<NamedClass> roots_;  // of model_.start
  std::vector<NamedClass> barriers_;
  ProgressState state_;
  std::vector<std::uint64_t> first_costs_;  // per searched layer, at the first look
  double last_look_s_ = 0;
  double look_s_an_enode_ = kLookGuess;
  double looking_seconds_ = 0;

  // Rank 0
  Expression extracted_;
  std::vector<Expression> programs_;  // per searched layer
  Expression program_;
  Report report_;
};

}  // namespace

int run_search(const Options& options, const Resources& resources, Exchange& exchange, Log& log) {
  return SearchRun(options, resources, exchange, log).run();
}

}  // namespace tessera
