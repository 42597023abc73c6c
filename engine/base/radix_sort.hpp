// Sorts by a part of a 64-bit key, least significant digit first (Knuth, TAOCP vol. 3, 5.2.5), for batches of thousands
// that are grouped by an id again and again; short ones go to std::sort.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace tessera {

// By the bits of key(value) from `lowest` on, in a std::vector or GrowingArray; what they leave equal comes in no
// promised order. `scratch` keeps its memory between calls; its contents do not matter.
template <class Array, class Key>
void radix_sort(Array& values, Array& scratch, unsigned lowest, Key&& key) {
  constexpr std::size_t kFew = 256;
  constexpr unsigned kDigitBits = 10;
  if (values.size() < kFew) {
    std::sort(values.begin(), values.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    return;
  }
  std::uint64_t differ = 0;
  for (const auto& value : values) differ |= key(value) ^ key(*values.begin());
  scratch.resize(values.size());
  for (unsigned shift = lowest; shift < 64 && (differ >> shift) != 0; shift += kDigitBits) {
    const auto digit = [&](std::uint64_t k) { return k >> shift & ((1U << kDigitBits) - 1); };
    if (digit(differ) == 0) continue;
    std::array<std::uint32_t, std::size_t{1} << kDigitBits> at{};
    for (const auto& value : values) ++at[digit(key(value))];
    std::uint32_t sum = 0;
    for (std::uint32_t& count : at) {
      const std::uint32_t here = count;
      count = sum;
      sum += here;
    }
    for (const auto& value : values) scratch[at[digit(key(value))]++] = value;
    values.swap(scratch);
  }
}

inline void sort_by_upper_half(std::vector<std::uint64_t>& values, std::vector<std::uint64_t>& scratch) {
  radix_sort(values, scratch, 32, std::identity());
}

}  // namespace tessera
