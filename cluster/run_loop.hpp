// The main job, to be read aloud: read the model, load the rules, saturate, extract, verify, write.
#pragma once

#include "cluster/log.hpp"
#include "cluster/machine.hpp"
#include "cluster/options.hpp"
#include "partition/exchange.hpp"

namespace tessera {

// Collective. Runs `tessera search` and returns the exit code, the same on every rank. Throws Error as its parts do.
[[nodiscard]] int run_search(const Options& options, const Resources& resources, Exchange& exchange, Log& log);

// Collective. Runs `tessera saturate`.
[[nodiscard]] int run_saturate(const Options& options, const Resources& resources, Exchange& exchange, Log& log);

}  // namespace tessera
