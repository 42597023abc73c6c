#include "io/relay_parser.hpp"

#include <utility>

#include "io/relay_lexer.hpp"

namespace tessera {
namespace {

constexpr int kMaxDepth = 200;
// Extents beyond this are no tensors of any machine; the cap keeps products of them far from overflow.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;
constexpr std::size_t kMaxAttributeItems = 1u << 16;
constexpr std::size_t kMaxExpressions = 1u << 20;

class Parser {
 public:
  Parser(std::string_view text, const std::string& file, RelayPosition start = {})
      : file_(file), lexer_(text, file, start) {
    token_ = lexer_.next();
  }

  RelayFunction parse_module();
  // The type at the start of the text; what follows it (`span=...`) is not looked at.
  RelayType parse_type();

 private:
  // Counts nesting while it lives.
  class Nesting {
   public:
    explicit Nesting(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > kMaxDepth) {
        parser_.fail("nested deeper than " + std::to_string(kMaxDepth) + " levels; bind inner expressions to names");
      }
    }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --parser_.depth_; }

   private:
    Parser& parser_;
  };

  [[nodiscard]] Where where(const RelayPosition& position) const { return {file_, position.line, position.column}; }
  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorCode::kInput, message, where(token_.position));
  }
  [[noreturn]] void expected(const std::string& what) const {
    fail("expected " + what + ", found " + token_.describe());
  }
  RelayToken take() {
    last_ = std::exchange(token_, lexer_.next());
    return last_;
  }
  bool accept(std::string_view punctuation) {
    if (!token_.is(punctuation)) return false;
    take();
    return true;
  }
  void require(std::string_view punctuation, const std::string& context) {
    if (!accept(punctuation)) expected("'" + std::string(punctuation) + "' " + context);
  }
  RelayToken require_kind(RelayTokenKind kind, const std::string& what) {
    if (token_.kind != kind) expected(what);
    return take();
  }

  void parse_version();
  void parse_parameters();
  void parse_body();
  std::uint32_t parse_expression();
  void refuse_keyword(const RelayToken& word) const;
  std::uint32_t parse_primary();
  std::uint32_t parse_projections(std::uint32_t expression);
  void parse_call(RelayExpression& call);
  std::uint32_t parse_parenthesized(const Where& place);
  RelayAttribute parse_attribute_value();
  void attach_type(RelayExpression& expression);
  std::uint32_t append(RelayExpression expression) {
    if (function_.expressions.size() >= kMaxExpressions) fail("a function of more than 1048576 expressions");
    function_.expressions.push_back(std::move(expression));
    return static_cast<std::uint32_t>(function_.expressions.size() - 1);
  }

  const std::string& file_;
  RelayLexer lexer_;
  RelayToken token_;  // the one not yet taken
  RelayToken last_;
  RelayFunction function_;
  int depth_ = 0;
};

RelayFunction Parser::parse_module() {
  if (token_.kind == RelayTokenKind::kEnd) {
    fail("empty file: expected a Relay module, '#[version = \"0.0.5\"]' and 'def @main(...) { ... }'");
  }
  parse_version();
  if (!token_.is_word("def")) expected("'def @main('");
  take();
  const RelayToken name = require_kind(RelayTokenKind::kGlobal, "the function's name, '@main'");
  if (name.text != "main") {
    throw Error(
        ErrorCode::kInput,
        "found function " + name.describe() + ", expected '@main': only modules of one " + "function @main are read",
        where(name.position));
  }
  function_.name = name.text;
  if (token_.is("[")) fail("found type parameters; expected '(': generic functions are not supported");
  require("(", "before the parameters");
  parse_parameters();
  if (accept("->")) {
    function_.result_type_where = where(token_.position);
    function_.result_type = parse_type();
  }
  require("{", "before the function's body");
  parse_body();
  if (token_.is("#")) {
    fail(
        "this module keeps constants in a metadata section, which is not supported: export it with its weights as "
        "parameters of @main");
  }
  if (token_.is_word("def")) fail("found a second function; expected the end of the file: only @main is read");
  if (token_.kind != RelayTokenKind::kEnd) expected("the end of the file behind the function");
  return std::move(function_);
}

void Parser::parse_version() {
  if (!accept("#")) return;
  require("[", "of '#[version = \"0.0.5\"]'");
  if (token_.is_word("metadata")) fail("a metadata section is not supported: export weights as parameters of @main");
  if (!token_.is_word("version")) expected("'version'");
  take();
  require("=", "behind 'version'");
  const RelayToken version = require_kind(RelayTokenKind::kString, "the version as a string");
  if (version.text != "0.0.5") {
    throw Error(ErrorCode::kInput, "found Relay text version " + std::string(version.text) + ", expected 0.0.5",
                where(version.position));
  }
  require("]", "behind the version");
}

void Parser::parse_parameters() {
  if (accept(")")) return;
  while (true) {
    if (token_.kind == RelayTokenKind::kIdentifier) {
      expected("a parameter such as '%x' (attributes of a function are not supported)");
    }
    const RelayToken name = require_kind(RelayTokenKind::kLocal, "a parameter such as '%x: Tensor[(1, 3), float32]'");
    RelayParameter parameter;
    parameter.name = name.text;
    parameter.where = where(name.position);
    require(":", "and a type behind parameter '%" + parameter.name + "'");
    parameter.type = parse_type();
    function_.parameters.push_back(std::move(parameter));
    if (accept(")")) return;
    if (!accept(",")) expected("',' or ')' behind parameter '%" + function_.parameters.back().name + "'");
  }
}

void Parser::parse_body() {
  while (true) {
    if (token_.is("}")) expected("the function's result");
    const bool is_let = token_.is_word("let");
    if (is_let) {
      take();
      if (token_.kind != RelayTokenKind::kLocal) expected("a name such as '%x' behind 'let'");
    }
    if (token_.kind == RelayTokenKind::kLocal) {
      const RelayToken name = take();
      if (is_let && accept(":")) (void)parse_type();
      if (accept("=")) {
        const std::uint32_t expression = parse_expression();
        function_.bindings.push_back({std::string(name.text), expression, where(name.position)});
        require(";", "behind the binding of '%" + std::string(name.text) + "'");
        continue;
      }
      if (is_let) expected("'=' behind 'let %" + std::string(name.text) + "'");
      RelayExpression variable;
      variable.kind = RelayExpression::Kind::kVariable;
      variable.name = name.text;
      variable.where = where(name.position);
      attach_type(variable);
      function_.result = parse_projections(append(std::move(variable)));
    } else {
      function_.result = parse_expression();
    }
    require("}", "behind the function's result");
    return;
  }
}

std::uint32_t Parser::parse_expression() {
  const Nesting nesting(*this);
  return parse_projections(parse_primary());
}

// `.0.1` behind an expression.
std::uint32_t Parser::parse_projections(std::uint32_t expression) {
  while (token_.is(".")) {
    RelayExpression projection;
    projection.kind = RelayExpression::Kind::kProjection;
    projection.where = where(token_.position);
    take();
    projection.field = require_kind(RelayTokenKind::kInteger, "the index of a tuple's field").integer;
    projection.kids = {expression};
    attach_type(projection);
    expression = append(std::move(projection));
  }
  return expression;
}

// Words that start what is no operator's call.
void Parser::refuse_keyword(const RelayToken& word) const {
  for (const std::string_view keyword : {"if", "fn", "match", "let", "def", "meta", "ref", "free_var"}) {
    if (word.text != keyword) continue;
    throw Error(
        ErrorCode::kInput,
        "found '" + std::string(keyword) +
            "', expected an operator, a name, a literal or a tuple: functions, control flow and metadata are not "
            "supported",
        where(word.position));
  }
}

std::uint32_t Parser::parse_primary() {
  RelayExpression expression;
  expression.where = where(token_.position);
  switch (token_.kind) {
    case RelayTokenKind::kLocal:
      expression.kind = RelayExpression::Kind::kVariable;
      expression.name = take().text;
      break;
    case RelayTokenKind::kInteger:
    case RelayTokenKind::kFloat: {
      const RelayToken literal = take();
      expression.kind = RelayExpression::Kind::kLiteral;
      expression.number = literal.number;
      expression.dtype = literal.dtype;
      break;
    }
    case RelayTokenKind::kIdentifier: {
      const RelayToken word = take();
      if (word.text == "True" || word.text == "False") {
        expression.kind = RelayExpression::Kind::kLiteral;
        expression.number = word.text == "True" ? 1 : 0;
        expression.dtype = "bool";
        break;
      }
      refuse_keyword(word);
      expression.kind = RelayExpression::Kind::kCall;
      expression.name = word.text;
      parse_call(expression);
      break;
    }
    case RelayTokenKind::kGlobal:
      fail("found a call of function " + token_.describe() + ", expected an operator: only @main is read");
    case RelayTokenKind::kPunctuation:
      if (token_.is("(")) return parse_parenthesized(expression.where);
      [[fallthrough]];
    default:
      expected("an expression");
  }
  attach_type(expression);
  return append(std::move(expression));
}

void Parser::parse_call(RelayExpression& call) {
  require("(", "behind operator '" + call.name + "'");
  if (accept(")")) return;
  while (true) {
    if (token_.kind == RelayTokenKind::kIdentifier && !token_.is_word("True") && !token_.is_word("False")) {
      // `name=` is an attribute, `name(` an operator: one token decides, and it has been read by then.
      const RelayToken word = take();
      if (!token_.is("=")) refuse_keyword(word);
      if (accept("=")) {
        RelayAttribute attribute = parse_attribute_value();
        attribute.name = word.text;
        for (const RelayAttribute& other : call.attributes) {
          if (other.name != attribute.name) continue;
          throw Error(ErrorCode::kInput, "attribute '" + attribute.name + "' is given twice", where(word.position));
        }
        call.attributes.push_back(std::move(attribute));
      } else if (token_.is("(")) {
        if (!call.attributes.empty()) expected("'=': arguments stand before attributes");
        const Nesting nesting(*this);
        RelayExpression inner;
        inner.kind = RelayExpression::Kind::kCall;
        inner.where = where(word.position);
        inner.name = word.text;
        parse_call(inner);
        attach_type(inner);
        call.kids.push_back(parse_projections(append(std::move(inner))));
      } else {
        expected("'(' or '=' behind '" + std::string(word.text) + "'");
      }
    } else {
      if (!call.attributes.empty()) expected("an attribute: arguments stand before attributes");
      call.kids.push_back(parse_expression());
    }
    if (accept(")")) return;
    if (!accept(",")) expected("',' or ')' in the call of '" + call.name + "'");
  }
}

std::uint32_t Parser::parse_parenthesized(const Where& place) {
  take();  // (
  RelayExpression tuple;
  tuple.kind = RelayExpression::Kind::kTuple;
  tuple.where = place;
  bool has_comma = false;
  while (!token_.is(")")) {
    tuple.kids.push_back(parse_expression());
    if (token_.is(")")) break;
    if (!accept(",")) expected("',' or ')' in a tuple");
    has_comma = true;
  }
  take();  // )
  if (tuple.kids.size() == 1 && !has_comma) return tuple.kids[0];
  attach_type(tuple);
  return append(std::move(tuple));
}

RelayAttribute Parser::parse_attribute_value() {
  const Nesting nesting(*this);
  RelayAttribute value;
  value.where = where(token_.position);
  if (token_.is("[") || token_.is("(")) {
    const std::string_view close = token_.is("[") ? "]" : ")";
    value.kind = RelayAttribute::Kind::kSequence;
    take();
    while (!accept(close)) {
      value.items.push_back(parse_attribute_value());
      if (value.items.size() > kMaxAttributeItems) fail("a list of more than 65536 items");
      if (accept(close)) break;
      if (!accept(",")) expected("',' or '" + std::string(close) + "' in a list");
    }
    value.text = "a list";
    return value;
  }
  value.text = token_.text;
  value.integer = token_.integer;
  value.number = token_.number;
  if (token_.kind == RelayTokenKind::kInteger) {
    value.kind = RelayAttribute::Kind::kInteger;
  } else if (token_.kind == RelayTokenKind::kFloat) {
    value.kind = RelayAttribute::Kind::kFloat;
  } else if (token_.kind == RelayTokenKind::kString) {
    value.kind = RelayAttribute::Kind::kString;
  } else if (token_.is_word("True") || token_.is_word("False")) {
    value.kind = RelayAttribute::Kind::kBoolean;
    value.integer = token_.is_word("True") ? 1 : 0;
    value.number = static_cast<double>(value.integer);
  } else if (token_.is_word("None")) {
    value.kind = RelayAttribute::Kind::kNone;
  } else if (token_.is_word("meta")) {
    fail("found 'meta': references to a metadata section are not supported");
  } else {
    expected("an attribute's value: a number, a string, a list, True, False or None");
  }
  take();
  return value;
}

void Parser::attach_type(RelayExpression& expression) {
  if (!last_.type) return;
  Parser inner(last_.type->text, file_, last_.type->position);
  expression.declared_where = where(last_.type->position);
  expression.declared = inner.parse_type();
  last_.type.reset();
}

RelayType Parser::parse_type() {
  const Nesting nesting(*this);
  RelayType type;
  if (accept("(")) {
    type.is_tuple = true;
    while (!accept(")")) {
      type.fields.push_back(parse_type());
      if (accept(")")) break;
      if (!accept(",")) expected("',' or ')' in a tuple type");
    }
    return type;
  }
  const RelayToken word = require_kind(RelayTokenKind::kIdentifier, "a type such as 'Tensor[(1, 3), float32]'");
  if (word.text != "Tensor") {
    type.dtype = word.text;  // a scalar; whether the dtype exists is checked by the reader
    if (word.text == "fn") {
      throw Error(ErrorCode::kInput, "found a function type, expected a tensor type", where(word.position));
    }
    return type;
  }
  require("[", "behind 'Tensor'");
  require("(", "before a tensor's extents");
  std::int64_t elements = 1;
  while (!accept(")")) {
    if (token_.is("?")) fail("found '?': extents that are not known before the run are not supported");
    const RelayToken extent = require_kind(RelayTokenKind::kInteger, "an extent");
    if (extent.integer < 1) {
      throw Error(ErrorCode::kInput, "found extent " + std::string(extent.text) + ", expected 1 or more",
                  where(extent.position));
    }
    if (extent.integer > kMaxElements / elements) {
      throw Error(ErrorCode::kInput, "a tensor of more than 2^40 elements", where(extent.position));
    }
    elements *= extent.integer;
    type.dims.push_back(extent.integer);
    if (accept(")")) break;
    if (!accept(",")) expected("',' or ')' between a tensor's extents");
  }
  require(",", "and a dtype behind a tensor's extents");
  type.dtype = require_kind(RelayTokenKind::kIdentifier, "a dtype such as 'float32'").text;
  require("]", "behind a tensor type");
  return type;
}

}  // namespace

std::string RelayType::to_string() const {
  std::string out;
  if (is_tuple) {
    out = "(";
    for (std::size_t i = 0; i < fields.size(); ++i) out += (i > 0 ? ", " : "") + fields[i].to_string();
    return out + (fields.size() == 1 ? ",)" : ")");
  }
  if (dims.empty()) return dtype;
  out = "Tensor[(";
  for (std::size_t i = 0; i < dims.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(dims[i]);
  return out + "), " + dtype + "]";
}

RelayFunction parse_relay(std::string_view text, const std::string& file) { return Parser(text, file).parse_module(); }

}  // namespace tessera
