// Static attributes: the arguments of an operator that are numbers, names and shapes rather than e-classes.
// A Value is trivially copyable (fixed capacity, no heap) so that it can sit in match slots and mailbox records.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "engine/language/name.hpp"

namespace tessera {

enum class ValueKind : std::uint8_t {
  kInt,          // 64-bit integer; truth values are 0 and 1
  kName,         // dot-product, zero-padding, relay-add, a tensor's name
  kShape,        // (shape 3 224 224)
  kList,         // (list 1 0)
  kAccessShape,  // (access-shape (shape 1 2) (shape 3)): `split` dims, then the rest
  kLiteral,      // a floating-point constant, stored as the bits of a double
};

struct Value {
  static constexpr int kMaxDims = 12;

  ValueKind kind = ValueKind::kInt;
  std::uint8_t size = 1;   // words in use: 1 for kInt, kName, kLiteral; number of extents otherwise
  std::uint8_t split = 0;  // kAccessShape: how many of the extents are shape axes; 0 otherwise
  // Those not in use are anything: to zero them all took a fifth of a search whose rules have conditions.
  std::array<std::int64_t, kMaxDims> words;

  Value() { words[0] = 0; }  // the integer 0
  static Value integer(std::int64_t v);
  static Value boolean(bool v) { return integer(v ? 1 : 0); }
  static Value name(Name n);
  static Value literal(double v);
  // Throw Error(kInput) when there are more than kMaxDims extents.
  static Value shape(std::span<const std::int64_t> dims);
  static Value list(std::span<const std::int64_t> items);
  static Value access_shape(std::span<const std::int64_t> shape, std::span<const std::int64_t> item);

  [[nodiscard]] std::int64_t as_int() const;  // CHECKs the kind, as do the others
  [[nodiscard]] Name as_name() const;
  [[nodiscard]] double as_literal() const;
  [[nodiscard]] std::span<const std::int64_t> dims() const;        // all extents of kShape, kList, kAccessShape
  [[nodiscard]] std::span<const std::int64_t> shape_dims() const;  // kAccessShape: before the split
  [[nodiscard]] std::span<const std::int64_t> item_dims() const;   // kAccessShape: after it

  // As in program text; reads back to an equal value. Literals print with the fewest digits that read back exactly.
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] std::uint64_t hash() const;  // of the content (a name's characters, not its index)
  friend bool operator==(const Value& a, const Value& b) {
    if (a.kind != b.kind || a.size != b.size || a.split != b.split) return false;
    for (std::size_t i = 0; i < a.size; ++i)  // most have one word
      if (a.words[i] != b.words[i]) return false;
    return true;
  }
};

[[nodiscard]] const char* kind_name(ValueKind kind);  // "an integer", "a shape": for messages

}  // namespace tessera
