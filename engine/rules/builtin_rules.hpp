// The rules files of this folder, embedded when the program is built, so that `--rules math` works from anywhere.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace tessera {

// The text of `NAME.rules`; none when there is no such file.
[[nodiscard]] std::optional<std::string_view> builtin_rules(std::string_view name);

[[nodiscard]] const std::vector<std::string_view>& builtin_rule_names();  // in alphabetical order

}  // namespace tessera
