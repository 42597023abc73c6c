#include "engine/tensor/dtype.hpp"

#include <array>

namespace tessera {
namespace {

struct Row {
  std::string_view name;
  std::int64_t bytes;
};

constexpr std::array<Row, 10> kRows{{{"float32", 4},
                                     {"float64", 8},
                                     {"int8", 1},
                                     {"int16", 2},
                                     {"int32", 4},
                                     {"int64", 8},
                                     {"uint8", 1},
                                     {"uint16", 2},
                                     {"uint32", 4},
                                     {"uint64", 8}}};

}  // namespace

std::string_view dtype_name(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].name; }

std::int64_t dtype_bytes(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].bytes; }

bool is_floating_point(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }

std::optional<DType> find_dtype(std::string_view name) {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::string dtype_names() {
  std::string text;
  for (const Row& row : kRows) text += (text.empty() ? "" : ", ") + std::string(row.name);
  return text;
}

}  // namespace tessera
