#include "io/program_writer.hpp"

#include "engine/language/expression_text.hpp"
#include "engine/language/value.hpp"
#include "engine/text/sexpr.hpp"

namespace tessera {

std::string print_program(std::span<const TensorDeclaration> tensors, const Expression& program,
                          const SymbolTable& symbols, const TensorLanguage& language) {
  std::string out;
  for (const TensorDeclaration& tensor : tensors) {
    out += "(tensor " + name_text(tensor.name.text()) + " " + Value::shape(tensor.dims).to_string() + " " +
           std::string(dtype_name(tensor.dtype)) + ")\n";
  }
  return out + print_expression(program, symbols, language);
}

}  // namespace tessera
