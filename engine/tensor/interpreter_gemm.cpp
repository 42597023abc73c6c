#include "engine/tensor/interpreter_gemm.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

namespace tessera::interpreter {
namespace {

// Integers are multiplied as unsigned: overflow wraps instead of being undefined.
template <class T>
struct Kernel {
  using Number = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
  using Lanes [[gnu::vector_size(16)]] = Number;
  static constexpr std::int64_t kLanes = 16 / static_cast<std::int64_t>(sizeof(T));
  static constexpr std::int64_t kRows = 4;              // of a, held at once
  static constexpr std::int64_t kColumns = 2 * kLanes;  // of b, held at once: 8 accumulators of 16 bytes
  static constexpr std::int64_t kDepth = 256;           // k's a block: a panel of b stays in the first-level cache
  static constexpr std::int64_t kWidth = 64 * kColumns;

  // acc += panel of a (depth x kRows) times panel of b (depth x kColumns).
  static void run(std::int64_t depth, const T* a, const T* b, T* tile) {
    Lanes acc[kRows][2];
    std::memcpy(&acc, tile, sizeof(acc));
    for (std::int64_t k = 0; k < depth; ++k, a += kRows, b += kColumns) {
      Lanes right[2];
      std::memcpy(&right, b, sizeof(right));
      for (std::int64_t row = 0; row < kRows; ++row) {
        const auto left = static_cast<Number>(a[row]);
        acc[row][0] += left * right[0];
        acc[row][1] += left * right[1];
      }
    }
    std::memcpy(tile, &acc, sizeof(acc));
  }
};

// Panels of `group` outer indices each, k-major inside; the last panel is filled up with zeros.
template <class T>
void pack(const MatrixOperand<T>& from, std::int64_t outer_begin, std::int64_t outer_end, std::int64_t k_begin,
          std::int64_t k_end, std::int64_t group, std::vector<T>& to) {
  const std::int64_t depth = k_end - k_begin;
  const std::int64_t panels = (outer_end - outer_begin + group - 1) / group;
  to.resize(static_cast<std::size_t>(panels * group * depth));
  T* out = to.data();
  for (std::int64_t first = outer_begin; first < outer_end; first += group) {
    const std::int64_t count = std::min(group, outer_end - first);
    const std::int64_t* outer = from.outer.data() + first;
    for (std::int64_t k = k_begin; k < k_end; ++k, out += group) {
      const T* row = from.data + from.inner[static_cast<std::size_t>(k)];
      for (std::int64_t i = 0; i < count; ++i) out[i] = row[outer[i]];
      std::fill(out + count, out + group, T{});
    }
  }
}

}  // namespace

template <class T>
void multiply_matrices(const MatrixOperand<T>& a, const MatrixOperand<T>& b, T* out) {
  using K = Kernel<T>;
  const auto rows = static_cast<std::int64_t>(a.outer.size());
  const auto columns = static_cast<std::int64_t>(b.outer.size());
  const auto depth = static_cast<std::int64_t>(a.inner.size());
  std::fill_n(out, rows * columns, T{});
  std::vector<T> packed_a;
  std::vector<T> packed_b;
  T tile[K::kRows * K::kColumns];
  for (std::int64_t k = 0; k < depth; k += K::kDepth) {
    const std::int64_t k_end = std::min(depth, k + K::kDepth);
    pack(a, 0, rows, k, k_end, K::kRows, packed_a);
    for (std::int64_t block = 0; block < columns; block += K::kWidth) {
      const std::int64_t block_end = std::min(columns, block + K::kWidth);
      pack(b, block, block_end, k, k_end, K::kColumns, packed_b);
      for (std::int64_t n = block; n < block_end; n += K::kColumns) {
        const T* panel_b = packed_b.data() + (n - block) * (k_end - k);
        const std::int64_t width = std::min(K::kColumns, block_end - n);
        for (std::int64_t m = 0; m < rows; m += K::kRows) {
          const std::int64_t height = std::min(K::kRows, rows - m);
          std::fill(std::begin(tile), std::end(tile), T{});
          for (std::int64_t i = 0; i < height; ++i) {
            std::copy_n(out + (m + i) * columns + n, width, tile + i * K::kColumns);
          }
          K::run(k_end - k, packed_a.data() + m * (k_end - k), panel_b, tile);
          for (std::int64_t i = 0; i < height; ++i) {
            std::copy_n(tile + i * K::kColumns, width, out + (m + i) * columns + n);
          }
        }
      }
    }
  }
}

template void multiply_matrices(const MatrixOperand<float>&, const MatrixOperand<float>&, float*);
template void multiply_matrices(const MatrixOperand<double>&, const MatrixOperand<double>&, double*);
template void multiply_matrices(const MatrixOperand<std::int64_t>&, const MatrixOperand<std::int64_t>&, std::int64_t*);

}  // namespace tessera::interpreter
