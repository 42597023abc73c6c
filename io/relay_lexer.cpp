#include "io/relay_lexer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace tessera {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct Suffix {
  std::string_view text;
  std::string_view dtype;
  bool is_float;
};

constexpr std::array<Suffix, 12> kSuffixes{{{"f", "float32", true},
                                            {"f16", "float16", true},
                                            {"f32", "float32", true},
                                            {"f64", "float64", true},
                                            {"i8", "int8", false},
                                            {"i16", "int16", false},
                                            {"i32", "int32", false},
                                            {"i64", "int64", false},
                                            {"u8", "uint8", false},
                                            {"u16", "uint16", false},
                                            {"u32", "uint32", false},
                                            {"u64", "uint64", false}}};

std::string show_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7f) return std::string("'") + c + "'";
  constexpr std::string_view kHex = "0123456789abcdef";
  return std::string("byte 0x") + kHex[byte >> 4] + kHex[byte & 15];
}

}  // namespace

std::string RelayToken::describe() const {
  constexpr std::size_t kLongest = 40;
  const std::string shown = text.size() > kLongest ? std::string(text.substr(0, kLongest)) + "..." : std::string(text);
  switch (kind) {
    case RelayTokenKind::kEnd:
      return "the end of the file";
    case RelayTokenKind::kLocal:
      return "'%" + shown + "'";
    case RelayTokenKind::kGlobal:
      return "'@" + shown + "'";
    case RelayTokenKind::kString:
      return "the string \"" + shown + "\"";
    default:
      return "'" + shown + "'";
  }
}

RelayLexer::RelayLexer(std::string_view text, const std::string& file, RelayPosition start)
    : text_(text), file_(file), position_(start) {}

void RelayLexer::fail(const RelayPosition& position, const std::string& message) const {
  throw Error(ErrorCode::kInput, message, Where{file_, position.line, position.column});
}

void RelayLexer::advance() {
  if (text_[offset_] == '\n') {
    ++position_.line;
    position_.column = 1;
  } else {
    ++position_.column;
  }
  ++offset_;
}

std::optional<RelayTypeComment> RelayLexer::skip_blanks() {
  std::optional<RelayTypeComment> found;
  while (!at_end()) {
    if (is_blank(peek())) {
      advance();
    } else if (peek() == '/' && peek(1) == '/') {
      while (!at_end() && peek() != '\n') advance();
    } else if (peek() == '/' && peek(1) == '*') {
      const RelayPosition opened = position_;
      const std::size_t end = text_.find("*/", offset_ + 2);
      if (end == std::string_view::npos) fail(opened, "unfinished comment: expected '*/' before the end of the file");
      advance();
      advance();
      while (offset_ < end && is_blank(peek())) advance();
      if (!found && text_.substr(offset_, 3) == "ty=" && offset_ + 3 <= end) {
        for (int i = 0; i < 3; ++i) advance();
        found = RelayTypeComment{text_.substr(offset_, end - offset_), offset_, position_};
      }
      while (offset_ < end + 2) advance();
    } else {
      break;
    }
  }
  return found;
}

RelayToken RelayLexer::next() {
  skip_blanks();
  RelayToken token;
  token.position = position_;
  if (at_end()) return token;
  const char c = peek();
  if (is_letter(c)) {
    token.kind = RelayTokenKind::kIdentifier;
    read_name(token);
  } else if (c == '%' || c == '@') {
    token.kind = c == '%' ? RelayTokenKind::kLocal : RelayTokenKind::kGlobal;
    advance();
    read_name(token);
  } else if (is_digit(c) || (c == '-' && is_digit(peek(1)))) {
    read_number(token);
  } else if (c == '"') {
    read_string(token);
  } else {
    read_punctuation(token);
  }
  after_dot_ = token.is(".");
  token.type = skip_blanks();  // what stands behind the token, up to the next one
  return token;
}

// A name; dots continue it only before a letter, so that `%t.0` is a projection and `nn.relu` is one name. A local may
// also be a number.
void RelayLexer::read_name(RelayToken& token) {
  const std::size_t begin = offset_;
  if (token.kind == RelayTokenKind::kLocal && is_digit(peek())) {
    while (is_digit(peek())) advance();
  } else {
    while (is_letter(peek()) || (offset_ > begin && is_digit(peek())) ||
           (offset_ > begin && peek() == '.' && is_letter(peek(1)))) {
      advance();
    }
  }
  token.text = text_.substr(begin, offset_ - begin);
  if (token.text.empty()) {
    fail(token.position,
         "expected a name behind the sign, found " + (at_end() ? "the end of the file" : show_byte(peek())));
  }
}

void RelayLexer::read_number(RelayToken& token) {
  const std::size_t begin = offset_;
  bool is_float = false;
  if (peek() == '-') advance();
  while (is_digit(peek())) advance();
  if (after_dot_) {
    // A tuple's field, not a number: `%t.0.1` is field 1 of field 0.
  } else if (peek() == '.' && is_digit(peek(1))) {
    is_float = true;
    advance();
    while (is_digit(peek())) advance();
  } else if (peek() == '.' && !is_letter(peek(1)) && peek(1) != '.') {
    is_float = true;  // `1.`
    advance();
  }
  if (!after_dot_ && (peek() == 'e' || peek() == 'E') &&
      (is_digit(peek(1)) || ((peek(1) == '-' || peek(1) == '+') && is_digit(peek(2))))) {
    is_float = true;
    advance();
    advance();
    while (is_digit(peek())) advance();
  }
  const std::string_view digits = text_.substr(begin, offset_ - begin);
  const std::size_t suffix_begin = offset_;
  while (is_letter(peek()) || is_digit(peek())) advance();
  const std::string_view suffix = text_.substr(suffix_begin, offset_ - suffix_begin);
  token.text = text_.substr(begin, offset_ - begin);
  token.dtype = is_float ? "float32" : "int32";
  if (!suffix.empty()) {
    bool known = false;
    for (const Suffix& s : kSuffixes) {
      if (s.text != suffix || (is_float && !s.is_float)) continue;
      token.dtype = s.dtype;
      is_float = s.is_float;
      known = true;
    }
    if (!known) {
      fail(token.position,
           "unknown number suffix in " + token.describe() + ": expected a suffix such as f, f64 or i64, or none");
    }
  }
  token.kind = is_float ? RelayTokenKind::kFloat : RelayTokenKind::kInteger;
  const char* const first = digits.data();
  const char* const last = digits.data() + digits.size();
  if (is_float) {
    const auto [end, code] = std::from_chars(first, last, token.number);
    if (code != std::errc{} || end != last || !std::isfinite(token.number)) {
      fail(token.position, "expected a number that fits a double, found " + token.describe());
    }
  } else {
    const auto [end, code] = std::from_chars(first, last, token.integer);
    if (code != std::errc{} || end != last) {
      fail(token.position, "expected an integer of 64 bits, found " + token.describe());
    }
    token.number = static_cast<double>(token.integer);
  }
}

void RelayLexer::read_string(RelayToken& token) {
  token.kind = RelayTokenKind::kString;
  advance();
  const std::size_t begin = offset_;
  while (!at_end() && peek() != '"' && peek() != '\n') {
    if (peek() == '\\' && offset_ + 1 < text_.size()) advance();
    advance();
  }
  if (peek() != '"') fail(token.position, "unfinished string: expected '\"' before the end of the line");
  token.text = text_.substr(begin, offset_ - begin);
  advance();
}

void RelayLexer::read_punctuation(RelayToken& token) {
  token.kind = RelayTokenKind::kPunctuation;
  constexpr std::string_view kSingle = "()[]{}<>,;:=.#?";
  const std::size_t begin = offset_;
  if (peek() == '-' && peek(1) == '>') {
    advance();
    advance();
  } else if (kSingle.find(peek()) != std::string_view::npos) {
    advance();
  } else {
    fail(token.position, "found " + show_byte(peek()) + ", which starts no Relay token");
  }
  token.text = text_.substr(begin, offset_ - begin);
}

}  // namespace tessera
