// Tokens of Relay's text format, version 0.0.5 (Roesch et al., "Relay: A New IR for Machine Learning Frameworks",
// MAPL 2018, and TVM's printer). Tokens are made one at a time, so that a hostile text costs no memory.
// TVM prints the inferred type of an expression as a comment behind it: `add(%a, %b) /* ty=Tensor[(32), float32] */`.
// Such a comment is kept with the token before it, because readers check it; all other comments are dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/error.hpp"

namespace tessera {

enum class RelayTokenKind : std::uint8_t {
  kEnd,
  kIdentifier,   // nn.conv2d, Tensor, float32, True
  kLocal,        // %data, %17: text is without the percent sign
  kGlobal,       // @main: text is without the sign
  kInteger,      // 17, -1, 3i64
  kFloat,        // 1e-05f, 0.5, 1f64
  kString,       // "NCHW": text is without the quotes
  kPunctuation,  // ( ) [ ] { } < > , ; : = . -> #
};

struct RelayPosition {
  int line = 1;
  int column = 1;
};

struct RelayTypeComment {
  std::string_view text;  // what follows `ty=` up to the end of the comment
  std::size_t offset = 0;
  RelayPosition position;
};

struct RelayToken {
  RelayTokenKind kind = RelayTokenKind::kEnd;
  std::string_view text;  // points into the source
  RelayPosition position;
  std::int64_t integer = 0;              // kInteger
  double number = 0;                     // kInteger, kFloat
  std::string_view dtype;                // kInteger, kFloat: int32, float32, ... from the suffix
  std::optional<RelayTypeComment> type;  // the type comment right behind the token

  [[nodiscard]] bool is(std::string_view punctuation) const {
    return kind == RelayTokenKind::kPunctuation && text == punctuation;
  }
  [[nodiscard]] bool is_word(std::string_view word) const {
    return kind == RelayTokenKind::kIdentifier && text == word;
  }
  // As it is named in a message: "')'", "the end of the file", "'%17'".
  [[nodiscard]] std::string describe() const;
};

class RelayLexer {
 public:
  // The text must outlive the lexer and its tokens. `start` is the position of the text's first byte in the file.
  RelayLexer(std::string_view text, const std::string& file, RelayPosition start = {});

  // Throws Error(kInput) on a byte that starts no token, an unfinished comment or string, a number out of range.
  RelayToken next();

 private:
  [[noreturn]] void fail(const RelayPosition& position, const std::string& message) const;
  [[nodiscard]] bool at_end() const { return offset_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
  }
  void advance();
  // Skips blanks and comments; returns the first type comment among them.
  std::optional<RelayTypeComment> skip_blanks();
  void read_name(RelayToken& token);
  void read_number(RelayToken& token);
  void read_string(RelayToken& token);
  void read_punctuation(RelayToken& token);

  std::string_view text_;
  const std::string& file_;
  std::size_t offset_ = 0;
  RelayPosition position_;
  bool after_dot_ = false;  // the last token was a dot
};

}  // namespace tessera
