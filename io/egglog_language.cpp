#include "io/egglog_language.hpp"

#include <algorithm>

#include "engine/base/check.hpp"

namespace tessera {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

std::size_t EgglogConstructor::children() const {
  return static_cast<std::size_t>(
      std::count_if(arguments.begin(), arguments.end(), [](EgglogSort sort) { return !is_primitive(sort); }));
}

EgglogLanguage::EgglogLanguage() {
  add_sort("i64", {});
  add_sort("String", {});
}

EgglogSort EgglogLanguage::add_sort(std::string_view name, const Where& where) {
  const auto sort = static_cast<EgglogSort>(sorts_.size());
  CHECK(sort_of_name_.try_emplace(std::string(name), sort).second);
  sorts_.push_back({std::string(name), where});
  return sort;
}

std::uint32_t EgglogLanguage::add_constructor(EgglogConstructor constructor) {
  const auto index = static_cast<std::uint32_t>(constructors_.size());
  CHECK(constructor_of_name_.try_emplace(constructor.name, index).second);
  const std::uint64_t primitives = constructor.arguments.size() - constructor.children();
  cost_of_.emplace(Name(constructor.name).index(), constructor.cost + primitives);
  constructors_.push_back(std::move(constructor));
  return index;
}

std::optional<EgglogSort> EgglogLanguage::find_sort(std::string_view name) const {
  const auto found = sort_of_name_.find(std::string(name));
  if (found == sort_of_name_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint32_t> EgglogLanguage::find_constructor(std::string_view name) const {
  const auto found = constructor_of_name_.find(std::string(name));
  if (found == constructor_of_name_.end()) return std::nullopt;
  return found->second;
}

std::string EgglogLanguage::signature_text(std::uint32_t constructor) const {
  const EgglogConstructor& c = constructors_[constructor];
  std::string text = "(" + c.name;
  for (const EgglogSort sort : c.arguments) text += " " + sort_name(sort);
  return text + ")";
}

std::optional<Signature> EgglogLanguage::signature(Name op) const {
  const auto found = find_constructor(op.text());
  if (!found) return std::nullopt;
  Signature result;
  for (const EgglogSort sort : constructors_[*found].arguments)
    result.arguments.push_back(sort == kEgglogI64      ? ArgumentKind::kInt
                               : sort == kEgglogString ? ArgumentKind::kName
                                                       : ArgumentKind::kChild);
  return result;
}

std::uint64_t EgglogLanguage::cost(const Symbol& symbol, DataView, std::span<const DataView>) const {
  return cost_of_.at(symbol.name.index());
}

std::optional<std::string> egglog_text(const Expression& program, std::uint32_t root, const SymbolTable& symbols,
                                       const EgglogLanguage& language, std::uint64_t most) {
  std::vector<std::uint64_t> size(root + 1, 1);  // as a tree; children come first
  for (std::uint32_t i = 0; i <= root; ++i)
    for (const std::uint32_t kid : program[i].kids) size[i] = std::min(size[i] + size[kid], most + 1);
  if (size[root] > most) return std::nullopt;

  struct Frame {
    std::uint32_t node;
    std::size_t argument;   // the next one
    std::size_t attribute;  // of those before it
    std::size_t kid;
  };
  std::string text;
  std::vector<Frame> stack = {{root, 0, 0, 0}};
  while (!stack.empty()) {
    Frame& frame = stack.back();
    const ExpressionNode& node = program[frame.node];
    const Symbol& symbol = symbols[node.symbol];
    const EgglogConstructor& constructor = language.constructors()[*language.find_constructor(symbol.name.text())];
    if (frame.argument == 0) text += "(" + constructor.name;
    if (frame.argument == constructor.arguments.size()) {
      text += ')';
      stack.pop_back();
      continue;
    }
    text += ' ';
    if (!is_primitive(constructor.arguments[frame.argument++])) {
      stack.push_back({node.kids[frame.kid++], 0, 0, 0});
      continue;
    }
    const Value& value = symbol.attributes[frame.attribute++];
    text += value.kind == ValueKind::kInt ? std::to_string(value.as_int()) : quoted(value.as_name().text());
  }
  return text;
}

}  // namespace tessera
