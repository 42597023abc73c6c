#include "io/layer_names.hpp"

namespace tessera {

std::string LayerNames::from_weight(Name weight, LayerKind kind) {
  std::string name(weight.text());
  for (const std::string_view tail : {"_weight", ".weight", "-weight", "_kernel", ".kernel"}) {
    if (name.size() > tail.size() && name.ends_with(tail)) {
      name.resize(name.size() - tail.size());
      break;
    }
  }
  if (name.empty()) name = layer_kind_name(kind);
  const int count = ++used_[name];
  if (count == 1) return name;
  // A numbered name may itself be taken; try on.
  for (int number = count;; ++number) {
    std::string candidate = name + "-" + std::to_string(number);
    if (used_.emplace(candidate, 1).second) return candidate;
  }
}

}  // namespace tessera
