#include <filesystem>
#include <optional>
#include <utility>

#include "cluster/egglog_command.hpp"
#include "cluster/rule_selection.hpp"
#include "cluster/run_loop.hpp"
#include "cluster/saturation_output.hpp"
#include "cluster/search_record.hpp"
#include "cluster/snapshot_keeper.hpp"
#include "engine/language/expression_edit.hpp"
#include "engine/language/term_language.hpp"
#include "io/egraph_json.hpp"
#include "partition/search_state.hpp"

namespace tessera {
namespace {

// An e-graph from a file, on every rank its share.
EgraphFile load_egraph(const Options& options, Exchange& exchange, Log& log) {
  EgraphFile file;
  std::string failure;
  try {
    file = read_egraph_json(options.input);
    keep_even_share(file.state, exchange.rank(), exchange.size());
  } catch (const Error& error) {
    failure = error.what();
  }
  agree_on_failure(exchange, failure, static_cast<int>(ErrorCode::kInput));
  if (exchange.rank() != 0) return file;
  if (file.merged_classes > 0)
    log.info("{}: {} e-classes were one with another by congruence", options.input, file.merged_classes);
  if (file.subsumed > 0)
    log.warn("{}: {} nodes are subsumed; here they are e-nodes like any other", options.input, file.subsumed);
  return file;
}

}  // namespace

int run_saturate(const Options& options, const Resources& resources, Exchange& exchange, Log& log) {
  const std::filesystem::path kind = std::filesystem::path(options.input).extension();
  const bool is_egraph = kind == ".json";
  if (!is_egraph && !options.rules.empty())
    throw Error(ErrorCode::kInput, "--rules: found '" + options.input + "' as input, expected an e-graph (.json)");
  if (kind == ".egg") return run_egglog(options, resources, exchange, log);
  SaturationOutput output(options, resources, exchange, log);
  SymbolTable symbols;
  const TermLanguage language;
  RuleSet set = select_rules(is_egraph ? options.rules : std::vector{options.input}, options, language, symbols);
  EgraphFile egraph;
  if (is_egraph) {
    egraph = load_egraph(options, exchange, log);
    set.start = Expression();  // the rules' own terms are not part of it
  } else if (set.start.empty()) {
    throw Error(ErrorCode::kInput,
                options.input + ": found no (start …) form, expected at least one term to start from");
  }
  output.input_read();
  SnapshotKeeper keeper(options, resources, exchange, log);
  SearchOptions search_settings = search_options(options, resources);
  keeper.watch(search_settings);
  std::optional<Search> search(std::in_place, exchange, language, symbols, set.rules, search_settings);
  std::vector<NamedClass> roots(is_egraph ? egraph.state.roots.size() : set.start.roots.size());
  if (is_egraph && !keeper.resumes()) {
    roots = import_state(*search, std::move(egraph.state));
  } else if (!keeper.resumes()) {
    const std::vector<NamedClass> classes = search->start(set.start);
    for (std::size_t i = 0; i < roots.size(); ++i) roots[i] = classes[set.start.roots[i]];
  }
  SnapshotOrigin origin = origin_of(options, rules_digest(set.rules, symbols, language));
  origin.model = options.input;
  origin.model_digest = is_egraph ? egraph.digest : text_digest(std::to_string(structural_hash(set.start, symbols)));
  keeper.begin(*search, std::move(origin), roots);
  output.started(*search);
  const StopReason reason = search->run([&](const IterationRecord& record) { output.iteration_done(*search, record); });
  keeper.finish(reason);
  if (reason == StopReason::kInterrupted) return kExitRequeue;
  return with_snapshots_closed(keeper, [&] {
    output.finish(*search, reason, keeper.seconds());
    keeper.let_go();
    search.reset();
    return kExitDone;
  });
}

}  // namespace tessera
