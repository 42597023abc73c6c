// Does an extracted program compute what it should? A layer's program is interpreted on random inputs and compared with
// a convolution by oneDNN (reference_convolution.hpp); then the whole extracted network is compared with the whole
// original. What a check proves is said in its record: exact equality, or a largest error beside its tolerance, and
// that the result does depend on the input (two inputs are run; a comparison of constants would prove nothing).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/language/expression.hpp"
#include "engine/language/symbol_table.hpp"
#include "io/network.hpp"

namespace tessera {

enum class Arithmetic : std::uint8_t {
  // Integers in float32, so small that every partial sum is below 2^24 and so exact in any order: results must be equal
  // bit for bit. Small layers are run on 64-bit integers as well, of larger magnitude, against a loop.
  kInteger,
  // Uniform reals in [-1, 1). A sum of K products, rounded after each, has an error that grows like K: partial sums
  // have
  // magnitude sqrt(k)/3, each is rounded by up to 2^-24 of it, which gives a standard deviation of 2^-24 K/7; over the
  // millions of sums of a layer, and two orders of summation, the largest is below ten of these. The tolerance is
  // 2^-22 K, about 28 of them. A term that is missing or wrong shows as an error of the order of 1.
  kFloat,
};

struct LayerCheck {
  double max_abs_err = 0;
  double tolerance = 0;
  bool exact = false;  // every element equal
  bool output_depends_on_input = false;
  bool passed = false;
  std::string failure;  // why not, in one line; empty when passed
};

// The tensors that the program reads, as layer_network() declares them.
struct LayerInputs {
  Name data;
  Name weight;
};

// Interprets `program` from `root` twice and compares with the reference. The result must have layer's output_dims.
// A program that cannot be run (ill-shaped, unknown tensors) fails the check; it does not throw. Throws Error(kInput)
// when `layer` itself is no convolution, Error(kResource) when memory runs out, Error(kInternal) when oneDNN fails.
[[nodiscard]] LayerCheck verify_layer(const SymbolTable& symbols, const Expression& program, std::uint32_t root,
                                      const Layer& layer, const LayerInputs& inputs, std::uint64_t seed,
                                      Arithmetic arithmetic);

struct NetworkCheck {
  double max_abs_err = 0;
  double max_rel_err = 0;  // max_abs_err over the largest magnitude in that result
  double tolerance = 0;    // of max_rel_err
  bool exact = false;
  // Largest difference between the results for two inputs over their largest magnitude.
  double input_sensitivity = 0;
  bool output_depends_on_input = false;
  std::size_t reference_layers = 0;  // how many layers of the reference oneDNN computed
  bool passed = false;
  std::string failure;
};

// Relative tolerance of a whole network in float32, and how much of the result must depend on the input: a hundred
// times as much. The rounding errors of the layers (see Arithmetic) are carried on by layers that keep magnitudes, so
// they add up: for MobileNet's 28 layers, K up to 1024, results of different orders of summation differ by 1e-6 to
// 5e-6.
inline constexpr double kNetworkTolerance = 1e-4;
inline constexpr double kNetworkSensitivity = 100 * kNetworkTolerance;

// Compares `extracted` (its roots in the order of original.program.roots) with the original on random tensors
// (random_tensors.hpp), layers' weights scaled so that every layer's results have standard deviation 1. The original is
// run twice over: by the interpreter as it is written, and with every layer that `original.layers` lists computed by
// oneDNN from its operands. A network of integer tensors is run on 64-bit integers by the interpreter alone and must be
// equal. Failing programs fail the check, as in verify_layer.
[[nodiscard]] NetworkCheck verify_network(const SymbolTable& symbols, const Network& original,
                                          const Expression& extracted, std::span<const std::uint32_t> extracted_roots,
                                          std::uint64_t seed);

}  // namespace tessera
