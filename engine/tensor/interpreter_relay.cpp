// (relay-operator-call op child… attribute…): the opaque operators of the source network, as RELAY_OPERATORS.md says.
#include "engine/tensor/interpreter_operator.hpp"

namespace tessera::interpreter {
namespace {

template <class T>
const HandlerTable<T>& relay_handlers() {
  static const HandlerTable<T> table = [] {
    HandlerTable<T> all;
    add_relay_elementwise(all);
    add_relay_layout(all);
    add_relay_network(all);
    return all;
  }();
  return table;
}

template <class T>
Operand<T> relay_operator_call(const Call<T>& call) {
  const Name op = call.name(0);
  const auto handler = relay_handlers<T>().find(op.text());
  if (handler == relay_handlers<T>().end()) {
    call.fail("the interpreter has no opaque operator `" + std::string(op.text()) + "`");
  }
  return handler->second(call.opaque());
}

}  // namespace

template <class T>
void add_relay_operators(HandlerTable<T>& table) {
  table.insert({{"relay-operator-call", relay_operator_call<T>}});
}

template void add_relay_operators(HandlerTable<float>&);
template void add_relay_operators(HandlerTable<double>&);
template void add_relay_operators(HandlerTable<std::int64_t>&);

}  // namespace tessera::interpreter
