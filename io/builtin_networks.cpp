#include "io/builtin_networks.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "engine/base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/glenside_reader.hpp"
#include "io/relay_reader.hpp"

namespace tessera {
namespace {

using Dims = std::vector<std::int64_t>;

std::string type_text(const Dims& dims) {
  std::string out = "Tensor[(";
  for (std::size_t i = 0; i < dims.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(dims[i]);
  return out + "), float32]";
}

// Relay text of one function, as TVM prints it: every operator is bound to the next number.
class RelayWriter {
 public:
  std::string parameter(const std::string& name, const Dims& dims) {
    parameters_ += (parameters_.empty() ? "%" : ", %") + name + ": " + type_text(dims);
    return "%" + name;
  }
  // Binds `call` to a new name and returns the name.
  std::string bind(const std::string& call, const Dims& dims) {
    std::string name = "%" + std::to_string(next_++);
    body_ += "  " + name + " = " + call + " /* ty=" + type_text(dims) + " */;\n";
    return name;
  }
  [[nodiscard]] std::string finish(const std::string& call, const Dims& dims) const {
    return "#[version = \"0.0.5\"]\ndef @main(" + parameters_ + ") -> " + type_text(dims) + " {\n" + body_ + "  " +
           call + " /* ty=" + type_text(dims) + " */\n}\n";
  }

 private:
  std::string parameters_;
  std::string body_;
  int next_ = 0;
};

// The growing end of a network of NCHW images.
struct Image {
  std::string name;
  Dims dims;
};

struct Convolution {
  std::string weight;
  std::int64_t channels = 0;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t groups = 1;
};

void convolve(RelayWriter& relay, Image& x, const Convolution& c) {
  const std::string weight = relay.parameter(c.weight, {c.channels, x.dims[1] / c.groups, c.kernel, c.kernel});
  const std::int64_t pad = c.kernel / 2;
  std::string call = "nn.conv2d(" + x.name + ", " + weight;
  const auto list = [](std::int64_t value, int count) {
    std::string out = "[" + std::to_string(value);
    for (int i = 1; i < count; ++i) out += ", " + std::to_string(value);
    return out + "]";
  };
  if (c.stride != 1) call += ", strides=" + list(c.stride, 2);
  call += ", padding=" + list(pad, 4);
  if (c.groups != 1) call += ", groups=" + std::to_string(c.groups);
  call += ", channels=" + std::to_string(c.channels) + ", kernel_size=" + list(c.kernel, 2) + ")";
  x.dims[1] = c.channels;
  for (const std::size_t axis : {2U, 3U}) x.dims[axis] = (x.dims[axis] + 2 * pad - c.kernel) / c.stride + 1;
  x.name = relay.bind(call, x.dims);
}

// Batch normalization, simplified for inference as TVM does, then relu.
void normalize_and_relu(RelayWriter& relay, Image& x, const std::string& prefix) {
  const Dims channels = {x.dims[1]};
  const Dims column = {x.dims[1], 1, 1};
  const std::string gamma = relay.parameter(prefix + "_gamma", channels);
  const std::string beta = relay.parameter(prefix + "_beta", channels);
  const std::string mean = relay.parameter(prefix + "_moving_mean", channels);
  const std::string variance = relay.parameter(prefix + "_moving_var", channels);
  std::string s = relay.bind("add(" + variance + ", 1e-05f /* ty=float32 */)", channels);
  s = relay.bind("sqrt(" + s + ")", channels);
  s = relay.bind("divide(1f /* ty=float32 */, " + s + ")", channels);
  const std::string scale = relay.bind("multiply(" + s + ", " + gamma + ")", channels);
  s = relay.bind("expand_dims(" + scale + ", axis=1, num_newaxis=2)", column);
  x.name = relay.bind("multiply(" + x.name + ", " + s + ")", x.dims);
  s = relay.bind("negative(" + mean + ")", channels);
  s = relay.bind("multiply(" + s + ", " + scale + ")", channels);
  s = relay.bind("add(" + s + ", " + beta + ")", channels);
  s = relay.bind("expand_dims(" + s + ", axis=1, num_newaxis=2)", column);
  x.name = relay.bind("add(" + x.name + ", " + s + ")", x.dims);
  x.name = relay.bind("nn.relu(" + x.name + ")", x.dims);
}

std::int64_t scaled_channels(std::int64_t published, double width) {
  const double exact = static_cast<double>(published) * width;
  std::int64_t rounded = std::max<std::int64_t>(8, static_cast<std::int64_t>(exact + 4) / 8 * 8);
  if (static_cast<double>(rounded) < 0.9 * exact) rounded += 8;
  return rounded;
}

constexpr std::string_view kMobilenet = "mobilenet-v1";
constexpr std::int64_t kMaxResolution = 4096;

// What stands between colons after the name.
template <class T>
T number_of(const std::string& given, std::string_view text, const char* what) {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) {
    throw Error(ErrorCode::kInput, "model '" + given + "': expected " + what + ", found '" + std::string(text) +
                                       "'; a built-in is written mobilenet-v1[:WIDTH[:RESOLUTION]]");
  }
  return value;
}

std::string mobilenet_from_name(const std::string& given) {
  double width = 1;
  std::int64_t resolution = 224;
  if (given.size() > kMobilenet.size()) {
    const std::string_view rest = std::string_view(given).substr(kMobilenet.size() + 1);
    const std::size_t colon = rest.find(':');
    width = number_of<double>(given, rest.substr(0, colon), "a width multiplier such as 0.5");
    if (colon != std::string_view::npos) {
      resolution = number_of<std::int64_t>(given, rest.substr(colon + 1), "a resolution such as 128");
    }
  }
  if (!(width > 0 && width <= 4)) {
    throw Error(ErrorCode::kInput, "model '" + given + "': expected a width multiplier above 0 and up to 4");
  }
  if (resolution < 1 || resolution > kMaxResolution) {
    throw Error(ErrorCode::kInput,
                "model '" + given + "': expected a resolution of 1 to " + std::to_string(kMaxResolution));
  }
  return mobilenet_v1_relay(width, resolution);
}

}  // namespace

std::string mobilenet_v1_relay(double width, std::int64_t resolution) {
  struct Block {
    std::int64_t channels;
    std::int64_t stride;
  };
  constexpr std::array<Block, 13> kBlocks{{{64, 1},
                                           {128, 2},
                                           {128, 1},
                                           {256, 2},
                                           {256, 1},
                                           {512, 2},
                                           {512, 1},
                                           {512, 1},
                                           {512, 1},
                                           {512, 1},
                                           {512, 1},
                                           {1024, 2},
                                           {1024, 1}}};
  constexpr std::int64_t kClasses = 1000;
  RelayWriter relay;
  Image x;
  x.dims = {1, 3, resolution, resolution};
  x.name = relay.parameter("data", x.dims);
  convolve(relay, x, {"conv_block_1_conv_weight", scaled_channels(32, width), 3, 2, 1});
  normalize_and_relu(relay, x, "conv_block_1_bn");
  for (std::size_t i = 0; i < kBlocks.size(); ++i) {
    const std::string block = "separable_conv_block_" + std::to_string(i + 1);
    convolve(relay, x, {block + "_weight", x.dims[1], 3, kBlocks[i].stride, x.dims[1]});
    normalize_and_relu(relay, x, block + "_bn1");
    convolve(relay, x, {block + "_conv2_weight", scaled_channels(kBlocks[i].channels, width), 1, 1, 1});
    normalize_and_relu(relay, x, block + "_bn2");
  }
  const std::int64_t features = x.dims[1];
  std::string s = relay.bind("nn.global_avg_pool2d(" + x.name + ")", {1, features, 1, 1});
  s = relay.bind("nn.batch_flatten(" + s + ")", {1, features});
  const std::string weight = relay.parameter("fc_weight", {kClasses, features});
  s = relay.bind("nn.dense(" + s + ", " + weight + ", units=" + std::to_string(kClasses) + ")", {1, kClasses});
  s = relay.bind("nn.bias_add(" + s + ", " + relay.parameter("fc_bias", {kClasses}) + ")", {1, kClasses});
  return relay.finish("nn.softmax(" + s + ")", {1, kClasses});
}

std::vector<std::string> builtin_networks() { return {std::string(kMobilenet) + "[:WIDTH[:RESOLUTION]]"}; }

Network find_network(const std::string& name_or_path, SymbolTable& symbols, TensorLanguage& language,
                     const std::vector<TensorDeclaration>& declarations) {
  if (name_or_path == kMobilenet || name_or_path.starts_with(std::string(kMobilenet) + ":")) {
    return read_relay(mobilenet_from_name(name_or_path), name_or_path, symbols, language);
  }
  const std::string ending = std::filesystem::path(name_or_path).extension().string();
  if (ending == ".relay") return read_relay(read_file(name_or_path), name_or_path, symbols, language);
  if (ending == ".glenside") {
    return read_glenside(read_file(name_or_path), name_or_path, symbols, language, declarations);
  }
  std::string message = "unknown model '" + name_or_path + "': expected a built-in (";
  const std::vector<std::string> names = builtin_networks();
  for (std::size_t i = 0; i < names.size(); ++i) message += (i > 0 ? ", " : "") + names[i];
  throw Error(ErrorCode::kInput, message + ") or a file that ends in .relay or .glenside");
}

}  // namespace tessera
