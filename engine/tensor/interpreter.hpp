// Runs a program of the tensor language (DESIGN: verification): every operator of the language, on float, double and
// 64-bit integers, so that an extracted program can be compared with an independent computation, bit by bit where the
// values are integers. Access patterns as in Glenside (Smith et al., "Pure Tensor Program Rewriting via Access
// Patterns", MAPS 2021). Deviation: values are strided views; slices, transpositions, windows and broadcasts move no
// data, and products, pairs and concatenations are formed only when something other than a `compute` asks for them.
// Nodes are visited once in index order, and a value is freed after its last use: memory follows the widest cut of the
// program, not its length, and the depth of the program does not matter.
// Sums run in a fixed order (row-major over the item, one term after the other), so a result does not depend on layout,
// blocking or the machine; integers wrap modulo 2^64.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/language/expression.hpp"
#include "engine/language/name.hpp"
#include "engine/language/symbol_table.hpp"

namespace tessera {

// A dense row-major tensor. In an Environment `split` is ignored: (access-tensor x) is [][d0 … dn].
template <class T>
struct Tensor {
  std::vector<std::int64_t> dims;
  int split = 0;                    // the first `split` axes are the shape, the rest the item shape
  std::shared_ptr<const T[]> data;  // size() elements

  [[nodiscard]] std::size_t size() const {
    std::size_t count = 1;
    for (const std::int64_t extent : dims) count *= static_cast<std::size_t>(extent);
    return count;
  }
  [[nodiscard]] std::span<const T> values() const { return {data.get(), size()}; }
};

// Copies `values`; their number must be the product of the extents (CHECKed).
template <class T>
[[nodiscard]] Tensor<T> make_tensor(std::vector<std::int64_t> dims, int split, std::span<const T> values);

template <class T>
using Environment = std::unordered_map<Name, Tensor<T>>;

// The values of `roots`, in their order; a root that is a tuple contributes its items in order (tuples of tuples are
// refused). Only nodes that a root needs are run. Throws Error(kInput), naming the node, its operator and the extents,
// when the program is ill-shaped, uses a tensor that the environment lacks, or (int64) has no exact result;
// Error(kResource) when memory runs out. T is float, double or std::int64_t. Not collective, thread-safe.
template <class T>
[[nodiscard]] std::vector<Tensor<T>> interpret(const SymbolTable& symbols, const Expression& program,
                                               std::span<const std::uint32_t> roots, const Environment<T>& environment);

}  // namespace tessera
