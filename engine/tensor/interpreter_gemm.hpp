// The one hot loop of the interpreter: a matrix product of operands given by offset tables, so that windows, slices and
// transposes multiply without being copied first. Blocked and packed as in Goto and van de Geijn, "Anatomy of
// High-Performance Matrix Multiplication" (TOMS 2008), with one deviation: every element of the result is summed over k
// in rising order, one multiplication and one addition a term, whatever the blocking, so results are reproducible.
#pragma once

#include <cstdint>
#include <span>

namespace tessera::interpreter {

// Element (i, k) is data[outer[i] + inner[k]].
template <class T>
struct MatrixOperand {
  const T* data;
  std::span<const std::int64_t> outer;
  std::span<const std::int64_t> inner;
};

// out[m * n_count + n] = sum over k of a(m, k) * b(n, k); out is dense, |a.outer| x |b.outer|. Integers wrap.
template <class T>
void multiply_matrices(const MatrixOperand<T>& a, const MatrixOperand<T>& b, T* out);

}  // namespace tessera::interpreter
