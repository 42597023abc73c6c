#include <filesystem>

#include "cluster/egglog_command.hpp"
#include "cluster/rule_selection.hpp"
#include "cluster/run_loop.hpp"
#include "cluster/saturation_output.hpp"
#include "cluster/search_record.hpp"
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
  Search search(exchange, language, symbols, set.rules, search_options(options, resources));
  search.start(set.start);
  output.started(search);
  const StopReason reason = search.run([&](const IterationRecord& record) { output.iteration_done(search, record); });
  output.finish(search, reason);
  return kExitDone;
}

}  // namespace tessera
