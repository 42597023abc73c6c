// Programs as text: s-expressions read into an Expression by the Language's signatures, and printed back.
// `(let ((name term) ...) body ...)` names shared subterms, one after the other; a name must hide nothing. In an
// attribute's place a static function of terms is evaluated while reading: `(access-reshape a (get-access-shape b))`.
// Reading and printing are iterative and linear: a program is a DAG and is never expanded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/expression.hpp"
#include "engine/language/language.hpp"
#include "engine/text/sexpr.hpp"

namespace tessera {

// Reads a whole text; every outermost form is a root, an outermost let may have several bodies, each a root.
// Throws Error(kInput) with file:line:column, what was found and what was expected: also where Language::make refuses a
// node (mismatched shapes), and for a text with no form at all. Nodes no root needs are left out.
[[nodiscard]] Expression parse_expression(std::string_view text, const std::string& file, const Language& language,
                                          SymbolTable& symbols);

// The same piece by piece, for texts that hold more than terms (rules files, declarations). Names defined at the top
// stay known. After an Error the object must not be used any more.
class ExpressionReader {
 public:
  ExpressionReader(const Language& language, SymbolTable& symbols);
  ~ExpressionReader();
  ExpressionReader(const ExpressionReader&) = delete;
  ExpressionReader& operator=(const ExpressionReader&) = delete;

  void read_root(const Sexpr& text, SexprId form);             // adds a root, or those of a let
  void define(const Sexpr& text, SexprId name, SexprId form);  // from here on `name` stands for the term
  [[nodiscard]] Expression take();  // what the roots need, in order; the reader is empty then

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Prints what the roots reach, one root a line: parse_expression reads it back to an equal program. A term that is used
// more than once, or nested deeper than kMaxPrintedNesting, gets a name (t0, t1, … in order of definition, skipping
// atoms of the program); leaves never do. Lines end before column 120 unless a single word is longer.
// The bytes depend on the structure only, never on the order of node indices. An Expression without roots gives "".
[[nodiscard]] std::string print_expression(const Expression& expression, const SymbolTable& symbols,
                                           const Language& language);
constexpr int kMaxPrintedNesting = 24;

// "(access-slice TERM INTEGER INTEGER INTEGER)": for messages.
[[nodiscard]] std::string signature_text(Name op, const Signature& signature);

}  // namespace tessera
