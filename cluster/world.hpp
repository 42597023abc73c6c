// The ranks of a run: those that mpirun or srun started (one process each), or as many threads of this process as
// --virtual-ranks asks for; and around either, for --record-work, what each rank did in every superstep.
#pragma once

#include <functional>

#include "cluster/machine.hpp"
#include "cluster/mpi_session.hpp"
#include "cluster/options.hpp"
#include "partition/exchange.hpp"

namespace tessera {

// Calls body on every rank with its exchange and its share of the machine; returns rank 0's exit code (a process of
// many virtual ranks has only that one). Collective over the session. Writes the work record, if one is asked for,
// after body has returned on all ranks. Throws Error(kInput) for virtual ranks under mpirun and for a record that could
// not be written, before anything is run.
[[nodiscard]] int run_ranks(const Options& options, MpiSession& session,
                            const std::function<int(Exchange&, const Resources&)>& body);

}  // namespace tessera
