// Copying programs into programs: how layers are gathered into one start expression, cut out of a network, and put
// back.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/language/expression.hpp"
#include "engine/language/language.hpp"

namespace tessera {

// For a node of the source: the node of the target that stands for it.
using Substitution = boost::unordered_flat_map<std::uint32_t, std::uint32_t>;

// Copies what `roots` reach in `from` into `to` and returns the roots' places there. A node that `substitution` has is
// not copied and not entered: its substitute is used. Copied nodes are added to the substitution.
std::vector<std::uint32_t> copy_into(Expression& to, const Expression& from, std::span<const std::uint32_t> roots,
                                     Substitution& substitution);

// Per node, whether a root reaches it; nodes in `cut` are reached but not entered.
[[nodiscard]] std::vector<char> reachable(const Expression& expression, std::span<const std::uint32_t> roots,
                                          std::span<const std::uint32_t> cut = {});

// The data of every node, by Language::make. Throws Error(kInput) where a node is ill-formed.
[[nodiscard]] std::vector<DataWords> infer_data(const Expression& expression, const SymbolTable& symbols,
                                                const Language& language);

// A hash of the structure below the roots: equal for equal programs, whatever the order of their nodes.
[[nodiscard]] std::uint64_t structural_hash(const Expression& expression, const SymbolTable& symbols);

}  // namespace tessera
