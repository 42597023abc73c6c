#include "engine/language/value.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

using Dims = std::vector<std::int64_t>;

TEST(Value, PrintsAsInProgramText) {
  EXPECT_EQ(Value::integer(-3).to_string(), "-3");
  EXPECT_EQ(Value::boolean(true).to_string(), "1");
  EXPECT_EQ(Value::name(Name("dot-product")).to_string(), "dot-product");
  EXPECT_EQ(Value::name(Name("a b")).to_string(), "\"a b\"");
  EXPECT_EQ(Value::shape(Dims{3, 224, 224}).to_string(), "(shape 3 224 224)");
  EXPECT_EQ(Value::shape({}).to_string(), "(shape)");
  EXPECT_EQ(Value::list(Dims{1, 0}).to_string(), "(list 1 0)");
  EXPECT_EQ(Value::access_shape(Dims{1, 2}, Dims{3}).to_string(), "(access-shape (shape 1 2) (shape 3))");
  EXPECT_EQ(Value::literal(0.1).to_string(), "(literal 0.1)");
}

TEST(Value, KeepsItsParts) {
  const Value v = Value::access_shape(Dims{1, 2}, Dims{3});
  EXPECT_EQ(Dims(v.shape_dims().begin(), v.shape_dims().end()), (Dims{1, 2}));
  EXPECT_EQ(Dims(v.item_dims().begin(), v.item_dims().end()), (Dims{3}));
  EXPECT_EQ(v.dims().size(), 3U);
  EXPECT_EQ(Value::literal(-0.25).as_literal(), -0.25);
  EXPECT_EQ(Value::name(Name("n")).as_name(), Name("n"));
}

TEST(Value, EqualityAndHashSeeKindSplitAndContents) {
  const std::vector<Value> all = {Value::integer(1),
                                  Value::literal(1),
                                  Value::name(Name("1")),
                                  Value::shape(Dims{1}),
                                  Value::list(Dims{1}),
                                  Value::access_shape(Dims{1}, {}),
                                  Value::access_shape({}, Dims{1}),
                                  Value::shape({}),
                                  Value::list({}),
                                  Value::shape(Dims{1, 0}),
                                  Value::integer(0),
                                  Value::literal(-0.0),
                                  Value::literal(0.0),
                                  Value::access_shape({}, {})};
  std::set<std::uint64_t> hashes;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) EXPECT_EQ(all[i] == all[j], i == j) << i << " " << j;
    hashes.insert(all[i].hash());
  }
  EXPECT_EQ(hashes.size(), all.size());
}

TEST(Value, HashOfANameIsOfItsCharacters) {
  const std::uint64_t before = Value::name(Name("value-test-name")).hash();
  for (int i = 0; i < 100; ++i) (void)Name("value-test-other-" + std::to_string(i));
  EXPECT_EQ(Value::name(Name("value-test-name")).hash(), before);
  EXPECT_NE(Value::name(Name("value-test-other-1")).hash(), before);
}

TEST(Value, RefusesMoreExtentsThanFit) {
  EXPECT_NO_THROW((void)Value::shape(Dims(12, 1)));
  EXPECT_THROW((void)Value::shape(Dims(13, 1)), Error);
  EXPECT_THROW((void)Value::list(Dims(13, 1)), Error);
  EXPECT_THROW((void)Value::access_shape(Dims(7, 1), Dims(6, 1)), Error);
  EXPECT_THROW((void)Value::access_shape(Dims(50, 1), {}), Error);
}

TEST(Value, AllNansAreOne) {
  EXPECT_EQ(Value::literal(std::nan("1")), Value::literal(-std::numeric_limits<double>::quiet_NaN()));
}

TEST(ValueDeathTest, WrongKindIsABrokenInvariant) {
  EXPECT_DEATH((void)Value::integer(1).as_name(), "broken invariant");
  EXPECT_DEATH((void)Value::integer(1).dims(), "broken invariant");
  EXPECT_DEATH((void)Value::shape(Dims{1}).shape_dims(), "broken invariant");
}

}  // namespace
}  // namespace tessera
