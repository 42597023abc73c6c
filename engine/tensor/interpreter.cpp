#include "engine/tensor/interpreter.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>

#include "engine/base/check.hpp"
#include "engine/tensor/interpreter_operator.hpp"

namespace tessera {

using namespace interpreter;

namespace interpreter {

template <class T>
Operand<T>& Call<T>::operand(std::size_t i) const {
  if (i >= kids_.size()) fail("found " + std::to_string(kids_.size()) + " operands, expected more");
  return *kids_[i];
}

template <class T>
const View<T>& Call<T>::view(std::size_t i) const {
  Operand<T>& kid = operand(i);
  if (kid.form == Operand<T>::Form::kTuple) fail("operand " + std::to_string(i) + " is a tuple, expected an access");
  return form_view(kid);
}

template <class T>
void Call<T>::expect_arity(std::size_t count) const {
  if (kids_.size() != count) {
    fail("found " + std::to_string(kids_.size()) + " operands, expected " + std::to_string(count));
  }
}

template <class T>
const Value& Call<T>::attribute(std::size_t i) const {
  if (i >= attribute_count()) {
    fail("found " + std::to_string(attribute_count()) + " static arguments, expected at least " +
         std::to_string(i + 1));
  }
  return symbol_.attributes[first_attribute_ + i];
}

template <class T>
std::int64_t Call<T>::integer(std::size_t i) const {
  const Value& value = attribute(i);
  if (value.kind != ValueKind::kInt) fail("expected an integer, found " + value.to_string());
  return value.as_int();
}

template <class T>
Name Call<T>::name(std::size_t i) const {
  const Value& value = attribute(i);
  if (value.kind != ValueKind::kName) fail("expected a name, found " + value.to_string());
  return value.as_name();
}

template <class T>
std::span<const std::int64_t> Call<T>::extents(std::size_t i) const {
  const Value& value = attribute(i);
  if (value.kind != ValueKind::kShape && value.kind != ValueKind::kList) {
    fail("expected (shape …) or (list …), found " + value.to_string());
  }
  return value.dims();
}

template <class T>
double Call<T>::real(std::size_t i) const {
  const Value& value = attribute(i);
  if (value.kind == ValueKind::kLiteral) return value.as_literal();
  if (value.kind != ValueKind::kInt) fail("expected a number, found " + value.to_string());
  return static_cast<double>(value.as_int());
}

template <class T>
T Call<T>::number(std::size_t i) const {
  if (attribute(i).kind == ValueKind::kInt) return static_cast<T>(attribute(i).as_int());
  const double value = real(i);
  if constexpr (std::integral<T>) {
    if (std::trunc(value) != value || std::abs(value) >= 0x1p63) {
      fail("the constant " + attribute(i).to_string() + " is not a 64-bit integer");
    }
  }
  return static_cast<T>(value);
}

template <class T>
bool Call<T>::given(std::size_t i) const {
  return i < attribute_count() && attribute(i).kind != ValueKind::kName;
}

template <class T>
std::int64_t Call<T>::integer_or(std::size_t i, std::int64_t standard) const {
  return given(i) ? integer(i) : standard;
}

template <class T>
double Call<T>::real_or(std::size_t i, double standard) const {
  return given(i) ? real(i) : standard;
}

template <class T>
int Call<T>::checked_axis(std::int64_t axis, int rank) const {
  if (axis < 0 || axis >= rank) {
    fail("found axis " + std::to_string(axis) + ", expected 0 to " + std::to_string(rank - 1));
  }
  return static_cast<int>(axis);
}

namespace {

bool has_name(std::span<const Value> attributes, std::string_view name) {
  for (const Value& value : attributes) {
    if (value.kind == ValueKind::kName && value.as_name().text() == name) return true;
  }
  return false;
}

}  // namespace

template <class T>
bool Call<T>::channels_last() const {
  return has_name(symbol_.attributes, "relay-activation-layout-nhwc");
}

template <class T>
bool Call<T>::kernel_channels_last() const {
  return has_name(symbol_.attributes, "relay-kernel-layout-hwio");
}

template <class T>
void Call<T>::fail(const std::string& message) const {
  std::string text = "node " + std::to_string(node_) + " (" + std::string(symbol_.name.text());
  for (const Value& value : symbol_.attributes) text += " " + value.to_string();
  text += ")";
  for (std::size_t i = 0; i < kids_.size(); ++i) {
    text += i == 0 ? " of " : ", ";
    const Operand<T>& kid = *kids_[i];
    text += kid.form == Operand<T>::Form::kTuple ? "a tuple" : describe(kid.dims, kid.split);
  }
  throw Error(ErrorCode::kInput, text + ": " + message);
}

template class Call<float>;
template class Call<double>;
template class Call<std::int64_t>;

namespace {

template <class T>
const HandlerTable<T>& handlers() {
  static const HandlerTable<T> table = [] {
    HandlerTable<T> all;
    add_access_operators(all);
    add_compute_operators(all);
    add_systolic_operators(all);
    add_relay_operators(all);
    return all;
  }();
  return table;
}

template <class T>
Tensor<T> to_tensor(const View<T>& view) {
  const View<T> dense = contiguous(view);
  return {dense.dims, dense.split, std::shared_ptr<const T[]>(dense.owner, dense.data)};
}

// How often every node that a root needs is used, roots included; 0: not needed. Kids have smaller indices.
std::vector<std::uint32_t> count_uses(const Expression& program, std::span<const std::uint32_t> roots) {
  std::vector<std::uint32_t> uses(program.size(), 0);
  for (const std::uint32_t root : roots) {
    CHECK(root < program.size());
    ++uses[root];
  }
  for (std::uint32_t node = static_cast<std::uint32_t>(program.size()); node-- > 0;) {
    if (uses[node] == 0) continue;
    for (const std::uint32_t kid : program[node].kids) ++uses[kid];
  }
  return uses;
}

}  // namespace
}  // namespace interpreter

template <class T>
Tensor<T> make_tensor(std::vector<std::int64_t> dims, int split, std::span<const T> values) {
  Fresh<T> fresh = allocate<T>(dims, split);
  CHECK(static_cast<std::int64_t>(values.size()) == element_count(dims));
  std::copy(values.begin(), values.end(), fresh.data);
  return {std::move(dims), split, fresh.view.owner};
}

template <class T>
std::vector<Tensor<T>> interpret(const SymbolTable& symbols, const Expression& program,
                                 std::span<const std::uint32_t> roots, const Environment<T>& environment) {
  std::vector<std::uint32_t> uses = count_uses(program, roots);
  std::vector<std::unique_ptr<Operand<T>>> values(program.size());
  std::vector<Operand<T>*> kids;
  for (std::uint32_t node = 0; node < program.size(); ++node) {
    if (uses[node] == 0) continue;
    const Symbol& symbol = symbols[program[node].symbol];
    kids.clear();
    for (const std::uint32_t kid : program[node].kids) kids.push_back(values[kid].get());
    const Call<T> call(symbol, node, kids, environment);
    const auto handler = handlers<T>().find(symbol.name.text());
    if (handler == handlers<T>().end()) call.fail("the interpreter has no such operator");
    try {
      values[node] = std::make_unique<Operand<T>>(handler->second(call));
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::kResource, "no memory for the value of node " + std::to_string(node));
    }
    for (const std::uint32_t kid : program[node].kids) {
      if (--uses[kid] == 0) values[kid].reset();
    }
  }
  std::vector<Tensor<T>> results;
  for (const std::uint32_t root : roots) {
    if (values[root]->form != Operand<T>::Form::kTuple) {
      results.push_back(to_tensor(form_view(*values[root])));
    } else {
      for (const View<T>& item : values[root]->views) results.push_back(to_tensor(item));
    }
  }
  return results;
}

template Tensor<float> make_tensor(std::vector<std::int64_t>, int, std::span<const float>);
template Tensor<double> make_tensor(std::vector<std::int64_t>, int, std::span<const double>);
template Tensor<std::int64_t> make_tensor(std::vector<std::int64_t>, int, std::span<const std::int64_t>);
template std::vector<Tensor<float>> interpret(const SymbolTable&, const Expression&, std::span<const std::uint32_t>,
                                              const Environment<float>&);
template std::vector<Tensor<double>> interpret(const SymbolTable&, const Expression&, std::span<const std::uint32_t>,
                                               const Environment<double>&);
template std::vector<Tensor<std::int64_t>> interpret(const SymbolTable&, const Expression&,
                                                     std::span<const std::uint32_t>, const Environment<std::int64_t>&);

}  // namespace tessera
