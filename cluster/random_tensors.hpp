// Values for the tensors of a program that is about to be checked: random, the same for the same seed and name on every
// machine, and chosen so that a comparison means something. What a tensor is for is read off the program, not its name:
//   positive  it reaches a square root, a logarithm or a divisor through additions, products and data movement (the
//             variance of a batch normalization): uniform in [0.5, 1.5)
//   scale     a vector that reaches a factor of a product, or the gamma of a normalization, through data movement only:
//             uniform in [0.75, 1.25), so that a deep network neither fades nor explodes
//   shift     any other vector (at most one extent above 1): uniform in [-0.25, 0.25)
//   weight    any other tensor: uniform with variance 2 / fan-in, fan-in being the elements for one index of the first
//             axis (He et al., "Delving Deep into Rectifiers", ICCV 2015)
//   input     the tensor with the longest way to a result that is none of the first two and no layer's weight. Every
//             plane of it (last two axes) has a mean of its own, of magnitude 0.5 to 1, which changes its sign from one
//             variant to the next, and noise in [-0.5, 0.5): white noise alone would be averaged away by pooling, and
//             every input would look the same.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "engine/tensor/interpreter.hpp"
#include "io/network.hpp"

namespace tessera {

enum class TensorRole : std::uint8_t { kPositive, kScale, kShift, kWeight, kInput };

// The role of every declared tensor that the program's roots need.
[[nodiscard]] std::unordered_map<Name, TensorRole> tensor_roles(const SymbolTable& symbols, const Network& network);

// One value for each declared tensor with a role. `variant` changes the inputs and nothing else.
[[nodiscard]] Environment<float> random_environment(const Network& network,
                                                    const std::unordered_map<Name, TensorRole>& roles,
                                                    std::uint64_t seed, std::uint64_t variant);
// Small integers, inputs within [-8, 8], positive ones at least 1.
[[nodiscard]] Environment<std::int64_t> random_integer_environment(const Network& network,
                                                                   const std::unordered_map<Name, TensorRole>& roles,
                                                                   std::uint64_t seed, std::uint64_t variant);

// Integers of magnitude 1 to `magnitude` (never 0, so that every term of a sum shows), and uniform reals in [-1, 1).
[[nodiscard]] std::vector<std::int64_t> random_integers(std::size_t count, std::int64_t magnitude, std::uint64_t seed);
[[nodiscard]] std::vector<float> random_reals(std::size_t count, std::uint64_t seed);

}  // namespace tessera
