#include "engine/tensor/tensor_type.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

using Extents = std::vector<std::int64_t>;

DataWords encoded(AccessType type) {
  DataWords words;
  type.encode(words);
  return words;
}

TEST(DType, NamesAndSizes) {
  EXPECT_EQ(dtype_name(DType::kFloat32), "float32");
  EXPECT_EQ(dtype_bytes(DType::kFloat32), 4);
  EXPECT_EQ(dtype_bytes(DType::kUint64), 8);
  EXPECT_EQ(find_dtype("int8"), DType::kInt8);
  EXPECT_EQ(find_dtype("float16"), std::nullopt);
  EXPECT_TRUE(is_floating_point(DType::kFloat64));
  EXPECT_FALSE(is_floating_point(DType::kInt32));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(find_dtype(dtype_name(static_cast<DType>(i))), static_cast<DType>(i));
  EXPECT_EQ(dtype_names(), "float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64");
}

TEST(TensorType, ReadsBackWhatWasEncoded) {
  AccessType type(DType::kInt16, Extents{2, 3, 4}, 1);
  type.zero = {{2, 3, 4}, {1, 0, 1}, {1, 1, 2}};
  const DataWords words = encoded(type);
  const TensorType view(words);
  EXPECT_FALSE(view.is_tuple());
  EXPECT_EQ(view.dtype(), DType::kInt16);
  EXPECT_EQ(view.split(), 1U);
  EXPECT_EQ(view.axes(), 3U);
  EXPECT_THAT(view.shape(), ::testing::ElementsAre(2));
  EXPECT_THAT(view.item(), ::testing::ElementsAre(3, 4));
  EXPECT_EQ(view.dim(2), 4);
  EXPECT_EQ(view.elements(), 24);
  EXPECT_EQ(view.bytes(), 48);
  EXPECT_EQ(view.zero_regions(), (ZeroRegions{{1, 0, 2}, {2, 3, 4}}));
  EXPECT_EQ(view.to_string(), "[2][3 4] int16; zero: axis 1 [0, 2), axis 2 [3, 4)");
}

TEST(TensorType, EqualTypesAreEqualWords) {
  AccessType a(DType::kFloat32, Extents{8}, 0);
  AccessType b(DType::kFloat32, Extents{8}, 0);
  a.zero = {{0, 0, 2}, {0, 2, 4}};
  b.zero = {{0, 1, 4}, {0, 0, 3}};
  EXPECT_EQ(encoded(a), encoded(b));
  EXPECT_NE(encoded(a), encoded(AccessType(DType::kFloat32, Extents{8}, 0)));
  EXPECT_NE(encoded(AccessType(DType::kFloat32, Extents{8}, 0)), encoded(AccessType(DType::kFloat32, Extents{8}, 1)));
}

TEST(TensorType, TuplesNest) {
  const DataWords a = encoded(AccessType(DType::kFloat32, Extents{2}, 0));
  const DataWords b = encoded(AccessType(DType::kInt64, Extents{}, 0));
  DataWords inner;
  encode_tuple(std::vector<DataView>{a, b}, inner);
  DataWords outer;
  encode_tuple(std::vector<DataView>{b, inner, a}, outer);
  const TensorType tuple(outer);
  ASSERT_TRUE(tuple.is_tuple());
  ASSERT_EQ(tuple.part_count(), 3U);
  EXPECT_TRUE(TensorType(tuple.part(1)).is_tuple());
  EXPECT_EQ(TensorType(tuple.part(2)).to_string(), "[][2] float32");
  EXPECT_EQ(tuple.to_string(), "tuple of ([][] int64, tuple of ([][2] float32, [][] int64), [][2] float32)");
}

TEST(TensorType, InsertsAndErasesAxes) {
  AccessType type(DType::kFloat32, Extents{2, 3}, 1);
  type.insert(1, 7);
  type.append(9);
  EXPECT_THAT(type.dims(), ::testing::ElementsAre(2, 7, 3, 9));
  type.erase(0);
  EXPECT_THAT(type.dims(), ::testing::ElementsAre(7, 3, 9));
}

TEST(TensorType, RefusesTooManyAxesAndElements) {
  AccessType type(DType::kFloat32, Extents(kMaxAxes, 1), 0);
  EXPECT_THROW(type.append(1), Error);
  const std::int64_t million = 1'000'000;
  AccessType huge(DType::kFloat32, Extents{million, million, million, million}, 0);
  DataWords words;
  EXPECT_THROW(huge.encode(words), Error);
  EXPECT_THROW(static_cast<void>(product_of(Extents{million, million, million, million})), Error);
  EXPECT_EQ(product_of(Extents{}), 1);
}

}  // namespace
}  // namespace tessera
