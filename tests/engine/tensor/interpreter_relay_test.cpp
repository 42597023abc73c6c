// The opaque operators of RELAY_OPERATORS.md, against results worked out by hand.
#include <cmath>
#include <limits>

#include "tests/engine/tensor/interpreter_test_support.hpp"

namespace tessera {
namespace {

template <class T>
class InterpreterRelay : public InterpreterTest<T> {
 protected:
  static constexpr bool kInteger = std::is_integral_v<T>;
  using Node = std::uint32_t;
  static Value real(double value) { return Value::literal(value); }
  static Value layout(std::string_view order) { return name_value("relay-activation-layout-" + std::string(order)); }
  Node nhwc(Node x) { return this->relay("relay-transpose", {x}, {list({0, 2, 3, 1})}); }
  // Expects f of every value; an integer run must be refused.
  void expect_real(std::string_view op, const std::vector<T>& values, double (*f)(double)) {
    const Node x = this->tensor("x", {static_cast<std::int64_t>(values.size())}, values);
    const Node y = this->relay(op, {x});
    if constexpr (kInteger) {
      this->expect_error(y, "floating point only");
    } else {
      std::vector<T> expected;
      for (const T value : values) expected.push_back(static_cast<T>(f(static_cast<double>(value))));
      this->expect(y, {static_cast<std::int64_t>(values.size())}, 1, expected);
    }
  }
};
TYPED_TEST_SUITE(InterpreterRelay, ElementTypes);

TYPED_TEST(InterpreterRelay, ArithmeticBroadcasts) {
  const auto a = this->tensor("a", {2, 3}, {6, -4, 2, 0, 8, 10});
  const auto b = this->tensor("b", {3}, {2, 2, -1});
  const auto c = this->tensor("c", {2, 1}, {1, 2});
  this->expect(this->relay("relay-add", {a, b}), {2, 3}, 2, {8, -2, 1, 2, 10, 9});
  this->expect(this->relay("relay-add", {b, a}), {2, 3}, 2, {8, -2, 1, 2, 10, 9});
  this->expect(this->relay("relay-subtract", {a, c}), {2, 3}, 2, {5, -5, 1, -2, 6, 8});
  this->expect(this->relay("relay-multiply", {c, b}), {2, 3}, 2, {2, 2, -1, 4, 4, -2});
  this->expect(this->relay("relay-mul", {a, a}), {2, 3}, 2, {36, 16, 4, 0, 64, 100});
  this->expect(this->relay("relay-divide", {a, b}), {2, 3}, 2, {3, -2, -2, 0, 4, -10});
  this->expect(this->relay("relay-maximum", {a, b}), {2, 3}, 2, {6, 2, 2, 2, 8, 10});
  this->expect(this->relay("relay-minimum", {a, b}), {2, 3}, 2, {2, -4, -1, 0, 2, -1});
  this->expect(this->relay("relay-power", {a, this->tensor("p", {1}, {2})}), {2, 3}, 2, {36, 16, 4, 0, 64, 100});
  // The split of an operand means nothing to an opaque operator.
  this->expect(this->relay("relay-add", {this->access(a, 1), this->access(a, 2)}), {2, 3}, 2, {12, -8, 4, 0, 16, 20});
  this->expect_error(this->relay("relay-add", {a, this->counting("d", {2})}), "broadcast together");
  this->expect_error(this->relay("relay-add", {a}), "found 1 operands, expected 2");
}

TYPED_TEST(InterpreterRelay, Shifts) {
  const auto a = this->tensor("a", {2}, {3, -8});
  const auto b = this->tensor("b", {1}, {2});
  if constexpr (TestFixture::kInteger) {
    this->expect(this->relay("relay-left-shift", {a, b}), {2}, 1, {12, -32});
    this->expect(this->relay("relay-right-shift", {a, b}), {2}, 1, {0, -2});
    this->expect_error(this->relay("relay-left-shift", {a, a}), "bits");
  } else {
    this->expect_error(this->relay("relay-left-shift", {a, b}), "integers only");
  }
}

TYPED_TEST(InterpreterRelay, SimpleElementwise) {
  const auto x = this->tensor("x", {4}, {-3, 0, 2, 7});
  this->expect(this->relay("relay-relu", {x}), {4}, 1, {0, 0, 2, 7});
  this->expect(this->relay("relay-negative", {x}), {4}, 1, {3, 0, -2, -7});
  this->expect(this->relay("relay-abs", {x}), {4}, 1, {3, 0, 2, 7});
  this->expect(this->relay("relay-copy", {x}), {4}, 1, {-3, 0, 2, 7});
  this->expect(this->relay("relay-dropout", {x}, {this->real(0.5)}), {4}, 1, {-3, 0, 2, 7});
  this->expect(this->relay("relay-clip", {x}, {number(0), this->real(6.0)}), {4}, 1, {0, 0, 2, 6});
  this->expect(this->relay("relay-leaky-relu", {x}, {number(2)}), {4}, 1, {-6, 0, 2, 7});
  this->expect(this->relay("relay-round", {x}), {4}, 1, {-3, 0, 2, 7});
  if constexpr (TestFixture::kInteger) {
    this->expect_error(this->relay("relay-leaky-relu", {x}, {this->real(0.1)}), "not a 64-bit integer");
  } else {
    using T = TypeParam;
    const auto y = this->tensor("y", {3}, {T(-2.5), T(0.25), T(1.5)});
    this->expect(this->relay("relay-round", {y}), {3}, 1, {-3, 0, 2});
    this->expect(this->relay("relay-floor", {y}), {3}, 1, {-3, 0, 1});
    this->expect(this->relay("relay-ceil", {y}), {3}, 1, {-2, 1, 2});
    this->expect(this->relay("relay-leaky-relu", {y}, {this->real(0.1)}), {3}, 1, {T(-0.25), T(0.25), T(1.5)});
  }
}

TYPED_TEST(InterpreterRelay, RealFunctions) {
  this->expect_real("relay-sqrt", {1, 4, 9}, [](double x) { return std::sqrt(x); });
  this->expect_real("relay-rsqrt", {1, 4, 9}, [](double x) { return 1 / std::sqrt(x); });
  this->expect_real("relay-exp", {-1, 0, 2}, [](double x) { return std::exp(x); });
  this->expect_real("relay-log", {1, 2, 3}, [](double x) { return std::log(x); });
  this->expect_real("relay-sigmoid", {-3, 0, 3}, [](double x) { return 1 / (1 + std::exp(-x)); });
  this->expect_real("relay-tanh", {-1, 0, 1}, [](double x) { return std::tanh(x); });
  this->expect_real("relay-erf", {-1, 0, 1}, [](double x) { return std::erf(x); });
}

TYPED_TEST(InterpreterRelay, Casts) {
  const auto x = this->tensor("x", {3}, {-1, 300, 7});
  this->expect(this->relay("relay-cast", {x}, {name_value("uint8")}), {3}, 1, {255, 44, 7});
  this->expect(this->relay("relay-cast", {x}, {name_value("int8")}), {3}, 1, {-1, 44, 7});
  this->expect(this->relay("relay-cast", {x}, {name_value("float32")}), {3}, 1, {-1, 300, 7});
  this->expect_error(this->relay("relay-cast", {x}, {name_value("complex64")}), "complex64");
  if constexpr (!TestFixture::kInteger) {
    const auto y = this->tensor("y", {2}, {TypeParam(-1.75), TypeParam(2.75)});
    this->expect(this->relay("relay-cast", {y}, {name_value("int32")}), {2}, 1, {-1, 2});
    const auto infinite = this->tensor("z", {1}, {std::numeric_limits<TypeParam>::infinity()});
    this->expect_error(this->relay("relay-cast", {infinite}, {name_value("int32")}), "64 bits");
  }
}

TYPED_TEST(InterpreterRelay, BiasAdd) {
  const auto x = this->counting("x", {1, 2, 2});
  const auto bias = this->tensor("b", {2}, {10, 20});
  this->expect(this->relay("relay-bias-add", {x, bias}), {1, 2, 2}, 3, {10, 11, 22, 23});
  this->expect(this->relay("relay-bias-add", {x, bias}, {number(-1)}), {1, 2, 2}, 3, {10, 21, 12, 23});
  this->expect_error(this->relay("relay-bias-add", {x, bias}, {number(0)}), "vector of 1");
  this->expect_error(this->relay("relay-bias-add", {x, bias}, {number(3)}), "axis 3");
}

TYPED_TEST(InterpreterRelay, SoftmaxAlongAnyAxis) {
  const auto x = this->tensor("x", {2, 2}, {0, 1, 2, 5});
  const auto last = this->relay("relay-softmax", {x});
  if constexpr (TestFixture::kInteger) {
    this->expect_error(last, "floating point only");
  } else {
    using T = TypeParam;
    const auto s = [](double d) { return static_cast<T>(1 / (1 + std::exp(-d))); };
    this->expect(last, {2, 2}, 2, {s(-1), s(1), s(-3), s(3)});
    this->expect(this->relay("relay-softmax", {x}, {number(0)}), {2, 2}, 2, {s(-2), s(-4), s(2), s(4)});
    this->expect(this->relay("relay-log-softmax", {x}, {number(1)}), {2, 2}, 2,
                 {std::log(s(-1)), std::log(s(1)), std::log(s(-3)), std::log(s(3))});
    // Large values must not overflow.
    const auto big = this->tensor("big", {2}, {1000, 1000});
    this->expect(this->relay("relay-softmax", {big}), {2}, 1, {T(0.5), T(0.5)});
  }
}

TYPED_TEST(InterpreterRelay, Normalizations) {
  const auto x = this->tensor("x", {1, 2, 2}, {1, 3, 5, 9});
  const auto gamma = this->tensor("gamma", {2}, {2, 3});
  const auto beta = this->tensor("beta", {2}, {1, -1});
  const auto mean = this->tensor("mean", {2}, {1, 5});
  const auto variance = this->tensor("variance", {2}, {4, 16});
  const auto batch =
      this->relay("relay-batch-norm-inference", {x, gamma, beta, mean, variance}, {number(1), number(0)});
  const auto layer = this->relay("relay-layer-norm", {x, gamma, beta}, {number(-1), number(0)});
  if constexpr (TestFixture::kInteger) {
    this->expect_error(batch, "floating point only");
    this->expect_error(layer, "floating point only");
  } else {
    this->expect(batch, {1, 2, 2}, 3, {1, 3, -1, 2});
    this->expect(layer, {1, 2, 2}, 3, {-1, 2, -1, 2});
    const auto with_epsilon =
        this->relay("relay-batch-norm-inference", {x, gamma, beta, mean, variance}, {number(1), number(9)});
    this->expect(with_epsilon, {1, 2, 2}, 3,
                 {1, static_cast<TypeParam>(1 + 4 / std::sqrt(13.0)), -1, static_cast<TypeParam>(-1 + 12 / 5.0)});
  }
}

TYPED_TEST(InterpreterRelay, MaxPool) {
  const auto x = this->tensor("x", {1, 1, 3, 3}, {-1, -2, -3, -4, -5, -6, -7, -8, -9});
  const std::vector<Value> plain{shape({2, 2}), shape({1, 1}), shape({0, 0, 0, 0})};
  this->expect(this->relay("relay-max-pool2d", {x}, plain), {1, 1, 2, 2}, 4, {-1, -2, -4, -5});
  // Padding never wins, although all data is negative.
  const std::vector<Value> padded{shape({2, 2}), shape({2, 2}), shape({1, 1, 0, 0})};
  this->expect(this->relay("relay-max-pool2d", {x}, padded), {1, 1, 2, 2}, 4, {-1, -2, -4, -5});
  const std::vector<Value> ceiling{shape({2, 2}), shape({2, 2}), shape({0, 0, 0, 0}), number(1)};
  this->expect(this->relay("relay-max-pool2d", {x}, ceiling), {1, 1, 2, 2}, 4, {-1, -3, -7, -9});
  const std::vector<Value> last{shape({2, 2}), shape({1, 1}), shape({0, 0, 0, 0}), this->layout("nhwc")};
  this->expect(this->relay("relay-max-pool2d", {this->nhwc(x)}, last), {1, 2, 2, 1}, 4, {-1, -2, -4, -5});
  const std::vector<Value> wide{shape({4, 2}), shape({1, 1}), shape({0, 0, 0, 0})};
  this->expect_error(this->relay("relay-max-pool2d", {x}, wide), "does not fit");
}

TYPED_TEST(InterpreterRelay, AveragePool) {
  const auto x = this->tensor("x", {1, 2, 2, 2}, {4, 8, 12, 16, 1, 2, 3, 6});
  const std::vector<Value> plain{shape({2, 2}), shape({1, 1}), shape({0, 0, 0, 0})};
  this->expect(this->relay("relay-avg-pool2d", {x}, plain), {1, 2, 1, 1}, 4, {10, 3});
  const std::vector<Value> padded{shape({2, 2}), shape({2, 2}), shape({1, 1, 1, 1})};
  this->expect(this->relay("relay-avg-pool2d", {x}, padded), {1, 2, 2, 2}, 4, {4, 8, 12, 16, 1, 2, 3, 6});
  const auto y = this->tensor("y", {1, 1, 2, 2}, {4, 8, 12, 16});
  const std::vector<Value> counted{shape({2, 2}), shape({2, 2}), shape({1, 1, 1, 1}), number(0), number(1)};
  this->expect(this->relay("relay-avg-pool2d", {y}, counted), {1, 1, 2, 2}, 4, {1, 2, 3, 4});
}

TYPED_TEST(InterpreterRelay, GlobalPools) {
  const auto x = this->tensor("x", {1, 2, 2, 2}, {4, 8, 12, 16, -1, -2, -3, -6});
  this->expect(this->relay("relay-global-avg-pool2d", {x}), {1, 2, 1, 1}, 4, {10, -3});
  this->expect(this->relay("relay-global-max-pool2d", {x}), {1, 2, 1, 1}, 4, {16, -1});
  this->expect(this->relay("relay-global-avg-pool2d", {this->nhwc(x)}, {this->layout("nhwc")}), {1, 1, 1, 2}, 4,
               {10, -3});
}

TYPED_TEST(InterpreterRelay, DenseAndBatchMatmul) {
  const auto x = this->tensor("x", {2, 2}, {1, 2, 3, 4});
  const auto w = this->tensor("w", {3, 2}, {1, 0, 0, 1, 1, 1});
  this->expect(this->relay("relay-dense", {x, w}), {2, 3}, 2, {1, 2, 3, 3, 4, 7});
  this->expect_error(this->relay("relay-dense", {x, this->counting("v", {3, 3})}), "[n k]");
  const auto a = this->tensor("a", {2, 1, 2}, {1, 2, 3, 4});
  const auto b = this->tensor("b", {2, 2, 2}, {1, 0, 0, 1, 1, 1, 2, 0});
  this->expect(this->relay("relay-batch-matmul", {a, b}), {2, 1, 2}, 3, {1, 2, 7, 6});
  this->expect(this->relay("relay-batch-matmul", {a, b}, {number(0), number(0)}), {2, 1, 2}, 3, {1, 2, 11, 3});
  const auto transposed = this->relay("relay-transpose", {a}, {list({0, 2, 1})});
  this->expect(this->relay("relay-batch-matmul", {transposed, b}, {number(1), number(1)}), {2, 1, 2}, 3, {1, 2, 7, 6});
  const auto one = this->tensor("one", {1, 1, 2}, {1, 1});
  this->expect(this->relay("relay-batch-matmul", {one, b}), {2, 1, 2}, 3, {1, 1, 2, 2});
}

TYPED_TEST(InterpreterRelay, Convolution2d) {
  const auto x = this->counting("x", {1, 2, 3, 3});
  const auto w = this->tensor("w", {1, 2, 2, 2}, {1, 0, 0, 1, 0, 1, 0, 0});
  const std::vector<Value> plain{shape({1, 1}), shape({0, 0, 0, 0})};
  // x[0][y][x] + x[0][y+1][x+1] + x[1][y][x+1]
  this->expect(this->relay("relay-conv2d", {x, w}, plain), {1, 1, 2, 2}, 4, {14, 17, 23, 26});
  const std::vector<Value> asymmetric{shape({2, 2}), shape({1, 0, 0, 1})};
  this->expect(this->relay("relay-conv2d", {x, w}, asymmetric), {1, 1, 2, 2}, 4, {1, 0, 3 + 7 + 13, 5});
  // Depthwise, with everything that may be said about it.
  const auto d = this->tensor("d", {2, 1, 2, 2}, {1, 1, 1, 1, 2, 0, 0, 0});
  const std::vector<Value> grouped{shape({1, 1}), shape({0, 0, 0, 0}), number(2), number(2), shape({2, 2})};
  this->expect(this->relay("relay-conv2d", {x, d}, grouped), {1, 2, 2, 2}, 4, {8, 12, 20, 24, 18, 20, 24, 26});
  const std::vector<Value> dilated{shape({1, 1}),
                                   shape({0, 0, 0, 0}),
                                   number(2),
                                   number(0),
                                   shape({2, 2}),
                                   this->layout("nchw"),
                                   name_value("relay-kernel-layout-oihw"),
                                   shape({2, 2})};
  this->expect(this->relay("relay-conv2d", {x, d}, dilated), {1, 2, 1, 1}, 4, {0 + 2 + 6 + 8, 18});
  const auto hwio = this->relay("relay-transpose", {w}, {list({2, 3, 1, 0})});
  const std::vector<Value> last{shape({1, 1}), shape({0, 0, 0, 0}), this->layout("nhwc"),
                                name_value("relay-kernel-layout-hwio")};
  this->expect(this->relay("relay-conv2d", {this->nhwc(x), hwio}, last), {1, 2, 2, 1}, 4, {14, 17, 23, 26});
  const std::vector<Value> wrong_groups{shape({1, 1}), shape({0, 0, 0, 0}), number(3)};
  this->expect_error(this->relay("relay-conv2d", {x, w}, wrong_groups), "do not divide");
  this->expect_error(this->relay("relay-conv2d", {x, this->counting("v", {1, 3, 2, 2})}, plain), "3 input channels");
}

TYPED_TEST(InterpreterRelay, Convolution1d) {
  const auto x = this->counting("x", {1, 1, 5}, 1);
  const auto w = this->tensor("w", {1, 1, 2}, {1, 10});
  this->expect(this->relay("relay-conv1d", {x, w}), {1, 1, 4}, 3, {21, 32, 43, 54});
  this->expect(this->relay("relay-conv1d", {x, w}, {shape({2}), shape({1, 0})}), {1, 1, 3}, 3, {10, 32, 54});
  this->expect(this->relay("relay-conv1d", {x, w}, {shape({1}), shape({0, 0}), number(1), shape({3})}), {1, 1, 2}, 3,
               {41, 52});
}

TYPED_TEST(InterpreterRelay, Reductions) {
  const auto x = this->tensor("x", {2, 3}, {1, 2, 3, 4, 5, 9});
  this->expect(this->relay("relay-mean", {x}, {number(1)}), {2}, 1, {2, 6});
  this->expect(this->relay("relay-mean", {x}, {shape({0, 1}), number(1)}), {1, 1}, 2, {4});
  this->expect(this->relay("relay-sum", {x}, {number(0)}), {3}, 1, {5, 7, 12});
  this->expect(this->relay("relay-sum", {x}, {shape({0}), number(1)}), {1, 3}, 2, {5, 7, 12});
  this->expect(this->relay("relay-max", {x}), {}, 0, {9});
  this->expect(this->relay("relay-min", {x}, {number(-1)}), {2}, 1, {1, 4});
  this->expect_error(this->relay("relay-mean", {x}, {number(2)}), "axis 2");
}

TYPED_TEST(InterpreterRelay, ShapeChanges) {
  const auto x = this->counting("x", {2, 1, 3});
  const std::vector<TypeParam> values{0, 1, 2, 3, 4, 5};
  this->expect(this->relay("relay-batch-flatten", {x}), {2, 3}, 2, values);
  this->expect(this->relay("relay-expand-dims", {x}, {number(1), number(2)}), {2, 1, 1, 1, 3}, 5, values);
  this->expect(this->relay("relay-expand-dims", {x}, {number(-1)}), {2, 1, 3, 1}, 4, values);
  this->expect(this->relay("relay-squeeze", {x}), {2, 3}, 2, values);
  this->expect(this->relay("relay-squeeze", {x}, {number(1)}), {2, 3}, 2, values);
  this->expect_error(this->relay("relay-squeeze", {x}, {shape({0})}), "extent 1");
  this->expect(this->relay("relay-reshape", {x}, {shape({3, -1})}), {3, 2}, 2, values);
  this->expect(this->relay("relay-reshape", {x}, {shape({0, 3})}), {2, 3}, 2, values);
  this->expect_error(this->relay("relay-reshape", {x}, {shape({4, -1})}), "number of elements");
  this->expect_error(this->relay("relay-reshape", {x}, {shape({-1, -1})}), "one -1");
  this->expect_error(this->relay("relay-reshape", {x}, {shape({7})}), "number of elements");
  this->expect(this->relay("relay-transpose", {x}), {3, 1, 2}, 3, {0, 3, 1, 4, 2, 5});
  this->expect(this->relay("relay-transpose", {x}, {list({1, 0, 2})}), {1, 2, 3}, 3, values);
  this->expect_error(this->relay("relay-transpose", {x}, {list({0, 0, 1})}), "twice");
}

TYPED_TEST(InterpreterRelay, Joins) {
  const auto a = this->tensor("a", {2, 1}, {1, 2});
  const auto b = this->tensor("b", {2, 2}, {3, 4, 5, 6});
  this->expect(this->relay("relay-concatenate", {a, b, a}, {number(1)}), {2, 4}, 2, {1, 3, 4, 1, 2, 5, 6, 2});
  const auto tuple = this->add("construct-tuple", {}, {a, b});
  this->expect(this->relay("relay-concatenate", {tuple}, {number(-1)}), {2, 3}, 2, {1, 3, 4, 2, 5, 6});
  this->expect(this->relay("relay-stack", {b, b}, {number(1)}), {2, 2, 2}, 3, {3, 4, 3, 4, 5, 6, 5, 6});
  this->expect_error(this->relay("relay-concatenate", {a, b}, {number(0)}), "expected to be equal");
  this->expect_error(this->relay("relay-stack", {a, b}, {number(0)}), "expected to be equal");
}

TYPED_TEST(InterpreterRelay, SplitsAndSlices) {
  const auto x = this->counting("x", {2, 4});
  const auto item = [this](std::uint32_t tuple, std::int64_t i) {
    return this->add("tuple-get-item", {number(i)}, {tuple});
  };
  const auto halves = this->relay("relay-split", {x}, {number(2), number(1)});
  this->expect(item(halves, 0), {2, 2}, 2, {0, 1, 4, 5});
  this->expect(item(halves, 1), {2, 2}, 2, {2, 3, 6, 7});
  const auto cut = this->relay("relay-split", {x}, {shape({1}), number(1)});
  this->expect(item(cut, 0), {2, 1}, 2, {0, 4});
  this->expect(item(cut, 1), {2, 3}, 2, {1, 2, 3, 5, 6, 7});
  this->expect_error(this->relay("relay-split", {x}, {number(3), number(1)}), "equal sections");
  this->expect_error(this->relay("relay-split", {x}, {shape({3, 2}), number(1)}), "rise");
  this->expect(this->relay("relay-strided-slice", {x}, {shape({0, 1}), shape({2, -1})}), {2, 2}, 2, {1, 2, 5, 6});
  this->expect(this->relay("relay-strided-slice", {x}, {shape({0, 0}), shape({1, 99}), shape({1, 3})}), {1, 2}, 2,
               {0, 3});
  this->expect(this->relay("relay-strided-slice", {x}, {shape({1}), shape({2})}), {1, 4}, 2, {4, 5, 6, 7});
  this->expect_error(this->relay("relay-strided-slice", {x}, {shape({0}), shape({2}), shape({-1})}), "stride");
  this->expect_error(this->relay("relay-strided-slice", {x}, {shape({1}), shape({1})}), "empty");
}

TYPED_TEST(InterpreterRelay, TakePadAndUpsampling) {
  const auto x = this->counting("x", {2, 3});
  const auto indices = this->tensor("i", {2}, {2, 0});
  this->expect(this->relay("relay-take", {x, indices}, {number(1)}), {2, 2}, 2, {2, 0, 5, 3});
  this->expect(this->relay("relay-take", {x, this->tensor("j", {1, 2}, {1, 9})}, {number(0)}), {1, 2, 3}, 3,
               {3, 4, 5, 3, 4, 5});
  this->expect(this->relay("relay-take", {x, indices}), {2}, 1, {2, 0});
  this->expect(this->relay("relay-pad", {x}, {shape({1, 0, 0, 1}), number(7)}), {3, 4}, 2,
               {7, 7, 7, 7, 0, 1, 2, 7, 3, 4, 5, 7});
  this->expect_error(this->relay("relay-pad", {x}, {shape({1, 0})}), "two for each");
  const auto image = this->counting("image", {1, 1, 2, 2});
  this->expect(this->relay("relay-upsampling", {image}, {number(2), number(1)}), {1, 1, 4, 2}, 4,
               {0, 1, 0, 1, 2, 3, 2, 3});
  this->expect(this->relay("relay-upsampling", {this->nhwc(image)}, {number(1), number(2), this->layout("nhwc")}),
               {1, 2, 4, 1}, 4, {0, 0, 1, 1, 2, 2, 3, 3});
}

}  // namespace
}  // namespace tessera
