// oneDNN's convolutions against the loop over integers: two computations that share nothing must agree exactly on small
// integers.
#include "cluster/reference_convolution.hpp"

#include <gtest/gtest.h>

#include "cluster/random_tensors.hpp"
#include "engine/base/error.hpp"

namespace tessera {
namespace {

Conv2d conv(std::int64_t n, std::int64_t in, std::int64_t height, std::int64_t width, std::int64_t out,
            std::int64_t kernel_h, std::int64_t kernel_w) {
  Conv2d c;
  c.n = n;
  c.channels_in = in;
  c.height = height;
  c.width = width;
  c.channels_out = out;
  c.kernel_h = kernel_h;
  c.kernel_w = kernel_w;
  return c;
}

void expect_agreement(const Conv2d& c) {
  const auto data = random_integers(static_cast<std::size_t>(c.n * c.channels_in * c.height * c.width), 9, 1);
  const auto weights = random_integers(
      static_cast<std::size_t>(c.channels_out * (c.channels_in / c.groups) * c.kernel_h * c.kernel_w), 9, 2);
  const std::vector<float> float_data(data.begin(), data.end());
  const std::vector<float> float_weights(weights.begin(), weights.end());
  const std::vector<std::int64_t> expected = exact_conv2d(c, data, weights);
  const std::vector<float> found = reference_conv2d(c, float_data, float_weights);
  ASSERT_EQ(found.size(), expected.size());
  EXPECT_EQ(static_cast<std::int64_t>(found.size()),
            c.n * c.channels_out * reference_output_height(c) * reference_output_width(c));
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(static_cast<std::int64_t>(found[i]), expected[i]) << "element " << i;
  }
}

TEST(ReferenceConvolution, ByHand) {
  Conv2d c = conv(1, 1, 3, 3, 1, 2, 2);
  const std::vector<float> data{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<float> weights{1, 0, 0, 10};
  EXPECT_EQ(reference_conv2d(c, data, weights), (std::vector<float>{51, 62, 84, 95}));
  c.pad_top = 1;
  c.pad_right = 1;
  c.stride_h = 3;
  c.stride_w = 2;
  EXPECT_EQ(reference_conv2d(c, data, weights), (std::vector<float>{20, 0}));
}

TEST(ReferenceConvolution, Ordinary) {
  expect_agreement(conv(1, 3, 9, 11, 5, 3, 2));
  expect_agreement(conv(2, 16, 7, 7, 32, 1, 1));
  Conv2d strided = conv(1, 3, 10, 11, 8, 3, 3);
  strided.stride_h = 2;
  strided.stride_w = 3;
  strided.pad_top = strided.pad_left = strided.pad_bottom = strided.pad_right = 1;
  expect_agreement(strided);
}

TEST(ReferenceConvolution, EverySideHasItsOwnPadding) {
  Conv2d c = conv(1, 4, 6, 5, 4, 3, 3);
  c.pad_top = 2;
  c.pad_left = 1;
  c.pad_right = 2;
  expect_agreement(c);
  c.pad_bottom = 1;
  c.stride_h = c.stride_w = 2;
  expect_agreement(c);
}

TEST(ReferenceConvolution, DepthwiseAndGrouped) {
  for (const std::int64_t groups : {2, 4, 8}) {
    Conv2d c = conv(2, 8, 6, 7, 16, 3, 3);
    c.groups = groups;
    c.pad_top = c.pad_left = 1;
    expect_agreement(c);
  }
  Conv2d depthwise = conv(1, 32, 14, 14, 32, 3, 3);
  depthwise.groups = 32;
  depthwise.stride_h = depthwise.stride_w = 2;
  depthwise.pad_bottom = depthwise.pad_right = 1;
  expect_agreement(depthwise);
}

TEST(ReferenceConvolution, DenseIsAMatrixProduct) {
  const std::vector<float> data{1, 2, 3, 4};
  const std::vector<float> weights{1, 0, 0, 1, 1, 1};
  EXPECT_EQ(reference_dense(2, 2, 3, data, weights), (std::vector<float>{1, 2, 3, 3, 4, 7}));
  EXPECT_THROW(static_cast<void>(reference_dense(2, 3, 3, data, weights)), Error);
}

TEST(ReferenceConvolution, WrongSizesAndNonsenseAreRefused) {
  const std::vector<float> nine(9, 1.0F);
  EXPECT_THROW(static_cast<void>(reference_conv2d(conv(1, 1, 3, 4, 1, 3, 3), nine, nine)), Error);
  EXPECT_THROW(static_cast<void>(reference_conv2d(conv(1, 1, 3, 3, 1, 3, 2), nine, nine)), Error);
  EXPECT_THROW(static_cast<void>(reference_conv2d(conv(1, 1, 1, 9, 1, 3, 3), nine, nine)), Error);
  Conv2d no_stride = conv(1, 1, 3, 3, 1, 3, 3);
  no_stride.stride_h = 0;
  EXPECT_THROW(static_cast<void>(reference_conv2d(no_stride, nine, nine)), Error);
  Conv2d groups = conv(1, 1, 3, 3, 1, 3, 3);
  groups.groups = 2;
  EXPECT_THROW(static_cast<void>(reference_conv2d(groups, nine, nine)), Error);
}

}  // namespace
}  // namespace tessera
