#include "engine/tensor/tensor_language.hpp"

#include <array>

#include "tests/engine/tensor/tensor_test_support.hpp"

namespace tessera {
namespace {

class TensorLanguageTest : public TensorTest {
 protected:
  Value ask(std::string_view function, const std::string& text, std::vector<std::int64_t> arguments = {}) {
    std::vector<Value> values;
    for (const std::int64_t argument : arguments) values.push_back(Value::integer(argument));
    const int accessor = language_.accessor(function);
    EXPECT_GE(accessor, 0) << function;
    return language_.access(accessor, words_of(text), values);
  }
  // The cost of the root node of a program.
  std::uint64_t cost_of(const std::string& text) {
    const Expression program = parse_expression(text, "test", language_, symbols_);
    const std::vector<DataWords> types = types_of(language_, symbols_, program);
    std::vector<DataView> kids;
    for (const std::uint32_t kid : program[program.roots.at(0)].kids) kids.emplace_back(types[kid]);
    return language_.cost(symbols_[program[program.roots[0]].symbol], types[program.roots[0]], kids);
  }
};

TEST_F(TensorLanguageTest, SignaturesAreReadable) {
  for (const TensorOperatorInfo& info : tensor_operators()) {
    const auto signature = language_.signature(Name(info.name));
    ASSERT_TRUE(signature) << info.name;
    EXPECT_EQ(signature->arguments, info.arguments);
  }
  EXPECT_EQ(signature_text(Name("access-slice"), *language_.signature(Name("access-slice"))),
            "(access-slice TERM INTEGER INTEGER INTEGER)");
  EXPECT_FALSE(language_.signature(Name("get-access-shape")));
  EXPECT_FALSE(language_.signature(Name("access-slices")));
  EXPECT_FALSE(language_.signature(Name("")));
}

TEST_F(TensorLanguageTest, AtomsAreTensorsExceptNumbersAndReservedNames) {
  const auto leaf = language_.leaf(symbols_, "x");
  ASSERT_TRUE(leaf);
  EXPECT_EQ(symbols_[*leaf].name, Name("access-tensor"));
  EXPECT_EQ(symbols_[*leaf].attributes.at(0), Value::name(Name("x")));
  for (const char* atom : {"", "1", "-1", "1.5", ".5", "float32", "relay-activation-layout-nhwc"}) {
    EXPECT_FALSE(language_.leaf(symbols_, atom)) << atom;
  }
  EXPECT_TRUE(language_.is_attribute_name("int64"));
  EXPECT_FALSE(language_.is_attribute_name("x"));
}

TEST_F(TensorLanguageTest, SuggestsWhatIsNear) {
  EXPECT_EQ(language_.suggestion("acess-slice"), "access-slice");
  EXPECT_EQ(language_.suggestion("access-cartesian-prodcut"), "access-cartesian-product");
  EXPECT_EQ(language_.suggestion("systolic-aray"), "systolic-array");
  EXPECT_EQ(language_.suggestion("zero-outsid"), "zero-outside");
  EXPECT_EQ(language_.suggestion("qqqqqqqq"), "");
  EXPECT_EQ(language_.suggestion(std::string(100'000, 'a')), "");
}

TEST_F(TensorLanguageTest, DeclarationsAreChecked) {
  EXPECT_NO_THROW(declare("x", {2, 3, 4}));
  EXPECT_THROW(declare("x", {2, 3, 5}), Error);
  EXPECT_THROW(declare("x", {2, 3, 4}, DType::kInt8), Error);
  EXPECT_THROW(declare("z", {2, 0}), Error);
  EXPECT_THROW(declare("float32", {2}), Error);
  EXPECT_THROW(declare("z", std::vector<std::int64_t>(13, 1)), Error);
  EXPECT_FALSE(language_.is_declared(Name("z")));
  declare("scalar", {});
  EXPECT_EQ(type_of("scalar"), "[][]");
}

TEST_F(TensorLanguageTest, JoinUnitesZeroRegions) {
  DataWords a = words_of("(access-pad m zero-padding 1 0 4)");
  const DataWords b = words_of("(access-pad (access-slice m 1 0 4) zero-padding 1 2 6)");
  EXPECT_TRUE(language_.join(a, b));
  EXPECT_EQ(language_.describe(a), "[][6 12] float32; zero: axis 1 [0, 2), axis 1 [6, 12)");
  EXPECT_FALSE(language_.join(a, b));
  EXPECT_FALSE(language_.join(a, words_of("(access-pad m zero-padding 1 0 4)")));
}

TEST_F(TensorLanguageTest, JoinIsCommutativeAssociativeAndIdempotent) {
  const std::array<DataWords, 3> facts = {words_of("(access-pad (access-slice m 1 0 2) zero-padding 1 3 3)"),
                                          words_of("(access-pad (access-slice m 1 0 4) zero-padding 1 0 4)"),
                                          words_of("(access-pad (access-slice m 0 0 3) zero-padding 0 3 0)")};
  DataWords once;
  for (const auto& order : {std::array{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {1, 0, 2}}) {
    DataWords joined = facts[static_cast<std::size_t>(order[0])];
    language_.join(joined, facts[static_cast<std::size_t>(order[1])]);
    language_.join(joined, facts[static_cast<std::size_t>(order[2])]);
    if (once.empty()) once = joined;
    EXPECT_EQ(joined, once);
    EXPECT_FALSE(language_.join(joined, joined));
  }
}

TEST_F(TensorLanguageTest, JoinRefusesDifferentTypes) {
  DataWords x = words_of("x");
  for (const char* other : {"(access x 1)", "m", "ints", "(construct-tuple x)"}) {
    try {
      language_.join(x, words_of(other));
      ADD_FAILURE() << other;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_THAT(error.message(), ::testing::StartsWith("shapes disagree: [][2 3 4] float32 vs "));
    }
  }
  DataWords tuple = words_of("(construct-tuple x (access-pad m zero-padding 1 0 4))");
  EXPECT_TRUE(
      language_.join(tuple, words_of("(construct-tuple x (access-pad (access-slice m 1 0 4) zero-padding 1 2 6))")));
  EXPECT_EQ(language_.describe(tuple),
            "tuple of ([][2 3 4] float32, [][6 12] float32; zero: axis 1 [0, 2), axis 1 [6, 12))");
  EXPECT_THROW(language_.join(tuple, words_of("(construct-tuple x)")), Error);
}

TEST_F(TensorLanguageTest, Accessors) {
  const std::string a = "(access x 1)";
  EXPECT_EQ(ask("get-access-shape", a).to_string(), "(access-shape (shape 2) (shape 3 4))");
  EXPECT_EQ(ask("shape-of", a).to_string(), "(shape 2)");
  EXPECT_EQ(ask("item-of", a).to_string(), "(shape 3 4)");
  EXPECT_EQ(ask("dim", a, {2}).as_int(), 4);
  EXPECT_EQ(ask("rank", a).as_int(), 1);
  EXPECT_EQ(ask("item-rank", a).as_int(), 2);
  EXPECT_EQ(ask("ndim", a).as_int(), 3);
  EXPECT_EQ(ask("shape-size", a).as_int(), 2);
  EXPECT_EQ(ask("item-size", a).as_int(), 12);
  EXPECT_EQ(ask("item-size", "(access x 3)").as_int(), 1);
  EXPECT_EQ(ask("dtype", "ints").as_name(), Name("int64"));
  const std::string padded = "(access-pad m zero-padding 1 2 3)";
  EXPECT_EQ(ask("zero-outside", padded, {1, 2, 10}).as_int(), 1);
  EXPECT_EQ(ask("zero-outside", padded, {1, 1, 11}).as_int(), 1);
  EXPECT_EQ(ask("zero-outside", padded, {1, 2, 9}).as_int(), 0);
  EXPECT_EQ(ask("zero-outside", padded, {0, 0, 6}).as_int(), 1);
  EXPECT_EQ(ask("zero-outside", padded, {0, 1, 6}).as_int(), 0);
  EXPECT_EQ(language_.accessor("dims"), -1);
}

TEST_F(TensorLanguageTest, AccessorsRefuseWhatDoesNotFit) {
  EXPECT_THROW(ask("dim", "x", {3}), Error);
  EXPECT_THROW(ask("dim", "x", {-1}), Error);
  EXPECT_THROW(ask("dim", "x"), Error);
  EXPECT_THROW(ask("rank", "x", {1}), Error);
  EXPECT_THROW(ask("rank", "(construct-tuple x)"), Error);
  EXPECT_THROW(ask("zero-outside", "x", {0, 1, 3}), Error);
  const Value name = Value::name(Name("x"));
  EXPECT_THROW(static_cast<void>(language_.access(language_.accessor("dim"), words_of("x"), std::span(&name, 1))),
               Error);
}

TEST_F(TensorLanguageTest, CyclesDecideThenCallsThenBytes) {
  declare("a", {49, 64});
  declare("b", {64, 64});
  const std::uint64_t call = cost_of("(systolic-array 64 64 (access a 1) b)");
  EXPECT_EQ(call / kCostOfCycle, 2 * 64 + 64 + 49 - 2);
  EXPECT_GT(call % kCostOfCycle, kCostOfCall);
  EXPECT_LT(call % kCostOfCycle, 2 * kCostOfCall);
  // Views move nothing; what copies costs by the byte, and ten thousand copies of a megabyte are less than a cycle.
  EXPECT_EQ(cost_of("(access-slice a 0 0 4)"), 1U);
  EXPECT_EQ(cost_of("(access-pair a a)"), 1U);
  declare("megabyte", {512, 512});
  EXPECT_EQ(cost_of("(access-transpose megabyte (list 1 0))"), 257U);
  EXPECT_LT(10'000 * cost_of("(access-transpose megabyte (list 1 0))"), kCostOfCycle);
  EXPECT_GT(cost_of("(compute relu megabyte)"), cost_of("(access-transpose megabyte (list 1 0))"));
}

TEST_F(TensorLanguageTest, AProductOutsideTheArraysCostsMoreThanAnyBlocking) {
  declare("one", {1, 1});
  declare("a", {1, 1024});
  declare("b", {1000, 1024});
  const std::string product = "(compute dot-product (access-cartesian-product (access a 1) (access b 1)))";
  // 256 calls of a 64x64 array, each streaming one vector; and one call of a huge array for a single multiplication.
  EXPECT_GT(cost_of(product), 256 * (2 * 64 + 64 + 1 - 2) * kCostOfCycle + 10'000 * kCostOfCall);
  EXPECT_GT(cost_of("(compute dot-product (access-cartesian-product (access one 1) (access one 1)))"),
            cost_of("(systolic-array 4096 4096 (access-pad (access one 1) zero-padding 1 0 4095) "
                    "(access-pad (access-pad one zero-padding 0 0 4095) zero-padding 1 0 4095))"));
  for (const std::string other : {"(systolic-array-with-blocking 1 1 (access a 1) (access-transpose b (list 1 0)))",
                                  "(relay-operator-call relay-dense a b)",
                                  "(relay-operator-call relay-conv2d image kernel (shape 1 1) (shape 0 0 0 0))",
                                  "(systolic-array-conv2d-nchw-oihw-with-blocking 3 16 kernel image 3 3 1 1)"}) {
    EXPECT_GT(cost_of(other), std::uint64_t{1} << 48) << other;
    EXPECT_LT(cost_of(other), std::uint64_t{1} << 60) << other;
  }
}

TEST_F(TensorLanguageTest, CostsArePositiveAndSaturate) {
  for (const std::string text : {"x", "(access x 1)", "(construct-tuple x)", "(access-literal (literal 1.0))",
                                 "(relay-operator-call relay-relu x)"}) {
    EXPECT_GE(cost_of(text), 1U) << text;
  }
  declare("huge", {1 << 17, 1 << 19});
  const std::uint64_t most =
      cost_of("(compute dot-product (access-cartesian-product (access huge 1) (access huge 1)))");
  EXPECT_EQ(most, std::uint64_t{1} << 60);
}

}  // namespace
}  // namespace tessera
