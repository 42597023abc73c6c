#include "engine/rule/rule_parser.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "engine/language/expression_text.hpp"
#include "engine/rule/rule_reader.hpp"
#include "engine/rules/builtin_rules.hpp"
#include "engine/text/sexpr.hpp"

namespace tessera {
namespace {

constexpr std::string_view kBuiltin = "builtin:";  // what the file names of embedded texts begin with

std::string stem(const std::string& file) { return std::filesystem::path(file).stem().string(); }

// One file however it is written.
std::string identity(const std::string& file) {
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(file, ignored);
  return ignored || file.starts_with(kBuiltin) ? file : path.string();
}

std::string read_file(const std::string& file, const Where& from) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.good() && !stream.eof()) throw Error(ErrorCode::kInput, "cannot read the file '" + file + "'", from);
  return text;
}

struct Source {
  std::string file;
  std::string text;
};

// The text an include means: a file beside the including one, else an embedded one.
Source find_include(const std::string& name, const std::string& including, const Where& where) {
  std::string looked_for = name;
  if (!including.starts_with(kBuiltin)) {
    const std::filesystem::path path = std::filesystem::path(including).parent_path() / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return {path.string(), read_file(path.string(), where)};
    looked_for = path.string();
  }
  if (const auto text = builtin_rules(stem(name)); text && (name == stem(name) || name == stem(name) + ".rules")) {
    return {std::string(kBuiltin) + stem(name) + ".rules", std::string(*text)};
  }
  throw Error(ErrorCode::kInput, "cannot find the file '" + looked_for + "', nor are there built-in rules of that name",
              where);
}

// What to say of a command of egglog's text format.
std::string egglog_hint(std::string_view head) {
  constexpr std::array<std::string_view, 8> kCommands = {"datatype", "sort",    "constructor", "run",
                                                         "check",    "extract", "print-size",  "run-schedule"};
  const bool is_egglog = std::find(kCommands.begin(), kCommands.end(), head) != kCommands.end();
  return is_egglog ? "; egglog's text format is read by 'tessera saturate' from a .egg file" : "";
}

class FileParser {
 public:
  FileParser(const Language& language, SymbolTable& symbols, const RuleParameters& parameters)
      : language_(language), symbols_(symbols), parameters_(parameters), start_(language, symbols) {
    for (const auto& [rows, columns] : parameters.arrays) {
      if (rows < 1 || columns < 1) {
        throw Error(ErrorCode::kInput,
                    "an array of " + std::to_string(rows) + "x" + std::to_string(columns) + ": expected at least 1x1");
      }
    }
  }

  void read(const Source& source) {
    const std::string id = identity(source.file);
    open_.push_back(id);
    done_.insert(id);
    const Sexpr text(source.text, source.file);
    if (text.forms().empty() && open_.size() == 1) {
      throw Error(ErrorCode::kInput, "expected a rule or a start term, found the end of the text", text.end());
    }
    for (const SexprId form : text.forms()) read_form(text, form);
    open_.pop_back();
  }

  RuleSet take(const std::string& file) {
    rules_.name = stem(file);
    rules_.start = start_.take();
    return std::move(rules_);
  }

 private:
  [[noreturn]] static void fail(const Sexpr& text, SexprId node, const std::string& message) {
    throw Error(ErrorCode::kInput, message, text.where(node));
  }

  void read_form(const Sexpr& text, SexprId form) {
    const std::string_view head = text.head(form);
    const auto parts = text.is_list(form) ? text.items(form) : std::vector<SexprId>{};
    if (head == "rewrite" || head == "birewrite") {
      read_rewrite(text, form, parts, {}, "", true);
    } else if (head == "for-each-array") {
      read_for_each_array(text, form, parts);
    } else if (head == "language") {
      if (parts.size() != 2 || text.is_list(parts[1])) fail(text, form, "expected (language NAME)");
      if (text.text(parts[1]) != language_.name()) {
        fail(text, parts[1],
             "these rules are for the language " + text.describe(parts[1]) + ", expected '" +
                 std::string(language_.name()) + "'");
      }
    } else if (head == "let") {
      if (parts.size() != 3) fail(text, form, "expected (let NAME TERM), found " + text.describe(form));
      start_.define(text, parts[1], parts[2]);
    } else if (head == "start") {
      if (parts.size() < 2) fail(text, form, "expected (start TERM ...), found " + text.describe(form));
      for (std::size_t i = 1; i < parts.size(); ++i) start_.read_root(text, parts[i]);
    } else if (head == "include") {
      read_include(text, form, parts);
    } else {
      fail(text, form,
           "expected (rewrite …), (birewrite …), (for-each-array …), (let …), (start …), (include …) or (language …), "
           "found " +
               text.describe(form) + egglog_hint(head));
    }
  }

  // `keep`: false to check only.
  void read_rewrite(const Sexpr& text, SexprId form, const std::vector<SexprId>& parts, const RuleConstants& constants,
                    const std::string& suffix, bool keep) {
    const bool both = text.head(form) == "birewrite";
    if (parts.size() < 4) {
      const std::string expected = both ? "(birewrite NAME A B" : "(rewrite NAME LEFT RIGHT";
      fail(text, form, "expected " + expected + " [:when …] [:let …] [:limit N] [:pin]), found " + text.describe(form));
    }
    if (!text.is_atom(parts[1]) || text.text(parts[1]).starts_with('?') || text.text(parts[1]).starts_with(':')) {
      fail(text, parts[1], "expected the rule's name, found " + text.describe(parts[1]));
    }
    const std::string name(text.text(parts[1]));
    const SexprId options = parts.size() > 4 ? parts[4] : SexprId();
    RuleReader reader(text, language_, symbols_, constants);
    add(reader.read(name + suffix, parts[2], parts[3], options), text, form, keep);
    if (both) add(reader.read(name + "-reverse" + suffix, parts[3], parts[2], options), text, form, keep);
  }

  void add(Rule rule, const Sexpr& text, SexprId form, bool keep) {
    rule.where = text.where(form);
    if (!keep) return;
    const auto [known, is_new] = names_.try_emplace(rule.name, rule.where);
    if (!is_new) {
      fail(text, form,
           "rule '" + rule.name + "': the name is already taken at " + known->second.to_string() +
               ", expected a new one");
    }
    rules_.rules.push_back(std::move(rule));
  }

  void read_for_each_array(const Sexpr& text, SexprId form, const std::vector<SexprId>& parts) {
    const auto variables = parts.size() > 1 && text.is_list(parts[1]) ? text.items(parts[1]) : std::vector<SexprId>{};
    const auto is_variable = [&](SexprId node) {
      return text.is_atom(node) && text.text(node).size() > 1 && text.text(node).starts_with('?');
    };
    if (parts.size() < 3 || variables.size() != 2 || !std::all_of(variables.begin(), variables.end(), is_variable) ||
        text.text(variables[0]) == text.text(variables[1])) {
      fail(text, form, "expected (for-each-array (?ROWS ?COLUMNS) FORM ...), found " + text.describe(form));
    }
    // Without arrays there are no such rules; they are checked all the same.
    auto arrays = parameters_.arrays;
    if (arrays.empty()) arrays.emplace_back(1, 1);
    std::set<std::pair<std::int64_t, std::int64_t>> seen;
    for (const auto& array : arrays) {
      if (!seen.insert(array).second) continue;  // an array that is given twice
      const RuleConstants constants = {{std::string(text.text(variables[0])), array.first},
                                       {std::string(text.text(variables[1])), array.second}};
      const std::string suffix = "[" + std::to_string(array.first) + "x" + std::to_string(array.second) + "]";
      for (std::size_t i = 2; i < parts.size(); ++i) {
        const std::string_view head = text.head(parts[i]);
        if (head != "rewrite" && head != "birewrite") {
          fail(text, parts[i],
               "expected (rewrite …) or (birewrite …) in for-each-array, found " + text.describe(parts[i]));
        }
        read_rewrite(text, parts[i], text.items(parts[i]), constants, suffix, !parameters_.arrays.empty());
      }
    }
  }

  void read_include(const Sexpr& text, SexprId form, const std::vector<SexprId>& parts) {
    if (parts.size() != 2 || !text.is_string(parts[1]) || text.text(parts[1]).empty()) {
      fail(text, form, "expected (include \"FILE\"), found " + text.describe(form));
    }
    const Source source = find_include(std::string(text.text(parts[1])), text.file(), text.where(parts[1]));
    const std::string id = identity(source.file);
    if (std::find(open_.begin(), open_.end(), id) != open_.end()) {
      std::string chain;
      for (const std::string& file : open_) chain += file + " -> ";
      fail(text, parts[1], "this include makes a cycle: " + chain + id);
    }
    if (!done_.contains(id)) read(source);
  }

  const Language& language_;
  SymbolTable& symbols_;
  const RuleParameters& parameters_;
  ExpressionReader start_;
  RuleSet rules_;
  std::map<std::string, Where> names_;
  std::vector<std::string> open_;  // the files being read, outermost first
  std::set<std::string> done_;
};

RuleSet read_source(const Source& source, const Language& language, SymbolTable& symbols,
                    const RuleParameters& parameters) {
  FileParser parser(language, symbols, parameters);
  parser.read(source);
  const std::string file = source.file.starts_with(kBuiltin) ? source.file.substr(kBuiltin.size()) : source.file;
  return parser.take(file);
}

}  // namespace

RuleSet parse_rules(std::string_view text, const std::string& file, const Language& language, SymbolTable& symbols,
                    const RuleParameters& parameters) {
  return read_source({file, std::string(text)}, language, symbols, parameters);
}

RuleSet load_rules(const std::string& file_or_name, const Language& language, SymbolTable& symbols,
                   const RuleParameters& parameters) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(file_or_name, ignored)) {
    return read_source({file_or_name, read_file(file_or_name, {})}, language, symbols, parameters);
  }
  if (const auto text = builtin_rules(file_or_name)) {
    return read_source({std::string(kBuiltin) + file_or_name + ".rules", std::string(*text)}, language, symbols,
                       parameters);
  }
  std::string names;
  for (const std::string_view name : builtin_rule_names()) names += (names.empty() ? "" : ", ") + std::string(name);
  throw Error(ErrorCode::kInput, "there is no rules file '" + file_or_name + "', and the built-in rules are: " + names);
}

}  // namespace tessera
