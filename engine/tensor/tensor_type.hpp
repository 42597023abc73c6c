// The e-class data of the tensor language: element type, extents, where shape ends and item begins, zero regions; or,
// for a tuple, the data of each part. TensorType reads the engine's words in place; AccessType is the form in which
// operators compute a new one. The encoding is canonical: equal types are equal words.
//   word 0: kind (0 access, 1 tuple) | dtype << 8 | split << 16 | axes << 24 | count << 32
//   access: `axes` extents, then `count` zero regions of three words (axis, low, high), sorted
//   tuple: for each of `count` parts the number of its words, then those
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "engine/language/language.hpp"
#include "engine/tensor/dtype.hpp"
#include "engine/tensor/zero_regions.hpp"

namespace tessera {

inline constexpr int kMaxAxes = Value::kMaxDims;

// The product, for extents of 1 or more. Throws Error(kInput) when it does not fit 62 bits.
[[nodiscard]] std::int64_t product_of(std::span<const std::int64_t> dims);
// "[1 64][3 3]"
[[nodiscard]] std::string shape_text(std::span<const std::int64_t> dims, std::size_t split);
[[nodiscard]] std::string extents_text(std::span<const std::int64_t> dims);  // "[3 3]"

class TensorType {
 public:
  explicit TensorType(DataView words) : words_(words) {}

  [[nodiscard]] bool is_tuple() const { return (words_[0] & 0xff) == 1; }
  // Of a tuple.
  [[nodiscard]] std::size_t part_count() const { return static_cast<std::size_t>(words_[0] >> 32); }
  [[nodiscard]] DataView part(std::size_t index) const;  // index < part_count()

  // Of an access.
  [[nodiscard]] DType dtype() const { return static_cast<DType>((words_[0] >> 8) & 0xff); }
  [[nodiscard]] std::size_t split() const { return static_cast<std::size_t>((words_[0] >> 16) & 0xff); }
  [[nodiscard]] std::size_t axes() const { return static_cast<std::size_t>((words_[0] >> 24) & 0xff); }
  [[nodiscard]] std::span<const std::int64_t> dims() const { return words_.subspan(1, axes()); }
  [[nodiscard]] std::span<const std::int64_t> shape() const { return dims().first(split()); }
  [[nodiscard]] std::span<const std::int64_t> item() const { return dims().subspan(split()); }
  [[nodiscard]] std::int64_t dim(std::size_t axis) const { return words_[1 + axis]; }
  [[nodiscard]] ZeroRegions zero_regions() const;
  [[nodiscard]] std::int64_t elements() const { return product_of(dims()); }
  [[nodiscard]] std::int64_t bytes() const { return elements() * dtype_bytes(dtype()); }

  [[nodiscard]] DataView words() const { return words_; }
  // "[1 64][3 3] float32", with "zero: axis 1 [60, 64)" after it; "tuple of (…, …)".
  [[nodiscard]] std::string to_string() const;

 private:
  DataView words_;
};

// An access's type under construction.
class AccessType {
 public:
  AccessType(DType element, std::span<const std::int64_t> extents, std::size_t split_at);
  // Everything but the zero regions, which an operator must carry on its own account.
  explicit AccessType(const TensorType& type) : AccessType(type.dtype(), type.dims(), type.split()) {}

  DType dtype;
  std::size_t split = 0;
  ZeroRegions zero;

  [[nodiscard]] std::size_t axes() const { return axes_; }
  [[nodiscard]] std::span<const std::int64_t> dims() const { return std::span(dims_).first(axes_); }
  [[nodiscard]] std::int64_t& dim(std::size_t axis) { return dims_[axis]; }
  // Throw Error(kInput) when there are more than kMaxAxes axes.
  void append(std::int64_t extent);
  void append(std::span<const std::int64_t> extents);
  void insert(std::size_t axis, std::int64_t extent);  // leaves `split` alone
  void erase(std::size_t axis);

  // Appends nothing: `out` becomes the canonical words. Throws Error(kInput) when the elements cannot be counted.
  void encode(DataWords& out);

 private:
  std::array<std::int64_t, kMaxAxes> dims_{};
  std::size_t axes_ = 0;
};

// The words of a tuple of these parts.
void encode_tuple(std::span<const DataView> parts, DataWords& out);

}  // namespace tessera
