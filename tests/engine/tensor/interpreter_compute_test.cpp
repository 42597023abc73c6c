// compute, the systolic arrays and the array's convolution modes, against straightforward loops.
#include <cmath>
#include <limits>
#include <random>

#include "tests/engine/tensor/interpreter_test_support.hpp"

namespace tessera {
namespace {

template <class T>
std::vector<T> small_integers(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) value = static_cast<T>(static_cast<int>(random() % 9) - 4);
  return values;
}

// out[m][n] = sum of a[m][k] * b[n][k]
template <class T>
std::vector<T> naive_product(const std::vector<T>& a, const std::vector<T>& b, std::size_t m, std::size_t n,
                             std::size_t k) {
  std::vector<T> out(m * n, T{0});
  for (std::size_t i = 0; i < m * n; ++i) {
    for (std::size_t l = 0; l < k; ++l) out[i] += a[i / n * k + l] * b[i % n * k + l];
  }
  return out;
}

template <class T>
class InterpreterCompute : public InterpreterTest<T> {
 protected:
  using Node = std::uint32_t;
  Node pair(Node a, Node b) { return this->add("access-pair", {}, {a, b}); }
  Node product(Node a, Node b) { return this->add("access-cartesian-product", {}, {a, b}); }
  // Neither changes a value; the interpreter can no longer see what made it.
  Node opaque(Node a) {
    return this->add("access-squeeze", {number(0)}, {this->add("access-insert-axis", {number(0)}, {a})});
  }
};
TYPED_TEST_SUITE(InterpreterCompute, ElementTypes);

TYPED_TEST(InterpreterCompute, DotProductOfCartesianProduct) {
  const auto a = this->access(this->tensor("a", {2, 2}, {1, 2, 3, 4}), 1);
  const auto b = this->access(this->tensor("b", {3, 2}, {1, 0, 0, 1, 1, 1}), 1);
  this->expect(this->compute("dot-product", this->product(a, b)), {2, 3}, 2, {1, 2, 3, 3, 4, 7});
  this->expect(this->compute("dot-product", this->opaque(this->product(a, b))), {2, 3}, 2, {1, 2, 3, 3, 4, 7});
}

TYPED_TEST(InterpreterCompute, DotProductOfEverySizeAroundTheBlocks) {
  unsigned seed = 1;
  for (const std::int64_t m : {1, 3, 4, 5, 17}) {
    for (const std::int64_t n : {1, 7, 8, 9, 40, 600}) {
      for (const std::int64_t k : {1, 5, 255, 256, 257, 600}) {
        const auto left = small_integers<TypeParam>(m * k, ++seed);
        const auto right = small_integers<TypeParam>(n * k, ++seed);
        const auto a = this->access(this->tensor("a", {m, k}, left), 1);
        const auto b = this->access(this->tensor("b", {n, k}, right), 1);
        const auto result = this->run(this->compute("dot-product", this->product(a, b)));
        const auto expected = naive_product(left, right, static_cast<std::size_t>(m), static_cast<std::size_t>(n),
                                            static_cast<std::size_t>(k));
        ASSERT_THAT(result.values(), ::testing::ElementsAreArray(expected)) << m << " " << n << " " << k;
      }
    }
  }
}

TYPED_TEST(InterpreterCompute, DotProductOfWindowsIsAConvolution) {
  // One channel, 3x3 data, 2x2 kernel, written as the language writes convolutions.
  const auto data = this->access(this->counting("d", {1, 1, 3, 3}), 1);
  auto windows = this->add("access-windows", {shape({1, 2, 2}), shape({1, 1, 1})}, {data});
  windows = this->access(this->add("access-squeeze", {number(1)}, {windows}), 3);
  const auto weights = this->access(this->tensor("w", {2, 1, 2, 2}, {1, 0, 0, 1, 1, 1, 1, 1}), 1);
  const auto out = this->compute("dot-product", this->product(weights, windows));
  this->expect(out, {2, 1, 2, 2}, 4, {4, 6, 10, 12, 8, 12, 20, 24});
  this->expect(this->add("access-transpose", {list({1, 0, 2, 3})}, {out}), {1, 2, 2, 2}, 4,
               {4, 6, 10, 12, 8, 12, 20, 24});
}

TYPED_TEST(InterpreterCompute, DotProductOfPair) {
  const auto a = this->access(this->tensor("a", {2, 3}, {1, 2, 3, 4, 5, 6}), 1);
  const auto b = this->access(this->tensor("b", {2, 3}, {1, 1, 1, 2, 0, -1}), 1);
  this->expect(this->compute("dot-product", this->pair(a, b)), {2}, 1, {6, 2});
  this->expect(this->compute("dot-product", this->opaque(this->pair(a, b))), {2}, 1, {6, 2});
  // Of a broadcast weight, as depthwise convolutions are written.
  const auto w =
      this->add("access-broadcast", {access_shape({2}, {3})}, {this->access(this->tensor("w", {1, 3}, {1, 2, 3}), 1)});
  this->expect(this->compute("dot-product", this->pair(w, a)), {2}, 1, {14, 32});
}

TYPED_TEST(InterpreterCompute, DotProductOfThreeStackedTensors) {
  const auto x = this->access(this->tensor("x", {1, 3, 2}, {1, 2, 3, 4, 5, 6}), 1);
  this->expect(this->compute("dot-product", x), {1}, 1, {1 * 3 * 5 + 2 * 4 * 6});
  this->expect_error(this->compute("dot-product", this->access(x, 3)), "scalar item");
}

TYPED_TEST(InterpreterCompute, Reductions) {
  const auto x = this->access(this->tensor("x", {2, 2, 2}, {1, -2, 3, 6, 5, 5, 5, 1}), 1);
  this->expect(this->compute("reduce-sum", x), {2}, 1, {8, 16});
  this->expect(this->compute("reduce-max", x), {2}, 1, {6, 5});
  this->expect(this->compute("reduce-mean", x), {2}, 1, {2, 4});
  // A scalar item is its own sum; a long item with few of them takes the other path.
  this->expect(this->compute("reduce-sum", this->access(x, 3)), {2, 2, 2}, 3, {1, -2, 3, 6, 5, 5, 5, 1});
  this->expect(this->compute("reduce-sum", this->access(x, 0)), {}, 0, {24});
  const auto transposed = this->add("access-transpose", {list({2, 1, 0})}, {x});
  this->expect(this->compute("reduce-sum", transposed), {2}, 1, {14, 10});
  this->expect(this->compute("reduce-max", this->access(transposed, 2)), {2, 2}, 2, {5, 5, 5, 6});
}

TYPED_TEST(InterpreterCompute, SumOfPairOfPartialProducts) {
  const auto a = this->access(this->counting("a", {2, 2}), 2);
  const auto b = this->access(this->counting("b", {2, 2}, 10), 2);
  this->expect(this->compute("reduce-sum", this->pair(a, b)), {2, 2}, 2, {10, 12, 14, 16});
  this->expect(this->compute("reduce-sum", this->pair(this->access(a, 1), this->access(b, 1))), {2}, 1, {22, 30});
}

TYPED_TEST(InterpreterCompute, Elementwise) {
  const auto a = this->tensor("a", {2, 2}, {8, -6, 4, 9});
  const auto b = this->tensor("b", {2, 2}, {2, 3, -1, 3});
  this->expect(this->compute("elementwise-add", this->pair(a, b)), {2, 2}, 0, {10, -3, 3, 12});
  this->expect(this->compute("elementwise-mul", this->pair(a, b)), {2, 2}, 0, {16, -18, -4, 27});
  this->expect(this->compute("elementwise-div", this->pair(a, b)), {2, 2}, 0, {4, -2, -4, 3});
  const auto stacked = this->access(this->tensor("s", {1, 3, 2}, {1, 2, 3, 4, 5, 6}), 1);
  this->expect(this->compute("elementwise-add", stacked), {1, 2}, 1, {9, 12});
  this->expect(this->compute("elementwise-mul", this->opaque(this->pair(a, b))), {2, 2}, 0, {16, -18, -4, 27});
}

TYPED_TEST(InterpreterCompute, Activations) {
  const auto x = this->access(this->tensor("x", {2, 2}, {-1, 4, 0, 9}), 1);
  this->expect(this->compute("relu", x), {2, 2}, 1, {0, 4, 0, 9});
  this->expect(this->compute("negative", x), {2, 2}, 1, {1, -4, 0, -9});
  const auto squares = this->access(this->tensor("q", {2}, {4, 9}), 1);
  const auto root = this->compute("sqrt", squares);
  const auto soft = this->compute("softmax", x);
  if constexpr (std::is_integral_v<TypeParam>) {
    this->expect_error(root, "floating point only");
    this->expect_error(soft, "floating point only");
  } else {
    this->expect(root, {2}, 1, {2, 3});
    const auto e5 = static_cast<TypeParam>(1 / (1 + std::exp(-5.0)));
    const auto e9 = static_cast<TypeParam>(1 / (1 + std::exp(-9.0)));
    this->expect(soft, {2, 2}, 1, {1 - e5, e5, 1 - e9, e9});
    this->expect_error(this->compute("softmax", this->access(x, 0)), "one axis");
  }
  this->expect_error(this->compute("sigh", x), "not a compute type");
}

TYPED_TEST(InterpreterCompute, SystolicArray) {
  const auto a = this->access(this->tensor("a", {3, 2}, {1, 2, 3, 4, 5, 6}), 1);
  const auto b = this->tensor("b", {2, 2}, {1, 0, 1, 1});
  const std::vector<Value> size{number(2), number(2)};
  this->expect(this->add("systolic-array", size, {a, b}), {3, 2}, 2, {3, 2, 7, 4, 11, 6});
  const auto vector = this->tensor("v", {2}, {1, 2});
  this->expect(this->add("systolic-array", size, {vector, b}), {2}, 1, {3, 2});
  // Streamed columns: the same product from a transposed operand.
  const auto columns =
      this->access(this->add("access-transpose", {list({1, 0})}, {this->tensor("t", {2, 3}, {1, 3, 5, 2, 4, 6})}), 1);
  this->expect(this->add("systolic-array", size, {columns, b}), {3, 2}, 2, {3, 2, 7, 4, 11, 6});
  this->expect_error(this->add("systolic-array", {number(2), number(3)}, {a, b}), "does not hold");
  this->expect_error(this->add("systolic-array", {number(0), number(64)}, {a, b}), "at least 1x1");
  this->expect_error(this->add("systolic-array", size, {this->access(a, 2), b}), "[M][K]");
  this->expect_error(this->add("systolic-array", size, {a, this->access(b, 1)}), "[][K N]");
  this->expect_error(this->add("systolic-array", size, {a, this->counting("c", {3, 2})}), "summed extent");
}

TYPED_TEST(InterpreterCompute, SystolicArrayWithBlocking) {
  const auto left = small_integers<TypeParam>(5 * 6, 1);
  const auto right = small_integers<TypeParam>(4 * 6, 2);
  const auto a = this->access(this->tensor("a", {5, 6}, left), 1);
  const auto b = this->access(this->add("access-transpose", {list({1, 0})}, {this->tensor("b", {4, 6}, right)}), 0);
  const auto blocked = this->add("systolic-array-with-blocking", {number(3), number(2)}, {a, b});
  this->expect(blocked, {5, 4}, 2, naive_product(left, right, 5, 4, 6));
  this->expect_error(this->add("systolic-array-with-blocking", {number(4), number(2)}, {a, b}), "does not divide");
}

TYPED_TEST(InterpreterCompute, ConvolutionModesAgreeWithALoop) {
  const auto data = small_integers<TypeParam>(2 * 4 * 5 * 6, 3);
  const auto weights = small_integers<TypeParam>(6 * 4 * 3 * 2, 4);
  // Stride 2 down and 1 across: [2 6 2 5].
  std::vector<TypeParam> expected;
  for (std::size_t n = 0; n < 2; ++n) {
    for (std::size_t o = 0; o < 6; ++o) {
      for (std::size_t y = 0; y < 2; ++y) {
        for (std::size_t x = 0; x < 5; ++x) {
          TypeParam sum = 0;
          for (std::size_t c = 0; c < 4; ++c) {
            for (std::size_t i = 0; i < 3; ++i) {
              for (std::size_t j = 0; j < 2; ++j) {
                sum += data[((n * 4 + c) * 5 + 2 * y + i) * 6 + x + j] * weights[((o * 4 + c) * 3 + i) * 2 + j];
              }
            }
          }
          expected.push_back(sum);
        }
      }
    }
  }
  const auto w = this->tensor("w", {6, 4, 3, 2}, weights);
  const auto d = this->tensor("d", {2, 4, 5, 6}, data);
  const std::vector<Value> arguments{number(2), number(3), number(3), number(2), number(2), number(1)};
  const auto w_hwio = this->add("access-transpose", {list({2, 3, 1, 0})}, {w});
  const auto d_nhwc = this->add("access-transpose", {list({0, 2, 3, 1})}, {d});
  for (const std::string prefix : {"systolic-array-conv2d-", "systolic-array-conv2d-im2col-"}) {
    this->expect(this->add(prefix + "nchw-oihw-with-blocking", arguments, {w, d}), {2, 6, 2, 5}, 4, expected);
    const auto last = this->add(prefix + "nhwc-hwio-with-blocking", arguments, {w_hwio, d_nhwc});
    EXPECT_EQ(this->run(last).dims, (std::vector<std::int64_t>{2, 2, 5, 6}));
    this->expect(this->add("access-transpose", {list({0, 3, 1, 2})}, {last}), {2, 6, 2, 5}, 4, expected);
  }
  const std::string mode = "systolic-array-conv2d-nchw-oihw-with-blocking";
  const std::vector<Value> wide{number(3), number(3), number(3), number(2), number(2), number(1)};
  this->expect_error(this->add(mode, wide, {w, d}), "does not divide");
  const std::vector<Value> kernel{number(2), number(3), number(3), number(3), number(2), number(1)};
  this->expect_error(this->add(mode, kernel, {w, d}), "3 by 3");
  this->expect_error(this->add(mode, arguments, {w, this->access(this->counting("z", {4, 5, 6}), 0)}), "4 axes");
}

using InterpreterIntegers = InterpreterCompute<std::int64_t>;

TEST_F(InterpreterIntegers, ArithmeticIsExactAndWraps) {
  const std::int64_t big = (std::int64_t{1} << 62) + 3;
  const auto a = access(tensor("a", {1, 2}, {big, big}), 1);
  const auto b = access(tensor("b", {1, 2}, {1, 1}), 1);
  const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(big) * 2);
  expect(compute("dot-product", product(a, b)), {1, 1}, 2, {sum});
  expect(compute("dot-product", pair(a, b)), {1}, 1, {sum});
  expect(compute("reduce-sum", a), {1}, 1, {sum});
  // 2^53 + 1 is no double: nothing goes through floating point.
  const std::int64_t odd = (std::int64_t{1} << 53) + 1;
  const auto c = access(tensor("c", {1, 1}, {odd}), 1);
  const auto one = access(tensor("one", {1, 1}, {1}), 1);
  expect(compute("dot-product", product(c, one)), {1, 1}, 2, {odd});
}

TEST_F(InterpreterIntegers, DivisionTruncatesAndZeroIsAnError) {
  const auto a = tensor("a", {4}, {7, -7, 7, std::numeric_limits<std::int64_t>::min()});
  const auto b = tensor("b", {4}, {2, 2, -2, -1});
  expect(compute("elementwise-div", pair(a, b)), {4}, 0, {3, -3, -3, std::numeric_limits<std::int64_t>::min()});
  expect_error(compute("elementwise-div", pair(a, counting("z", {4}))), "division by zero");
  expect(compute("reduce-mean", tensor("m", {2}, {-2, -1})), {}, 0, {-1});
}

}  // namespace
}  // namespace tessera
