// A small language with every kind of argument, shapes as data, and a few accessors: what the reader, the printer and
// the rules parser are tested with, independently of the tensor language. Data: the number of shape axes, then all
// extents. Tensors: x is [2 3 4], y is [4 4], both as one item.
#pragma once

#include <array>
#include <map>
#include <string>

#include "engine/base/error.hpp"
#include "engine/language/language.hpp"

namespace tessera::testing {

class ToyLanguage : public Language {
 public:
  [[nodiscard]] std::string_view name() const override { return "toy"; }

  [[nodiscard]] std::optional<Signature> signature(Name op) const override {
    using enum ArgumentKind;
    static const std::map<std::string, Signature, std::less<>> known = {
        {"access-tensor", {{kName}}},
        {"access", {{kChild, kInt}}},
        {"access-slice", {{kChild, kInt, kInt, kInt}}},
        {"access-reshape", {{kChild, kAccessShape}}},
        {"access-transpose", {{kChild, kList}}},
        {"access-pair", {{kChild, kChild}}},
        {"compute", {{kName, kChild}}},
        {"access-literal", {{kLiteral}}},
        {"constant-tensor", {{kLiteral, kShape}}},
        {"systolic-array", {{kInt, kInt, kChild, kChild}}},
        {"relay-operator-call", {{kName, kRest}}},
        {"construct-tuple", {{kRest}}},
    };
    const auto found = known.find(op.text());
    if (found == known.end()) return std::nullopt;
    return found->second;
  }

  [[nodiscard]] std::optional<SymbolId> leaf(SymbolTable& symbols, std::string_view atom) const override {
    if (atom != "x" && atom != "y" && atom != "t0" && atom != "t 1") return std::nullopt;
    return symbols.intern(Name("access-tensor"), std::array{Value::name(Name(atom))}, 0);
  }

  [[nodiscard]] bool is_attribute_name(std::string_view atom) const override { return atom == "nchw"; }

  [[nodiscard]] std::string suggestion(std::string_view word) const override {
    return word == "access-slise" ? "access-slice" : word == "X" ? "x" : "";
  }

  [[nodiscard]] bool has_data() const override { return true; }

  void make(const Symbol& symbol, std::span<const DataView> kids, DataWords& out) const override {
    const std::string_view op = symbol.name.text();
    out.clear();
    if (op == "access-tensor") {
      out = symbol.attributes[0].as_name() == Name("x") ? DataWords{0, 2, 3, 4} : DataWords{0, 4, 4};
    } else if (op == "access-reshape") {
      const Value& shape = symbol.attributes[0];
      out.push_back(shape.split);
      out.insert(out.end(), shape.dims().begin(), shape.dims().end());
      if (product(out) != product(kids[0])) {
        throw Error(ErrorCode::kInput, "access-reshape changes the number of elements");
      }
    } else if (!kids.empty()) {
      out.assign(kids[0].begin(), kids[0].end());
      if (op == "access") {
        out[0] = symbol.attributes[0].as_int();
        if (out[0] < 0 || out[0] >= static_cast<std::int64_t>(out.size())) {
          throw Error(ErrorCode::kInput, "access splits outside the axes");
        }
      }
    } else {
      out = {0};
    }
  }

  [[nodiscard]] int accessor(std::string_view function) const override {
    if (function == "get-access-shape") return 0;
    if (function == "dim") return 1;
    if (function == "shape-of") return 2;
    return -1;
  }

  [[nodiscard]] Value access(int accessor, DataView data, std::span<const Value> arguments) const override {
    const auto split = static_cast<std::size_t>(data[0]);
    const DataView dims = data.subspan(1);
    if (accessor == 0) return Value::access_shape(dims.first(split), dims.subspan(split));
    if (accessor == 2) return Value::shape(dims);
    if (arguments.size() != 1 || arguments[0].kind != ValueKind::kInt) {
      throw Error(ErrorCode::kInput, "dim expects an axis");
    }
    const std::int64_t axis = arguments[0].as_int();
    if (axis < 0 || axis >= static_cast<std::int64_t>(dims.size())) {
      throw Error(ErrorCode::kInput, "axis " + std::to_string(axis) + " is out of range");
    }
    return Value::integer(dims[static_cast<std::size_t>(axis)]);
  }

  [[nodiscard]] std::uint64_t cost(const Symbol&, DataView, std::span<const DataView>) const override { return 1; }

 private:
  static std::int64_t product(DataView data) {
    std::int64_t result = 1;
    for (const std::int64_t dim : data.subspan(1)) {
      if (__builtin_mul_overflow(result, dim, &result)) throw Error(ErrorCode::kInput, "too many elements");
    }
    return result;
  }
};

}  // namespace tessera::testing
