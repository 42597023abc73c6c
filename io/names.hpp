// Suggestions for misspelt names, for messages of readers.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tessera {

// The name nearest to `name` by edit distance, the alphabetically first among equals; empty when none is near (more
// than a third of the characters differ).
[[nodiscard]] std::string nearest_name(std::string_view name, std::span<const std::string_view> names);

}  // namespace tessera
