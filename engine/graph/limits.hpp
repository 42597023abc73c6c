// Sizes that bound one rank's tables. They bound reserved address space, not memory.
#pragma once

#include <cstdint>

namespace tessera {

// A parent-list entry packs a row and a position into 31 bits.
#ifdef TESSERA_SERIAL_TBB  // sanitizer builds have little address space
inline constexpr std::uint32_t kMaxRows = 1U << 22;
#else
inline constexpr std::uint32_t kMaxRows = 1U << 30;
#endif
inline constexpr std::uint32_t kMaxClasses = kMaxRows;  // with ranks beside: half of them owned, half ghosts
inline constexpr std::uint32_t kMaxArity = 255;

}  // namespace tessera
