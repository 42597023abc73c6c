// Programs given as text, and the types that the tensor language infers for them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/language/expression_text.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace tessera {

// The e-class data of every node of a program, each taken for a class of its own.
inline std::vector<DataWords> types_of(const TensorLanguage& language, const SymbolTable& symbols,
                                       const Expression& program) {
  std::vector<DataWords> types;
  for (std::uint32_t node = 0; node < program.size(); ++node) {
    std::vector<DataView> kids;
    for (const std::uint32_t kid : program[node].kids) kids.emplace_back(types[kid]);
    DataWords words;
    language.make(symbols[program[node].symbol], kids, words);
    types.push_back(std::move(words));
  }
  return types;
}

class TensorTest : public ::testing::Test {
 protected:
  TensorTest() {
    declare("x", {2, 3, 4});
    declare("y", {5, 3, 4});
    declare("m", {6, 8});
    declare("v", {8});
    declare("image", {1, 3, 8, 8});
    declare("kernel", {16, 3, 3, 3});
    language_.declare({Name("ints"), DType::kInt64, {2, 3, 4}});
  }

  void declare(std::string_view name, std::vector<std::int64_t> dims, DType dtype = DType::kFloat32) {
    language_.declare({Name(name), dtype, std::move(dims)});
  }

  DataWords words_of(const std::string& text) {
    const Expression program = parse_expression(text, "test", language_, symbols_);
    return types_of(language_, symbols_, program).at(program.roots.at(0));
  }
  // As TensorType::to_string(), without the dtype where it is float32.
  std::string type_of(const std::string& text) {
    std::string type = language_.describe(words_of(text));
    const std::string usual = " float32";
    for (std::size_t at = type.find(usual); at != std::string::npos; at = type.find(usual))
      type.erase(at, usual.size());
    return type;
  }
  // The message of the Error(kInput) that reading the program throws.
  std::string error_of(const std::string& text) {
    try {
      words_of(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      return error.message();
    }
    ADD_FAILURE() << "no error: " << text;
    return {};
  }
  void expect_error(const std::string& text, const std::string& found, const std::string& expected) {
    EXPECT_THAT(error_of(text),
                ::testing::AllOf(::testing::HasSubstr("found " + found), ::testing::HasSubstr("expected " + expected)))
        << text;
  }

  TensorLanguage language_;
  SymbolTable symbols_;
};

}  // namespace tessera
