#include "io/egglog_term.hpp"

#include <algorithm>
#include <array>

#include "engine/base/check.hpp"
#include "engine/rule/value_functions.hpp"

namespace tessera {
namespace {

struct NamedFunction {
  std::string_view name;
  ValueFunction function;
};

// egglog's division rounds towards zero.
constexpr std::array kArithmetic = {
    NamedFunction{"+", ValueFunction::kAdd},       NamedFunction{"-", ValueFunction::kSubtract},
    NamedFunction{"*", ValueFunction::kMultiply},  NamedFunction{"/", ValueFunction::kQuotient},
    NamedFunction{"%", ValueFunction::kRemainder}, NamedFunction{"min", ValueFunction::kMin},
    NamedFunction{"max", ValueFunction::kMax},
};
constexpr std::array kComparisons = {
    NamedFunction{"<", ValueFunction::kLess},
    NamedFunction{"<=", ValueFunction::kLessEqual},
    NamedFunction{">", ValueFunction::kGreater},
    NamedFunction{">=", ValueFunction::kGreaterEqual},
};

template <class Table>
std::optional<ValueFunction> find(const Table& table, std::string_view name) {
  for (const NamedFunction& entry : table)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

std::string_view arithmetic_name(ValueFunction function) {
  for (const NamedFunction& entry : kArithmetic)
    if (entry.function == function) return entry.name;
  CHECK(false);
}

}  // namespace

bool EgglogTerm::has_variables() const {
  return kind == Kind::kVariable ||
         std::any_of(arguments.begin(), arguments.end(), [](const EgglogTerm& a) { return a.has_variables(); });
}

std::optional<ValueFunction> egglog_arithmetic(std::string_view name) { return find(kArithmetic, name); }

std::optional<ValueFunction> egglog_comparison(std::string_view name) { return find(kComparisons, name); }

void EgglogTermReader::fail(SexprId node, const std::string& message) const {
  throw Error(ErrorCode::kInput, message, text_.where(node));
}

void EgglogTermReader::check_sort(SexprId node, EgglogSort found, EgglogSort expected) const {
  if (expected == kEgglogUnknown || found == expected) return;
  fail(node, "expected " + language_.sort_name(expected) + ", found " + text_.describe(node) + " of sort " +
                 language_.sort_name(found));
}

EgglogTerm EgglogTermReader::read(SexprId node, EgglogSort expected, Variables variables) {
  if (!text_.is_list(node)) return read_atom(node, expected, variables);
  if (nesting_ == kMaxNesting)
    fail(node, "terms are nested more than " + std::to_string(kMaxNesting) + " deep; name inner ones with (let …)");
  ++nesting_;
  EgglogTerm term = read_call(node, expected, variables);
  --nesting_;
  return term;
}

EgglogTerm EgglogTermReader::read_atom(SexprId node, EgglogSort expected, Variables variables) {
  const std::string_view word = text_.text(node);
  EgglogTerm term;
  term.where = text_.where(node);
  if (text_.is_string(node)) {
    term.sort = kEgglogString;
    term.value = Value::name(Name(word));
  } else if (looks_like_integer(word)) {
    term.sort = kEgglogI64;
    term.value = Value::integer(parse_integer(word, term.where));
  } else if (looks_like_number(word)) {
    fail(node,
         "expected an i64 or a String, found the number " + std::string(word) + "; other numbers are not supported");
  } else if (word == "true" || word == "false") {
    fail(node, "expected a term, found '" + std::string(word) + "'; bool is not supported");
  } else if (const auto global = globals_.find(std::string(word)); global != globals_.end()) {
    term.sort = global->second.sort;
    term.value = global->second.value;
    if (!is_primitive(term.sort)) {
      term.kind = EgglogTerm::Kind::kGlobal;
      term.index = global->second.node;
    }
  } else {
    return read_variable(node, expected, variables);
  }
  check_sort(node, term.sort, expected);
  return term;
}

EgglogTerm EgglogTermReader::read_variable(SexprId node, EgglogSort expected, Variables variables) {
  const std::string word(text_.text(node));
  if (language_.find_constructor(word))
    fail(node, "expected a term or a variable, found the constructor '" + word + "'; a term stands in parentheses: (" +
                   word + " …)");
  if (variables == Variables::kNone)
    fail(node, "unknown name '" + word + "': expected a term without variables, or a name that (let …) has defined");
  EgglogTerm term;
  term.kind = EgglogTerm::Kind::kVariable;
  term.where = text_.where(node);
  term.variable = word;
  if (word == "_") {
    if (variables == Variables::kKnown) fail(node, "expected a term, found '_', which stands for nothing here");
    term.variable = "(_ " + std::to_string(++wildcards_) + ")";  // no atom looks like this
  }
  const auto known = sort_of_variable_.find(term.variable);
  if (known == sort_of_variable_.end()) {
    if (variables == Variables::kKnown) {
      fail(node, "the variable '" + word + "' is not bound by the left side or by :when");
    }
    sort_of_variable_.emplace(term.variable, expected);
    term.sort = expected;
    return term;
  }
  if (known->second == kEgglogUnknown) known->second = expected;
  term.sort = known->second;
  if (expected != kEgglogUnknown) check_sort(node, term.sort, expected);
  return term;
}

EgglogTerm EgglogTermReader::read_call(SexprId node, EgglogSort expected, Variables variables) {
  const SexprId head = text_.first(node);
  if (head.is_none()) fail(node, "expected a term, found ()");
  if (!text_.is_atom(head)) fail(head, "expected the name of a constructor after '(', found " + text_.describe(head));
  const std::string_view word = text_.text(head);
  const std::vector<SexprId> parts = text_.items(node);
  if (const auto function = egglog_arithmetic(word)) {
    check_sort(node, kEgglogI64, expected);
    if (parts.size() != 3)
      fail(node, "expected (" + std::string(word) + " i64 i64), found " + text_.describe(node) + " with " +
                     std::to_string(parts.size() - 1) + " arguments");
    std::vector<EgglogTerm> arguments;
    for (std::size_t i = 1; i < parts.size(); ++i) arguments.push_back(read(parts[i], kEgglogI64, variables));
    return compute(node, *function, std::move(arguments));
  }
  if (egglog_comparison(word) || word == "=" || word == "!=")
    fail(node, "expected a term, found the fact " + text_.describe(node) + "; facts stand in (check …) and :when");
  const auto index = language_.find_constructor(word);
  if (!index)
    fail(head, "unknown constructor '" + std::string(word) +
                   "': expected one that is declared before, or one of "
                   "+ - * / % min max");
  const EgglogConstructor& constructor = language_.constructors()[*index];
  check_sort(node, constructor.result, expected);
  if (parts.size() - 1 != constructor.arguments.size())
    fail(node, "expected " + language_.signature_text(*index) + ", found " + std::to_string(parts.size() - 1) +
                   (parts.size() == 2 ? " argument" : " arguments"));
  EgglogTerm term;
  term.kind = EgglogTerm::Kind::kConstruct;
  term.sort = constructor.result;
  term.index = *index;
  term.where = text_.where(node);
  for (std::size_t i = 1; i < parts.size(); ++i)
    term.arguments.push_back(read(parts[i], constructor.arguments[i - 1], variables));
  return term;
}

EgglogTerm EgglogTermReader::compute(SexprId node, ValueFunction function, std::vector<EgglogTerm> arguments) {
  EgglogTerm term;
  term.kind = EgglogTerm::Kind::kCompute;
  term.sort = kEgglogI64;
  term.function = function;
  term.arguments = std::move(arguments);
  term.where = text_.where(node);
  const bool constant = std::all_of(term.arguments.begin(), term.arguments.end(),
                                    [](const EgglogTerm& a) { return a.kind == EgglogTerm::Kind::kValue; });
  if (!constant) return term;
  AttributeExpression expression = egglog_attribute(term, {});
  fold_constants(expression, false);
  if (expression.kind != AttributeExpression::Kind::kConstant)
    fail(node, "expected an i64, found " + std::string("(") + std::string(arithmetic_name(function)) +
                   " …), which has no value: it divides by zero or overflows");
  term.kind = EgglogTerm::Kind::kValue;
  term.value = expression.constant;
  term.arguments.clear();
  return term;
}

void EgglogTermReader::refine(EgglogTerm& term, EgglogSort sort) {
  CHECK(term.kind == EgglogTerm::Kind::kVariable);
  term.sort = sort;
  sort_of_variable_[term.variable] = sort;
}

EgglogSort EgglogTermReader::sort_of(const std::string& variable) const { return sort_of_variable_.at(variable); }

AttributeExpression egglog_attribute(const EgglogTerm& term,
                                     const std::map<std::string, VariableIndex>& variable_index) {
  AttributeExpression result;
  result.where = term.where;
  switch (term.kind) {
    case EgglogTerm::Kind::kValue:
      result.constant = term.value;
      return result;
    case EgglogTerm::Kind::kVariable:
      result.kind = AttributeExpression::Kind::kVariable;
      result.variable = variable_index.at(term.variable);
      return result;
    case EgglogTerm::Kind::kCompute:
      result.kind = AttributeExpression::Kind::kCall;
      result.function = term.function;
      for (const EgglogTerm& argument : term.arguments)
        result.arguments.push_back(egglog_attribute(argument, variable_index));
      return result;
    default:
      CHECK(false);
  }
}

}  // namespace tessera
