#include "engine/tensor/lowering.hpp"

#include <numeric>
#include <random>

#include "engine/tensor/interpreter.hpp"
#include "tests/engine/tensor/tensor_test_support.hpp"

namespace tessera {
namespace {

class Lowering : public ::testing::Test {
 protected:
  using Values = std::vector<std::int64_t>;

  // Declares data and weights, fills them, and returns their nodes.
  std::uint32_t tensor(std::string_view name, const std::vector<std::int64_t>& dims) {
    language_.declare({Name(name), DType::kInt64, dims});
    Values values(static_cast<std::size_t>(product_of(dims)));
    for (std::int64_t& value : values) value = static_cast<std::int64_t>(random_() % 9) - 4;
    environment_.insert_or_assign(Name(name), make_tensor<std::int64_t>(dims, 0, values));
    return program_.add(*language_.leaf(symbols_, name), {});
  }
  void operands(const Conv2d& c) {
    data_ = tensor("data", {c.n, c.channels_in, c.height, c.width});
    weights_ = tensor("weights", {c.channels_out, c.channels_in / c.groups, c.kernel_h, c.kernel_w});
  }
  std::string type_of(std::uint32_t node) {
    const std::vector<DataWords> types = types_of(language_, symbols_, program_);
    const TensorType type(types[node]);
    return shape_text(type.dims(), type.split());
  }
  std::size_t count(std::string_view op) {
    std::size_t found = 0;
    for (std::uint32_t node = 0; node < program_.size(); ++node) {
      found += symbols_[program_[node].symbol].name == Name(op) ? 1U : 0U;
    }
    return found;
  }
  Tensor<std::int64_t> run(std::uint32_t node) {
    return interpret<std::int64_t>(symbols_, program_, std::vector{node}, environment_).at(0);
  }
  // The definition of a convolution, in six loops.
  Values direct(const Conv2d& c) {
    const auto data = environment_.at(Name("data")).values();
    const auto weights = environment_.at(Name("weights")).values();
    const std::int64_t in = c.channels_in / c.groups;
    const std::int64_t out = c.channels_out / c.groups;
    Values result;
    for (std::int64_t n = 0; n < c.n; ++n) {
      for (std::int64_t o = 0; o < c.channels_out; ++o) {
        for (std::int64_t y = 0; y < c.oh(); ++y) {
          for (std::int64_t x = 0; x < c.ow(); ++x) {
            std::int64_t sum = 0;
            for (std::int64_t k = 0; k < in * c.kernel_h * c.kernel_w; ++k) {
              const std::int64_t i = k / (c.kernel_h * c.kernel_w);
              const std::int64_t row = y * c.stride_h - c.pad_top + k / c.kernel_w % c.kernel_h;
              const std::int64_t column = x * c.stride_w - c.pad_left + k % c.kernel_w;
              if (row < 0 || row >= c.height || column < 0 || column >= c.width) continue;
              const std::int64_t channel = o / out * in + i;
              sum +=
                  data[static_cast<std::size_t>(((n * c.channels_in + channel) * c.height + row) * c.width + column)] *
                  weights[static_cast<std::size_t>(o * in * c.kernel_h * c.kernel_w + k)];
            }
            result.push_back(sum);
          }
        }
      }
    }
    return result;
  }
  void expect_direct(std::uint32_t node, const Conv2d& c) {
    const Tensor<std::int64_t> result = run(node);
    EXPECT_EQ(result.dims, (std::vector<std::int64_t>{c.n, c.channels_out, c.oh(), c.ow()}));
    EXPECT_EQ(result.split, 4);
    EXPECT_THAT(result.values(), ::testing::ElementsAreArray(direct(c)));
  }

  TensorLanguage language_;
  SymbolTable symbols_;
  Expression program_;
  Environment<std::int64_t> environment_;
  std::mt19937_64 random_{1};
  std::uint32_t data_ = 0;
  std::uint32_t weights_ = 0;
};

TEST_F(Lowering, OrdinaryConvolutionIsThePublishedOne) {
  const Conv2d c{2, 3, 7, 6, 5, 3, 2, 2, 1, 1, 0, 1, 1, 1};
  operands(c);
  const Lowered lowered = lower_conv2d(symbols_, program_, data_, weights_, c);
  program_.roots = {lowered.output};
  EXPECT_EQ(type_of(lowered.compute), "[5 2 4 6][]");
  EXPECT_EQ(type_of(lowered.output), "[2 5 4 6][]");
  const Expression published = parse_expression(
      "(access-transpose (compute dot-product (access-cartesian-product (access weights 1)"
      "  (access (access-squeeze (access-windows (access"
      "    (access-pad (access-pad data zero-padding 2 1 1) zero-padding 3 0 1) 1)"
      "    (shape 3 3 2) (shape 1 2 1)) 1) 3))) (list 1 0 2 3))",
      "test", language_, symbols_);
  EXPECT_EQ(print_expression(program_, symbols_, language_), print_expression(published, symbols_, language_));
  expect_direct(lowered.output, c);
}

TEST_F(Lowering, WithoutPaddingThereIsNoPad) {
  const Conv2d c{1, 4, 5, 5, 6, 1, 1, 1, 1, 0, 0, 0, 0, 1};
  operands(c);
  const Lowered lowered = lower_conv2d(symbols_, program_, data_, weights_, c);
  EXPECT_EQ(count("access-pad"), 0U);
  expect_direct(lowered.output, c);
}

TEST_F(Lowering, DepthwiseIsOnePair) {
  const Conv2d c{1, 6, 9, 8, 6, 3, 3, 2, 1, 0, 1, 1, 0, 6};
  operands(c);
  const Lowered lowered = lower_conv2d(symbols_, program_, data_, weights_, c);
  EXPECT_EQ(type_of(lowered.compute), "[6 4 7][]");
  EXPECT_EQ(type_of(program_[lowered.compute].kids.at(0)), "[6 4 7][2 3 3]");
  EXPECT_EQ(count("compute"), 1U);
  EXPECT_EQ(count("access-pair"), 1U);
  expect_direct(lowered.output, c);
}

TEST_F(Lowering, DepthwiseOfABatchKeepsChannelsFirst) {
  const Conv2d c{3, 4, 5, 6, 4, 2, 3, 1, 2, 1, 1, 1, 1, 4};
  operands(c);
  const Lowered lowered = lower_conv2d(symbols_, program_, data_, weights_, c);
  EXPECT_EQ(type_of(lowered.compute), "[4 3 6 3][]");
  EXPECT_EQ(count("compute"), 1U);
  expect_direct(lowered.output, c);
}

TEST_F(Lowering, GroupsTakeAConstantNumberOfNodes) {
  std::size_t nodes = 0;
  for (const std::int64_t groups : {2, 3, 6}) {
    SCOPED_TRACE(groups);
    program_ = Expression();
    language_ = TensorLanguage();
    const Conv2d c{2, 12, 5, 4, 18, 3, 2, 1, 2, 1, 0, 1, 1, groups};
    operands(c);
    const Lowered lowered = lower_conv2d(symbols_, program_, data_, weights_, c);
    EXPECT_EQ(count("compute"), 1U);
    if (nodes > 0) {
      EXPECT_EQ(program_.size(), nodes);
    }
    nodes = program_.size();
    expect_direct(lowered.output, c);
  }
}

TEST_F(Lowering, SeveralOutputsAChannelAndSeveralChannelsAnOutput) {
  const Conv2d multiplier{1, 4, 5, 5, 8, 3, 3, 1, 1, 1, 1, 1, 1, 4};
  operands(multiplier);
  EXPECT_FALSE(multiplier.is_depthwise());
  expect_direct(lower_conv2d(symbols_, program_, data_, weights_, multiplier).output, multiplier);
  language_ = TensorLanguage();
  const Conv2d reduction{1, 8, 5, 5, 4, 3, 3, 1, 1, 1, 1, 1, 1, 4};
  operands(reduction);
  expect_direct(lower_conv2d(symbols_, program_, data_, weights_, reduction).output, reduction);
}

TEST_F(Lowering, PublishedGroupedFormIsEqual) {
  const Conv2d c{2, 6, 5, 4, 6, 3, 2, 1, 1, 1, 0, 1, 1, 6};
  operands(c);
  const Lowered published = lower_conv2d_published_grouped(symbols_, program_, data_, weights_, c);
  EXPECT_EQ(count("compute"), 6U);
  EXPECT_EQ(count("access-concatenate"), 5U);
  EXPECT_EQ(type_of(published.output), "[2 6 5 4][]");
  EXPECT_EQ(type_of(published.compute), "[1 2 5 4][]");
  expect_direct(published.output, c);
}

TEST_F(Lowering, DataOfAnySplit) {
  const Conv2d c{1, 2, 4, 4, 2, 3, 3, 1, 1, 1, 1, 1, 1, 2};
  operands(c);
  const Value relu = Value::name(Name("relay-copy"));
  const std::uint32_t copied =
      program_.add(symbols_.intern(Name("relay-operator-call"), std::vector{relu}, 1), std::vector{data_});
  const std::uint32_t split =
      program_.add(symbols_.intern(Name("access"), std::vector{Value::integer(2)}, 1), std::vector{weights_});
  expect_direct(lower_conv2d(symbols_, program_, copied, split, c).output, c);
}

TEST_F(Lowering, Dense) {
  const std::uint32_t data = tensor("data", {3, 5});
  const std::uint32_t weights = tensor("weights", {4, 5});
  const Lowered lowered = lower_dense(symbols_, program_, data, weights);
  EXPECT_EQ(lowered.output, lowered.compute);
  EXPECT_EQ(type_of(lowered.output), "[3 4][]");
  const auto x = environment_.at(Name("data")).values();
  const auto w = environment_.at(Name("weights")).values();
  Values expected;
  for (std::size_t n = 0; n < 3; ++n) {
    for (std::size_t u = 0; u < 4; ++u) {
      expected.push_back(std::inner_product(x.begin() + static_cast<std::ptrdiff_t>(5 * n),
                                            x.begin() + static_cast<std::ptrdiff_t>(5 * n + 5),
                                            w.begin() + static_cast<std::ptrdiff_t>(5 * u), std::int64_t{0}));
    }
  }
  EXPECT_THAT(run(lowered.output).values(), ::testing::ElementsAreArray(expected));
}

TEST_F(Lowering, BadConvolutionsAreRefused) {
  const Conv2d good{1, 4, 8, 8, 8, 3, 3, 1, 1, 0, 0, 0, 0, 2};
  EXPECT_NO_THROW(good.validate());
  const auto refused = [&](auto change, const std::string& expected) {
    Conv2d c = good;
    change(c);
    try {
      c.validate();
      ADD_FAILURE() << expected;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_THAT(error.message(), ::testing::HasSubstr(expected));
    }
    EXPECT_THROW(lower_conv2d(symbols_, program_, 0, 0, c), Error);
  };
  refused([](Conv2d& c) { c.stride_h = 0; }, "1 or more");
  refused([](Conv2d& c) { c.n = -1; }, "1 or more");
  refused([](Conv2d& c) { c.pad_left = -1; }, "paddings of 0 or more");
  refused([](Conv2d& c) { c.kernel_w = 9; }, "no larger than the padded data");
  refused([](Conv2d& c) { c.groups = 3; }, "groups that divide the channels");
  refused([](Conv2d& c) { c.channels_out = 7; }, "groups that divide the channels");
}

}  // namespace
}  // namespace tessera
