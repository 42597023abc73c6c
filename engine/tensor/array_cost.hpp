// What one call of a systolic array costs, and the fewest calls and cycles a layer can be blocked into.
// Cycles are SCALE-Sim's published weight-stationary model (Samajdar et al., 2018): an RxC array first shifts R rows of
// stationary values in, then streams T vectors through R + C - 2 further steps: 2R + C + T - 2. SCALE-Sim v2's own
// report prints one less, the index of the last cycle.
#pragma once

#include <cstdint>

namespace tessera {

// Cycles of one call of a rows x columns array that is fed `vectors` vectors; all at least 1. Saturates.
[[nodiscard]] std::int64_t array_cycles(std::int64_t rows, std::int64_t columns, std::int64_t vectors);

// A layer as a matrix product for each of `groups`: m vectors of length k times k x n weights. A convolution has
// m = batch * oh * ow, k = channels_in / groups * kh * kw, n = channels_out / groups; a depthwise one n = 1.
struct LayerProblem {
  std::int64_t m = 1;
  std::int64_t k = 1;
  std::int64_t n = 1;
  std::int64_t groups = 1;
};

enum class Stationary : std::uint8_t {
  kWeights,  // the array holds weights and streams data
  kData,     // the other way round
  kMixed,    // the groups of a depthwise layer that fill an array one way, the last, smaller one the other
};

[[nodiscard]] const char* stationary_name(Stationary stationary);  // weights, data, mixed

struct Blocking {
  std::int64_t calls = 0;
  std::int64_t cycles = 0;
  Stationary stationary = Stationary::kWeights;
};

// One product with the given operand stationary: every tile of the stationary operand is a call that streams all of the
// other. ceil(k/rows) * ceil(n/columns) calls of m vectors, or ceil(k/rows) * ceil(m/columns) calls of n.
[[nodiscard]] Blocking block_product(const LayerProblem& problem, Stationary stationary, std::int64_t rows,
                                     std::int64_t columns);

// Channels (groups of one output each) that one array takes at a time as a block-diagonal operand.
[[nodiscard]] std::int64_t packed_channels(std::int64_t k, std::int64_t groups, std::int64_t rows,
                                           std::int64_t columns);

// The least of both operand choices by cycles, then calls, then weights stationary. Groups with one output (depthwise)
// are packed packed_channels() at a time, each pack taking the better operand; other groups are blocked one by one.
// Throws Error(kInput) when a number is below 1. Saturates.
[[nodiscard]] Blocking closed_form(const LayerProblem& problem, std::int64_t rows, std::int64_t columns);

}  // namespace tessera
