// `tessera saturate` on a program in egglog's text format: its commands, one after the other, on one e-graph divided
// among the ranks. What print-size and extract find goes to standard output, in egglog's form; a check that does not
// hold ends the program.
#pragma once

#include "cluster/log.hpp"
#include "cluster/machine.hpp"
#include "cluster/options.hpp"
#include "partition/exchange.hpp"

namespace tessera {

// Collective. Returns the exit code: kExitIncomplete when a check does not hold. Throws Error(kInput) for a program
// that is refused.
[[nodiscard]] int run_egglog(const Options& options, const Resources& resources, Exchange& exchange, Log& log);

}  // namespace tessera
