#include "io/glenside_reader.hpp"

#include <unordered_map>

#include "engine/base/error.hpp"
#include "engine/language/expression_text.hpp"
#include "engine/text/sexpr.hpp"
#include "io/layer_finder.hpp"

namespace tessera {
namespace {

class Reader {
 public:
  Reader(const Sexpr& text, TensorLanguage& language) : text_(text), language_(language) {}

  void declare(const TensorDeclaration& tensor, const Where& where);
  // The declaration in `(tensor name (shape n ...) [dtype])`.
  [[nodiscard]] TensorDeclaration declaration(SexprId form) const;

  std::vector<TensorDeclaration> tensors;

 private:
  [[noreturn]] void fail(SexprId node, const std::string& message) const {
    throw Error(ErrorCode::kInput, message, text_.where(node));
  }

  const Sexpr& text_;
  TensorLanguage& language_;
  std::unordered_map<Name, std::size_t> declared_;  // index into tensors
};

std::string declaration_text(const TensorDeclaration& tensor) {
  return Value::shape(tensor.dims).to_string() + " " + std::string(dtype_name(tensor.dtype));
}

void Reader::declare(const TensorDeclaration& tensor, const Where& where) {
  const auto [old, is_new] = declared_.emplace(tensor.name, tensors.size());
  if (!is_new) {
    const TensorDeclaration& other = tensors[old->second];
    if (other.dims == tensor.dims && other.dtype == tensor.dtype) return;
    throw Error(ErrorCode::kInput,
                "tensor '" + std::string(tensor.name.text()) + "' is declared twice: found " +
                    declaration_text(tensor) + ", expected " + declaration_text(other) + " as before",
                where);
  }
  try {
    language_.declare(tensor);
  } catch (const Error& error) {
    throw Error(error.code(), error.message(), where);
  }
  tensors.push_back(tensor);
}

TensorDeclaration Reader::declaration(SexprId form) const {
  constexpr const char* kExpected = "expected (tensor NAME (shape EXTENT ...) DTYPE), found ";
  const std::vector<SexprId> items = text_.items(form);
  if (items.size() < 3 || items.size() > 4) fail(form, kExpected + text_.describe(form));
  if (text_.is_list(items[1]) || text_.text(items[1]).empty()) {
    fail(items[1], "expected a tensor's name, found " + text_.describe(items[1]));
  }
  if (text_.head(items[2]) != "shape") fail(items[2], "expected (shape EXTENT ...), found " + text_.describe(items[2]));
  TensorDeclaration tensor;
  tensor.name = Name(text_.text(items[1]));
  const std::vector<SexprId> extents = text_.items(items[2]);
  if (extents.size() > static_cast<std::size_t>(Value::kMaxDims) + 1) {
    fail(items[2], "expected at most " + std::to_string(Value::kMaxDims) + " extents, found " +
                       std::to_string(extents.size() - 1));
  }
  constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;
  std::int64_t elements = 1;
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (!text_.is_atom(extents[i])) fail(extents[i], "expected an extent, found " + text_.describe(extents[i]));
    const std::int64_t extent = parse_integer(text_.text(extents[i]), text_.where(extents[i]));
    if (extent < 1) fail(extents[i], "expected an extent of 1 or more, found " + std::to_string(extent));
    if (extent > kMaxElements / elements) fail(extents[i], "a tensor of more than 2^40 elements");
    elements *= extent;
    tensor.dims.push_back(extent);
  }
  tensor.dtype = DType::kFloat32;
  if (items.size() == 4) {
    const auto dtype = find_dtype(text_.text(items[3]));
    if (!dtype) fail(items[3], "expected one of " + dtype_names() + ", found " + text_.describe(items[3]));
    tensor.dtype = *dtype;
  }
  return tensor;
}

}  // namespace

Network read_glenside(std::string_view text, const std::string& file, SymbolTable& symbols, TensorLanguage& language,
                      const std::vector<TensorDeclaration>& declarations) {
  const Sexpr forms(std::string(text), file);
  if (forms.forms().empty()) {
    throw Error(ErrorCode::kInput, "empty file: expected declarations '(tensor NAME (shape ...) DTYPE)' and a program",
                forms.end());
  }
  Reader reader(forms, language);
  for (const TensorDeclaration& tensor : declarations) reader.declare(tensor, Where{file});
  ExpressionReader terms(language, symbols);
  bool has_root = false;
  for (const SexprId form : forms.forms()) {
    if (forms.head(form) != "tensor") {
      terms.read_root(forms, form);
      has_root = true;
      continue;
    }
    if (has_root) {
      throw Error(ErrorCode::kInput, "expected declarations to stand before the program, found one behind it",
                  forms.where(form));
    }
    reader.declare(reader.declaration(form), forms.where(form));
  }
  if (!has_root) {
    throw Error(ErrorCode::kInput, "expected a program behind the declarations, found the end of the file",
                forms.end());
  }
  Network network;
  network.name = file;
  network.tensors = std::move(reader.tensors);
  network.program = terms.take();
  network.layers = find_layers(network.program, symbols, language);
  return network;
}

}  // namespace tessera
