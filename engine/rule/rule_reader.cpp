#include "engine/rule/rule_reader.hpp"

#include <utility>

#include "engine/language/expression_text.hpp"

namespace tessera {
namespace {

std::string kind_text(VariableKind kind) {
  switch (kind) {
    case VariableKind::kClass:
      return "an e-class";
    case VariableKind::kAttribute:
      return "an attribute";
    default:
      return "an attribute computed by :let";
  }
}

bool has_any_call(const AttributeExpression& e) { return e.kind == AttributeExpression::Kind::kCall; }

}  // namespace

void RuleReader::fail(SexprId node, const std::string& message) const {
  throw Error(ErrorCode::kInput, "rule '" + rule_.name + "': " + message, text_.where(node));
}

Rule RuleReader::read(const std::string& name, SexprId left, SexprId right, SexprId options) {
  rule_ = Rule();
  rule_.name = name;
  rule_.where = text_.where(left);
  index_of_.clear();
  first_use_.clear();
  kinds_.clear();
  try {
    side_ = Side::kLeft;
    read_pattern(left, rule_.left);
    side_ = Side::kRight;
    read_options(options);
    read_pattern(right, rule_.right);
  } catch (const Error& error) {
    // What the attribute parser and the language say does not know the rule's name.
    const std::string prefix = "rule '" + rule_.name + "': ";
    if (error.message().starts_with(prefix)) throw;
    throw Error(error.code(), prefix + error.message(), error.where().line > 0 ? error.where() : text_.where(left));
  }
  return std::move(rule_);
}

void RuleReader::read_options(SexprId option) {
  std::vector<SexprId> conditions;
  while (!option.is_none()) {
    const std::string_view word = text_.is_atom(option) ? text_.text(option) : std::string_view{};
    const SexprId keyword = option;
    option = text_.next(option);
    const auto more = [&] {
      return !option.is_none() && !(text_.is_atom(option) && text_.text(option).starts_with(':'));
    };
    if (word == ":pin") {
      rule_.pinned = true;
    } else if (word == ":limit") {
      if (!more() || !text_.is_atom(option)) fail(keyword, "expected a number after :limit");
      const std::int64_t limit = parse_integer(text_.text(option), text_.where(option));
      if (limit < 1) fail(option, "expected a positive number after :limit, found " + std::to_string(limit));
      rule_.match_limit = static_cast<std::uint64_t>(limit);
      option = text_.next(option);
    } else if (word == ":let") {
      if (!more()) fail(keyword, "expected ((?x EXPRESSION) ...) after :let");
      read_lets(option, keyword);
      option = text_.next(option);
    } else if (word == ":when") {
      if (!more()) fail(keyword, "expected at least one condition after :when");
      for (; more(); option = text_.next(option)) conditions.push_back(option);
    } else {
      fail(keyword, "expected :when, :let, :limit, :pin or ')', found " + text_.describe(keyword));
    }
  }
  // Lets may stand after the conditions that use them.
  for (const SexprId node : conditions) {
    AttributeExpression condition = AttributeParser(text_, language_, *this).parse(node);
    const KindSet kinds = check_kinds(condition, kinds_);
    if ((kinds & kind_set(ValueKind::kInt)) == 0) {
      fail(node, "expected a condition (an integer; 0 is false), found " + describe_kinds(kinds));
    }
    fold_constants(condition, false);
    const bool always = condition.kind == AttributeExpression::Kind::kConstant && condition.constant.as_int() != 0;
    if (!always) rule_.conditions.push_back(std::move(condition));
  }
}

void RuleReader::read_lets(SexprId list, SexprId keyword) {
  if (!text_.is_list(list)) fail(list, "expected ((?x EXPRESSION) ...) after :let, found " + text_.describe(list));
  if (text_.first(list).is_none()) fail(keyword, "expected at least one (?x EXPRESSION) in :let, found ()");
  for (const SexprId binding : text_.items(list)) {
    const auto parts = text_.is_list(binding) ? text_.items(binding) : std::vector<SexprId>{};
    if (parts.size() != 2 || !text_.is_atom(parts[0]) || !text_.text(parts[0]).starts_with('?')) {
      fail(binding, "expected (?x EXPRESSION) in :let, found " + text_.describe(binding));
    }
    const std::string name(text_.text(parts[0]));
    if (const auto known = index_of_.find(name); known != index_of_.end()) {
      fail(parts[0], name + " is already bound at " + first_use_[known->second].to_string() +
                         "; expected a new variable in :let");
    }
    if (constants_.contains(name))
      fail(parts[0], name + " is already bound by for-each-array; expected a new variable");
    AttributeExpression value = AttributeParser(text_, language_, *this).parse(parts[1]);
    const KindSet kinds = check_kinds(value, kinds_);
    fold_constants(value, true);
    const auto index = static_cast<VariableIndex>(rule_.variables.size());
    rule_.variables.push_back({name, VariableKind::kLet, static_cast<std::uint32_t>(rule_.lets.size())});
    rule_.lets.push_back(std::move(value));
    index_of_.emplace(name, index);
    first_use_.push_back(text_.where(parts[0]));
    kinds_.push_back(kinds);
  }
}

void RuleReader::read_pattern(SexprId node, Pattern& pattern) { read_term(node, pattern, 0); }

std::uint32_t RuleReader::read_term(SexprId node, Pattern& pattern, int depth) {
  if (depth == kMaxPatternDepth) {
    fail(node, "the pattern is nested more than " + std::to_string(kMaxPatternDepth) + " deep");
  }
  return text_.is_list(node) ? read_operator(node, pattern, depth) : read_leaf(node, pattern);
}

std::uint32_t RuleReader::read_leaf(SexprId node, Pattern& pattern) {
  std::string word(text_.text(node));
  PatternTerm term;
  term.where = text_.where(node);
  const auto constant = text_.is_atom(node) ? constants_.find(word) : constants_.end();
  if (constant != constants_.end()) word = std::to_string(constant->second);
  if (text_.is_atom(node) && word.starts_with('?')) {
    term.is_variable = true;
    term.variable = use_variable(node, VariableKind::kClass);
  } else {
    if (text_.is_atom(node) && word.starts_with(':')) {
      fail(node, "expected a term, found " + word + " (an option stands after both sides of the rule)");
    }
    const auto symbol = language_.leaf(symbols_, word);
    if (!symbol) {
      fail(node, "expected a term or a ?variable, found " + text_.describe(node) + suggestion_text(language_, word));
    }
    term.op = symbols_[*symbol].op;
    for (const Value& value : symbols_[*symbol].attributes) {
      AttributeExpression attribute;
      attribute.constant = value;
      attribute.where = term.where;
      term.attributes.push_back(std::move(attribute));
    }
  }
  pattern.terms.push_back(std::move(term));
  return pattern.root();
}

std::uint32_t RuleReader::read_operator(SexprId node, Pattern& pattern, int depth) {
  const SexprId head = text_.first(node);
  if (head.is_none()) fail(node, "expected a term, found ()");
  const std::string_view word = text_.text(head);
  if (text_.is_list(head) || (text_.is_atom(head) && word.starts_with('?'))) {
    fail(head, "expected an operator's name after '(', found " + text_.describe(head));
  }
  if (text_.is_atom(head) && word == "let") fail(node, "expected a term: patterns have no let");
  const Name op{word};
  const auto signature = language_.signature(op);
  if (!signature) {
    const bool function = find_value_function(word) != nullptr || language_.accessor(word) >= 0;
    fail(head, function ? "'" + std::string(word) + "' computes an attribute, expected a term here"
                        : "unknown operator '" + std::string(word) + "'" + suggestion_text(language_, word));
  }
  PatternTerm term;
  term.where = text_.where(node);
  term.op = symbols_.intern_operator(op);
  const auto& places = signature->arguments;
  std::size_t position = 0;
  bool rest_has_attributes = false;
  for (SexprId item = text_.next(head); !item.is_none(); item = text_.next(item)) {
    if (position == places.size()) {
      fail(item, "expected ')' at the end of " + signature_text(op, *signature) + ", found " + text_.describe(item));
    }
    const ArgumentKind place = places[position];
    bool child = place == ArgumentKind::kChild || place == ArgumentKind::kChildren;
    if (place == ArgumentKind::kRest) {
      const bool number = text_.is_atom(item) && constants_.contains(text_.text(item));
      child = !number && !is_rest_attribute(text_, item, language_);
      if (child && rest_has_attributes) {
        fail(item, "expected an attribute: terms stand before attributes; found " + text_.describe(item));
      }
      rest_has_attributes |= !child;
    } else if (place != ArgumentKind::kChildren) {
      ++position;
    }
    if (child) {
      term.kids.push_back(read_term(item, pattern, depth + 1));
    } else {
      term.attributes.push_back(read_attribute(item, place));
    }
  }
  if (position < places.size() && places[position] != ArgumentKind::kRest &&
      places[position] != ArgumentKind::kChildren) {
    fail(node, "expected " + signature_text(op, *signature) + ", found " + text_.describe(node));
  }
  pattern.terms.push_back(std::move(term));
  return pattern.root();
}

AttributeExpression RuleReader::read_attribute(SexprId node, ArgumentKind place) {
  AttributeExpression expression = AttributeParser(text_, language_, *this).parse(node, place);
  check_kinds(expression, kinds_);
  fold_constants(expression, true);
  if (side_ == Side::kLeft && has_any_call(expression)) {
    fail(node, "an attribute of the left side must be a constant or a ?variable, found " + text_.describe(node) +
                   " (compare it in :when)");
  }
  narrow(expression, place, node);
  return expression;
}

// The expression stands in this place: its kind must fit; a variable that the left side binds here gets it.
void RuleReader::narrow(const AttributeExpression& expression, ArgumentKind place, SexprId node) {
  const KindSet expected = kinds_of_place(place);
  const KindSet found = check_kinds(expression, kinds_);
  if ((found & expected) == 0) {
    std::string message = "expected " + describe_kinds(expected) + ", found " + text_.describe(node) + ", which is " +
                          describe_kinds(found);
    if (expression.kind == AttributeExpression::Kind::kVariable) {
      message += " since " + first_use_[expression.variable].to_string();
    }
    fail(node, message);
  }
  if (side_ == Side::kLeft && expression.kind == AttributeExpression::Kind::kVariable) {
    kinds_[expression.variable] &= expected;
  }
}

VariableIndex RuleReader::use_variable(SexprId node, VariableKind kind) {
  const std::string name(text_.text(node));
  if (name.size() == 1) fail(node, "expected a variable's name after '?'");
  const auto known = index_of_.find(name);
  if (known == index_of_.end()) {
    if (side_ == Side::kRight) {
      fail(node, "the variable " + name + " is not bound by the left side or by :let; bound are " + bound_variables());
    }
    const auto index = static_cast<VariableIndex>(rule_.variables.size());
    rule_.variables.push_back({name, kind, 0});
    index_of_.emplace(name, index);
    first_use_.push_back(text_.where(node));
    kinds_.push_back(kAnyKind);
    return index;
  }
  const VariableKind old_kind = rule_.variables[known->second].kind;
  if ((old_kind == VariableKind::kClass) != (kind == VariableKind::kClass)) {
    fail(node, "the variable " + name + " stands for " + kind_text(kind) + " here, but for " + kind_text(old_kind) +
                   " at " + first_use_[known->second].to_string());
  }
  return known->second;
}

AttributeExpression RuleReader::variable(SexprId node) {
  AttributeExpression e;
  e.where = text_.where(node);
  if (const auto constant = constants_.find(text_.text(node)); constant != constants_.end()) {
    e.constant = Value::integer(constant->second);
    return e;
  }
  e.kind = AttributeExpression::Kind::kVariable;
  e.variable = use_variable(node, VariableKind::kAttribute);
  return e;
}

VariableIndex RuleReader::class_argument(SexprId node, std::string_view function) {
  if (side_ == Side::kLeft) {
    fail(node, "'" + std::string(function) + "' cannot be used on the left side of a rule (compare in :when)");
  }
  if (!text_.is_atom(node) || !text_.text(node).starts_with('?') || constants_.contains(text_.text(node))) {
    fail(node, "the first argument of '" + std::string(function) +
                   "' must be a ?variable that stands for an e-class, " + "found " + text_.describe(node));
  }
  return use_variable(node, VariableKind::kClass);
}

std::string RuleReader::bound_variables() const {
  std::string text;
  for (const Variable& v : rule_.variables) {
    if (!text.empty()) text += ", ";
    text += v.name + " (" + kind_text(v.kind) + ")";
  }
  for (const auto& [name, value] : constants_) {
    text += (text.empty() ? "" : ", ") + name + " (" + std::to_string(value) + ")";
  }
  return text.empty() ? "none" : text;
}

}  // namespace tessera
