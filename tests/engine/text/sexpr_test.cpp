#include "engine/text/sexpr.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera {
namespace {

using ::testing::HasSubstr;

// The message of the Error that reading the text must throw.
std::string error_of(const std::string& text) {
  try {
    const Sexpr sexpr(text, "a.rules");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  ADD_FAILURE() << "no error for: " << text.substr(0, 80);
  return {};
}

TEST(Sexpr, ReadsAtomsStringsListsAndComments) {
  const Sexpr s("; first line\n(a \"b c\" (d -1)) ; rest\natom()", "f");
  ASSERT_EQ(s.forms().size(), 3U);
  const auto items = s.items(s.forms()[0]);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(s.text(items[0]), "a");
  EXPECT_TRUE(s.is_string(items[1]));
  EXPECT_EQ(s.text(items[1]), "b c");
  EXPECT_EQ(s.head(items[2]), "d");
  EXPECT_EQ(s.text(s.next(s.first(items[2]))), "-1");
  EXPECT_EQ(s.text(s.forms()[1]), "atom");
  EXPECT_TRUE(s.first(s.forms()[2]).is_none());
}

TEST(Sexpr, KnowsLineAndColumnOfEveryNode) {
  const Sexpr s("(a\n  (bc d)\r\n\t\"é\" e)", "f");
  const auto items = s.items(s.forms()[0]);
  EXPECT_EQ(s.where(s.forms()[0]).to_string(), "f:1:1");
  EXPECT_EQ(s.where(items[1]).to_string(), "f:2:3");
  EXPECT_EQ(s.where(s.next(s.first(items[1]))).to_string(), "f:2:7");
  EXPECT_EQ(s.where(items[2]).to_string(), "f:3:2");
  EXPECT_EQ(s.where(items[3]).to_string(), "f:3:6");  // characters, not bytes
}

TEST(Sexpr, DecodesEscapesAndSkipsByteOrderMark) {
  const Sexpr s("\xef\xbb\xbf\"a\\\"b\\\\c\\n\\t;(\"", "f");
  ASSERT_EQ(s.forms().size(), 1U);
  EXPECT_EQ(s.text(s.forms()[0]), "a\"b\\c\n\t;(");
}

TEST(Sexpr, EmptyTextHasNoForms) {
  EXPECT_TRUE(Sexpr("", "f").forms().empty());
  EXPECT_TRUE(Sexpr(" ; only a comment", "f").forms().empty());
}

TEST(Sexpr, SaysWhereTheOpenParenthesisIs) {
  EXPECT_THAT(error_of("(a\n (b c)"),
              AllOf(HasSubstr("a.rules:1:1"), HasSubstr("never closed"), HasSubstr("a.rules:2:7")));
  EXPECT_THAT(error_of("x\n(a (b"), AllOf(HasSubstr("a.rules:2:4"), HasSubstr("outermost open '(' is at a.rules:2:1")));
  EXPECT_THAT(error_of("(a))"), AllOf(HasSubstr("a.rules:1:4"), HasSubstr("')'")));
}

TEST(Sexpr, RefusesBadStringsAndBytes) {
  EXPECT_THAT(error_of("(a \"b"), AllOf(HasSubstr("a.rules:1:4"), HasSubstr("never closed")));
  EXPECT_THAT(error_of("(a \"b\\"), HasSubstr("never closed"));
  EXPECT_THAT(error_of("\"a\\q\""), AllOf(HasSubstr("a.rules:1:3"), HasSubstr("unknown escape")));
  EXPECT_THAT(error_of("\"a\"b"), HasSubstr("after a string"));
  EXPECT_THAT(error_of("a\"b\""), HasSubstr("expected a blank"));
  EXPECT_THAT(error_of(std::string("(a\0b)", 5)), AllOf(HasSubstr("a.rules:1:3"), HasSubstr("0x00")));
}

TEST(Sexpr, TenMegabytesOfParenthesesAreRefusedCleanly) {
  EXPECT_THAT(error_of(std::string(10'000'000, '(')), AllOf(HasSubstr("a.rules:1:10001"), HasSubstr("10000 deep")));
  EXPECT_THAT(error_of(std::string(10'000'000, ')')), HasSubstr("a.rules:1:1"));
}

TEST(Sexpr, NestingUpToTheLimitAndWideTextsAreRead) {
  const Sexpr deep(std::string(Sexpr::kMaxDepth, '(') + std::string(Sexpr::kMaxDepth, ')'), "f");
  EXPECT_EQ(deep.forms().size(), 1U);
  std::string wide;
  for (int i = 0; i < 1'000'000; ++i) wide += "()";
  EXPECT_EQ(Sexpr(wide, "f").forms().size(), 1'000'000U);
}

TEST(Sexpr, KnowsTheColumnsOfALongLine) {
  // Were columns counted from the start of the line, this would take far too long.
  constexpr int kAtoms = 1'000'000;
  std::string text = "x\n";
  for (int i = 0; i < kAtoms; ++i) text += i % 3 == 0 ? "é " : "ab ";  // characters, not bytes
  const Sexpr s(text + "\ny", "f");
  int column = 1;
  for (int i = 0; i < kAtoms; ++i) {
    const Where where = s.where(s.forms()[static_cast<std::size_t>(i) + 1]);
    ASSERT_EQ(where.line, 2);
    ASSERT_EQ(where.column, column);
    column += i % 3 == 0 ? 2 : 3;
  }
  EXPECT_EQ(s.where(s.forms().back()).to_string(), "f:3:1");
  EXPECT_EQ(s.end().to_string(), "f:3:2");
}

TEST(Sexpr, DescribesBriefly) {
  const Sexpr s("(a b) \"str\" " + std::string(100, 'z'), "f");
  EXPECT_EQ(s.describe(s.forms()[0]), "(a b)");
  EXPECT_EQ(s.describe(s.forms()[1]), "the string \"str\"");
  EXPECT_LT(s.describe(s.forms()[2]).size(), 60U);
}

TEST(Numbers, AreParsedExactlyOrRefused) {
  EXPECT_EQ(parse_integer("-9223372036854775808", {}), INT64_MIN);
  EXPECT_EQ(parse_integer("+7", {}), 7);
  EXPECT_THROW((void)parse_integer("9223372036854775808", {}), Error);
  EXPECT_THROW((void)parse_integer("1x", {}), Error);
  EXPECT_EQ(parse_real("1.5e3", {}), 1500.0);
  EXPECT_THROW((void)parse_real("1e999", {}), Error);
  EXPECT_THROW((void)parse_real("abc", {}), Error);
  EXPECT_TRUE(looks_like_integer("-1"));
  EXPECT_FALSE(looks_like_integer("-"));
  EXPECT_FALSE(looks_like_integer("1.5"));
  EXPECT_TRUE(looks_like_number("-.5"));
  EXPECT_FALSE(looks_like_number("-a"));
}

TEST(AtomText, QuotesWhatWouldBeReadOtherwise) {
  EXPECT_EQ(atom_text("dot-product"), "dot-product");
  for (const std::string word : {"", "a b", "?x", "a\"b", "(", "a;b", "a\\ \n\t", "tab\tbed"}) {
    const Sexpr s(atom_text(word), "f");
    ASSERT_EQ(s.forms().size(), 1U) << word;
    EXPECT_TRUE(s.is_string(s.forms()[0])) << word;
    EXPECT_EQ(s.text(s.forms()[0]), word);
  }
  EXPECT_EQ(atom_text("-1"), "-1");
  EXPECT_EQ(name_text("-1"), "\"-1\"");
}

}  // namespace
}  // namespace tessera
