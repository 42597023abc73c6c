// Looking at the e-graph without changing it: which e-class a term is in, how many e-nodes each operator has. Between
// iterations only.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/language/expression.hpp"
#include "partition/partition.hpp"

namespace tessera {

// Collective; all ranks pass the same expression. Per root the leader of its e-class, on every rank the same, and none
// where the term is not in the e-graph. Nothing is inserted. One reduction a level of the tallest term.
[[nodiscard]] std::vector<GlobalId> find_terms(Partition& partition, const Expression& terms);

// Collective. E-nodes over all ranks, by OperatorId.
[[nodiscard]] std::vector<std::uint64_t> count_by_operator(Partition& partition);

}  // namespace tessera
