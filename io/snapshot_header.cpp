#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <string_view>

#include "engine/base/error.hpp"
#include "io/egraph_json.hpp"
#include "io/snapshot.hpp"

namespace tessera {
namespace {

using Json = nlohmann::ordered_json;

// A text as JSON. The common case, of nothing that would have to be escaped, needs no library.
std::string quoted(Name name) {
  const std::string_view text = name.text();
  const auto is_plain = [](char c) { return c >= ' ' && c < 127 && c != '"' && c != '\\'; };
  if (std::ranges::all_of(text, is_plain)) return fmt::format("\"{}\"", text);
  return Json(std::string(text)).dump();
}

void append_number(std::int64_t number, std::string& text) {
  const fmt::format_int digits(number);
  text.append(digits.data(), digits.size());
}

void append_numbers(std::span<const std::int64_t> numbers, std::string& text) {
  const char* between = "[";
  for (const std::int64_t number : numbers) {
    text += between;
    append_number(number, text);
    between = ",";
  }
  text += numbers.empty() ? "[]" : "]";
}

// Number by number, for there are many: a format that is read anew for every list takes several times as long.
void append_attribute(const Value& value, std::string& text) {
  switch (value.kind) {
    case ValueKind::kInt:
      text += R"({"int":)";
      append_number(value.as_int(), text);
      break;
    case ValueKind::kName:
      text += R"({"name":)";
      text += quoted(value.as_name());
      break;
    case ValueKind::kShape:
      text += R"({"shape":)";
      append_numbers(value.dims(), text);
      break;
    case ValueKind::kList:
      text += R"({"list":)";
      append_numbers(value.dims(), text);
      break;
    case ValueKind::kAccessShape:
      text += R"({"access_shape":[)";
      append_numbers(value.shape_dims(), text);
      text += ",";
      append_numbers(value.item_dims(), text);
      text += "]";
      break;
    case ValueKind::kLiteral:
      text += R"({"literal_bits":)" + std::to_string(std::bit_cast<std::uint64_t>(value.as_literal()));
      break;
  }
  text += "}";
}

Value parse_attribute(const Json& json) {
  if (!json.is_object() || json.size() != 1)
    throw Error(ErrorCode::kInput, "found " + json.dump() + ", expected an attribute such as {\"int\":3}");
  const auto only = json.begin();
  const std::string& kind = only.key();
  const Json& content = only.value();
  if (kind == "int") return Value::integer(content.get<std::int64_t>());
  if (kind == "name") return Value::name(Name(content.get<std::string>()));
  if (kind == "shape") return Value::shape(content.get<std::vector<std::int64_t>>());
  if (kind == "list") return Value::list(content.get<std::vector<std::int64_t>>());
  if (kind == "access_shape")
    return Value::access_shape(content.at(0).get<std::vector<std::int64_t>>(),
                               content.at(1).get<std::vector<std::int64_t>>());
  if (kind == "literal_bits") return Value::literal(std::bit_cast<double>(content.get<std::uint64_t>()));
  throw Error(ErrorCode::kInput, "found an attribute of kind '" + kind + "'");
}

const char* truth(bool value) { return value ? "true" : "false"; }

// A line. By hand as well: there is one for every rule of every iteration.
void append_record(const IterationRecord& record, std::string& text) {
  const auto out = std::back_inserter(text);
  fmt::format_to(out, R"({{"iteration":{},"enodes":{},"eclasses":{},"visited":{},"rekeyed":{},"changed":{},)",
                 record.iteration, record.enodes, record.eclasses, record.visited, record.rekeyed,
                 truth(record.changed));
  fmt::format_to(out, R"("seconds":{:.9f},"phases":[)", record.seconds);
  const char* between = "";
  for (std::size_t p = 0; p < kPhases; ++p) {
    fmt::format_to(out, R"({}{{"name":"{}","seconds":{:.9f},"supersteps":{}}})", between,
                   phase_name(static_cast<Phase>(p)), record.phases[p].seconds, record.phases[p].supersteps);
    between = ",";
  }
  text += "],\"rules\":[";
  between = "";
  for (const RuleRecord& rule : record.rules) {
    fmt::format_to(out, R"({}{{"active":{},"put_aside":{},"matches":{},"unions":{},"seconds":{:.9f}}})", between,
                   truth(rule.active), truth(rule.put_aside), rule.matches, rule.unions, rule.seconds);
    between = ",";
  }
  text += "]}";
}

IterationRecord parse_record(const Json& json) {
  IterationRecord record;
  record.iteration = json.at("iteration").get<std::uint32_t>();
  record.enodes = json.at("enodes").get<std::uint64_t>();
  record.eclasses = json.at("eclasses").get<std::uint64_t>();
  record.visited = json.at("visited").get<std::uint64_t>();
  record.rekeyed = json.at("rekeyed").get<std::uint64_t>();
  record.changed = json.at("changed").get<bool>();
  record.seconds = json.at("seconds").get<double>();
  for (std::size_t p = 0; p < kPhases; ++p) {
    record.phases[p].seconds = json.at("phases").at(p).at("seconds").get<double>();
    record.phases[p].supersteps = json.at("phases").at(p).at("supersteps").get<std::uint32_t>();
  }
  for (const Json& rule : json.at("rules")) {
    RuleRecord& r = record.rules.emplace_back();
    r.active = rule.at("active").get<bool>();
    r.put_aside = rule.at("put_aside").get<bool>();
    r.matches = rule.at("matches").get<std::uint64_t>();
    r.unions = rule.at("unions").get<std::uint64_t>();
    r.seconds = rule.at("seconds").get<double>();
  }
  return record;
}

// Runs read(); what the JSON library throws becomes an Error that names the file and the dataset.
template <class Read>
void reading(const std::string& file, const char* dataset, Read&& read) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kInput, std::string("dataset ") + dataset + " is not as expected: " + what, Where{file});
  };
  try {
    read();
  } catch (const nlohmann::json::exception& error) {
    refuse(error.what());
  } catch (const Error& error) {
    refuse(error.message());
  }
}

}  // namespace

std::string snapshot_header_json(const SnapshotOrigin& origin, const SearchState& state) {
  Json rules = Json::array();
  for (const RuleState& rule : state.rules)
    rules.push_back({{"name", rule.name},
                     {"seen", rule.seen},
                     {"aside_until", rule.aside_until},
                     {"times_aside", rule.times_aside}});
  const GraphSizes& sizes = state.share.sizes;
  const Json header = {{"program", origin.program},
                       {"arguments", origin.arguments},
                       {"model", origin.model},
                       {"model_digest", origin.model_digest},
                       {"rules_digest", origin.rules_digest},
                       {"iteration", state.iteration},
                       {"enodes", origin.enodes},
                       {"eclasses", origin.eclasses},
                       {"seconds", state.seconds},
                       {"sizes",
                        {{"classes", sizes.classes},
                         {"values", sizes.values},
                         {"words", sizes.words},
                         {"rows", sizes.rows},
                         {"children", sizes.children}}},
                       {"roots", state.roots},
                       {"progress", state.progress},
                       {"rules", rules}};
  std::string text = header.dump(1);
  text.resize(text.size() - 2);  // without the last line
  text += ",\n \"iterations\": [";
  const char* between = "\n  ";
  for (const IterationRecord& record : state.iterations) {
    text += between;
    append_record(record, text);
    between = ",\n  ";
  }
  text += "\n ]\n}\n";
  return text;
}

void parse_snapshot_header(const std::string& text, const std::string& file, Snapshot& snapshot) {
  reading(file, "/header", [&] {
    const Json header = Json::parse(text);
    SnapshotOrigin& origin = snapshot.origin;
    SearchState& state = snapshot.state;
    origin.program = header.at("program").get<std::string>();
    origin.arguments = header.at("arguments").get<std::vector<std::string>>();
    origin.model = header.at("model").get<std::string>();
    origin.model_digest = header.at("model_digest").get<std::string>();
    origin.rules_digest = header.at("rules_digest").get<std::string>();
    origin.enodes = header.at("enodes").get<std::uint64_t>();
    origin.eclasses = header.at("eclasses").get<std::uint64_t>();
    state.iteration = header.at("iteration").get<std::uint32_t>();
    state.seconds = header.at("seconds").get<double>();
    const Json& sizes = header.at("sizes");
    state.share.sizes = {sizes.at("classes").get<std::uint64_t>(), sizes.at("values").get<std::uint64_t>(),
                         sizes.at("words").get<std::uint64_t>(), sizes.at("rows").get<std::uint64_t>(),
                         sizes.at("children").get<std::uint64_t>()};
    state.roots = header.at("roots").get<std::vector<std::uint64_t>>();
    if (header.contains("progress")) state.progress = header.at("progress").get<std::vector<std::uint64_t>>();
    for (const Json& rule : header.at("rules"))
      state.rules.push_back({rule.at("name").get<std::string>(), rule.at("seen").get<std::uint32_t>(),
                             rule.at("aside_until").get<std::uint32_t>(), rule.at("times_aside").get<std::uint32_t>()});
    for (const Json& record : header.at("iterations")) {
      state.iterations.push_back(parse_record(record));
      if (state.iterations.back().rules.size() != state.rules.size())
        throw Error(ErrorCode::kInput, "an iteration has other rules than the search");
    }
  });
}

std::string attribute_text(const Value& value) {
  std::string text;
  append_attribute(value, text);
  return text;
}

Value parse_attribute_text(const std::string& text) {
  try {
    return parse_attribute(Json::parse(text));
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kInput, "found " + text + ", expected an attribute such as {\"int\":3}");
  }
}

// Written out by hand: a network's search has thousands of symbols, and JSON objects of them would cost more than all
// else that is text.
std::string symbols_text(const std::vector<Symbol>& symbols) {
  std::string text;
  for (const Symbol& symbol : symbols) {
    text += R"({"operator":)";
    text += quoted(symbol.name);
    text += R"(,"arity":)";
    append_number(symbol.arity, text);
    text += R"(,"attributes":[)";
    const char* between = "";
    for (const Value& value : symbol.attributes) {
      text += between;
      between = ",";
      append_attribute(value, text);
    }
    text += "]}\n";
  }
  return text;
}

std::vector<Symbol> parse_symbols(const std::string& text, const std::string& file) {
  std::vector<Symbol> symbols;
  reading(file, "/symbols", [&] {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const Json json = Json::parse(line);
      Symbol& symbol = symbols.emplace_back();
      symbol.name = Name(json.at("operator").get<std::string>());
      symbol.arity = json.at("arity").get<std::uint32_t>();
      for (const Json& attribute : json.at("attributes")) symbol.attributes.push_back(parse_attribute(attribute));
    }
  });
  return symbols;
}

}  // namespace tessera
