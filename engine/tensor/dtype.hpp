// Element types of tensors. Names are those of Relay and NumPy, so that they can be read from and written to a
// program's text unchanged; sizes are what the cost model counts when data moves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera {

enum class DType : std::uint8_t {
  kFloat32,
  kFloat64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
};

[[nodiscard]] std::string_view dtype_name(DType dtype);  // "float32"
[[nodiscard]] std::int64_t dtype_bytes(DType dtype);
[[nodiscard]] bool is_floating_point(DType dtype);
[[nodiscard]] std::optional<DType> find_dtype(std::string_view name);
// "float32, float64, int8, …": what a message says was expected.
[[nodiscard]] std::string dtype_names();

}  // namespace tessera
