// The interpreter as a whole: roots, environments, sharing, depth, memory, and what its errors say.
#include "engine/tensor/interpreter.hpp"

#include <sys/resource.h>

#include "tests/engine/tensor/interpreter_test_support.hpp"

namespace tessera {
namespace {

template <class T>
class Interpreter : public InterpreterTest<T> {};
TYPED_TEST_SUITE(Interpreter, ElementTypes);

TYPED_TEST(Interpreter, RootsComeInTheirOrderAndMayRepeat) {
  const auto x = this->counting("x", {2});
  const auto y = this->relay("relay-negative", {x});
  const auto results = this->run_all({y, x, y});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].data[1], TypeParam{-1});
  EXPECT_EQ(results[1].data[1], TypeParam{1});
  EXPECT_EQ(results[2].data[1], TypeParam{-1});
}

TYPED_TEST(Interpreter, OnlyWhatARootNeedsIsRun) {
  const auto x = this->counting("x", {2});
  static_cast<void>(this->add("access-tensor", {name_value("absent")}, {}));
  this->expect(x, {2}, 0, {0, 1});
}

TYPED_TEST(Interpreter, MissingTensorIsNamed) {
  this->expect_error(this->add("access-tensor", {name_value("absent")}, {}), "tensor `absent` has no value");
}

TYPED_TEST(Interpreter, ErrorsNameNodeOperatorAndExtents) {
  const auto x = this->access(this->counting("x", {3, 4}), 1);
  this->expect_error(this->add("access-slice", {number(1), number(0), number(5)}, {x}),
                     "node 2 (access-slice 1 0 5) of [3][4]: found range 0 to 5 of axis 1");
}

TYPED_TEST(Interpreter, UnknownOperatorsAndWrongArguments) {
  const auto x = this->counting("x", {2});
  this->expect_error(this->add("access-sideways", {}, {x}), "no such operator");
  this->expect_error(this->relay("relay-teleport", {x}), "no opaque operator `relay-teleport`");
  this->expect_error(this->add("access", {}, {x}), "static arguments");
  this->expect_error(this->add("access", {name_value("one")}, {x}), "expected an integer");
  this->expect_error(this->add("access", {number(0)}, {x, x}), "found 2 operands, expected 1");
  this->expect_error(this->add("access-windows", {number(1), number(1)}, {x}), "expected (shape");
}

TYPED_TEST(Interpreter, TheEnvironmentIsNotChanged) {
  const auto x = this->counting("x", {4}, 1);
  this->expect(this->relay("relay-add", {this->relay("relay-negative", {x}), x}), {4}, 1, {0, 0, 0, 0});
  EXPECT_EQ(this->environment_.at(Name("x")).data[0], TypeParam{1});
  EXPECT_EQ(this->environment_.at(Name("x")).data[3], TypeParam{4});
}

TYPED_TEST(Interpreter, DeepProgramsNeedNoStack) {
  auto x = this->counting("x", {1}, 1);
  const auto one = x;
  constexpr int kDepth = 200'000;
  for (int i = 0; i < kDepth; ++i) x = this->relay(i % 2 == 0 ? "relay-add" : "relay-subtract", {x, one});
  this->expect(x, {1}, 1, {1});
}

TYPED_TEST(Interpreter, SharingIsNotExpanded) {
  auto x = this->counting("x", {1}, 1);
  const auto zero = this->relay("relay-subtract", {x, x});
  auto y = zero;
  for (int i = 0; i < 200; ++i) y = this->relay("relay-add", {y, y});  // 2^200 nodes as a tree
  this->expect(y, {1}, 1, {0});
}

TYPED_TEST(Interpreter, ValuesAreFreedAfterTheirLastUse) {
  // Three hundred values of 4 MB (float) or 8 MB, of which two live at a time; an address sanitizer keeps 256 MB more.
  const auto peak_megabytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
  };
  const auto tile = this->tensor("tile", {1, 1}, {1});
  auto x = this->add("access-broadcast", {access_shape({}, {1024, 1024})}, {tile});
  for (int i = 0; i < 300; ++i) x = this->relay("relay-negative", {x});
  const auto sum = this->relay("relay-max", {x});
  const long before = peak_megabytes();
  this->expect(sum, {}, 0, {1});
  EXPECT_LT(peak_megabytes() - before, 500);
}

TYPED_TEST(Interpreter, TooLargeATensorIsRefused) {
  const auto tile = this->tensor("tile", {1, 1}, {1});
  const auto huge = this->add("access-broadcast", {access_shape({}, {1 << 30, 1 << 30})}, {tile});
  try {
    static_cast<void>(this->run(this->relay("relay-negative", {huge})));
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResource);
  }
}

TYPED_TEST(Interpreter, ResultsAreTheSameInEveryRun) {
  const auto x = this->access(this->counting("x", {33, 50}, -700), 1);
  const auto y = this->access(this->counting("y", {21, 50}, -500), 1);
  const auto product = this->compute("dot-product", this->add("access-cartesian-product", {}, {x, y}));
  const auto first = this->run(product);
  const auto second = this->run(product);
  EXPECT_THAT(std::vector<TypeParam>(first.values().begin(), first.values().end()),
              ::testing::ElementsAreArray(second.values()));
}

}  // namespace
}  // namespace tessera
