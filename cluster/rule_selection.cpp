#include "cluster/rule_selection.hpp"

#include <algorithm>
#include <unordered_set>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

bool selects(const std::string& name, const std::string& rule) {
  return rule == name || (rule.starts_with(name) && rule.size() > name.size() && rule[name.size()] == '[');
}

// Calls visit for every rule that the name selects; throws if there is none.
template <class Visit>
void for_selected(RuleSet& set, const std::string& name, const char* option, Visit&& visit) {
  bool found = false;
  for (Rule& rule : set.rules) {
    if (!selects(name, rule.name)) continue;
    found = true;
    visit(rule);
  }
  if (found) return;
  std::string known;
  for (const Rule& rule : set.rules) known += (known.empty() ? "" : ", ") + rule.name;
  throw Error(ErrorCode::kInput, std::string(option) + ": found '" + name + "', expected one of the rules: " + known);
}

}  // namespace

RuleSet select_rules(const std::vector<std::string>& sets, const Options& options, const Language& language,
                     SymbolTable& symbols) {
  RuleParameters parameters;
  for (const ArraySize& array : options.arrays) parameters.arrays.emplace_back(array.rows, array.columns);
  RuleSet all;
  std::unordered_set<std::string> names;
  for (const std::string& name : sets) {
    RuleSet set = load_rules(name, language, symbols, parameters);
    for (Rule& rule : set.rules) {
      if (!names.insert(rule.name).second)
        throw Error(ErrorCode::kInput, "rule " + rule.name + " is in more than one of the chosen rule sets",
                    rule.where);
      all.rules.push_back(std::move(rule));
    }
    all.name += (all.name.empty() ? "" : "+") + set.name;
    if (!set.start.empty()) all.start = std::move(set.start);
  }
  apply_rule_options(all, options);
  return all;
}

void apply_rule_options(RuleSet& set, const Options& options) {
  for (const std::string& name : options.pinned)
    for_selected(set, name, "--pin", [](Rule& rule) { rule.pinned = true; });
  for (const MatchLimit& limit : options.match_limits)
    for_selected(set, limit.rule, "--match-limit", [&](Rule& rule) { rule.match_limit = limit.matches; });
  std::unordered_set<std::string> banned;
  for (const std::string& name : options.banned)
    for_selected(set, name, "--ban", [&](Rule& rule) { banned.insert(rule.name); });
  std::erase_if(set.rules, [&](const Rule& rule) { return banned.contains(rule.name); });
}

}  // namespace tessera
