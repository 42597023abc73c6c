#include "engine/tensor/zero_regions.hpp"

#include <algorithm>

namespace tessera {

void normalize(ZeroRegions& regions, std::span<const std::int64_t> extents) {
  if (regions.empty()) return;
  std::erase_if(regions, [](const ZeroRegion& region) { return region.low >= region.high; });
  std::sort(regions.begin(), regions.end());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    if (kept > 0 && regions[kept - 1].axis == regions[i].axis && regions[kept - 1].high >= regions[i].low) {
      regions[kept - 1].high = std::max(regions[kept - 1].high, regions[i].high);
    } else {
      regions[kept++] = regions[i];
    }
  }
  regions.resize(kept);
  const bool all_zero = std::any_of(regions.begin(), regions.end(), [&](const ZeroRegion& region) {
    return region.low == 0 && region.high == extents[static_cast<std::size_t>(region.axis)];
  });
  if (!all_zero) return;
  regions.clear();
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    regions.push_back({static_cast<std::int64_t>(axis), 0, extents[axis]});
  }
}

void carry_axis(std::span<const ZeroRegion> from, std::int64_t axis, std::int64_t low, std::int64_t high,
                std::int64_t shift, std::int64_t to_axis, ZeroRegions& out) {
  for (const ZeroRegion& region : from) {
    if (region.axis != axis) continue;
    const std::int64_t first = std::max(region.low, low);
    const std::int64_t last = std::min(region.high, high);
    if (first < last) out.push_back({to_axis, first + shift, last + shift});
  }
}

void carry_common(std::span<const ZeroRegion> a, std::int64_t axis_a, std::span<const ZeroRegion> b,
                  std::int64_t axis_b, std::int64_t to_axis, ZeroRegions& out) {
  for (const ZeroRegion& region : a) {
    if (region.axis == axis_a) carry_axis(b, axis_b, region.low, region.high, 0, to_axis, out);
  }
}

bool is_zero(std::span<const ZeroRegion> regions, std::int64_t axis, std::int64_t low, std::int64_t high) {
  if (low >= high) return true;
  return std::any_of(regions.begin(), regions.end(), [&](const ZeroRegion& region) {
    return region.axis == axis && region.low <= low && high <= region.high;
  });
}

}  // namespace tessera
