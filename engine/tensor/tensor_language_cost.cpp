// What an e-node costs (README.md has the table and the reasons). Work on an array is cycles * 2^24; everything that
// only moves bytes costs so little that thousands of such nodes do not make up a cycle; a product that no array has
// been given costs more than any blocking of it.
#include <algorithm>

#include "engine/tensor/array_cost.hpp"
#include "engine/tensor/tensor_language.hpp"

namespace tessera {
namespace {

// A node never costs more, so that a program can hold some of them before sums saturate.
constexpr std::uint64_t kMostExpensive = std::uint64_t{1} << 60;
// Of a product outside the arrays, in cycles: so many in any case, and so many for each multiplication.
constexpr std::uint64_t kUnblocked = std::uint64_t{1} << 24;
constexpr std::uint64_t kUnblockedProduct = 16;

std::uint64_t capped_multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMostExpensive : std::min(product, kMostExpensive);
}

std::uint64_t cycles(std::uint64_t count) { return capped_multiply(count, kCostOfCycle); }

// Of a type, tuples part by part; anything too large to count is very large.
std::uint64_t bytes_of(const TensorType& type) {
  std::uint64_t bytes = 0;
  if (type.is_tuple()) {
    for (std::size_t i = 0; i < type.part_count(); ++i) bytes += bytes_of(TensorType(type.part(i)));
    return bytes;
  }
  return static_cast<std::uint64_t>(type.bytes());
}

std::uint64_t moved(std::uint64_t bytes) { return std::min(1 + bytes / kBytesOfCost, kMostExpensive); }

std::uint64_t unblocked(std::uint64_t multiplications) {
  return std::min(cycles(kUnblocked) + cycles(capped_multiply(multiplications, kUnblockedProduct)), kMostExpensive);
}

std::uint64_t elements(const TensorType& type) { return static_cast<std::uint64_t>(type.elements()); }

// Multiplications of an opaque convolution or product: each element of the result takes those of one output channel.
std::uint64_t relay_cost(const Symbol& symbol, const TensorType& result, std::span<const DataView> kids) {
  const std::string_view op = symbol.attributes.empty() ? std::string_view{} : symbol.attributes[0].as_name().text();
  std::uint64_t bytes = bytes_of(result);
  for (const DataView kid : kids) bytes += bytes_of(TensorType(kid));
  const bool product =
      op == "relay-conv1d" || op == "relay-conv2d" || op == "relay-dense" || op == "relay-batch-matmul";
  if (!product || kids.size() != 2) return moved(bytes);
  const TensorType weight(kids[1]);
  const bool last = std::any_of(symbol.attributes.begin(), symbol.attributes.end(), [](const Value& value) {
    return value.kind == ValueKind::kName && value.as_name().text() == "relay-kernel-layout-hwio";
  });
  const auto outputs = static_cast<std::uint64_t>(
      op == "relay-batch-matmul" ? weight.dim(0) * result.dim(2) : weight.dim(last ? weight.axes() - 1 : 0));
  return unblocked(capped_multiply(elements(result), elements(weight) / std::max<std::uint64_t>(outputs, 1)));
}

}  // namespace

std::uint64_t TensorLanguage::cost(const Symbol& symbol, DataView self, std::span<const DataView> kids) const {
  const TensorOperatorInfo* info = find(symbol.name);
  if (info == nullptr) return kInfiniteCost;
  const TensorType result(self);
  switch (info->op) {
    case TensorOperator::kSystolicArray: {
      const TensorType a(kids[0]);
      const auto vectors = product_of(a.shape());
      const auto time = array_cycles(symbol.attributes[0].as_int(), symbol.attributes[1].as_int(), vectors);
      const std::uint64_t bytes = bytes_of(a) + bytes_of(TensorType(kids[1])) + bytes_of(result);
      return std::min(cycles(static_cast<std::uint64_t>(time)) + kCostOfCall + moved(bytes), kMostExpensive);
    }
    case TensorOperator::kSystolicArrayWithBlocking:
      return unblocked(capped_multiply(elements(result), static_cast<std::uint64_t>(TensorType(kids[1]).dim(0))));
    case TensorOperator::kSystolicConv2dNchw:
    case TensorOperator::kSystolicConv2dNhwc: {
      const TensorType weights(kids[0]);
      const std::size_t out = info->op == TensorOperator::kSystolicConv2dNchw ? 0 : 3;
      return unblocked(
          capped_multiply(elements(result), elements(weights) / static_cast<std::uint64_t>(weights.dim(out))));
    }
    case TensorOperator::kCompute: {
      const TensorType a(kids[0]);
      const std::uint64_t bytes = bytes_of(a) + bytes_of(result);
      const bool product = symbol.attributes[0].as_name().text() == "dot-product";
      return product ? unblocked(elements(a) / static_cast<std::uint64_t>(a.item()[0])) : moved(bytes);
    }
    case TensorOperator::kTranspose:
    case TensorOperator::kPad:
    case TensorOperator::kConcatenate:
    case TensorOperator::kWindows:
      return moved(bytes_of(result));
    case TensorOperator::kRelayCall:
      return relay_cost(symbol, result, kids);
    default:
      return 1;  // says which elements are meant, and moves none
  }
}

}  // namespace tessera
