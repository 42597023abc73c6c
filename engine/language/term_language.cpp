#include "engine/language/term_language.hpp"

namespace tessera {

std::optional<Signature> TermLanguage::signature(Name) const { return Signature{{ArgumentKind::kChildren}}; }

std::optional<SymbolId> TermLanguage::leaf(SymbolTable& symbols, std::string_view atom) const {
  return symbols.intern(Name(atom), {}, 0);
}

std::uint64_t TermLanguage::cost(const Symbol&, DataView, std::span<const DataView>) const { return 1; }

}  // namespace tessera
