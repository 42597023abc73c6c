#include "io/layer_finder.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/tensor/tensor_type.hpp"
#include "io/layer_names.hpp"

namespace tessera {
namespace {

// Nodes between a dot product and an operand of its layer: ours has fewer.
constexpr std::size_t kMaxChain = 10;
// Paddings beyond this are cut: such a guess is not confirmed, and nothing overflows.
constexpr std::int64_t kMost = std::int64_t{1} << 40;

class Finder {
 public:
  Finder(const Expression& program, SymbolTable& symbols, const TensorLanguage& language)
      : program_(program), symbols_(symbols), types_(infer_types(program, symbols, language)) {}

  std::vector<Layer> find();

 private:
  [[nodiscard]] const Symbol& symbol(std::uint32_t node) const { return symbols_[program_[node].symbol]; }
  [[nodiscard]] TensorType type(std::uint32_t node) const { return TensorType(types_[node]); }
  [[nodiscard]] static std::vector<std::int64_t> dims(const TensorType& type) {
    return {type.dims().begin(), type.dims().end()};
  }
  [[nodiscard]] std::vector<std::uint32_t> chain(std::uint32_t from) const;
  [[nodiscard]] std::optional<Layer> as_convolution(std::uint32_t root, std::uint32_t left, std::uint32_t right);
  static void note(const Symbol& s, Conv2d& conv);
  [[nodiscard]] std::optional<Layer> as_dense(std::uint32_t root, std::uint32_t left, std::uint32_t right);
  [[nodiscard]] Layer as_product(std::uint32_t root, std::uint32_t left, std::uint32_t right, bool is_pair) const;
  // The layer, if lowering it gives `root` and an output that the program has.
  [[nodiscard]] std::optional<Layer> confirm(std::uint32_t root, std::uint32_t data, std::uint32_t weight,
                                             LayerKind kind, const Conv2d& conv);
  [[nodiscard]] Name weight_name(std::uint32_t node) const;

  const Expression& program_;
  SymbolTable& symbols_;
  std::vector<DataWords> types_;
  std::optional<Expression> scratch_;  // the program and all guesses made so far
};

// The node and what it is made of, as long as that is one thing.
std::vector<std::uint32_t> Finder::chain(std::uint32_t from) const {
  std::vector<std::uint32_t> out{from};
  while (out.size() < kMaxChain && program_[out.back()].kids.size() == 1) out.push_back(program_[out.back()].kids[0]);
  return out;
}

Name Finder::weight_name(std::uint32_t node) const {
  for (const std::uint32_t link : chain(node)) {
    if (symbol(link).name == Name("access-tensor")) return symbol(link).attributes[0].as_name();
  }
  return {};
}

std::optional<Layer> Finder::confirm(std::uint32_t root, std::uint32_t data, std::uint32_t weight, LayerKind kind,
                                     const Conv2d& conv) {
  if (!scratch_) scratch_ = program_;
  Lowered lowered{};
  try {
    lowered = kind == LayerKind::kDense ? lower_dense(symbols_, *scratch_, data, weight)
                                        : lower_conv2d(symbols_, *scratch_, data, weight, conv);
  } catch (const Error&) {
    return std::nullopt;  // no such convolution
  }
  if (lowered.compute != root || lowered.output >= program_.size()) return std::nullopt;
  Layer layer = make_layer({}, kind, conv, type(data).dtype(), weight_name(weight));
  layer.root = root;
  layer.output = lowered.output;
  layer.data_node = data;
  layer.weight_node = weight;
  return layer;
}

std::optional<Layer> Finder::as_dense(std::uint32_t root, std::uint32_t left, std::uint32_t right) {
  for (const auto& [data_side, weight_side] : {std::pair{right, left}, std::pair{left, right}}) {
    for (const std::uint32_t data : chain(data_side)) {
      for (const std::uint32_t weight : chain(weight_side)) {
        if (type(data).is_tuple() || type(weight).is_tuple()) continue;
        const std::vector<std::int64_t> d = dims(type(data));
        const std::vector<std::int64_t> w = dims(type(weight));
        if (d.size() != 2 || w.size() != 2 || d[1] != w[1]) continue;
        auto layer = confirm(root, data, weight, LayerKind::kDense, dense_as_conv2d(d[0], d[1], w[0]));
        if (layer) return layer;
      }
    }
  }
  return std::nullopt;
}

std::optional<Layer> Finder::as_convolution(std::uint32_t root, std::uint32_t left, std::uint32_t right) {
  for (const auto& [data_side, weight_side] : {std::pair{right, left}, std::pair{left, right}}) {
    // Data that may be the convolution's, each with what the windows and pads above it say (no windows: 1x1).
    std::vector<std::pair<std::uint32_t, Conv2d>> guesses;
    Conv2d conv = dense_as_conv2d(1, 1, 1);
    for (const std::uint32_t data : chain(data_side)) {
      if (!type(data).is_tuple() && type(data).axes() == 4) guesses.emplace_back(data, conv);
      note(symbol(data), conv);
    }
    // The deepest that fits: pads belong to the convolution.
    std::reverse(guesses.begin(), guesses.end());
    for (auto& [data, guess] : guesses) {
      const std::vector<std::int64_t> d = dims(type(data));
      for (const std::uint32_t weight : chain(weight_side)) {
        if (type(weight).is_tuple() || type(weight).axes() != 4) continue;
        const std::vector<std::int64_t> w = dims(type(weight));
        if (d[1] % w[1] != 0) continue;
        guess.n = d[0];
        guess.channels_in = d[1];
        guess.height = d[2];
        guess.width = d[3];
        guess.channels_out = w[0];
        guess.kernel_h = w[2];
        guess.kernel_w = w[3];
        guess.groups = d[1] / w[1];
        auto layer = confirm(root, data, weight, kind_of(guess), guess);
        if (layer) return layer;
      }
    }
  }
  return std::nullopt;
}

// Takes strides and paddings from an operator on the way from a dot product to the data.
void Finder::note(const Symbol& s, Conv2d& conv) {
  if (s.name == Name("access-windows")) {
    const auto strides = s.attributes[1].dims();
    if (strides.size() < 2) return;
    conv.stride_h = strides[strides.size() - 2];
    conv.stride_w = strides[strides.size() - 1];
  } else if (s.name == Name("access-pad")) {
    // (access-pad a zero-padding axis before after)
    const std::int64_t axis = s.attributes[1].as_int();
    const auto add = [](std::int64_t& sum, std::int64_t more) { sum = std::min(sum + std::min(more, kMost), kMost); };
    add(axis == 2 ? conv.pad_top : conv.pad_left, s.attributes[2].as_int());
    add(axis == 2 ? conv.pad_bottom : conv.pad_right, s.attributes[3].as_int());
  }
}

Layer Finder::as_product(std::uint32_t root, std::uint32_t left, std::uint32_t right, bool is_pair) const {
  ProductForm form;
  form.is_pair = is_pair;
  form.left_dims = dims(type(left));
  form.right_dims = dims(type(right));
  form.left_split = static_cast<std::int64_t>(type(left).split());
  form.right_split = static_cast<std::int64_t>(type(right).split());
  Layer layer = make_product_layer({}, form, type(left).dtype(), weight_name(left));
  layer.root = layer.output = root;
  // layer_network splits its tensors itself: what is split here does not matter.
  const auto unsplit = [this](std::uint32_t node) {
    return symbol(node).name == Name("access") ? program_[node].kids[0] : node;
  };
  layer.data_node = unsplit(right);
  layer.weight_node = unsplit(left);
  return layer;
}

std::vector<Layer> Finder::find() {
  std::vector<Layer> layers;
  LayerNames names;
  const Name compute("compute");
  const Name dot_product("dot-product");
  for (std::uint32_t node = 0; node < program_.size(); ++node) {
    if (symbol(node).name != compute || symbol(node).attributes[0].as_name() != dot_product) continue;
    const std::uint32_t form = program_[node].kids[0];
    const bool is_pair = symbol(form).name == Name("access-pair");
    if (!is_pair && symbol(form).name != Name("access-cartesian-product")) continue;
    const std::uint32_t left = program_[form].kids[0];
    const std::uint32_t right = program_[form].kids[1];
    std::optional<Layer> layer = as_convolution(node, left, right);
    if (!layer) layer = as_dense(node, left, right);
    if (!layer) layer = as_product(node, left, right, is_pair);
    layer->name = names.from_weight(layer->weight, layer->kind);
    layers.push_back(*std::move(layer));
  }
  return layers;
}

}  // namespace

std::vector<DataWords> infer_types(const Expression& program, const SymbolTable& symbols,
                                   const TensorLanguage& language) {
  std::vector<DataWords> types(program.size());
  std::vector<DataView> kids;
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    kids.clear();
    for (const std::uint32_t kid : program[i].kids) kids.emplace_back(types[kid]);
    language.make(symbols[program[i].symbol], kids, types[i]);
  }
  return types;
}

std::vector<Layer> find_layers(const Expression& program, SymbolTable& symbols, const TensorLanguage& language) {
  return Finder(program, symbols, language).find();
}

}  // namespace tessera
