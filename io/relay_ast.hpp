// A Relay module as written: one function, its parameters, its bindings in the order of the text, and its result.
// Expressions live in one array, children before parents, so that nothing here is recursive but types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.hpp"

namespace tessera {

// Tensor[(1, 3, 224, 224), float32], a bare dtype (a scalar), or a tuple of types.
struct RelayType {
  bool is_tuple = false;
  std::vector<std::int64_t> dims;
  std::string dtype;
  std::vector<RelayType> fields;

  [[nodiscard]] std::string to_string() const;  // as in Relay text
  friend bool operator==(const RelayType&, const RelayType&) = default;
};

struct RelayAttribute {
  enum class Kind : std::uint8_t { kInteger, kFloat, kBoolean, kString, kNone, kSequence };
  std::string name;  // empty for an item of a sequence
  Where where;       // of the value
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;           // kInteger, kBoolean
  double number = 0;                  // kInteger, kFloat
  std::string text;                   // kString; else as written
  std::vector<RelayAttribute> items;  // kSequence: [1, 1] or (1, 1)
};

struct RelayExpression {
  enum class Kind : std::uint8_t { kVariable, kLiteral, kCall, kTuple, kProjection };
  Kind kind = Kind::kVariable;
  Where where;
  std::string name;                        // kVariable: without the sign; kCall: of the operator
  std::vector<std::uint32_t> kids;         // kCall, kTuple, kProjection: indices of earlier expressions
  std::vector<RelayAttribute> attributes;  // kCall
  double number = 0;                       // kLiteral
  std::string dtype;                       // kLiteral
  std::int64_t field = 0;                  // kProjection
  std::optional<RelayType> declared;       // from the type comment behind it
  Where declared_where;
};

struct RelayParameter {
  std::string name;
  RelayType type;
  Where where;
};

struct RelayBinding {
  std::string name;
  std::uint32_t expression = 0;
  Where where;
};

struct RelayFunction {
  std::string name;
  std::vector<RelayParameter> parameters;
  std::vector<RelayExpression> expressions;
  std::vector<RelayBinding> bindings;
  std::uint32_t result = 0;
  std::optional<RelayType> result_type;
  Where result_type_where;
};

}  // namespace tessera
