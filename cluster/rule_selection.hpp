// The rules of a run: the sets that --rules names, one after the other, less what is banned, with pins and limits set.
#pragma once

#include <vector>

#include "cluster/options.hpp"
#include "engine/rule/rule_parser.hpp"

namespace tessera {

// A name selects the rule of that name, or all that `for-each-array` made of it (`tile` selects `tile[64x64]`).
// Throws Error(kInput): a set that does not load, two rules of one name, a banned, pinned or limited rule that is not
// there.
[[nodiscard]] RuleSet select_rules(const std::vector<std::string>& sets, const Options& options,
                                   const Language& language, SymbolTable& symbols);

// Sets pins and limits and takes banned rules out, as select_rules() does.
void apply_rule_options(RuleSet& set, const Options& options);

}  // namespace tessera
