// From a finished search to the report's structs: counts that are the same everywhere, and what each rank adds.
#pragma once

#include "cluster/machine.hpp"
#include "cluster/options.hpp"
#include "io/report.hpp"
#include "partition/search.hpp"

namespace tessera {

[[nodiscard]] SearchOptions search_options(const Options& options, const Resources& resources);

// Collective: gathers per-rank figures. Fills iterations, rules, ranks and the search's phases on every rank.
// `wall_seconds`: since the start of the run.
void record_search(Search& search, double wall_seconds, Report& report);

// Options and versions as the report names them.
void record_options(const Options& options, const Resources& resources, int ranks, Report& report);

// Adds to a phase of the whole run.
void add_phase(Report& report, const std::string& name, double seconds, std::uint64_t supersteps = 0);
// Sets total and unattributed seconds.
void close_times(Report& report, double total_seconds);

}  // namespace tessera
