// Printing programs. Three passes over the nodes that the roots reach, in post-order: count uses, choose which nodes
// get a name (used twice, or nested too deep), lay out. A named node is printed on its own, so that recursion and
// indentation are bounded by kMaxPrintedNesting and the text is linear in the program.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/language/expression_text.hpp"

namespace tessera {
namespace {

constexpr std::size_t kColumns = 120;
constexpr std::size_t kWide = 1'000'000;  // widths saturate here

class Printer {
 public:
  Printer(const Expression& expression, const SymbolTable& symbols, const Language& language)
      : expression_(expression), symbols_(symbols), language_(language), info_(expression.size()) {}

  std::string print() {
    visit();
    choose_names();
    if (names_.empty()) {
      for (const std::uint32_t root : expression_.roots) {
        emit(root, 0, 0);
        newline(0);
      }
      return std::move(out_);
    }
    out_ = "(let (";
    bool first = true;
    for (const std::uint32_t node : named_) {
      if (!first) newline(6);
      first = false;
      const std::string& name = names_.at(node);
      out_ += "(" + name + " ";
      const bool last = node == named_.back();
      const std::size_t closers = last ? 2 : 1;
      if (info_[node].width + 8 + name.size() + closers > kColumns) {
        newline(8);
        emit_node(node, 8, closers);
      } else {
        emit_flat(node);
      }
      out_.append(closers, ')');
    }
    for (const std::uint32_t root : expression_.roots) {
      newline(2);
      emit(root, 2, root == expression_.roots.back() ? 1 : 0);
    }
    return std::move(out_) + ")\n";
  }

 private:
  struct Info {
    std::uint32_t uses = 0;
    int height = 0;         // of what is printed in its place, names counting 0
    std::size_t width = 0;  // on one line, as printed in full
    bool seen = false;
    bool named = false;
  };

  struct SymbolText {
    std::string head;
    std::vector<std::string> attributes;
    bool bare = false;  // an atom without parentheses
    Signature signature;
  };

  // One argument in the order of the text: a child, or an attribute.
  struct Item {
    bool is_kid = false;
    std::uint32_t kid = 0;
    const std::string* attribute = nullptr;
  };

  void visit() {
    struct Step {
      std::uint32_t node;
      std::size_t next_kid;
    };
    std::vector<Step> stack;
    for (const std::uint32_t root : expression_.roots) {
      ++info_[root].uses;
      if (!info_[root].seen) stack.push_back({root, 0});
      info_[root].seen = true;
      while (!stack.empty()) {
        Step& step = stack.back();
        const auto& kids = expression_[step.node].kids;
        if (step.next_kid == kids.size()) {
          order_.push_back(step.node);
          stack.pop_back();
          continue;
        }
        const std::uint32_t kid = kids[step.next_kid++];
        ++info_[kid].uses;
        if (info_[kid].seen) continue;
        info_[kid].seen = true;
        stack.push_back({kid, 0});
      }
    }
  }

  void choose_names() {
    std::unordered_set<std::string> atoms;
    for (const std::uint32_t node : order_) {
      const SymbolText& text = text_of(expression_[node].symbol);
      if (text.bare) atoms.insert(text.head);
    }
    std::size_t number = 0;
    for (const std::uint32_t node : order_) {
      Info& info = info_[node];
      const auto& kids = expression_[node].kids;
      const SymbolText& text = text_of(expression_[node].symbol);
      info.width = text.head.size() + (text.bare ? 0 : 2);
      for (const std::string& attribute : text.attributes) info.width += 1 + attribute.size();
      for (const std::uint32_t kid : kids) {
        const bool short_form = info_[kid].named || expression_[kid].kids.empty();
        info.height = std::max(info.height, short_form ? 0 : info_[kid].height + 1);
        info.width += 1 + (info_[kid].named ? names_.at(kid).size() : info_[kid].width);
      }
      info.width = std::min(info.width, kWide);
      info.named = !kids.empty() && (info.uses > 1 || info.height >= kMaxPrintedNesting);
      if (!info.named) continue;
      std::string name;
      do {
        name = "t" + std::to_string(number++);
      } while (atoms.contains(name));
      names_.emplace(node, std::move(name));
      named_.push_back(node);
    }
  }

  const SymbolText& text_of(SymbolId id) {
    const auto [place, added] = texts_.try_emplace(id.value);
    SymbolText& text = place->second;
    if (!added) return text;
    const Symbol& symbol = symbols_[id];
    text.head = symbol.name.text() == "let" ? "\"let\"" : atom_text(symbol.name.text());
    for (const Value& attribute : symbol.attributes) text.attributes.push_back(attribute.to_string());
    if (symbol.arity == 0 && symbol.attributes.empty()) {
      // Bare only if the atom reads back to this very symbol.
      const auto leaf = language_.leaf(scratch_, symbol.name.text());
      text.bare = leaf && scratch_[*leaf].name == symbol.name && scratch_[*leaf].arity == 0 &&
                  scratch_[*leaf].attributes.empty();
      if (text.bare) text.head = atom_text(symbol.name.text());
    }
    text.signature = language_.signature(symbol.name).value_or(Signature{{ArgumentKind::kRest}});
    return text;
  }

  std::vector<Item> items_of(std::uint32_t node, const SymbolText& text) {
    const auto& kids = expression_[node].kids;
    std::vector<Item> items;
    std::size_t kid = 0;
    std::size_t attribute = 0;
    const auto take_kid = [&] { items.push_back({true, kids[kid++], nullptr}); };
    const auto take_attribute = [&] { items.push_back({false, 0, &text.attributes[attribute++]}); };
    for (const ArgumentKind place : text.signature.arguments) {
      if (place == ArgumentKind::kRest || place == ArgumentKind::kChildren) break;
      if (place == ArgumentKind::kChild) {
        if (kid < kids.size()) take_kid();
      } else if (attribute < text.attributes.size()) {
        take_attribute();
      }
    }
    while (kid < kids.size()) take_kid();
    while (attribute < text.attributes.size()) take_attribute();
    return items;
  }

  void newline(std::size_t indent) {
    out_ += '\n';
    out_.append(indent, ' ');
    line_ = out_.size() - indent;
  }
  [[nodiscard]] std::size_t column() const { return out_.size() - line_; }

  void emit_flat(std::uint32_t node) {
    const SymbolText& text = text_of(expression_[node].symbol);
    if (text.bare) {
      out_ += text.head;
      return;
    }
    out_ += "(" + text.head;
    for (const Item& item : items_of(node, text)) {
      out_ += ' ';
      if (!item.is_kid) {
        out_ += *item.attribute;
      } else if (info_[item.kid].named) {
        out_ += names_.at(item.kid);
      } else {
        emit_flat(item.kid);
      }
    }
    out_ += ')';
  }

  // A word, or a form in parentheses that is broken at blanks if it does not even fit on a line of its own.
  void emit_words(const std::string& words, std::size_t indent, std::size_t closers) {
    if (column() + words.size() + closers <= kColumns || words.front() != '(') {
      out_ += words;
      return;
    }
    std::size_t begin = 0;
    while (begin < words.size()) {
      const std::size_t end = std::min(words.find(' ', begin), words.size());
      const std::size_t after = end == words.size() ? closers : 0;
      if (begin > 0) {
        if (column() + 1 + (end - begin) + after > kColumns) {
          newline(indent + 2);
        } else {
          out_ += ' ';
        }
      }
      out_.append(words, begin, end - begin);
      begin = end + 1;
    }
  }

  // `closers` more parentheses follow on the same line.
  void emit(std::uint32_t node, std::size_t indent, std::size_t closers) {
    if (info_[node].named) {
      out_ += names_.at(node);
    } else {
      emit_node(node, indent, closers);
    }
  }

  void emit_node(std::uint32_t node, std::size_t indent, std::size_t closers) {
    if (column() + info_[node].width + closers <= kColumns) {
      emit_flat(node);
      return;
    }
    const SymbolText& text = text_of(expression_[node].symbol);
    if (text.bare) {
      out_ += text.head;
      return;
    }
    out_ += "(" + text.head;
    const std::vector<Item> items = items_of(node, text);
    bool after_word = true;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Item& item = items[i];
      const std::size_t after = i + 1 == items.size() ? closers + 1 : 0;
      const bool word = !item.is_kid || info_[item.kid].named || expression_[item.kid].kids.empty();
      const std::size_t width = !item.is_kid            ? item.attribute->size()
                                : info_[item.kid].named ? names_.at(item.kid).size()
                                                        : info_[item.kid].width;
      if (word && after_word && column() + 1 + width + after <= kColumns) {
        out_ += ' ';
      } else {
        newline(indent + 2);
      }
      if (item.is_kid) {
        emit(item.kid, indent + 2, after);
      } else {
        emit_words(*item.attribute, indent + 2, after);
      }
      after_word = word;
    }
    out_ += ')';
  }

  const Expression& expression_;
  const SymbolTable& symbols_;
  const Language& language_;
  SymbolTable scratch_;  // what Language::leaf may intern into
  std::unordered_map<std::uint32_t, SymbolText> texts_;
  std::vector<Info> info_;
  std::vector<std::uint32_t> order_;  // post-order from the roots
  std::vector<std::uint32_t> named_;  // in order of definition
  std::unordered_map<std::uint32_t, std::string> names_;
  std::string out_;
  std::size_t line_ = 0;  // where the current line begins in out_
};

}  // namespace

std::string print_expression(const Expression& expression, const SymbolTable& symbols, const Language& language) {
  if (expression.roots.empty()) return {};
  return Printer(expression, symbols, language).print();
}

std::string signature_text(Name op, const Signature& signature) {
  std::string text = "(" + std::string(op.text());
  for (const ArgumentKind kind : signature.arguments) {
    switch (kind) {
      case ArgumentKind::kChild:
        text += " TERM";
        break;
      case ArgumentKind::kInt:
        text += " INTEGER";
        break;
      case ArgumentKind::kName:
        text += " NAME";
        break;
      case ArgumentKind::kShape:
        text += " SHAPE";
        break;
      case ArgumentKind::kList:
        text += " LIST";
        break;
      case ArgumentKind::kAccessShape:
        text += " ACCESS-SHAPE";
        break;
      case ArgumentKind::kLiteral:
        text += " LITERAL";
        break;
      case ArgumentKind::kRest:
        text += " TERM... ATTRIBUTE...";
        break;
      case ArgumentKind::kChildren:
        text += " TERM...";
        break;
    }
  }
  return text + ")";
}

}  // namespace tessera
