// The operators of Relay that are read: for each its attributes, the type of its result by our own inference, and what
// it becomes. Convolutions and dense layers become access-pattern programs (engine/tensor/lowering.hpp); everything
// else becomes a `relay-operator-call`, with children and attributes as engine/tensor/RELAY_OPERATORS.md tells.
// Semantics and default attributes are TVM Relay's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/language/value.hpp"
#include "engine/tensor/lowering.hpp"
#include "io/relay_ast.hpp"

namespace tessera {

// Bound on every integer attribute and on the number of elements of a tensor.
inline constexpr std::int64_t kMaxRelayInteger = std::int64_t{1} << 40;

inline constexpr std::int64_t kMaxSections = 1024;  // of a split

enum class RelayForm : std::uint8_t {
  kCall,         // one relay-operator-call
  kConvolution,  // lower_conv2d of `convolution`
  kDense,        // lower_dense
  kBatchNorm,    // a tuple in Relay: (call, moving mean, moving variance)
  kDropout,      // a tuple in Relay: (call, mask); the mask has no meaning at inference
  kSplit,        // a tuple: each field a tuple-get-item of the call
};

struct RelayLowering {
  RelayForm form = RelayForm::kCall;
  std::string op;                 // relay-add
  std::vector<Value> attributes;  // behind the children
  RelayType type;                 // of the result; a tuple for the three tuple forms
  Conv2d convolution;             // kConvolution, kDense
  std::size_t children = 0;       // how many arguments, in order, become children; the rest has become attributes
};

// A call whose arguments' types are known; gives an operator's lowering its attributes and a way to complain.
class RelayCall {
 public:
  RelayCall(const RelayExpression& expression, std::span<const RelayType> arguments,
            std::span<const RelayExpression* const> argument_expressions)
      : expression_(expression), arguments_(arguments), argument_expressions_(argument_expressions) {}

  [[nodiscard]] const std::string& name() const { return expression_.name; }
  [[nodiscard]] std::size_t size() const { return arguments_.size(); }
  // An argument's type as it is, and as a tensor (fails on a tuple).
  [[nodiscard]] const RelayType& argument(std::size_t i) const { return arguments_[i]; }
  [[nodiscard]] const RelayType& tensor(std::size_t i) const;
  // A tensor of that many axes; `what` names it in the message.
  [[nodiscard]] const RelayType& tensor(std::size_t i, std::size_t axes, const std::string& what) const;
  // The value of an argument that is a literal, if it is one.
  [[nodiscard]] std::optional<double> literal(std::size_t i) const;

  [[nodiscard]] bool has(std::string_view attribute) const;      // given, and not None
  [[nodiscard]] bool is_list(std::string_view attribute) const;  // given as [...] or (...)
  [[nodiscard]] std::int64_t integer(std::string_view attribute, std::optional<std::int64_t> standard = {}) const;
  [[nodiscard]] double number(std::string_view attribute, std::optional<double> standard = {}) const;
  [[nodiscard]] bool boolean(std::string_view attribute, bool standard) const;
  [[nodiscard]] std::string text(std::string_view attribute, std::string_view standard) const;
  // A list of integers; one integer is a list of one.
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view attribute,
                                                   std::optional<std::vector<std::int64_t>> standard = {}) const;
  // An attribute that names an axis of a tensor of that many axes, made non-negative.
  [[nodiscard]] std::int64_t axis(std::string_view attribute, std::optional<std::int64_t> standard,
                                  std::size_t axes) const;
  // Fails unless a string attribute has the one value that is supported ("" counts as absent).
  void only(std::string_view attribute, std::string_view supported) const;
  // Fails unless `found` is `wanted`; `what` names the thing, as in "the bias".
  void require_dims(const RelayType& found, const std::vector<std::int64_t>& wanted, const std::string& what) const;

  [[noreturn]] void fail(const std::string& message) const;  // at the call: "nn.relu: message"
  [[noreturn]] void fail_at(std::string_view attribute, const std::string& message) const;

 private:
  [[nodiscard]] const RelayAttribute* find(std::string_view attribute) const;

  const RelayExpression& expression_;
  std::span<const RelayType> arguments_;
  std::span<const RelayExpression* const> argument_expressions_;
};

using RelayLower = RelayLowering (*)(const RelayCall&);

struct RelayOperator {
  std::string_view name;  // as in Relay
  std::size_t min_arguments = 1;
  std::size_t max_arguments = 1;
  std::vector<std::string_view> attributes;
  RelayLower lower = nullptr;
};

// The table's parts: relay_elementwise.cpp, relay_window_operators.cpp, relay_shape_operators.cpp.
[[nodiscard]] std::span<const RelayOperator> relay_elementwise_operators();
[[nodiscard]] std::span<const RelayOperator> relay_window_operators();
[[nodiscard]] std::span<const RelayOperator> relay_shape_operators();

// Checks operator, number of arguments and attribute names, then infers the type and lowers the attributes. Throws
// Error(kInput) at the call or at the attribute.
[[nodiscard]] RelayLowering lower_relay_call(const RelayExpression& call, std::span<const RelayType> arguments,
                                             std::span<const RelayExpression* const> argument_expressions);

}  // namespace tessera
