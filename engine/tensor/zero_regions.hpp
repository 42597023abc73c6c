// Zero regions: for each axis of an access, the ranges of indices at which every element is proved to be zero. Facts,
// so they only grow: two e-nodes of one class prove more together than either alone (join is union), and what holds for
// both parts of a stack or a concatenation is their intersection. Every function here is monotone, so that the analysis
// has one fixpoint whatever the order in which it is reached. Zero regions are what lets a slice of a padded axis be
// dropped before a dot product (Smith et al., MAPS 2021); the published system forgets them when classes merge, we do
// not.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tessera {

// Every element whose index along `axis` is in [low, high) is zero.
struct ZeroRegion {
  std::int64_t axis = 0;
  std::int64_t low = 0;
  std::int64_t high = 0;
  friend auto operator<=>(const ZeroRegion&, const ZeroRegion&) = default;
};

// Sorted by axis, then low; of one axis disjoint and not touching; none empty: the canonical form.
using ZeroRegions = std::vector<ZeroRegion>;

// Brings any list to the canonical form; if one axis is zero throughout, so are all (extents gives their lengths).
void normalize(ZeroRegions& regions, std::span<const std::int64_t> extents);

// The ranges of one axis, clipped to [low, high), then moved by `shift` and given to `to_axis`; appended to `out`.
void carry_axis(std::span<const ZeroRegion> from, std::int64_t axis, std::int64_t low, std::int64_t high,
                std::int64_t shift, std::int64_t to_axis, ZeroRegions& out);

// What is zero in both, along `axis_a` of a and `axis_b` of b; appended to `out` as ranges of `to_axis`.
void carry_common(std::span<const ZeroRegion> a, std::int64_t axis_a, std::span<const ZeroRegion> b,
                  std::int64_t axis_b, std::int64_t to_axis, ZeroRegions& out);

// Whether [low, high) of the axis is zero (an empty range is). The regions must be canonical.
[[nodiscard]] bool is_zero(std::span<const ZeroRegion> regions, std::int64_t axis, std::int64_t low, std::int64_t high);

}  // namespace tessera
