// Sorts values by their upper 32 bits: least significant digit first (Knuth, TAOCP vol. 3, 5.2.5), for batches of
// thousands that are grouped by an id again and again; short ones go to std::sort.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace tessera {

// `scratch` keeps its memory between calls; its contents do not matter.
inline void sort_by_upper_half(std::vector<std::uint64_t>& values, std::vector<std::uint64_t>& scratch) {
  constexpr std::size_t kFew = 256;
  constexpr unsigned kDigitBits = 10;
  if (values.size() < kFew) {
    std::sort(values.begin(), values.end());
    return;
  }
  std::uint64_t all = 0;
  for (const std::uint64_t value : values) all |= value;
  scratch.resize(values.size());
  for (unsigned shift = 32; shift < 64 && (all >> shift) != 0; shift += kDigitBits) {
    const auto digit = [&](std::uint64_t value) { return value >> shift & ((1U << kDigitBits) - 1); };
    std::array<std::uint32_t, std::size_t{1} << kDigitBits> at{};
    for (const std::uint64_t value : values) ++at[digit(value)];
    std::uint32_t sum = 0;
    for (std::uint32_t& count : at) {
      const std::uint32_t here = count;
      count = sum;
      sum += here;
    }
    for (const std::uint64_t value : values) scratch[at[digit(value)]++] = value;
    values.swap(scratch);
  }
}

}  // namespace tessera
