#include "cluster/progress.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace tessera {
namespace {

constexpr auto kPaintInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(1);

}  // namespace

std::string with_separators(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit > 0 && value < 9.95 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                                  : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string describe(const ProgressState& state) {
  std::string text = fmt::format("iteration {}, e-nodes {}, e-classes {}", state.iteration,
                                 with_separators(state.enodes), with_separators(state.eclasses));
  if (state.layers > 0) text += fmt::format(", layers {}/{}", state.layers_tensorized, state.layers);
  if (state.best_cost) text += ", cost " + with_separators(*state.best_cost);
  return text + fmt::format(", memory {}, {:.1f} s", size_text(state.memory_bytes), state.seconds);
}

Progress::Progress(Log& log, int rank, Clock clock) : log_(log), speaks_(rank == 0), clock_(std::move(clock)) {}

Progress::~Progress() {
  if (speaks_) log_.hide_live();
}

void Progress::update(const ProgressState& state) {
  if (!speaks_ || !log_.is_live()) return;
  const auto now = clock_();
  if (last_paint_ && now - *last_paint_ < kPaintInterval) return;
  last_paint_ = now;
  const std::string text = describe(state);
  log_.show_live(state.phase.empty() ? text : text + ", " + state.phase);
}

void Progress::iteration_done(const ProgressState& state) {
  if (!speaks_) return;
  const std::string text = describe(state);
  if (log_.is_live()) {
    log_.record(text);
    update(state);
    return;
  }
  const auto now = clock_();
  if (last_line_ && now - *last_line_ < kLineInterval) {
    if (!held_back_.empty()) log_.record(held_back_);
    held_back_ = text;
    return;
  }
  if (!held_back_.empty()) log_.record(held_back_);
  held_back_.clear();
  last_line_ = now;
  log_.write(Log::Level::kInfo, text);
}

void Progress::finish() {
  if (!speaks_) return;
  log_.hide_live();
  if (!held_back_.empty()) log_.write(Log::Level::kInfo, held_back_);
  held_back_.clear();
  last_paint_.reset();
  last_line_.reset();
}

}  // namespace tessera
