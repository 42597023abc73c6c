// Applies rules to programs by hand, with no e-graph: a rule's left side is matched against the nodes of a program as
// they stand, its right side is added beside it, and both are run on the same random integers. A rule is sound when
// they are equal, bit by bit, wherever it applies.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/rule/rule.hpp"
#include "engine/rule/value_functions.hpp"
#include "engine/tensor/interpreter.hpp"
#include "engine/tensor/lowering.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace tessera {

class RuleApplication {
 public:
  using Node = std::uint32_t;

  explicit RuleApplication(std::uint64_t seed) : random_(seed) {}

  TensorLanguage language;
  SymbolTable symbols;
  std::map<std::string, std::size_t> applied;  // by the rule's name, without "[RxC]"

  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  [[nodiscard]] Expression& program() { return program_; }

  // A new tensor with small random values.
  Node tensor(const std::vector<std::int64_t>& dims) {
    const Name name("t" + std::to_string(environment_.size()));
    language.declare({name, DType::kInt64, dims});
    std::vector<std::int64_t> values(static_cast<std::size_t>(product_of(dims)));
    for (std::int64_t& value : values) value = between(-4, 4);
    environment_.emplace(name, make_tensor<std::int64_t>(dims, 0, values));
    return program_.add(*language.leaf(symbols, name.text()), {});
  }

  // Applies every rule to every node, then to the nodes that came of it, `rounds` times; a rule at most `limit` times.
  // Then compares what must be equal; returns what is not, a line each. Nothing of the program is kept.
  [[nodiscard]] std::vector<std::string> run(const std::vector<Rule>& rules, int rounds, std::size_t limit) {
    std::vector<Application> applications;
    std::vector<std::size_t> uses(rules.size());
    Node first = 0;
    for (int round = 0; round < rounds && first < program_.size(); ++round) {
      const auto end = static_cast<Node>(program_.size());
      for (std::size_t r = 0; r < rules.size(); ++r) {
        for (Node node = first; node < end && uses[r] < limit; ++node) {
          const std::optional<Node> result = apply(rules[r], node);
          if (!result) continue;
          ++uses[r];
          ++applied[rules[r].name.substr(0, rules[r].name.find('['))];
          applications.push_back({&rules[r], node, *result});
        }
      }
      first = end;
    }
    compare(applications);
    program_ = Expression();
    types_.clear();
    return std::exchange(problems_, {});
  }

 private:
  struct Application {
    const Rule* rule;
    Node left;
    Node right;
  };

  // A match: for each variable of the rule the node or the attribute that it stands for.
  class Match : public RuleValues {
   public:
    Match(const Rule& rule, const TensorLanguage& language, const std::vector<DataWords>& types)
        : RuleValues(rule, language), nodes(rule.variables.size()), values(rule.variables.size()), types_(types) {}
    [[nodiscard]] DataView data(VariableIndex variable) const override { return types_[*nodes[variable]]; }

    std::vector<std::optional<Node>> nodes;
    std::vector<std::optional<Value>> values;

   protected:
    [[nodiscard]] Value bound(VariableIndex variable) const override { return *values[variable]; }

   private:
    const std::vector<DataWords>& types_;
  };

  void infer_types() {
    for (auto node = static_cast<Node>(types_.size()); node < program_.size(); ++node) {
      std::vector<DataView> kids;
      for (const Node kid : program_[node].kids) kids.emplace_back(types_[kid]);
      DataWords words;
      language.make(symbols[program_[node].symbol], kids, words);
      types_.push_back(std::move(words));
    }
  }

  template <class T>
  static bool bind(std::optional<T>& slot, const T& value) {
    if (!slot) slot = value;
    return *slot == value;
  }

  bool matches(const Pattern& pattern, std::uint32_t index, Node node, Match& match) const {
    const PatternTerm& term = pattern.terms[index];
    if (term.is_variable) return bind(match.nodes[term.variable], node);
    const Symbol& symbol = symbols[program_[node].symbol];
    if (symbol.op != term.op || symbol.attributes.size() != term.attributes.size() ||
        symbol.arity != term.kids.size()) {
      return false;
    }
    for (std::size_t i = 0; i < term.attributes.size(); ++i) {
      const AttributeExpression& attribute = term.attributes[i];
      const bool fits = attribute.kind == AttributeExpression::Kind::kConstant
                            ? attribute.constant == symbol.attributes[i]
                            : bind(match.values[attribute.variable], symbol.attributes[i]);
      if (!fits) return false;
    }
    for (std::size_t i = 0; i < term.kids.size(); ++i) {
      if (!matches(pattern, term.kids[i], program_[node].kids[i], match)) return false;
    }
    return true;
  }

  std::optional<Node> apply(const Rule& rule, Node node) {
    infer_types();
    Match match(rule, language, types_);
    if (!matches(rule.left, rule.left.root(), node, match) || !holds(rule.conditions, match)) return std::nullopt;
    std::vector<Node> built;
    for (const PatternTerm& term : rule.right.terms) {
      if (term.is_variable) {
        built.push_back(*match.nodes[term.variable]);
        continue;
      }
      std::vector<Value> attributes;
      for (const AttributeExpression& attribute : term.attributes) attributes.push_back(evaluate(attribute, match));
      std::vector<Node> kids;
      for (const std::uint32_t kid : term.kids) kids.push_back(built[kid]);
      built.push_back(program_.add(symbols.intern(term.op, attributes, static_cast<std::uint32_t>(kids.size())), kids));
    }
    infer_types();  // an ill-shaped right side throws
    return built.back();
  }

  void compare(const std::vector<Application>& applications) {
    std::vector<Node> roots;
    for (const Application& application : applications) {
      const TensorType left(types_[application.left]);
      const TensorType right(types_[application.right]);
      if (left.dtype() != right.dtype() || left.split() != right.split() ||
          !std::ranges::equal(left.dims(), right.dims())) {
        problems_.push_back(text_of(application) + ": the sides are " + left.to_string() + " and " + right.to_string());
      }
      roots.push_back(application.left);
      roots.push_back(application.right);
    }
    const std::vector<Tensor<std::int64_t>> results = interpret<std::int64_t>(symbols, program_, roots, environment_);
    for (std::size_t i = 0; i < applications.size(); ++i) {
      const auto left = results[2 * i].values();
      const auto right = results[2 * i + 1].values();
      if (!std::ranges::equal(left, right)) problems_.push_back(text_of(applications[i]) + ": the sides differ");
    }
    check_zero_regions();
  }

  // What the types claim to be zero, is.
  void check_zero_regions() {
    std::vector<Node> nodes;
    for (Node node = 0; node < program_.size(); ++node) {
      if (!TensorType(types_[node]).is_tuple() && !TensorType(types_[node]).zero_regions().empty())
        nodes.push_back(node);
    }
    const std::vector<Tensor<std::int64_t>> results = interpret<std::int64_t>(symbols, program_, nodes, environment_);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const TensorType type(types_[nodes[i]]);
      for (const ZeroRegion& region : type.zero_regions()) {
        const auto axis = static_cast<std::size_t>(region.axis);
        const std::int64_t after = product_of(type.dims().subspan(axis + 1));
        const auto values = results[i].values();
        for (std::size_t element = 0; element < values.size(); ++element) {
          const std::int64_t index = static_cast<std::int64_t>(element) / after % type.dim(axis);
          if (index < region.low || index >= region.high) continue;
          if (values[element] == 0) continue;
          problems_.push_back(std::string(symbols[program_[nodes[i]].symbol].name.text()) + ": " + type.to_string() +
                              " is not zero there");
          break;
        }
      }
    }
  }

  [[nodiscard]] std::string text_of(const Application& application) const {
    const TensorType type(types_[application.left]);
    std::string text = "rule " + application.rule->name + " at a node " + type.to_string() + " of";
    for (const Node kid : program_[application.left].kids) text += " " + TensorType(types_[kid]).to_string();
    return text;
  }

  std::mt19937_64 random_;
  Expression program_;
  std::vector<DataWords> types_;
  Environment<std::int64_t> environment_;
  std::vector<std::string> problems_;
};

}  // namespace tessera
