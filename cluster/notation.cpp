// The notations of options' values: sizes, durations, counts, arrays.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cluster/options.hpp"
#include "engine/base/error.hpp"

namespace tessera {
namespace {

constexpr std::int64_t kLargestArray = 65536;

struct Unit {
  std::string_view name;
  double factor;
};

[[noreturn]] void refuse(const std::string& text, std::string_view expected) {
  throw Error(ErrorCode::kInput, "found '" + text + "', expected " + std::string(expected));
}

// Takes a number such as 12 or 1.5 off the front of `rest`; none if there is none. No sign, no exponent.
std::optional<double> take_number(std::string_view& rest) {
  const std::size_t end = std::min(rest.find_first_not_of("0123456789."), rest.size());
  double value = 0;
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + end, value, std::chars_format::fixed);
  if (error != std::errc() || stop != rest.data() + end) return std::nullopt;
  rest.remove_prefix(end);
  return value;
}

// Takes letters off the front of `rest` and finds their factor; none if that is no unit.
std::optional<double> take_unit(std::string_view& rest, std::span<const Unit> units) {
  std::size_t end = 0;
  while (end < rest.size() && (rest[end] < '0' || rest[end] > '9')) ++end;
  const std::string_view name = rest.substr(0, end);
  for (const Unit& unit : units) {
    if (unit.name == name) {
      rest.remove_prefix(end);
      return unit.factor;
    }
  }
  return std::nullopt;
}

// The nearest whole number; refuses what does not fit 53 bits, hence is exact as a double.
std::uint64_t whole(double value, const std::string& text, std::string_view expected) {
  if (value > 9007199254740992.0) refuse(text, expected);
  return static_cast<std::uint64_t>(std::llround(value));
}

}  // namespace

ArraySize parse_array(const std::string& text) {
  constexpr std::string_view kExpected =
      "ROWSxCOLS with at least one row and one column and at most 65536 of each, such as 64x64";
  ArraySize array;
  const char* const end = text.data() + text.size();
  const auto rows = std::from_chars(text.data(), end, array.rows);
  if (rows.ec != std::errc() || rows.ptr == end || *rows.ptr != 'x') refuse(text, kExpected);
  const auto columns = std::from_chars(rows.ptr + 1, end, array.columns);
  if (columns.ec != std::errc() || columns.ptr != end) refuse(text, kExpected);
  for (const std::int64_t extent : {array.rows, array.columns}) {
    if (extent < 1 || extent > kLargestArray) refuse(text, kExpected);
  }
  return array;
}

std::uint64_t parse_count(const std::string& text) {
  constexpr std::string_view kExpected = "a number such as 250000, 250k, 10M or 2G";
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc()) refuse(text, kExpected);
  if (stop == end) return value;
  static constexpr std::array<Unit, 4> kUnits = {{{"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}}};
  std::string_view rest(stop, static_cast<std::size_t>(end - stop));
  const auto factor = take_unit(rest, kUnits);
  if (!factor || !rest.empty()) refuse(text, kExpected);
  return whole(static_cast<double>(value) * *factor, text, kExpected);
}

std::uint64_t parse_size(const std::string& text) {
  constexpr std::string_view kExpected = "a size with its unit, such as 8GiB, 512MiB or 1.5GiB";
  constexpr double k = 1024;
  static constexpr std::array<Unit, 15> kUnits = {{{"B", 1},
                                                   {"KiB", k},
                                                   {"MiB", k * k},
                                                   {"GiB", k * k * k},
                                                   {"TiB", k * k * k * k},
                                                   {"K", k},
                                                   {"M", k * k},
                                                   {"G", k * k * k},
                                                   {"T", k * k * k * k},
                                                   {"kB", 1e3},
                                                   {"KB", 1e3},
                                                   {"MB", 1e6},
                                                   {"GB", 1e9},
                                                   {"TB", 1e12},
                                                   {"k", k}}};
  std::string_view rest = text;
  const auto number = take_number(rest);
  if (!number) refuse(text, kExpected);
  const auto factor = take_unit(rest, kUnits);
  if (!factor || !rest.empty()) refuse(text, kExpected);
  const std::uint64_t bytes = whole(*number * *factor, text, kExpected);
  if (bytes == 0) refuse(text, kExpected);
  return bytes;
}

std::uint64_t parse_duration_ms(const std::string& text) {
  constexpr std::string_view kExpected = "a duration such as 90s, 10min, 2h or 1h30min";
  static constexpr std::array<Unit, 7> kUnits = {
      {{"ms", 1}, {"s", 1e3}, {"sec", 1e3}, {"m", 6e4}, {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}}};
  std::string_view rest = text;
  double total = 0;
  double smallest = std::numeric_limits<double>::max();  // units must shrink from left to right: 1h30min, not 30min1h
  while (!rest.empty() || text.empty()) {
    const auto number = take_number(rest);
    if (!number) refuse(text, kExpected);
    if (rest.empty() && total == 0) return whole(*number * 1e3, text, kExpected);
    const auto factor = take_unit(rest, kUnits);
    if (!factor || *factor >= smallest) refuse(text, kExpected);
    smallest = *factor;
    total += *number * *factor;
  }
  return whole(total, text, kExpected);
}

}  // namespace tessera
