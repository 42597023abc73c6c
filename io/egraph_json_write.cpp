#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "engine/text/sexpr.hpp"
#include "io/egraph_json.hpp"
#include "partition/digest.hpp"

namespace tessera {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;  // of text, handed on at once

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The operator and its attributes, as in program text but for the children.
std::string op_text(const Symbol& symbol) {
  if (symbol.attributes.empty()) return std::string(symbol.name.text());
  std::string text = name_text(symbol.name.text());
  for (const Value& value : symbol.attributes) text += " " + value.to_string();
  return text;
}

class Writer {
 public:
  Writer(const SearchState& whole, const Language& language, const TextSink& write)
      : state_(whole),
        share_(whole.share),
        language_(language),
        write_(write),
        child_begin_(child_begins(whole)),
        child_(whole.share.child.values()) {}

  void run() {
    order_classes();
    order_symbols();
    order_rows();
    write_nodes();
    write_roots();
    write_class_data();
    write_attributes();
    text_ += "}\n";
    write_(text_);
  }

 private:
  // number_[class]: by name. Names of 64 bits may collide; then the lowest terms decide.
  void order_classes() {
    std::vector<std::uint64_t> order(share_.sizes.classes);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    const NarrowColumn& name = share_.class_name;
    std::ranges::sort(order, {}, [&](std::uint64_t c) { return name[c]; });
    const auto same = [&](std::uint64_t a, std::uint64_t b) { return name[a] == name[b]; };
    if (std::ranges::adjacent_find(order, same) != order.end()) {
      const std::vector<std::uint64_t> term = lowest_terms(state_);
      std::ranges::sort(order, [&](std::uint64_t a, std::uint64_t b) {
        return name[a] != name[b] ? name[a] < name[b] : term[a] < term[b];
      });
    }
    number_.resize(order.size());
    for (std::uint64_t i = 0; i < order.size(); ++i) number_[order[i]] = i;
    class_at_ = std::move(order);
  }

  // Each `op` stands for one operator with its attributes: where two would be written alike, the later gets a mark.
  void order_symbols() {
    const std::vector<Symbol>& symbols = state_.symbols;
    for (const Symbol& symbol : symbols) op_.push_back(op_text(symbol));
    symbol_at_.resize(op_.size());
    std::iota(symbol_at_.begin(), symbol_at_.end(), 0U);
    std::ranges::sort(symbol_at_, [&](std::uint32_t a, std::uint32_t b) {
      if (op_[a] != op_[b]) return op_[a] < op_[b];
      return symbols[a].arity != symbols[b].arity ? symbols[a].arity < symbols[b].arity
                                                  : symbols[a].hash() < symbols[b].hash();
    });
    symbol_rank_.resize(op_.size());
    std::unordered_map<std::string, std::uint32_t> taken;
    for (std::uint32_t i = 0; i < symbol_at_.size(); ++i) {
      const std::uint32_t s = symbol_at_[i];
      symbol_rank_[s] = i;
      for (;;) {
        const Symbol& first = symbols[taken.try_emplace(op_[s], s).first->second];
        if (first.name == symbols[s].name && first.attributes == symbols[s].attributes) break;
        op_[s] += "'";
      }
    }
  }

  [[nodiscard]] std::span<const std::uint64_t> kids(std::uint64_t row) const {
    return std::span(child_).subspan(child_begin_[row], child_begin_[row + 1] - child_begin_[row]);
  }

  void order_rows() {
    rows_.resize(share_.sizes.rows);
    std::iota(rows_.begin(), rows_.end(), std::uint64_t{0});
    std::ranges::sort(rows_, [&](std::uint64_t a, std::uint64_t b) {
      const std::uint64_t class_a = number_[share_.row_class[a]];
      const std::uint64_t class_b = number_[share_.row_class[b]];
      if (class_a != class_b) return class_a < class_b;
      const std::uint64_t symbol_a = symbol_rank_[share_.row_symbol[a]];
      const std::uint64_t symbol_b = symbol_rank_[share_.row_symbol[b]];
      if (symbol_a != symbol_b) return symbol_a < symbol_b;
      return std::ranges::lexicographical_compare(
          kids(a), kids(b), [&](std::uint64_t x, std::uint64_t y) { return number_[x] < number_[y]; });
    });
  }

  [[nodiscard]] DataView data(std::uint64_t cls) const {
    if (!share_.has_data() || share_.class_value[cls] == GraphShare::kNoValue) return {};
    const std::uint64_t value = share_.class_value[cls] - 1;
    const std::uint64_t end =
        value + 1 < share_.value_begin.size() ? share_.value_begin[value + 1] : share_.sizes.words;
    return std::span(share_.word).subspan(share_.value_begin[value], end - share_.value_begin[value]);
  }

  // A node whose data is not known costs nothing that could be told.
  [[nodiscard]] std::uint64_t cost(std::uint64_t row) {
    kid_data_.clear();
    const DataView self = data(share_.row_class[row]);
    bool is_known = !self.empty() || !language_.has_data();
    for (const std::uint64_t kid : kids(row)) {
      kid_data_.push_back(data(kid));
      is_known = is_known && (!kid_data_.back().empty() || !language_.has_data());
    }
    return is_known ? language_.cost(state_.symbols[share_.row_symbol[row]], self, kid_data_) : Language::kInfiniteCost;
  }

  void flush() {
    if (text_.size() < kPiece) return;
    write_(text_);
    text_.clear();
  }
  // The beginning of the next entry of an object.
  void next(bool& is_first) {
    text_ += is_first ? "\n" : ",\n";
    is_first = false;
    flush();
  }

  void write_nodes() {
    text_ += "{\n\"nodes\": {";
    std::vector<std::string> op;
    for (const std::string& text : op_) op.push_back(json_text(text));
    bool is_first = true;
    std::uint64_t last = ~std::uint64_t{0};
    std::uint64_t within = 0;
    for (const std::uint64_t row : rows_) {
      const std::uint64_t cls = number_[share_.row_class[row]];
      within = cls == last ? within + 1 : 0;
      last = cls;
      next(is_first);
      auto out = std::back_inserter(text_);
      fmt::format_to(out, "\"{}.{}\": {{\"op\": {}, \"children\": [", cls, within, op[share_.row_symbol[row]]);
      const char* between = "";
      for (const std::uint64_t kid : kids(row)) {
        fmt::format_to(out, "{}\"{}.0\"", between, number_[kid]);
        between = ", ";
      }
      fmt::format_to(out, "], \"eclass\": \"{}\", \"cost\": {}, \"subsumed\": false}}", cls, cost(row));
    }
    text_ += "\n},\n";
  }

  void write_roots() {
    text_ += "\"root_eclasses\": [";
    for (std::size_t i = 0; i < state_.roots.size(); ++i)
      text_ += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", number_[state_.roots[i]]);
    text_ += "],\n";
  }

  void write_class_data() {
    text_ += "\"class_data\": {";
    bool is_first = true;
    for (std::uint64_t i = 0; i < class_at_.size() && language_.has_data(); ++i) {
      const DataView view = data(class_at_[i]);
      if (view.empty()) continue;
      next(is_first);
      text_ += fmt::format("\"{}\": {{\"type\": {}}}", i, json_text(language_.describe(view)));
    }
    text_ += "}";
  }

  // Which `op`s are more than a name.
  void write_attributes() {
    std::vector<char> used(op_.size(), 0);
    for (const std::uint64_t symbol : share_.row_symbol) used[symbol] = 1;
    bool is_first = true;
    std::unordered_set<std::string> written;
    for (const std::uint32_t s : symbol_at_) {
      const Symbol& symbol = state_.symbols[s];
      const std::string name(symbol.name.text());
      if (used[s] == 0 || (symbol.attributes.empty() && op_[s] == name) || !written.insert(op_[s]).second) continue;
      if (is_first) text_ += ",\n\"tessera_symbols\": {";
      next(is_first);
      text_ += fmt::format("{}: {{\"operator\": {}, \"attributes\": [", json_text(op_[s]), json_text(name));
      for (std::size_t i = 0; i < symbol.attributes.size(); ++i)
        text_ += (i == 0 ? "" : ", ") + attribute_text(symbol.attributes[i]);
      text_ += "]}";
    }
    text_ += is_first ? "\n" : "}\n";
  }

  const SearchState& state_;
  const GraphShare& share_;
  const Language& language_;
  const TextSink& write_;
  std::vector<std::uint64_t> child_begin_;  // by row, and the last one's end
  std::vector<std::uint64_t> child_;
  std::string text_;
  std::vector<std::uint64_t> number_;    // by position of the class
  std::vector<std::uint64_t> class_at_;  // by number
  std::vector<std::string> op_;          // by symbol
  std::vector<std::uint32_t> symbol_rank_;
  std::vector<std::uint32_t> symbol_at_;  // by rank
  std::vector<std::uint64_t> rows_;
  std::vector<DataView> kid_data_;
};

}  // namespace

void write_egraph_json(const SearchState& whole, const Language& language, const TextSink& write) {
  Writer(whole, language, write).run();
}

}  // namespace tessera
