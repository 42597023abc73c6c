#include "engine/tensor/tensor_type.hpp"

#include <algorithm>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 58;  // eight-byte elements still have a size in bytes

std::int64_t header(std::int64_t kind, std::int64_t dtype, std::size_t split, std::size_t axes, std::size_t count) {
  return kind | (dtype << 8) | (static_cast<std::int64_t>(split) << 16) | (static_cast<std::int64_t>(axes) << 24) |
         (static_cast<std::int64_t>(count) << 32);
}

}  // namespace

std::int64_t product_of(std::span<const std::int64_t> dims) {
  std::int64_t product = 1;
  for (const std::int64_t extent : dims) {
    if (extent > kMaxElements / product) {
      throw Error(ErrorCode::kInput, "a tensor of " + extents_text(dims) + " has too many elements to count");
    }
    product *= std::max<std::int64_t>(extent, 1);
  }
  return product;
}

std::string shape_text(std::span<const std::int64_t> dims, std::size_t split) {
  return extents_text(dims.first(split)) + extents_text(dims.subspan(split));
}

std::string extents_text(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < dims.size(); ++axis) text += (axis > 0 ? " " : "") + std::to_string(dims[axis]);
  return text + "]";
}

DataView TensorType::part(std::size_t index) const {
  std::size_t at = 1;
  for (std::size_t i = 0; i < index; ++i) at += 1 + static_cast<std::size_t>(words_[at]);
  return words_.subspan(at + 1, static_cast<std::size_t>(words_[at]));
}

ZeroRegions TensorType::zero_regions() const {
  ZeroRegions regions(static_cast<std::size_t>(words_[0] >> 32));
  const std::int64_t* word = words_.data() + 1 + axes();
  for (ZeroRegion& region : regions) {
    region = {word[0], word[1], word[2]};
    word += 3;
  }
  return regions;
}

std::string TensorType::to_string() const {
  if (is_tuple()) {
    std::string text = "tuple of (";
    for (std::size_t i = 0; i < part_count(); ++i) text += (i > 0 ? ", " : "") + TensorType(part(i)).to_string();
    return text + ")";
  }
  std::string text = shape_text(dims(), split()) + " " + std::string(dtype_name(dtype()));
  const ZeroRegions regions = zero_regions();
  for (std::size_t i = 0; i < regions.size(); ++i) {
    text += (i == 0 ? "; zero: axis " : ", axis ") + std::to_string(regions[i].axis) + " [" +
            std::to_string(regions[i].low) + ", " + std::to_string(regions[i].high) + ")";
  }
  return text;
}

AccessType::AccessType(DType element, std::span<const std::int64_t> extents, std::size_t split_at)
    : dtype(element), split(split_at) {
  append(extents);
}

void AccessType::append(std::int64_t extent) { insert(axes_, extent); }

void AccessType::append(std::span<const std::int64_t> extents) {
  for (const std::int64_t extent : extents) append(extent);
}

void AccessType::insert(std::size_t axis, std::int64_t extent) {
  if (axes_ == static_cast<std::size_t>(kMaxAxes)) {
    throw Error(ErrorCode::kInput, "more than " + std::to_string(kMaxAxes) + " axes are not supported");
  }
  std::copy_backward(dims_.begin() + static_cast<std::ptrdiff_t>(axis),
                     dims_.begin() + static_cast<std::ptrdiff_t>(axes_),
                     dims_.begin() + static_cast<std::ptrdiff_t>(axes_ + 1));
  dims_[axis] = extent;
  ++axes_;
}

void AccessType::erase(std::size_t axis) {
  std::copy(dims_.begin() + static_cast<std::ptrdiff_t>(axis + 1), dims_.begin() + static_cast<std::ptrdiff_t>(axes_),
            dims_.begin() + static_cast<std::ptrdiff_t>(axis));
  --axes_;
}

void AccessType::encode(DataWords& out) {
  static_cast<void>(product_of(dims()));  // refuses what cannot be counted
  normalize(zero, dims());
  out.clear();
  out.reserve(1 + axes_ + 3 * zero.size());
  out.push_back(header(0, static_cast<std::int64_t>(dtype), split, axes_, zero.size()));
  out.insert(out.end(), dims_.begin(), dims_.begin() + static_cast<std::ptrdiff_t>(axes_));
  for (const ZeroRegion& region : zero) out.insert(out.end(), {region.axis, region.low, region.high});
}

void encode_tuple(std::span<const DataView> parts, DataWords& out) {
  DataWords words{header(1, 0, 0, 0, parts.size())};
  for (const DataView part : parts) {
    words.push_back(static_cast<std::int64_t>(part.size()));
    words.insert(words.end(), part.begin(), part.end());
  }
  out = std::move(words);
}

}  // namespace tessera
