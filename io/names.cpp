#include "io/names.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace tessera {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string_view> names) {
  constexpr std::size_t kLongest = 64;  // a longer one is no misspelling
  if (name.size() > kLongest) return {};
  std::size_t best = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::string_view found;
  for (const std::string_view candidate : names) {
    const std::size_t distance = edit_distance(name, candidate);
    // `relu` for `nn.relu`, `conv2d` for `nn.conv2d`: the namespace left out is a small mistake.
    const bool without_space = candidate.ends_with(name) && name.size() >= 3 && candidate.size() > name.size() &&
                               candidate[candidate.size() - name.size() - 1] == '.';
    const std::size_t rank = without_space ? 0 : distance;
    if (rank < best || (rank == best && !found.empty() && candidate < found)) {
      best = rank;
      found = candidate;
    }
  }
  return std::string(found);
}

}  // namespace tessera
