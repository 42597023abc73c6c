// Hash functions whose values are part of results (digests, class names, the home of a node): they must never depend on
// a pointer, a process, a thread, or the number of ranks. Do not replace them by std::hash.
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera {

// Finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection on 64 bits with full avalanche.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// Order-dependent combination: hash_combine(a, b) != hash_combine(b, a).
[[nodiscard]] constexpr std::uint64_t hash_combine(std::uint64_t seed, std::uint64_t value) {
  return mix64(seed * 0x9e3779b97f4a7c15ULL + value + 0x2545f4914f6cdd1dULL);
}

[[nodiscard]] constexpr std::uint64_t hash_string(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a, then mixed
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix64(hash ^ text.size());
}

}  // namespace tessera
