#include <filesystem>

#include "cluster/egglog_command.hpp"
#include "cluster/rule_selection.hpp"
#include "cluster/run_loop.hpp"
#include "cluster/saturation_output.hpp"
#include "cluster/search_record.hpp"
#include "cluster/snapshot_keeper.hpp"
#include "engine/language/expression_edit.hpp"
#include "engine/language/term_language.hpp"

namespace tessera {
int run_saturate(const Options& options, const Resources& resources, Exchange& exchange, Log& log) {
  if (std::filesystem::path(options.input).extension() == ".egg") return run_egglog(options, resources, exchange, log);
  SaturationOutput output(options, resources, exchange, log);
  SymbolTable symbols;
  const TermLanguage language;
  const RuleSet set = select_rules({options.input}, options, language, symbols);
  if (set.start.empty())
    throw Error(ErrorCode::kInput,
                options.input + ": found no (start …) form, expected at least one term to start from");
  output.input_read();
  SnapshotKeeper keeper(options, resources, exchange, log);
  SearchOptions search_settings = search_options(options, resources);
  keeper.watch(search_settings);
  Search search(exchange, language, symbols, set.rules, search_settings);
  std::vector<NamedClass> roots(set.start.roots.size());
  if (!keeper.resumes()) {
    const std::vector<NamedClass> classes = search.start(set.start);
    for (std::size_t i = 0; i < roots.size(); ++i) roots[i] = classes[set.start.roots[i]];
  }
  SnapshotOrigin origin = origin_of(options, rules_digest(set.rules, symbols, language));
  origin.model = options.input;
  origin.model_digest = text_digest(std::to_string(structural_hash(set.start, symbols)));
  keeper.begin(search, std::move(origin), roots);
  output.started(search);
  const StopReason reason = search.run([&](const IterationRecord& record) { output.iteration_done(search, record); });
  keeper.finish(reason);
  if (reason == StopReason::kInterrupted) return kExitRequeue;
  return with_snapshots_closed(keeper, [&] {
    output.finish(search, reason);
    return kExitDone;
  });
}

}  // namespace tessera
