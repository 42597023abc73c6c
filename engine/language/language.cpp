#include "engine/language/language.hpp"

#include "engine/base/error.hpp"

namespace tessera {

Value Language::access(int accessor, DataView, std::span<const Value>) const {
  throw Error(ErrorCode::kInput, "the language '" + std::string(name()) + "' has no function number " +
                                     std::to_string(accessor) + " of e-class data");
}

}  // namespace tessera
