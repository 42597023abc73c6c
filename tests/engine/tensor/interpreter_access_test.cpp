// Data movement: every operator against results worked out by hand.
#include "tests/engine/tensor/interpreter_test_support.hpp"

namespace tessera {
namespace {

template <class T>
class InterpreterAccess : public InterpreterTest<T> {};
TYPED_TEST_SUITE(InterpreterAccess, ElementTypes);

TYPED_TEST(InterpreterAccess, TensorIsOneItem) {
  this->expect(this->counting("x", {2, 3}), {2, 3}, 0, {0, 1, 2, 3, 4, 5});
}

TYPED_TEST(InterpreterAccess, AccessMovesTheSplit) {
  const auto x = this->counting("x", {2, 3});
  this->expect(this->access(x, 1), {2, 3}, 1, {0, 1, 2, 3, 4, 5});
  this->expect(this->access(this->access(x, 2), 0), {2, 3}, 0, {0, 1, 2, 3, 4, 5});
  this->expect_error(this->access(x, 3), "cannot split 2 axes at 3");
  this->expect_error(this->access(x, -1), "cannot split 2 axes at -1");
}

TYPED_TEST(InterpreterAccess, ShiftRight) {
  const auto x = this->counting("x", {2, 3});
  this->expect(this->add("access-shift-right", {}, {this->access(x, 2)}), {2, 3}, 1, {0, 1, 2, 3, 4, 5});
  this->expect_error(this->add("access-shift-right", {}, {x}), "no shape axis");
}

TYPED_TEST(InterpreterAccess, TransposeKeepsTheSplit) {
  const auto x = this->access(this->counting("x", {2, 3, 2}), 1);
  this->expect(this->add("access-transpose", {list({2, 0, 1})}, {x}), {2, 2, 3}, 1,
               {0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11});
  this->expect_error(this->add("access-transpose", {list({0, 1})}, {x}), "expected 3");
  this->expect_error(this->add("access-transpose", {list({0, 1, 1})}, {x}), "twice");
  this->expect_error(this->add("access-transpose", {list({0, 1, 3})}, {x}), "axis 3");
}

TYPED_TEST(InterpreterAccess, ReshapeOfContiguousAndOfTransposed) {
  const auto x = this->access(this->counting("x", {2, 6}), 1);
  this->expect(this->add("access-reshape", {access_shape({1, 2}, {2, 3})}, {x}), {1, 2, 2, 3}, 2,
               {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const auto transposed = this->add("access-transpose", {list({1, 0})}, {x});
  this->expect(this->add("access-reshape", {access_shape({3, 2}, {2})}, {transposed}), {3, 2, 2}, 2,
               {0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
  const auto whole = this->access(transposed, 2);
  this->expect(this->add("access-reshape", {access_shape({4, 3}, {})}, {whole}), {4, 3}, 2,
               {0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11});
  this->expect_error(this->add("access-reshape", {access_shape({2}, {5})}, {x}), "must stay");
  this->expect_error(this->add("access-reshape", {access_shape({3}, {4})}, {x}), "must stay");
  this->expect_error(this->add("access-reshape", {shape({12})}, {x}), "access-shape");
}

TYPED_TEST(InterpreterAccess, FlattenKeepsEmptyPartsEmpty) {
  const auto x = this->counting("x", {1, 2, 3, 2});
  std::vector<TypeParam> values;
  for (int i = 0; i < 12; ++i) values.push_back(static_cast<TypeParam>(i));
  this->expect(this->add("access-flatten", {}, {this->access(x, 2)}), {2, 6}, 1, values);
  this->expect(this->add("access-flatten", {}, {x}), {12}, 0, values);
  this->expect(this->add("access-flatten", {}, {this->access(x, 4)}), {12}, 1, values);
}

TYPED_TEST(InterpreterAccess, SqueezeAndInsertAxis) {
  const auto x = this->access(this->counting("x", {2, 1, 3}), 2);
  this->expect(this->add("access-squeeze", {number(1)}, {x}), {2, 3}, 1, {0, 1, 2, 3, 4, 5});
  this->expect_error(this->add("access-squeeze", {number(0)}, {x}), "extent 2, expected 1");
  this->expect_error(this->add("access-squeeze", {number(3)}, {x}), "axis 3");
  this->expect(this->add("access-insert-axis", {number(0)}, {x}), {1, 2, 1, 3}, 3, {0, 1, 2, 3, 4, 5});
  this->expect(this->add("access-insert-axis", {number(2)}, {x}), {2, 1, 1, 3}, 3, {0, 1, 2, 3, 4, 5});
  this->expect(this->add("access-insert-axis", {number(3)}, {x}), {2, 1, 3, 1}, 2, {0, 1, 2, 3, 4, 5});
  this->expect_error(this->add("access-insert-axis", {number(4)}, {x}), "axis 4");
}

TYPED_TEST(InterpreterAccess, Broadcast) {
  const auto x = this->counting("x", {2, 1});
  this->expect(this->add("access-broadcast", {access_shape({2}, {3})}, {x}), {2, 3}, 1, {0, 0, 0, 1, 1, 1});
  this->expect_error(this->add("access-broadcast", {access_shape({3}, {3})}, {x}), "cannot be broadcast");
  this->expect_error(this->add("access-broadcast", {access_shape({2}, {})}, {x}), "cannot be broadcast");
}

TYPED_TEST(InterpreterAccess, Slice) {
  const auto x = this->access(this->counting("x", {3, 4}), 1);
  this->expect(this->add("access-slice", {number(0), number(1), number(3)}, {x}), {2, 4}, 1,
               {4, 5, 6, 7, 8, 9, 10, 11});
  const auto columns = this->add("access-slice", {number(1), number(1), number(3)}, {x});
  this->expect(columns, {3, 2}, 1, {1, 2, 5, 6, 9, 10});
  this->expect(this->add("access-slice", {number(1), number(1), number(2)}, {columns}), {3, 1}, 1, {2, 6, 10});
  this->expect_error(this->add("access-slice", {number(1), number(2), number(5)}, {x}), "high <= 4");
  this->expect_error(this->add("access-slice", {number(1), number(2), number(2)}, {x}), "2 to 2");
  this->expect_error(this->add("access-slice", {number(1), number(-1), number(2)}, {x}), "-1 to 2");
  this->expect_error(this->add("access-slice", {number(2), number(0), number(1)}, {x}), "axis 2");
}

TYPED_TEST(InterpreterAccess, ConcatenateChainsAndMixedAxes) {
  const auto a = this->access(this->counting("a", {2, 2}), 1);
  const auto b = this->access(this->counting("b", {2, 1}, 10), 1);
  const auto ab = this->add("access-concatenate", {number(1)}, {a, b});
  this->expect(ab, {2, 3}, 1, {0, 1, 10, 2, 3, 11});
  const auto abb = this->add("access-concatenate", {number(1)}, {ab, b});
  this->expect(abb, {2, 4}, 1, {0, 1, 10, 10, 2, 3, 11, 11});
  const auto rows = this->add("access-concatenate", {number(0)}, {ab, ab});
  this->expect(rows, {4, 3}, 1, {0, 1, 10, 2, 3, 11, 0, 1, 10, 2, 3, 11});
  // The parts of a concatenation are used as they are and as a whole.
  const auto transposed = this->add("access-transpose", {list({1, 0})}, {abb});
  this->expect(transposed, {4, 2}, 1, {0, 2, 1, 3, 10, 11, 10, 11});
  this->expect_error(this->add("access-concatenate", {number(0)}, {a, b}), "expected to be equal");
  this->expect_error(this->add("access-concatenate", {number(1)}, {a, this->access(b, 0)}), "splits");
  this->expect_error(this->add("access-concatenate", {number(2)}, {a, b}), "axis 2");
}

TYPED_TEST(InterpreterAccess, ConcatenateOfTransposedParts) {
  const auto x = this->add("access-transpose", {list({1, 0})}, {this->access(this->counting("x", {2, 3}), 1)});
  this->expect(this->add("access-concatenate", {number(1)}, {x, x}), {3, 4}, 1, {0, 3, 0, 3, 1, 4, 1, 4, 2, 5, 2, 5});
}

TYPED_TEST(InterpreterAccess, Pad) {
  const auto x = this->access(this->counting("x", {2, 2}, 1), 1);
  const auto zero = name_value("zero-padding");
  this->expect(this->add("access-pad", {zero, number(1), number(1), number(2)}, {x}), {2, 5}, 1,
               {0, 1, 2, 0, 0, 0, 3, 4, 0, 0});
  this->expect(this->add("access-pad", {zero, number(0), number(0), number(1)}, {x}), {3, 2}, 1, {1, 2, 3, 4, 0, 0});
  this->expect(this->add("access-pad", {zero, number(0), number(0), number(0)}, {x}), {2, 2}, 1, {1, 2, 3, 4});
  const auto transposed = this->add("access-transpose", {list({1, 0})}, {x});
  this->expect(this->add("access-pad", {zero, number(0), number(1), number(0)}, {transposed}), {3, 2}, 1,
               {0, 0, 1, 3, 2, 4});
  this->expect_error(this->add("access-pad", {name_value("min-padding"), number(0), number(0), number(1)}, {x}),
                     "zero-padding");
  this->expect_error(this->add("access-pad", {zero, number(0), number(-1), number(1)}, {x}), "negative");
  this->expect_error(this->add("access-pad", {zero, number(2), number(0), number(1)}, {x}), "axis 2");
}

TYPED_TEST(InterpreterAccess, WindowsOverItemAxes) {
  const auto x = this->counting("x", {3, 4});
  this->expect(this->add("access-windows", {shape({2, 2}), shape({1, 2})}, {x}), {2, 2, 2, 2}, 2,
               {0, 1, 4, 5, 2, 3, 6, 7, 4, 5, 8, 9, 6, 7, 10, 11});
  // With a shape axis in front, and an extent that the stride does not divide.
  this->expect(this->add("access-windows", {shape({2}), shape({2})}, {this->access(this->counting("y", {2, 5}), 1)}),
               {2, 2, 2}, 2, {0, 1, 2, 3, 5, 6, 7, 8});
  this->expect_error(this->add("access-windows", {shape({2}), shape({1})}, {x}), "expected 2 of each");
  this->expect_error(this->add("access-windows", {shape({4, 2}), shape({1, 1})}, {x}), "does not fit");
  this->expect_error(this->add("access-windows", {shape({1, 1}), shape({1, 0})}, {x}), "does not fit");
}

TYPED_TEST(InterpreterAccess, CartesianProductFormed) {
  const auto a = this->access(this->counting("a", {2, 2}), 1);
  const auto b = this->access(this->counting("b", {3, 2}, 10), 1);
  const auto product = this->add("access-cartesian-product", {}, {a, b});
  this->expect(product, {2, 3, 2, 2}, 2,
               {0, 1, 10, 11, 0, 1, 12, 13, 0, 1, 14, 15, 2, 3, 10, 11, 2, 3, 12, 13, 2, 3, 14, 15});
  this->expect(this->add("access-slice", {number(1), number(2), number(3)}, {product}), {2, 1, 2, 2}, 2,
               {0, 1, 14, 15, 2, 3, 14, 15});
  this->expect_error(this->add("access-cartesian-product", {}, {a, this->access(b, 0)}), "item shapes");
}

TYPED_TEST(InterpreterAccess, PairFormed) {
  const auto a = this->access(this->counting("a", {2, 2}), 1);
  const auto b = this->access(this->counting("b", {2, 2}, 10), 1);
  this->expect(this->add("access-pair", {}, {a, b}), {2, 2, 2}, 1, {0, 1, 10, 11, 2, 3, 12, 13});
  this->expect_error(this->add("access-pair", {}, {a, this->access(b, 2)}), "expected to be equal");
}

TYPED_TEST(InterpreterAccess, LiteralsAndConstants) {
  this->expect(this->add("access-literal", {Value::literal(3.0)}, {}), {}, 0, {3});
  this->expect(this->add("constant-tensor", {Value::literal(2.0), shape({2, 2})}, {}), {2, 2}, 0, {2, 2, 2, 2});
  this->expect(this->add("constant-tensor", {number(-1), shape({3})}, {}), {3}, 0, {-1, -1, -1});
  const auto half = this->add("access-literal", {Value::literal(0.5)}, {});
  if constexpr (std::is_integral_v<TypeParam>) {
    this->expect_error(half, "not a 64-bit integer");
    this->expect_error(this->add("access-literal", {Value::literal(1e30)}, {}), "not a 64-bit integer");
  } else {
    this->expect(half, {}, 0, {static_cast<TypeParam>(0.5)});
  }
}

TYPED_TEST(InterpreterAccess, Tuples) {
  const auto a = this->counting("a", {2});
  const auto b = this->counting("b", {1}, 7);
  const auto tuple = this->add("construct-tuple", {}, {a, b});
  this->expect(this->add("tuple-get-item", {number(1)}, {tuple}), {1}, 0, {7});
  const auto items = this->run_all({tuple, b});
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].dims, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(items[1].data[0], TypeParam{7});
  EXPECT_EQ(items[2].data[0], TypeParam{7});
  this->expect_error(this->add("tuple-get-item", {number(2)}, {tuple}), "2 items");
  this->expect_error(this->add("tuple-get-item", {number(0)}, {a}), "not a tuple");
  this->expect_error(this->access(tuple, 0), "tuple");
}

}  // namespace
}  // namespace tessera
