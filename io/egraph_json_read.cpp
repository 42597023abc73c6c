#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/graph/limits.hpp"
#include "io/egraph_json_graph.hpp"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 64;  // of what is kept as JSON

// What the text says, value by value, into an EgraphBuilder. Knows at every value where in the text's structure it is.
class Handler : public nlohmann::json_sax<Json> {
 public:
  Handler(EgraphBuilder& builder, std::string file) : builder_(builder), file_(std::move(file)) {}

  bool null() override { return scalar("null", nullptr, Json()); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false", nullptr, Json(value)); }
  bool number_integer(number_integer_t value) override { return scalar("a number", nullptr, Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return scalar("a number", nullptr, Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return scalar("a number", nullptr, Json(value)); }
  bool binary(binary_t&) override { return scalar("bytes", nullptr, Json()); }
  bool string(string_t& text) override { return scalar("text", &text, {}); }

  bool start_object(std::size_t) override { return open("an object", '{'); }
  bool start_array(std::size_t) override { return open("an array", '['); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (skipped_ > 0) return true;
    if (place_ == Place::kSymbols) {
      kept_keys_.back() = name;
      return true;
    }
    if (place_ == Place::kTop) {
      section_ = std::move(name);
      if (!sections_.insert({section_, true}).second) refuse("/" + section_, "found '" + section_ + "' twice");
    } else if (place_ == Place::kNodes) {
      node_id_ = std::move(name);
    } else {
      field_ = std::move(name);
    }
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 2, column 5: syntax error …"
    const std::string text = error.what();
    Where where{file_};
    const std::size_t at = text.find(" at line ");
    const std::size_t message = text.find(": ", at == std::string::npos ? 0 : at);
    if (at != std::string::npos) std::sscanf(text.c_str() + at, " at line %d, column %d", &where.line, &where.column);
    throw Error(ErrorCode::kInput, message == std::string::npos ? text : text.substr(message + 2), where);
  }

  void finish() {
    if (!sections_.contains("nodes"))
      refuse("/", "found no 'nodes', expected an e-graph as egraph-serialize writes it");
  }
  [[nodiscard]] const Json& symbols() const { return symbols_; }

  [[noreturn]] void refuse(const std::string& path, const std::string& message) const {
    throw Error(ErrorCode::kInput, path + ": " + message, Where{file_});
  }

 private:
  enum class Place : std::uint8_t { kStart, kTop, kNodes, kNode, kChildren, kRoots, kSymbols };

  [[nodiscard]] std::string path() const {
    switch (place_) {
      case Place::kStart:
        return "/";
      case Place::kTop:
        return "/" + section_;
      case Place::kNodes:
        return "/nodes/" + node_id_;
      case Place::kNode:
        return "/nodes/" + node_id_ + "/" + field_;
      case Place::kChildren:
        return "/nodes/" + node_id_ + "/children/" + std::to_string(builder_.child_count());
      case Place::kRoots:
        return "/root_eclasses/" + std::to_string(builder_.root_count());
      case Place::kSymbols:
        break;
    }
    return "/tessera_symbols";
  }
  [[noreturn]] void refuse_value(const char* found, const char* expected) const {
    refuse(path(), std::string("found ") + found + ", expected " + expected);
  }

  bool scalar(const char* found, std::string* text, const Json& value) {
    if (skipped_ > 0) return true;
    switch (place_) {
      case Place::kStart:
        refuse_value(found, "an object with 'nodes'");
      case Place::kTop:
        if (section_ == "nodes" || section_ == "tessera_symbols") refuse_value(found, "an object");
        if (section_ == "root_eclasses") refuse_value(found, "an array of e-classes");
        break;
      case Place::kNodes:
        refuse_value(found, "an object: a node");
      case Place::kNode:
        set_field(found, text, value);
        break;
      case Place::kChildren:
        if (text == nullptr) refuse_value(found, "text: the id of a node");
        builder_.add_child(*text);
        break;
      case Place::kRoots:
        if (text == nullptr) refuse_value(found, "text: the id of an e-class");
        builder_.add_root(*text);
        break;
      case Place::kSymbols:
        keep(text != nullptr ? Json(*text) : value);
        break;
    }
    return true;
  }

  void set_field(const char* found, const std::string* text, const Json& value) {
    if (field_ == "op" || field_ == "eclass") {
      if (text == nullptr) refuse_value(found, "text");
      std::string& to = field_ == "op" ? op_ : class_;
      bool& has = field_ == "op" ? has_op_ : has_class_;
      if (has) refuse(path(), "found '" + field_ + "' twice");
      to = *text;
      has = true;
    } else if (field_ == "children") {
      refuse_value(found, "an array of nodes");
    } else if (field_ == "cost") {
      if (!value.is_number()) refuse_value(found, "a number");
    } else if (field_ == "subsumed") {
      if (!value.is_boolean()) refuse_value(found, "true or false");
      is_subsumed_ = value.get<bool>();
    }
  }

  bool open(const char* found, char bracket) {
    const bool is_object = bracket == '{';
    if (skipped_ > 0) {
      ++skipped_;
      return true;
    }
    switch (place_) {
      case Place::kStart:
        if (!is_object) refuse_value(found, "an object with 'nodes'");
        place_ = Place::kTop;
        break;
      case Place::kTop:
        if (section_ == "nodes" || section_ == "tessera_symbols") {
          if (!is_object) refuse_value(found, "an object");
          place_ = section_ == "nodes" ? Place::kNodes : Place::kSymbols;
          if (place_ == Place::kSymbols) begin_keeping();
        } else if (section_ == "root_eclasses") {
          if (is_object) refuse_value(found, "an array of e-classes");
          place_ = Place::kRoots;
        } else {
          skipped_ = 1;  // class_data, and what others may add
        }
        break;
      case Place::kNodes:
        if (!is_object) refuse_value(found, "an object: a node");
        place_ = Place::kNode;
        has_op_ = has_class_ = has_children_ = is_subsumed_ = false;
        field_.clear();
        if (!builder_.begin_node(node_id_)) refuse("/nodes/" + node_id_, "found the node twice");
        break;
      case Place::kNode:
        if (field_ == "op" || field_ == "eclass") refuse_value(found, "text");
        if (field_ == "cost") refuse_value(found, "a number");
        if (field_ == "subsumed") refuse_value(found, "true or false");
        if (field_ != "children") {
          skipped_ = 1;
          break;
        }
        if (is_object) refuse_value(found, "an array of nodes");
        if (std::exchange(has_children_, true)) refuse(path(), "found 'children' twice");
        place_ = Place::kChildren;
        break;
      case Place::kChildren:
        refuse_value(found, "text: the id of a node");
      case Place::kRoots:
        refuse_value(found, "text: the id of an e-class");
      case Place::kSymbols:
        keep_nested(is_object);
        break;
    }
    return true;
  }

  bool close() {
    if (skipped_ > 0) {
      --skipped_;
      return true;
    }
    switch (place_) {
      case Place::kStart:
      case Place::kTop:
        place_ = Place::kStart;
        break;
      case Place::kNodes:
      case Place::kRoots:
        place_ = Place::kTop;
        break;
      case Place::kNode:
        place_ = Place::kNodes;
        if (!has_op_) refuse(path(), "found no 'op' of the node");
        if (!has_class_) refuse(path(), "found no 'eclass' of the node");
        if (!builder_.end_node(op_, class_, is_subsumed_))
          refuse(path(), "found " + std::to_string(builder_.child_count()) + " children, expected at most " +
                             std::to_string(kMaxArity));
        break;
      case Place::kChildren:
        place_ = Place::kNode;
        break;
      case Place::kSymbols:
        kept_.pop_back();
        kept_keys_.pop_back();
        if (kept_.empty()) place_ = Place::kTop;
        break;
    }
    return true;
  }

  // --- /tessera_symbols as a tree ---
  void begin_keeping() {
    symbols_ = Json::object();
    kept_ = {&symbols_};
    kept_keys_ = {""};
  }
  Json& keep(Json value) {
    Json& parent = *kept_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return parent.back();
    }
    return parent[kept_keys_.back()] = std::move(value);
  }
  void keep_nested(bool is_object) {
    if (kept_.size() >= kMaxDepth) refuse_value("deeper nesting", "attributes of operators");
    Json& inner = keep(is_object ? Json::object() : Json::array());
    kept_.push_back(&inner);
    kept_keys_.emplace_back();
  }

  EgraphBuilder& builder_;
  std::string file_;
  Place place_ = Place::kStart;
  std::size_t skipped_ = 0;  // how deep within something that is of no interest
  std::map<std::string, bool> sections_;
  std::string section_;
  std::string node_id_;
  std::string field_;
  // The node that is being read.
  std::string op_;
  std::string class_;
  bool has_op_ = false;
  bool has_class_ = false;
  bool has_children_ = false;
  bool is_subsumed_ = false;

  Json symbols_;
  std::vector<Json*> kept_;  // the values around this one
  std::vector<std::string> kept_keys_;
};

// Gives operators that are more than their text what they are.
void set_attributes(const Handler& handler, std::vector<Symbol>& symbols) {
  const Json& known = handler.symbols();
  if (known.is_null()) return;
  for (Symbol& symbol : symbols) {
    const auto found = known.find(std::string(symbol.name.text()));
    if (found == known.end()) continue;
    const std::string path = "/tessera_symbols/" + std::string(symbol.name.text());
    try {
      symbol.name = Name(found->at("operator").get<std::string>());
      for (const Json& attribute : found->at("attributes"))
        symbol.attributes.push_back(parse_attribute_text(attribute.dump()));
    } catch (const Json::exception&) {
      handler.refuse(path, "expected 'operator', a text, and 'attributes', an array");
    } catch (const Error& error) {
      handler.refuse(path, error.message());
    }
  }
}

EgraphFile read(std::istream& in, const std::string& file) {
  EgraphBuilder builder;
  Handler handler(builder, file);
  Json::sax_parse(in, &handler);
  handler.finish();
  return builder.finish([&](std::vector<Symbol>& symbols) { set_attributes(handler, symbols); },
                        [&](const std::string& path, const std::string& why) { handler.refuse(path, why); });
}

}  // namespace

EgraphFile read_egraph_json(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in || in.peek() == std::ifstream::traits_type::eof()) static_cast<void>(read_file(path));  // says why not
  return read(in, path);
}

EgraphFile parse_egraph_json(const std::string& text, const std::string& file) {
  std::istringstream in(text);
  return read(in, file);
}

}  // namespace tessera
