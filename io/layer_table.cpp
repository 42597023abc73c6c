#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "io/report.hpp"

namespace tessera {
namespace {

constexpr std::size_t kColumns = 14;
using Row = std::array<std::string, kColumns>;

// The columns of text stand left, those of numbers right.
constexpr std::array<bool, kColumns> kLeft = {true, true,  false, false, false, false, true,
                                              true, false, false, false, false, false, false};

// 1234567 as 1,234,567.
std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string grouped(std::int64_t value) {
  return grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)));
}

std::string formatted(const char* format, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

std::string percent(double fraction) { return std::isfinite(fraction) ? formatted("%.1f%%", 100 * fraction) : "-"; }

Row layer_row(const LayerReport& layer) {
  Row row = {layer.name,
             layer.kind,
             grouped(layer.m),
             grouped(layer.k),
             grouped(layer.n),
             grouped(layer.groups),
             "-",
             "-",
             "-",
             grouped(layer.calls_bound),
             "-",
             grouped(layer.cycles_bound),
             "-",
             "-"};
  if (layer.tensorized) {
    row[6] = layer.array;
    row[7] = layer.stationary;
    row[8] = grouped(layer.calls);
    row[10] = grouped(layer.cycles);
    row[12] = percent(layer.utilization);
  }
  if (layer.max_abs_err && std::isfinite(*layer.max_abs_err)) row[13] = formatted("%.1e", *layer.max_abs_err);
  return row;
}

// Columns are counted in characters, not bytes: names may be UTF-8.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string line(const Row& row, const std::array<std::size_t, kColumns>& widths) {
  std::string out;
  for (std::size_t c = 0; c < kColumns; ++c) {
    const std::string blanks(widths[c] - width(row[c]), ' ');
    out += (c > 0 ? "  " : "") + (kLeft[c] ? row[c] + blanks : blanks + row[c]);
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

}  // namespace

std::string layer_table(const Report& report) {
  const Row head = {"layer",      "kind",  "M",     "K",      "N",     "groups", "array",
                    "stationary", "calls", "bound", "cycles", "bound", "util",   "max err"};
  std::vector<Row> rows;
  for (const LayerReport& layer : report.layers) rows.push_back(layer_row(layer));
  const TotalsReport sum = totals(report);
  Row last;
  last[0] = "total: " + std::to_string(sum.tensorized) + " of " + std::to_string(sum.layers) + " on arrays";
  last[8] = grouped(sum.calls);
  last[9] = grouped(sum.calls_bound);
  last[10] = grouped(sum.cycles);
  last[11] = grouped(sum.cycles_bound);

  std::array<std::size_t, kColumns> widths{};
  const auto widen = [&](const Row& row) {
    for (std::size_t c = 0; c < kColumns; ++c) widths[c] = std::max(widths[c], width(row[c]));
  };
  widen(head);
  std::for_each(rows.begin(), rows.end(), widen);
  widen(last);

  std::string out = line(head, widths);
  std::size_t full = 2 * (kColumns - 1);
  for (const std::size_t w : widths) full += w;
  out += std::string(full, '-') + "\n";
  for (const Row& row : rows) out += line(row, widths);
  out += std::string(full, '-') + "\n";
  return out + line(last, widths);
}

}  // namespace tessera
