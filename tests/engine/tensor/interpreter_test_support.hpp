// Programs built node by node and run on tensors given as lists: what the interpreter's tests share. Everything is done
// for all three element types by typed tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/tensor/interpreter.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace tessera {

using ElementTypes = ::testing::Types<float, double, std::int64_t>;

inline Value number(std::int64_t value) { return Value::integer(value); }
inline Value name_value(std::string_view text) { return Value::name(Name(text)); }
inline Value shape(std::initializer_list<std::int64_t> dims) { return Value::shape(std::vector<std::int64_t>(dims)); }
inline Value list(std::initializer_list<std::int64_t> items) { return Value::list(std::vector<std::int64_t>(items)); }
inline Value access_shape(std::initializer_list<std::int64_t> outer, std::initializer_list<std::int64_t> item) {
  return Value::access_shape(std::vector<std::int64_t>(outer), std::vector<std::int64_t>(item));
}

template <class T>
class InterpreterTest : public ::testing::Test {
 protected:
  using Node = std::uint32_t;

  Node add(std::string_view op, std::vector<Value> attributes, std::vector<Node> kids) {
    const SymbolId symbol = symbols_.intern(Name(op), attributes, static_cast<std::uint32_t>(kids.size()));
    return program_.add(symbol, kids);
  }
  // A tensor of the environment.
  Node tensor(std::string_view name, std::vector<std::int64_t> dims, const std::vector<T>& values) {
    environment_.insert_or_assign(Name(name), make_tensor<T>(std::move(dims), 0, values));
    return add("access-tensor", {name_value(name)}, {});
  }
  // The same holding start, start + 1, …
  Node counting(std::string_view name, std::vector<std::int64_t> dims, T start = 0) {
    std::vector<T> values(static_cast<std::size_t>(product(dims)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = start + static_cast<T>(i);
    return tensor(name, std::move(dims), values);
  }
  Node access(Node a, std::int64_t split) { return add("access", {number(split)}, {a}); }
  Node compute(std::string_view type, Node a) { return add("compute", {name_value(type)}, {a}); }
  Node relay(std::string_view op, std::vector<Node> kids, std::vector<Value> attributes = {}) {
    attributes.insert(attributes.begin(), name_value(op));
    return add("relay-operator-call", std::move(attributes), std::move(kids));
  }

  Tensor<T> run(Node root) {
    std::vector<Tensor<T>> results = run_all({root});
    EXPECT_EQ(results.size(), 1U);
    if constexpr (std::is_same_v<T, float>) expect_inferred_type(root, results.at(0));
    return results.at(0);
  }
  // Shape inference and interpretation are separate code: they must agree.
  void expect_inferred_type(Node root, const Tensor<T>& result) {
    TensorLanguage language;
    for (const auto& [name, tensor] : environment_) language.declare({name, DType::kFloat32, tensor.dims});
    std::vector<DataWords> data(program_.size());
    std::vector<bool> needed(program_.size(), false);
    needed[root] = true;
    for (std::size_t node = root + 1; node-- > 0;) {
      for (const Node kid : program_[static_cast<Node>(node)].kids) needed[kid] = needed[kid] || needed[node];
    }
    for (Node node = 0; node <= root; ++node) {
      if (!needed[node]) continue;
      std::vector<DataView> kids;
      for (const Node kid : program_[node].kids) kids.push_back(data[kid]);
      ASSERT_NO_THROW(language.make(symbols_[program_[node].symbol], kids, data[node]));
    }
    const TensorType type{DataView(data[root])};
    EXPECT_EQ(std::vector<std::int64_t>(type.dims().begin(), type.dims().end()), result.dims);
    EXPECT_EQ(type.split(), static_cast<std::size_t>(result.split));
  }
  std::vector<Tensor<T>> run_all(std::vector<Node> roots) {
    return interpret<T>(symbols_, program_, roots, environment_);
  }

  void expect(Node root, std::vector<std::int64_t> dims, int split, const std::vector<T>& values) {
    const Tensor<T> result = run(root);
    EXPECT_EQ(result.dims, dims);
    EXPECT_EQ(result.split, split);
    ASSERT_EQ(result.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_integral_v<T>) {
        EXPECT_EQ(result.data[i], values[i]) << "element " << i;
      } else {
        EXPECT_NEAR(static_cast<double>(result.data[i]), static_cast<double>(values[i]),
                    1e-5 * (1 + std::abs(static_cast<double>(values[i]))))
            << "element " << i;
      }
    }
  }
  // Running must throw Error(kInput) whose message has the text in it.
  void expect_error(Node root, const std::string& text) {
    try {
      static_cast<void>(run(root));
      ADD_FAILURE() << "no error; expected one with: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
    }
  }

  static std::int64_t product(const std::vector<std::int64_t>& dims) {
    std::int64_t count = 1;
    for (const std::int64_t extent : dims) count *= extent;
    return count;
  }

  SymbolTable symbols_;
  Expression program_;
  Environment<T> environment_;
};

}  // namespace tessera
