// S-expressions: the one surface syntax of rules, queries and programs. `;` starts a comment that ends with the line;
// an atom is any run of characters but blanks, parentheses, `"` and `;`; a string is in double quotes and knows \"
// \\ \n \t. The parser is iterative and its memory is linear in the text (16 bytes a node), whatever the text is:
// hostile input gets an Error(kInput) with file:line:column, never a stack overflow.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/ids.hpp"

namespace tessera {

enum class SexprKind : std::uint8_t { kAtom, kString, kList };

using SexprId = Id<struct SexprTag>;  // a node of one Sexpr

class Sexpr {
 public:
  static constexpr std::uint32_t kMaxDepth = 10'000;  // of nested parentheses

  // Reads a whole text: any number of forms one after the other. Throws Error(kInput).
  Sexpr(std::string text, std::string file);

  [[nodiscard]] const std::vector<SexprId>& forms() const { return forms_; }  // the outermost ones, in order
  [[nodiscard]] SexprKind kind(SexprId node) const { return nodes_[node.value].kind(); }
  [[nodiscard]] bool is_list(SexprId node) const { return kind(node) == SexprKind::kList; }
  [[nodiscard]] bool is_atom(SexprId node) const { return kind(node) == SexprKind::kAtom; }
  [[nodiscard]] bool is_string(SexprId node) const { return kind(node) == SexprKind::kString; }
  // An atom's characters or a string's contents; empty for a list. Valid as long as this object.
  [[nodiscard]] std::string_view text(SexprId node) const;
  // A list's items, linked: first(list), then next(item) until is_none().
  [[nodiscard]] SexprId first(SexprId list) const { return nodes_[list.value].first; }
  [[nodiscard]] SexprId next(SexprId item) const { return nodes_[item.value].next; }
  [[nodiscard]] std::vector<SexprId> items(SexprId list) const;
  // The text of a list's first item when that is an atom; empty otherwise. `(shape 1 2)` has the head "shape".
  [[nodiscard]] std::string_view head(SexprId list) const;

  [[nodiscard]] Where where(SexprId node) const;
  // What stands there, for messages: "'foo'", "the string "foo"", "(shape …)"; long ones are cut.
  [[nodiscard]] std::string describe(SexprId node) const;
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] Where end() const { return where_of(text_.size()); }

 private:
  struct Node {
    std::uint32_t offset = 0;           // of the first character, in bytes
    std::uint32_t length_and_kind = 0;  // length * 4 + kind
    SexprId first;
    SexprId next;
    [[nodiscard]] SexprKind kind() const { return static_cast<SexprKind>(length_and_kind & 3U); }
    [[nodiscard]] std::uint32_t length() const { return length_and_kind >> 2; }
    void set_length(std::size_t n) { length_and_kind = (static_cast<std::uint32_t>(n) << 2) | (length_and_kind & 3U); }
  };

  // A character whose line and column are known, both from 1: the first of each line, and in long lines some more, so
  // that the place of any node is found without counting through its whole line.
  struct Place {
    std::uint32_t offset = 0;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
  };

  void note_places();
  void parse();
  [[nodiscard]] std::size_t read_string(std::size_t begin, SexprId node);
  [[nodiscard]] Where where_of(std::size_t offset) const;

  std::string text_;
  std::string file_;
  std::vector<Node> nodes_;
  std::vector<SexprId> forms_;
  std::vector<Place> places_;
  std::unordered_map<std::uint32_t, std::string> unescaped_;  // by node: strings that contain a backslash
};

// Whether the text is an optional sign and digits, whatever their size.
[[nodiscard]] bool looks_like_integer(std::string_view text);
// Whether it starts as a number does: digits after an optional sign or point.
[[nodiscard]] bool looks_like_number(std::string_view text);
// Both throw Error(kInput) at `where` when the text is no such number or does not fit.
[[nodiscard]] std::int64_t parse_integer(std::string_view text, const Where& where);
[[nodiscard]] double parse_real(std::string_view text, const Where& where);

// The text as an atom, or as a string in quotes where an atom would be read as something else (blanks, a leading `?`).
[[nodiscard]] std::string atom_text(std::string_view text);
// The same for an attribute that is a name, where a bare number would be read as a number.
[[nodiscard]] std::string name_text(std::string_view text);

}  // namespace tessera
