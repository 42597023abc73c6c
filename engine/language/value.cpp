#include "engine/language/value.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/base/check.hpp"
#include "engine/base/error.hpp"
#include "engine/base/hash.hpp"
#include "engine/text/sexpr.hpp"

namespace tessera {
namespace {

Value sequence(ValueKind kind, std::span<const std::int64_t> items) {
  if (items.size() > static_cast<std::size_t>(Value::kMaxDims)) {
    throw Error(ErrorCode::kInput, std::string(kind_name(kind)) + " of " + std::to_string(items.size()) +
                                       " numbers: at most " + std::to_string(Value::kMaxDims) + " are supported");
  }
  Value value;
  value.kind = kind;
  value.size = static_cast<std::uint8_t>(items.size());
  std::copy(items.begin(), items.end(), value.words.begin());
  return value;
}

std::string form(const char* head, std::span<const std::int64_t> items) {
  std::string text = std::string("(") + head;
  for (const std::int64_t item : items) text += " " + std::to_string(item);
  return text + ")";
}

}  // namespace

Value Value::integer(std::int64_t v) {
  Value value;
  value.words[0] = v;
  return value;
}

Value Value::name(Name n) {
  Value value;
  value.kind = ValueKind::kName;
  value.words[0] = static_cast<std::int64_t>(n.index());
  return value;
}

Value Value::literal(double v) {
  Value value;
  value.kind = ValueKind::kLiteral;
  // One NaN only: its sign and payload do not survive printing.
  value.words[0] = std::bit_cast<std::int64_t>(std::isnan(v) ? std::numeric_limits<double>::quiet_NaN() : v);
  return value;
}

Value Value::shape(std::span<const std::int64_t> dims) { return sequence(ValueKind::kShape, dims); }

Value Value::list(std::span<const std::int64_t> items) { return sequence(ValueKind::kList, items); }

Value Value::access_shape(std::span<const std::int64_t> shape, std::span<const std::int64_t> item) {
  const std::size_t count = shape.size() + item.size();
  if (count > static_cast<std::size_t>(kMaxDims)) {
    throw Error(ErrorCode::kInput, "an access shape of " + std::to_string(count) + " axes: at most " +
                                       std::to_string(kMaxDims) + " are supported");
  }
  Value value;
  value.kind = ValueKind::kAccessShape;
  value.size = static_cast<std::uint8_t>(count);
  value.split = static_cast<std::uint8_t>(shape.size());
  std::copy(item.begin(), item.end(), std::copy(shape.begin(), shape.end(), value.words.begin()));
  return value;
}

std::int64_t Value::as_int() const {
  CHECK(kind == ValueKind::kInt);
  return words[0];
}

Name Value::as_name() const {
  CHECK(kind == ValueKind::kName);
  return Name::from_index(static_cast<std::uint32_t>(words[0]));
}

double Value::as_literal() const {
  CHECK(kind == ValueKind::kLiteral);
  return std::bit_cast<double>(words[0]);
}

std::span<const std::int64_t> Value::dims() const {
  CHECK(kind == ValueKind::kShape || kind == ValueKind::kList || kind == ValueKind::kAccessShape);
  return std::span(words).first(size);
}

std::span<const std::int64_t> Value::shape_dims() const {
  CHECK(kind == ValueKind::kAccessShape);
  return dims().first(split);
}

std::span<const std::int64_t> Value::item_dims() const {
  CHECK(kind == ValueKind::kAccessShape);
  return dims().subspan(split);
}

std::string Value::to_string() const {
  switch (kind) {
    case ValueKind::kInt:
      return std::to_string(words[0]);
    case ValueKind::kName:
      return name_text(as_name().text());
    case ValueKind::kShape:
      return form("shape", dims());
    case ValueKind::kList:
      return form("list", dims());
    case ValueKind::kAccessShape:
      return "(access-shape " + form("shape", shape_dims()) + " " + form("shape", item_dims()) + ")";
    case ValueKind::kLiteral: {
      std::array<char, 64> buffer{};
      const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), as_literal()).ptr;
      return "(literal " + std::string(buffer.data(), end) + ")";
    }
  }
  CHECK(false);
}

std::uint64_t Value::hash() const {
  std::uint64_t hash = hash_combine(static_cast<std::uint64_t>(kind), (std::uint64_t{size} << 8) | split);
  if (kind == ValueKind::kName) return hash_combine(hash, as_name().hash());
  for (std::size_t i = 0; i < size; ++i) hash = hash_combine(hash, static_cast<std::uint64_t>(words[i]));
  return hash;
}

const char* kind_name(ValueKind kind) {
  switch (kind) {
    case ValueKind::kInt:
      return "an integer";
    case ValueKind::kName:
      return "a name";
    case ValueKind::kShape:
      return "a shape";
    case ValueKind::kList:
      return "a list";
    case ValueKind::kAccessShape:
      return "an access shape";
    case ValueKind::kLiteral:
      return "a literal";
  }
  CHECK(false);
}

}  // namespace tessera
