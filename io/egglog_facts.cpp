// Reading facts: kinds, and the sorts of their variables, which may stand in any of them.
#include <algorithm>
#include <map>

#include "engine/rule/value_functions.hpp"
#include "io/egglog_query.hpp"

namespace tessera {
namespace {

class FactReader {
 public:
  FactReader(const Sexpr& text, EgglogTermReader& reader, const EgglogLanguage& language)
      : text_(text), reader_(reader), language_(language) {}

  EgglogFact read(SexprId node) {
    EgglogFact fact;
    fact.where = text_.where(node);
    const std::string_view head = text_.is_list(node) ? text_.head(node) : std::string_view{};
    const auto comparison = egglog_comparison(head);
    if (!text_.is_list(node) || text_.first(node).is_none())
      reader_.fail(node, "expected a fact such as (= a b), (!= a b), (< i j) or a term, found " + text_.describe(node));
    if (head != "=" && head != "!=" && !comparison) {
      if (egglog_arithmetic(head))
        reader_.fail(node, "expected a fact such as (= a b), (!= a b), (< i j) or a term, found " +
                               text_.describe(node) + " of sort i64");
      fact.left = reader_.read(node, kEgglogUnknown, EgglogTermReader::Variables::kNew);
      return fact;
    }
    const std::vector<SexprId> parts = text_.items(node);
    if (parts.size() != 3)
      reader_.fail(node, "expected (" + std::string(head) + " A B), found " + text_.describe(node) + " with " +
                             std::to_string(parts.size() - 1) + (parts.size() == 2 ? " argument" : " arguments"));
    const EgglogSort expected = comparison ? kEgglogI64 : kEgglogUnknown;
    fact.left = reader_.read(parts[1], expected, EgglogTermReader::Variables::kNew);
    fact.right = reader_.read(parts[2], expected, EgglogTermReader::Variables::kNew);
    if (comparison) {
      fact.kind = EgglogFact::Kind::kCompare;
      fact.comparison = *comparison;
    } else {
      fact.kind = head == "=" ? EgglogFact::Kind::kEqual : EgglogFact::Kind::kDiffer;
    }
    return fact;
  }

  // Makes both sides of one sort; false while neither is known.
  bool unify(EgglogFact& fact) {
    update(fact.left);
    update(fact.right);
    if (fact.left.sort == kEgglogUnknown && fact.right.sort == kEgglogUnknown) return false;
    if (fact.left.sort == kEgglogUnknown) reader_.refine(fact.left, fact.right.sort);
    if (fact.right.sort == kEgglogUnknown) reader_.refine(fact.right, fact.left.sort);
    if (fact.left.sort != fact.right.sort)
      throw Error(ErrorCode::kInput,
                  "expected two terms of one sort, found one of sort " + language_.sort_name(fact.left.sort) +
                      " and one of sort " + language_.sort_name(fact.right.sort),
                  fact.where);
    return true;
  }

 private:
  void update(EgglogTerm& term) const {
    if (term.kind == EgglogTerm::Kind::kVariable) term.sort = reader_.sort_of(term.variable);
  }

  const Sexpr& text_;
  EgglogTermReader& reader_;
  const EgglogLanguage& language_;
};

void collect_variables(const EgglogTerm& term, std::vector<std::string>& out) {
  if (term.kind == EgglogTerm::Kind::kVariable) out.push_back(term.variable);
  for (const EgglogTerm& argument : term.arguments) collect_variables(argument, out);
}

}  // namespace

std::vector<EgglogFact> read_egglog_facts(const Sexpr& text, std::span<const SexprId> facts, EgglogTermReader& reader,
                                          const EgglogLanguage& language) {
  FactReader fact_reader(text, reader, language);
  std::vector<EgglogFact> result;
  result.reserve(facts.size());
  for (const SexprId fact : facts) result.push_back(fact_reader.read(fact));
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < result.size(); ++i)
    if (result[i].kind == EgglogFact::Kind::kEqual || result[i].kind == EgglogFact::Kind::kDiffer) open.push_back(i);
  for (std::size_t before = open.size() + 1; open.size() < before;) {
    before = open.size();
    std::erase_if(open, [&](std::size_t i) { return fact_reader.unify(result[i]); });
  }
  if (!open.empty())
    throw Error(ErrorCode::kInput,
                "cannot tell the sort of the variable '" + result[open.front()].left.variable +
                    "': expected it in a term as well",
                result[open.front()].where);
  return result;
}

bool egglog_constants_hold(const EgglogFact& fact) {
  AttributeExpression expression;
  expression.kind = AttributeExpression::Kind::kCall;
  expression.function = fact.kind == EgglogFact::Kind::kEqual    ? ValueFunction::kEqual
                        : fact.kind == EgglogFact::Kind::kDiffer ? ValueFunction::kNotEqual
                                                                 : fact.comparison;
  expression.arguments = {egglog_attribute(fact.left, {}), egglog_attribute(fact.right, {})};
  fold_constants(expression, true);
  return expression.constant.as_int() != 0;
}

std::vector<std::vector<std::size_t>> group_by_variables(std::span<const EgglogFact> facts) {
  std::vector<std::size_t> group(facts.size());  // the group's first fact
  std::map<std::string, std::size_t> first_use;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    group[i] = i;
    std::vector<std::string> names;
    collect_variables(facts[i].left, names);
    collect_variables(facts[i].right, names);
    for (const std::string& name : names) {
      const auto [use, is_new] = first_use.try_emplace(name, i);
      if (is_new) continue;
      const std::size_t a = std::min(group[use->second], group[i]);
      const std::size_t b = std::max(group[use->second], group[i]);
      for (std::size_t j = 0; j <= i; ++j)
        if (group[j] == b) group[j] = a;
    }
  }
  std::vector<std::vector<std::size_t>> result;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (group[i] != i) continue;
    std::vector<std::size_t>& members = result.emplace_back();
    for (std::size_t j = i; j < facts.size(); ++j)
      if (group[j] == i) members.push_back(j);
  }
  return result;
}

}  // namespace tessera
