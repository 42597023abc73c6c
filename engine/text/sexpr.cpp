#include "engine/text/sexpr.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace tessera {
namespace {

constexpr std::size_t kMaxTextBytes = (std::size_t{1} << 30) - 1;
constexpr std::size_t kPlaceBytes = 256;  // a line's places are hardly further apart

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool ends_atom(char c) { return is_blank(c) || c == '(' || c == ')' || c == '"' || c == ';'; }
// Columns count characters, not bytes: continuation bytes of UTF-8 do not count.
bool begins_character(char c) { return (c & 0xc0) != 0x80; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string shorten(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown;
  for (const char c : text.substr(0, kShown)) shown += is_control(c) ? ' ' : c;
  if (text.size() > kShown) shown += "…";
  return shown;
}

}  // namespace

Sexpr::Sexpr(std::string text, std::string file) : text_(std::move(text)), file_(std::move(file)) {
  if (text_.size() > kMaxTextBytes) throw Error(ErrorCode::kInput, "the text is larger than 1 GiB", {file_, 0, 0});
  note_places();
  parse();
}

void Sexpr::note_places() {
  Place next{0, 1, 1};
  places_.push_back(next);
  for (const char c : text_) {
    ++next.offset;
    if (c == '\n') {
      ++next.line;
      next.column = 1;
    } else if (begins_character(c)) {
      ++next.column;
    }
    if (c == '\n' || next.offset - places_.back().offset == kPlaceBytes) places_.push_back(next);
  }
}

void Sexpr::parse() {
  struct Open {
    SexprId list;
    SexprId last;  // its last item so far
  };
  std::vector<Open> open;
  const auto append = [&](std::size_t offset, std::size_t length, SexprKind kind) {
    const auto id = SexprId(static_cast<std::uint32_t>(nodes_.size()));
    nodes_.push_back({static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(kind), {}, {}});
    nodes_.back().set_length(length);
    if (open.empty()) {
      forms_.push_back(id);
    } else {
      Open& parent = open.back();
      (parent.last.is_none() ? nodes_[parent.list.value].first : nodes_[parent.last.value].next) = id;
      parent.last = id;
    }
    return id;
  };

  std::size_t at = text_.starts_with("\xef\xbb\xbf") ? 3 : 0;  // a byte order mark is not text
  while (at < text_.size()) {
    const char c = text_[at];
    if (is_blank(c)) {
      ++at;
    } else if (c == ';') {
      at = std::min(text_.find('\n', at), text_.size());
    } else if (c == '(') {
      if (open.size() == kMaxDepth) {
        throw Error(ErrorCode::kInput, "parentheses are nested more than " + std::to_string(kMaxDepth) + " deep",
                    where_of(at));
      }
      const SexprId id = append(at, 1, SexprKind::kList);
      open.push_back({id, {}});
      ++at;
    } else if (c == ')') {
      if (open.empty()) throw Error(ErrorCode::kInput, "found ')' where no '(' is open", where_of(at));
      ++at;
      Node& list = nodes_[open.back().list.value];
      list.set_length(at - list.offset);
      open.pop_back();
    } else if (c == '"') {
      const SexprId id = append(at, 0, SexprKind::kString);
      at = read_string(at, id);
      if (at < text_.size() && !is_blank(text_[at]) && text_[at] != ')' && text_[at] != ';') {
        throw Error(ErrorCode::kInput,
                    "expected a blank or ')' after a string, found '" + shorten(text_.substr(at, 1)) + "'",
                    where_of(at));
      }
    } else {
      const std::size_t begin = at;
      while (at < text_.size() && !ends_atom(text_[at])) {
        if (is_control(text_[at])) {
          std::array<char, 8> code{};
          std::snprintf(code.data(), code.size(), "0x%02x",
                        static_cast<unsigned>(static_cast<unsigned char>(text_[at])));
          throw Error(ErrorCode::kInput, std::string("found the control character ") + code.data() + ", expected text",
                      where_of(at));
        }
        ++at;
      }
      if (at < text_.size() && text_[at] == '"') {
        throw Error(ErrorCode::kInput, "expected a blank between an atom and a string", where_of(at));
      }
      append(begin, at - begin, SexprKind::kAtom);
    }
  }
  if (!open.empty()) {
    const Where inner = where(open.back().list);
    std::string message = "this '(' is never closed: the text ends at " + end().to_string() + ", expected ";
    message += open.size() == 1 ? "')'" : std::to_string(open.size()) + " times ')'";
    if (open.size() > 1) message += "; the outermost open '(' is at " + where(open.front().list).to_string();
    throw Error(ErrorCode::kInput, message, inner);
  }
}

// Returns the offset after the closing quote.
std::size_t Sexpr::read_string(std::size_t begin, SexprId node) {
  std::string decoded;
  bool escaped = false;
  std::size_t at = begin + 1;
  for (; at < text_.size() && text_[at] != '"'; ++at) {
    char c = text_[at];
    if (c == '\\') {
      escaped = true;
      if (++at == text_.size()) break;
      switch (text_[at]) {
        case 'n':
          c = '\n';
          break;
        case 't':
          c = '\t';
          break;
        case '"':
        case '\\':
          c = text_[at];
          break;
        default:
          throw Error(ErrorCode::kInput, "found an unknown escape in a string, expected one of \\\" \\\\ \\n \\t",
                      where_of(at - 1));
      }
    }
    decoded += c;
  }
  if (at >= text_.size()) throw Error(ErrorCode::kInput, "this string is never closed, expected '\"'", where_of(begin));
  nodes_[node.value].set_length(at + 1 - begin);
  if (escaped) unescaped_.emplace(node.value, std::move(decoded));
  return at + 1;
}

std::string_view Sexpr::text(SexprId node) const {
  const Node& n = nodes_[node.value];
  if (n.kind() == SexprKind::kList) return {};
  const std::string_view whole = std::string_view(text_).substr(n.offset, n.length());
  if (n.kind() == SexprKind::kAtom) return whole;
  if (const auto found = unescaped_.find(node.value); found != unescaped_.end()) return found->second;
  return whole.substr(1, whole.size() - 2);
}

std::vector<SexprId> Sexpr::items(SexprId list) const {
  std::vector<SexprId> result;
  for (SexprId item = first(list); !item.is_none(); item = next(item)) result.push_back(item);
  return result;
}

std::string_view Sexpr::head(SexprId list) const {
  if (!is_list(list) || first(list).is_none() || !is_atom(first(list))) return {};
  return text(first(list));
}

Where Sexpr::where(SexprId node) const { return where_of(nodes_[node.value].offset); }

Where Sexpr::where_of(std::size_t offset) const {
  const Place& place = *(std::ranges::upper_bound(places_, offset, {}, &Place::offset) - 1);
  const std::string_view between = std::string_view(text_).substr(place.offset, offset - place.offset);
  const auto column = place.column + std::ranges::count_if(between, begins_character);
  return {file_, static_cast<int>(place.line), static_cast<int>(column)};
}

std::string Sexpr::describe(SexprId node) const {
  const Node& n = nodes_[node.value];
  const std::string shown = shorten(std::string_view(text_).substr(n.offset, n.length()));
  if (n.kind() == SexprKind::kAtom) return "'" + shown + "'";
  return n.kind() == SexprKind::kString ? "the string " + shown : shown;
}

bool looks_like_integer(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

bool looks_like_number(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (!text.empty() && text.front() == '.') text.remove_prefix(1);
  return !text.empty() && is_digit(text.front());
}

std::int64_t parse_integer(std::string_view text, const Where& where) {
  const std::string shown = shorten(text);
  if (!looks_like_integer(text)) throw Error(ErrorCode::kInput, "expected an integer, found '" + shown + "'", where);
  if (text.front() == '+') text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) {
    throw Error(ErrorCode::kInput, "the integer " + shown + " does not fit into 64 bits", where);
  }
  return value;
}

double parse_real(std::string_view text, const Where& where) {
  const std::string shown = shorten(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status == std::errc::result_out_of_range) {
    throw Error(ErrorCode::kInput, "the number " + shown + " does not fit into a double", where);
  }
  if (status != std::errc{} || end != text.data() + text.size()) {
    throw Error(ErrorCode::kInput, "expected a number, found '" + shown + "'", where);
  }
  return value;
}

std::string atom_text(std::string_view text) {
  const bool plain = !text.empty() && text.front() != '?' &&
                     std::none_of(text.begin(), text.end(), [](char c) { return ends_atom(c) || is_control(c); });
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string name_text(std::string_view text) {
  return looks_like_number(text) ? "\"" + std::string(text) + "\"" : atom_text(text);
}

}  // namespace tessera
