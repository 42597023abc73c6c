#include "engine/language/expression_text.hpp"

#include <optional>
#include <unordered_map>

#include "engine/base/check.hpp"
#include "engine/rule/attribute_parser.hpp"

namespace tessera {
namespace {

constexpr int kMaxStaticNesting = 16;  // static functions of terms that contain static functions of terms …

// A form whose arguments are being read.
struct Frame {
  SexprId form;
  SexprId next;  // the argument (operator), binding or body (let) to read next
  const Signature* signature = nullptr;
  std::size_t position = 0;  // in signature->arguments
  std::vector<std::uint32_t> kids;
  std::vector<Value> attributes;
  // (let (binding …) body …)
  bool is_let = false;
  SexprId binding;                 // being read; none: the bodies are
  std::vector<std::string> names;  // bound by this let
};

}  // namespace

class ExpressionReader::Impl {
 public:
  Impl(const Language& language, SymbolTable& symbols) : language_(language), symbols_(symbols) {}

  void read_root(const Sexpr& text, SexprId form) {
    text_ = &text;
    std::vector<std::uint32_t> bodies;
    read(form, &bodies);
    roots_.insert(roots_.end(), bodies.begin(), bodies.end());
  }

  void define(const Sexpr& text, SexprId name, SexprId form) {
    text_ = &text;
    check_new_name(name);
    const std::uint32_t index = read(form, nullptr);
    bindings_.insert_or_assign(std::string(text.text(name)), Binding{index, text.where(name), true});
  }

  Expression take() {
    std::vector<bool> needed(expression_.size(), false);
    for (const std::uint32_t root : roots_) needed[root] = true;
    for (std::size_t i = expression_.size(); i-- > 0;) {
      if (!needed[i]) continue;
      for (const std::uint32_t kid : expression_[static_cast<std::uint32_t>(i)].kids) needed[kid] = true;
    }
    Expression result;
    std::vector<std::uint32_t> moved(expression_.size(), 0);
    std::vector<std::uint32_t> kids;
    for (std::uint32_t i = 0; i < expression_.size(); ++i) {
      if (!needed[i]) continue;
      kids.clear();
      for (const std::uint32_t kid : expression_[i].kids) kids.push_back(moved[kid]);
      moved[i] = result.add(expression_[i].symbol, kids);
    }
    for (const std::uint32_t root : roots_) result.roots.push_back(moved[root]);
    expression_ = Expression();
    roots_.clear();
    data_.clear();
    bindings_.clear();
    leaves_.clear();
    return result;
  }

 private:
  struct Binding {
    std::uint32_t index = 0;
    Where where;
    bool open = true;  // false: its let has ended
  };

  [[noreturn]] void fail(SexprId node, const std::string& message) const {
    throw Error(ErrorCode::kInput, message, text_->where(node));
  }

  // Reads one term. With `bodies`, an outermost let may have any number of bodies, which go there, as does the result.
  std::uint32_t read(SexprId root, std::vector<std::uint32_t>* bodies) {
    std::vector<Frame> frames;
    std::optional<std::uint32_t> result = enter(root, frames);
    while (!frames.empty()) {
      Frame& frame = frames.back();
      const bool outermost = frames.size() == 1 && bodies != nullptr;
      if (result) accept(frame, *result, outermost ? bodies : nullptr);
      result.reset();
      SexprId child = frame.is_let ? next_of_let(frame, outermost) : next_child(frame);
      if (!child.is_none()) {
        result = enter(child, frames);  // may move the frames
        continue;
      }
      if (frame.is_let) {
        for (const std::string& name : frame.names) bindings_.at(name).open = false;
        if (outermost) return 0;
        result = frame.kids.back();
      } else {
        result = finish(frame);
      }
      frames.pop_back();
    }
    if (bodies != nullptr) bodies->push_back(*result);
    return *result;
  }

  // An atom is done at once; a list opens a frame.
  std::optional<std::uint32_t> enter(SexprId node, std::vector<Frame>& frames) {
    if (!text_->is_list(node)) return leaf(node);
    const SexprId head = text_->first(node);
    if (head.is_none()) fail(node, "expected a term, found ()");
    if (text_->is_list(head)) {
      fail(head, "expected an operator's name after '(', found " + text_->describe(head));
    }
    Frame frame;
    frame.form = node;
    frame.next = text_->next(head);
    if (text_->is_atom(head) && text_->text(head) == "let") {
      frame.is_let = true;
      if (frame.next.is_none() || !text_->is_list(frame.next)) {
        fail(node, "expected (let ((NAME TERM) ...) BODY), found " + text_->describe(node));
      }
      frame.binding = text_->first(frame.next);
      frame.next = text_->next(frame.next);
      if (frame.next.is_none()) fail(node, "expected a body after the bindings of this let, found ')'");
    } else {
      frame.signature = &signature(head);
    }
    frames.push_back(std::move(frame));
    return std::nullopt;
  }

  const Signature& signature(SexprId head) {
    const std::string_view word = text_->text(head);
    if (text_->is_atom(head) && word.starts_with('?')) {
      fail(head, "expected an operator's name, found the variable " + std::string(word));
    }
    const Name op{word};
    if (const auto known = signatures_.find(op); known != signatures_.end()) return known->second;
    auto found = language_.signature(op);
    if (!found) {
      const bool function = find_value_function(word) != nullptr || language_.accessor(word) >= 0;
      fail(head, function ? "'" + std::string(word) + "' computes an attribute, expected a term here"
                          : "unknown operator '" + std::string(word) + "'" + suggestion_text(language_, word));
    }
    return signatures_.emplace(op, std::move(*found)).first->second;
  }

  std::uint32_t leaf(SexprId node) {
    const std::string_view word = text_->text(node);
    if (text_->is_atom(node)) {
      if (word.starts_with('?')) fail(node, "expected a term, found the variable " + std::string(word));
      if (const auto bound = bindings_.find(std::string(word)); bound != bindings_.end()) {
        if (bound->second.open) return bound->second.index;
        fail(node, "'" + std::string(word) + "' is out of scope: the let that binds it at " +
                       bound->second.where.to_string() + " has ended");
      }
    }
    const auto symbol = language_.leaf(symbols_, word);
    if (!symbol) {
      fail(node, "expected a term, found " + text_->describe(node) + suggestion_text(language_, word));
    }
    if (text_->is_atom(node)) leaves_.try_emplace(std::string(word), text_->where(node));
    return add(*symbol, {}, node);
  }

  void check_new_name(SexprId name) {
    if (!text_->is_atom(name)) fail(name, "expected a name to bind, found " + text_->describe(name));
    const std::string word(text_->text(name));
    if (word.starts_with('?')) fail(name, "expected a name to bind, found the variable " + word);
    if (looks_like_number(word)) fail(name, "expected a name to bind, found the number " + word);
    if (const auto bound = bindings_.find(word); bound != bindings_.end() && bound->second.open) {
      fail(name, "'" + word + "' is already bound at " + bound->second.where.to_string() + "; expected a new name");
    }
    if (const auto used = leaves_.find(word); used != leaves_.end()) {
      fail(name,
           "'" + word + "' is already a leaf of the program at " + used->second.to_string() + "; expected a new name");
    }
  }

  SexprId next_of_let(Frame& frame, bool outermost) {
    if (!frame.binding.is_none()) {
      const auto parts = text_->is_list(frame.binding) ? text_->items(frame.binding) : std::vector<SexprId>{};
      if (parts.size() != 2) {
        fail(frame.binding, "expected a binding (NAME TERM), found " + text_->describe(frame.binding));
      }
      check_new_name(parts[0]);
      return parts[1];
    }
    const SexprId body = frame.next;
    if (body.is_none()) return body;
    if (!frame.kids.empty() && !outermost) {
      fail(body, "expected ')': only an outermost let may have more than one body, found " + text_->describe(body));
    }
    frame.next = text_->next(body);
    return body;
  }

  // Takes the term that was read for the frame.
  void accept(Frame& frame, std::uint32_t index, std::vector<std::uint32_t>* bodies) {
    if (!frame.is_let || frame.binding.is_none()) {
      frame.kids.push_back(index);
      if (frame.is_let && bodies != nullptr) bodies->push_back(index);
      return;
    }
    const SexprId name = text_->first(frame.binding);
    // The bound term itself may have used the name as a leaf, or bound it in a let of its own.
    check_new_name(name);
    frame.names.emplace_back(text_->text(name));
    bindings_.insert_or_assign(frame.names.back(), Binding{index, text_->where(name), true});
    frame.binding = text_->next(frame.binding);
  }

  // Reads attributes up to the next child and returns that; none when the form is complete.
  SexprId next_child(Frame& frame) {
    const auto& places = frame.signature->arguments;
    while (!frame.next.is_none()) {
      const SexprId node = frame.next;
      if (frame.position == places.size()) {
        fail(node, "expected ')' at the end of " + expectation(frame) + ", found " + text_->describe(node));
      }
      const ArgumentKind place = places[frame.position];
      frame.next = text_->next(node);
      if (place == ArgumentKind::kChildren) return node;
      if (place == ArgumentKind::kRest) {
        if (!is_rest_attribute(*text_, node, language_)) {
          if (rest_started(frame)) {
            fail(node, "expected an attribute: terms stand before attributes; found " + text_->describe(node));
          }
          return node;
        }
        frame.attributes.push_back(attribute(node, place));
        continue;
      }
      ++frame.position;
      if (place == ArgumentKind::kChild) return node;
      frame.attributes.push_back(attribute(node, place));
    }
    if (frame.position < places.size() && places[frame.position] != ArgumentKind::kRest &&
        places[frame.position] != ArgumentKind::kChildren) {
      fail(frame.form, "expected " + expectation(frame) + ", found " + text_->describe(frame.form));
    }
    return {};
  }

  // Whether an attribute of the kRest part was read already: more attributes than the places before it.
  static bool rest_started(const Frame& frame) {
    std::size_t before = 0;
    for (const ArgumentKind place : frame.signature->arguments) {
      before += place != ArgumentKind::kChild && place != ArgumentKind::kRest ? 1U : 0U;
    }
    return frame.attributes.size() > before;
  }

  [[nodiscard]] std::string expectation(const Frame& frame) const {
    return signature_text(Name(text_->text(text_->first(frame.form))), *frame.signature);
  }

  Value attribute(SexprId node, ArgumentKind place);

  std::uint32_t finish(const Frame& frame) {
    const Name op(text_->text(text_->first(frame.form)));
    const auto arity = static_cast<std::uint32_t>(frame.kids.size());
    return add(symbols_.intern(op, frame.attributes, arity), frame.kids, frame.form);
  }

  std::uint32_t add(SymbolId symbol, std::span<const std::uint32_t> kids, SexprId node) {
    const std::uint32_t index = expression_.add(symbol, kids);
    if (!language_.has_data() || index < data_.size()) return index;
    std::vector<DataView> views;
    for (const std::uint32_t kid : kids) views.emplace_back(data_[kid]);
    DataWords words;
    try {
      language_.make(symbols_[symbol], views, words);
    } catch (const Error& error) {
      if (error.where().line > 0) throw;
      throw Error(error.code(), error.message(), text_->where(node));
    }
    data_.push_back(std::move(words));
    return index;
  }

  const Language& language_;
  SymbolTable& symbols_;
  const Sexpr* text_ = nullptr;
  Expression expression_;
  std::vector<std::uint32_t> roots_;
  std::vector<DataWords> data_;  // by node, when the language has data
  std::unordered_map<std::string, Binding> bindings_;
  std::unordered_map<std::string, Where> leaves_;  // atoms read as leaves, and where first
  std::unordered_map<Name, Signature> signatures_;
  int static_nesting_ = 0;

 public:
  // Static functions of terms: the class variables of the attribute expression are terms of this program.
  class TermScope : public AttributeScope, public MatchValues {
   public:
    explicit TermScope(Impl& reader) : reader_(reader) {}
    AttributeExpression variable(SexprId node) override {
      reader_.fail(node, "expected an attribute, found the variable " + std::string(reader_.text_->text(node)));
    }
    VariableIndex class_argument(SexprId node, std::string_view) override {
      if (reader_.static_nesting_ == kMaxStaticNesting) {
        reader_.fail(node, "static functions are nested more than " + std::to_string(kMaxStaticNesting) + " deep");
      }
      ++reader_.static_nesting_;
      const std::uint32_t index = reader_.read(node, nullptr);
      --reader_.static_nesting_;
      return index;
    }
    [[nodiscard]] Value attribute(VariableIndex) const override { CHECK(false); }
    [[nodiscard]] DataView data(VariableIndex term) const override {
      return reader_.language_.has_data() ? DataView(reader_.data_[term]) : DataView();
    }
    [[nodiscard]] const Language& language() const override { return reader_.language_; }

   private:
    Impl& reader_;
  };
};

Value ExpressionReader::Impl::attribute(SexprId node, ArgumentKind place) {
  TermScope scope(*this);
  AttributeParser parser(*text_, language_, scope);
  const AttributeExpression expression = parser.parse(node, place);
  check_kinds(expression, {});
  const Value value = evaluate(expression, scope);
  if ((kind_set(value.kind) & kinds_of_place(place)) == 0) {
    fail(node, "expected " + describe_kinds(kinds_of_place(place)) + ", found " + text_->describe(node) +
                   ", which is " + value.to_string());
  }
  return value;
}

ExpressionReader::ExpressionReader(const Language& language, SymbolTable& symbols)
    : impl_(std::make_unique<Impl>(language, symbols)) {}

ExpressionReader::~ExpressionReader() = default;

void ExpressionReader::read_root(const Sexpr& text, SexprId form) { impl_->read_root(text, form); }

void ExpressionReader::define(const Sexpr& text, SexprId name, SexprId form) { impl_->define(text, name, form); }

Expression ExpressionReader::take() { return impl_->take(); }

Expression parse_expression(std::string_view text, const std::string& file, const Language& language,
                            SymbolTable& symbols) {
  const Sexpr forms(std::string(text), file);
  if (forms.forms().empty()) {
    throw Error(ErrorCode::kInput, "expected a term, found the end of the text", forms.end());
  }
  ExpressionReader reader(language, symbols);
  for (const SexprId form : forms.forms()) reader.read_root(forms, form);
  return reader.take();
}

}  // namespace tessera
