#include "tests/property/property_language.hpp"

#include <algorithm>

#include "engine/base/error.hpp"

namespace tessera::oracle {

std::optional<Signature> PropertyLanguage::signature(Name op) const {
  if (op.text() == "r") return Signature{{ArgumentKind::kRest}};
  for (const PropertyOperator& known : kPropertyOperators) {
    if (known.name != op.text()) continue;
    Signature signature;
    signature.arguments.assign(static_cast<std::size_t>(known.arity), ArgumentKind::kChild);
    signature.arguments.insert(signature.arguments.end(), static_cast<std::size_t>(known.attributes),
                               ArgumentKind::kInt);
    return signature;
  }
  return std::nullopt;
}

std::optional<SymbolId> PropertyLanguage::leaf(SymbolTable& symbols, std::string_view atom) const {
  for (const PropertyOperator& known : kPropertyOperators) {
    if (known.name == atom && known.arity == 0 && known.attributes == 0) return symbols.intern(Name(atom), {}, 0);
  }
  return std::nullopt;
}

void DataPropertyLanguage::make(const Symbol& symbol, std::span<const DataView> kids, DataWords& out) const {
  constexpr std::int64_t kFacts = 7;
  std::int64_t depth = 0;
  std::int64_t either = 0;
  std::int64_t both = kFacts;
  for (const DataView kid : kids) {
    depth = std::max(depth, kid[0]);
    either |= kid[1];
    both &= kid[1];
  }
  const std::string_view op = symbol.name.text();
  std::int64_t facts = 0;
  if (op == "a") facts = 1;
  if (op == "b") facts = 2;
  if (op == "c") facts = 4;
  if (op == "f" || op == "m") facts = either;
  if (op == "g") facts = (either << 1) & kFacts;
  if (op == "p") facts = both;
  out = {depth + 1, facts};
}

bool DataPropertyLanguage::join(DataWords& into, DataView other) const {
  const DataWords joined = {std::min(into[0], other[0]), into[1] | other[1]};
  const bool changed = joined != into;
  into = joined;
  return changed;
}

std::string DataPropertyLanguage::describe(DataView data) const {
  return "depth " + std::to_string(data[0]) + ", facts " + std::to_string(data[1]);
}

int DataPropertyLanguage::accessor(std::string_view function) const {
  if (function == "depth") return 0;
  return function == "fact" ? 1 : -1;
}

Value DataPropertyLanguage::access(int accessor, DataView data, std::span<const Value> arguments) const {
  if (arguments.size() != static_cast<std::size_t>(accessor)) {
    throw Error(ErrorCode::kInput, "expected (depth ?x) or (fact ?x number)");
  }
  if (accessor == 0) return Value::integer(data[0]);
  const std::int64_t bit = arguments[0].as_int();
  if (bit < 0 || bit > 2) throw Error(ErrorCode::kInput, "there are facts 0, 1 and 2");
  return Value::boolean(((data[1] >> bit) & 1) != 0);
}

}  // namespace tessera::oracle
