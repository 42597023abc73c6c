// Identifiers, each a type of its own so that a row can never be used where a class is meant.
// Local ids are 32-bit and mean something on one rank only; a GlobalId names a class on all ranks and is what crosses
// the mailbox (partition/).
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace tessera {

// A 32-bit index with a phantom tag. kNone is the only invalid value.
template <class Tag>
struct Id {
  std::uint32_t value = std::numeric_limits<std::uint32_t>::max();

  constexpr Id() = default;
  constexpr explicit Id(std::uint32_t v) : value(v) {}
  [[nodiscard]] constexpr bool is_none() const { return value == std::numeric_limits<std::uint32_t>::max(); }
  friend constexpr auto operator<=>(Id, Id) = default;
};

using ClassId = Id<struct ClassTag>;        // an e-class (or a ghost of one) in this rank's class table
using RowId = Id<struct RowTag>;            // an e-node in this rank's node table
using SymbolId = Id<struct SymbolTag>;      // an operator with its static attributes, agreed across ranks
using OperatorId = Id<struct OperatorTag>;  // an operator without attributes, agreed across ranks
using DataId = Id<struct DataTag>;          // interned e-class data of this rank

}  // namespace tessera
