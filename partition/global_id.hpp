// A class's identity on all ranks: its home rank and its index there. What crosses the mailbox; local structures never
// hold one (DESIGN: local structures see only local indices).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include "engine/base/hash.hpp"
#include "engine/base/ids.hpp"

namespace tessera {

struct GlobalId {
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::uint64_t value = kNone;

  GlobalId() = default;
  explicit GlobalId(std::uint64_t of_wire) : value(of_wire) {}
  GlobalId(int rank, ClassId id) : value(static_cast<std::uint64_t>(rank) << 32 | id.value) {}

  [[nodiscard]] bool is_none() const { return value == kNone; }
  [[nodiscard]] int home() const { return static_cast<int>(value >> 32); }
  [[nodiscard]] ClassId index() const { return ClassId(static_cast<std::uint32_t>(value)); }
  friend auto operator<=>(GlobalId, GlobalId) = default;
};

// A class and its name, as records carry it.
struct NamedClass {
  GlobalId id;
  std::uint64_t name = 0;
};

}  // namespace tessera

template <>
struct std::hash<tessera::GlobalId> {
  std::size_t operator()(tessera::GlobalId id) const noexcept { return tessera::mix64(id.value); }
};
