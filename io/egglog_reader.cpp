#include "io/egglog_reader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "engine/graph/limits.hpp"
#include "engine/rule/plan.hpp"
#include "engine/text/sexpr.hpp"
#include "io/atomic_file.hpp"
#include "io/egglog_query.hpp"
#include "io/egglog_term.hpp"

namespace tessera {
namespace {

using Variables = EgglogTermReader::Variables;

constexpr std::size_t kMostPrimitives = 16;  // attributes of an operator, as match slots can say
constexpr std::uint64_t kUntilSaturated = ~std::uint64_t{0};
constexpr std::size_t kMostNameText = 60;  // of a rule's text in its name

constexpr std::string_view kCommands =
    "(datatype …), (sort …), (constructor …), (let …), (rewrite …), (birewrite …), (run …), (run-schedule …), "
    "(print-size …), (extract …), (check …), (include …) or a term";

// Words that begin a command of egglog that is not read here.
constexpr std::array<std::string_view, 25> kOtherCommands = {
    "function", "relation",    "rule",           "ruleset",    "datatype*",
    "union",    "set",         "delete",         "subsume",    "panic",
    "push",     "pop",         "fail",           "input",      "output",
    "declare",  "print-stats", "print-function", "set-option", "query-extract",
    "simplify", "calc",        "define",         "prove",      "unstable-combined-ruleset"};

constexpr std::array<std::string_view, 12> kOwnCommands = {"datatype",   "sort",      "constructor", "let",
                                                           "rewrite",    "birewrite", "run",         "run-schedule",
                                                           "print-size", "extract",   "check",       "include"};

bool is_command(std::string_view word) {
  return std::ranges::find(kOwnCommands, word) != kOwnCommands.end() ||
         std::ranges::find(kOtherCommands, word) != kOtherCommands.end();
}

// One file however it is written.
std::string identity(const std::string& file) {
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(file, ignored);
  return ignored ? file : path.string();
}

// The form on one line, for rules' names.
std::string compact(const Sexpr& text, SexprId node) {
  struct Step {
    SexprId node;
    bool close;
  };
  std::string out;
  std::vector<Step> stack = {{node, false}};
  while (!stack.empty() && out.size() <= kMostNameText) {
    const Step step = stack.back();
    stack.pop_back();
    if (step.close) {
      out += ')';
      continue;
    }
    if (!out.empty() && out.back() != '(') out += ' ';
    if (!text.is_list(step.node)) {
      out += text.is_string(step.node) ? "\"" + std::string(text.text(step.node)) + "\"" : text.text(step.node);
      continue;
    }
    out += '(';
    stack.push_back({step.node, true});
    const std::vector<SexprId> items = text.items(step.node);
    for (auto item = items.rbegin(); item != items.rend(); ++item) stack.push_back({*item, false});
  }
  std::ranges::replace_if(
      out, [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return out;
}

class ProgramReader {
 public:
  explicit ProgramReader(SymbolTable& symbols) : symbols_(symbols) {}

  void read(std::string text, const std::string& file) {
    open_.push_back(identity(file));
    const Sexpr forms(std::move(text), file);
    if (forms.forms().empty() && open_.size() == 1)
      throw Error(ErrorCode::kInput, "expected " + std::string(kCommands) + ", found the end of the text", forms.end());
    for (const SexprId form : forms.forms()) read_command(forms, form);
    open_.pop_back();
  }

  EgglogProgram take() { return std::move(program_); }

 private:
  [[noreturn]] static void fail(const Sexpr& text, SexprId node, const std::string& message) {
    throw Error(ErrorCode::kInput, message, text.where(node));
  }
  [[noreturn]] static void expect(const Sexpr& text, SexprId node, const std::string& expected) {
    fail(text, node, "expected " + expected + ", found " + text.describe(node));
  }

  using Items = std::vector<SexprId>;

  void read_command(const Sexpr& text, SexprId form) {
    const std::string_view head = text.is_list(form) ? text.head(form) : std::string_view{};
    if (!text.is_list(form) || text.first(form).is_none()) expect(text, form, std::string(kCommands));
    const Items parts = text.items(form);
    if (head == "datatype") return read_datatype(text, form, parts);
    if (head == "sort") return read_sort(text, form, parts);
    if (head == "constructor") return read_constructor_command(text, form, parts);
    if (head == "let") return read_let(text, form, parts);
    if (head == "rewrite" || head == "birewrite") return read_rewrite(text, form, parts);
    if (head == "run") return read_run(text, form, parts);
    if (head == "run-schedule") return read_schedule(text, form, parts);
    if (head == "print-size") return read_print_size(text, form, parts);
    if (head == "extract") return read_extract(text, form, parts);
    if (head == "check") return read_check(text, form, parts);
    if (head == "include") return read_include(text, form, parts);
    if (is_command(head))
      fail(text, form, "(" + std::string(head) + " …) is not supported: expected " + std::string(kCommands));
    if (head == "language" || head == "start" || head == "for-each-array")
      fail(text, form,
           "found (" + std::string(head) +
               " …) of Tessera's own rules, which are read from a .rules file; "
               "this is a .egg file: expected " +
               std::string(kCommands));
    if (!text.is_atom(text.first(form))) expect(text, form, std::string(kCommands));
    if (!program_.language.find_constructor(head))
      fail(text, form,
           "unknown command or constructor '" + std::string(head) + "': expected " + std::string(kCommands));
    insert(read_ground(text, form, kEgglogUnknown), text.where(form));
  }

  // --- declarations ---

  [[nodiscard]] static std::string new_name(const Sexpr& text, SexprId node, const std::string& what) {
    if (!text.is_atom(node)) expect(text, node, what);
    std::string word(text.text(node));
    if (looks_like_number(word) || word.starts_with(':') || word == "_" || word == "true" || word == "false")
      expect(text, node, what);
    return word;
  }

  EgglogSort add_sort(const Sexpr& text, SexprId node) {
    const std::string name = new_name(text, node, "the name of a new sort");
    if (const auto known = program_.language.find_sort(name)) {
      const Where& where = program_.language.sort_where(*known);
      fail(text, node,
           "the sort '" + name + "' is " +
               (is_primitive(*known) ? "built in" : "already declared at " + where.to_string()) +
               "; expected a new name");
    }
    return program_.language.add_sort(name, text.where(node));
  }

  EgglogSort known_sort(const Sexpr& text, SexprId node) const {
    if (!text.is_atom(node)) expect(text, node, "a sort");
    const auto sort = program_.language.find_sort(text.text(node));
    if (!sort)
      fail(text, node, "unknown sort " + text.describe(node) + ": expected i64, String or one declared before");
    return *sort;
  }

  void read_datatype(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() < 2) expect(text, form, "(datatype NAME (CONSTRUCTOR SORT …) …)");
    const EgglogSort sort = add_sort(text, parts[1]);
    for (std::size_t i = 2; i < parts.size(); ++i) {
      if (!text.is_list(parts[i]) || text.first(parts[i]).is_none())
        expect(text, parts[i], "(CONSTRUCTOR SORT … [:cost N])");
      const Items items = text.items(parts[i]);
      const auto options =
          std::find_if(items.begin() + 1, items.end(), [&](SexprId item) { return is_option(text, item); });
      add_constructor(text, items[0], Items(items.begin() + 1, options), sort, Items(options, items.end()));
    }
  }

  void read_sort(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() != 2) expect(text, form, "(sort NAME); sorts of containers are not supported");
    add_sort(text, parts[1]);
  }

  void read_constructor_command(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() < 4 || !text.is_list(parts[2])) expect(text, form, "(constructor NAME (SORT …) SORT [:cost N])");
    const EgglogSort result = known_sort(text, parts[3]);
    if (is_primitive(result))
      fail(text, parts[3], "expected a declared sort for the constructor's result, found " + text.describe(parts[3]));
    add_constructor(text, parts[1], text.items(parts[2]), result, Items(parts.begin() + 4, parts.end()));
  }

  static bool is_option(const Sexpr& text, SexprId node) {
    return text.is_atom(node) && text.text(node).starts_with(':');
  }

  void add_constructor(const Sexpr& text, SexprId name_node, const Items& arguments, EgglogSort result,
                       const Items& options) {
    EgglogConstructor constructor;
    constructor.name = new_name(text, name_node, "the name of a new constructor");
    constructor.result = result;
    constructor.where = text.where(name_node);
    const std::string& name = constructor.name;
    if (is_command(name) || egglog_arithmetic(name) || egglog_comparison(name) || name == "=" || name == "!=")
      fail(text, name_node, "'" + name + "' has a meaning of its own; expected another name for the constructor");
    if (const auto known = program_.language.find_constructor(name))
      fail(text, name_node,
           "the constructor '" + name + "' is already declared at " +
               program_.language.constructors()[*known].where.to_string() + "; expected a new name");
    check_no_global(text, name_node, name);
    for (const SexprId argument : arguments) constructor.arguments.push_back(known_sort(text, argument));
    if (constructor.children() > kMaxArity)
      fail(text, name_node,
           "expected at most " + std::to_string(kMaxArity) + " arguments of declared sorts, found " +
               std::to_string(constructor.children()));
    if (constructor.arguments.size() - constructor.children() > kMostPrimitives)
      fail(text, name_node,
           "expected at most " + std::to_string(kMostPrimitives) + " i64 and String arguments, found " +
               std::to_string(constructor.arguments.size() - constructor.children()));
    for (std::size_t i = 0; i < options.size(); i += 2) {
      if (!text.is_atom(options[i]) || text.text(options[i]) != ":cost") expect(text, options[i], ":cost N or ')'");
      if (i + 1 == options.size() || !text.is_atom(options[i + 1]) || !looks_like_integer(text.text(options[i + 1])))
        expect(text, options[i + 1 == options.size() ? i : i + 1], "a positive integer after :cost");
      const std::int64_t cost = parse_integer(text.text(options[i + 1]), text.where(options[i + 1]));
      if (cost < 1) expect(text, options[i + 1], "a positive integer after :cost");
      constructor.cost = static_cast<std::uint64_t>(cost);
    }
    program_.language.add_constructor(std::move(constructor));
  }

  void check_no_global(const Sexpr& text, SexprId node, const std::string& name) const {
    const auto known = globals_.find(name);
    if (known == globals_.end()) return;
    fail(text, node,
         "the name '" + name + "' is already defined at " + known->second.where.to_string() + "; expected a new one");
  }

  // --- terms ---

  EgglogTerm read_ground(const Sexpr& text, SexprId node, EgglogSort expected) {
    return EgglogTermReader(text, program_.language, globals_).read(node, expected, Variables::kNone);
  }

  std::uint32_t add_term(const EgglogTerm& term) {
    return add_ground_term(term, program_.language, symbols_, program_.terms);
  }

  // Terms that follow one another are inserted together.
  void insert(const EgglogTerm& term, const Where& where) {
    if (program_.commands.empty() || program_.commands.back().kind != EgglogCommand::Kind::kInsert)
      add_command(EgglogCommand::Kind::kInsert, where);
    program_.commands.back().roots.push_back(add_term(term));
  }

  void read_let(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() != 3) expect(text, form, "(let NAME TERM)");
    const std::string name = new_name(text, parts[1], "a new name");
    check_no_global(text, parts[1], name);
    if (program_.language.find_constructor(name))
      fail(text, parts[1], "'" + name + "' is a constructor; expected a new name");
    const EgglogTerm term = read_ground(text, parts[2], kEgglogUnknown);
    EgglogGlobal global;
    global.sort = term.sort;
    global.where = text.where(parts[1]);
    if (is_primitive(term.sort)) {
      global.value = term.value;
    } else {
      insert(term, text.where(form));
      global.node = program_.commands.back().roots.back();
    }
    globals_.emplace(name, std::move(global));
  }

  // --- rules ---

  void read_rewrite(const Sexpr& text, SexprId form, const Items& parts) {
    const bool both = text.head(form) == "birewrite";
    const std::string usage = both ? "(birewrite A B [:when (FACT …)])" : "(rewrite LEFT RIGHT [:when (FACT …)])";
    if (parts.size() < 3) expect(text, form, usage);
    if (parts.size() > 3 && text.is_atom(parts[1]) && text.is_list(parts[3]))
      fail(text, parts[1],
           "expected " + usage + ", found the name " + text.describe(parts[1]) +
               "; rules with names are Tessera's own, which are read from a .rules file");
    Items facts;
    for (std::size_t i = 3; i < parts.size(); i += 2) {
      if (!text.is_atom(parts[i]) || text.text(parts[i]) != ":when") expect(text, parts[i], ":when (FACT …) or ')'");
      if (i + 1 == parts.size() || !text.is_list(parts[i + 1]))
        expect(text, parts[i + 1 == parts.size() ? i : i + 1], "a list of facts after :when");
      if (i > 3) fail(text, parts[i], "expected one :when with all facts, found another");
      facts = text.items(parts[i + 1]);
    }
    add_rewrite(text, form, parts[1], parts[2], facts, "");
    if (both) add_rewrite(text, form, parts[2], parts[1], facts, "-reverse");
  }

  void add_rewrite(const Sexpr& text, SexprId form, SexprId left_node, SexprId right_node, const Items& fact_nodes,
                   const std::string& suffix) {
    if (!text.is_list(left_node))
      fail(text, left_node,
           "expected a constructor's term to rewrite, found " + text.describe(left_node) +
               (text.head(form) == "birewrite" ? "; both sides of a birewrite are left sides" : ""));
    EgglogTermReader reader(text, program_.language, globals_);
    const EgglogTerm left = reader.read(left_node, kEgglogUnknown, Variables::kNew);
    if (is_primitive(left.sort))
      fail(text, left_node,
           "expected a term of a declared sort to rewrite, found " + text.describe(left_node) + " of sort " +
               program_.language.sort_name(left.sort));
    const std::vector<EgglogFact> facts = read_egglog_facts(text, fact_nodes, reader, program_.language);
    const EgglogTerm right = reader.read(right_node, left.sort, Variables::kKnown);
    Rule rule =
        make_egglog_rule({rule_name(text, form, left_node, right_node, suffix), &left, &right, facts, text.where(form)},
                         reader, program_, symbols_);
    (void)compile(rule, symbols_);  // refuses what is too large for a plan, here and now
    program_.rules.push_back(std::move(rule));
  }

  // "math.egg:12[(Add a b) => (Add b a)]": --ban, --pin and --match-limit select it by "math.egg:12".
  std::string rule_name(const Sexpr& text, SexprId form, SexprId left, SexprId right, const std::string& suffix) {
    const Where where = text.where(form);
    std::string rewrite = compact(text, left) + " => " + compact(text, right);
    if (rewrite.size() > kMostNameText) {
      std::size_t cut = kMostNameText;
      while (cut > 0 && (static_cast<unsigned char>(rewrite[cut]) & 0xc0U) == 0x80U) --cut;  // a whole character
      rewrite = rewrite.substr(0, cut) + "…";
    }
    const std::string place =
        std::filesystem::path(text.file()).filename().string() + ":" + std::to_string(where.line) + suffix;
    const std::string first = place + "[" + rewrite + "]";
    std::string name = first;
    for (int copy = 2; !rule_names_.insert(name).second; ++copy) {
      name = first;
      name += " (" + std::to_string(copy) + ")";
    }
    return name;
  }

  // --- commands ---

  EgglogCommand& add_command(EgglogCommand::Kind kind, const Where& where) {
    EgglogCommand& command = program_.commands.emplace_back();
    command.kind = kind;
    command.where = where;
    return command;
  }

  void add_run(std::uint64_t iterations, const Where& where) {
    EgglogCommand& command = add_command(EgglogCommand::Kind::kRun, where);
    command.iterations = iterations;
    command.rules = program_.rules.size();
  }

  static std::uint64_t read_count(const Sexpr& text, SexprId node) {
    if (!text.is_atom(node) || !looks_like_integer(text.text(node))) expect(text, node, "a number of iterations");
    const std::int64_t count = parse_integer(text.text(node), text.where(node));
    if (count < 0) expect(text, node, "a number of iterations");
    return static_cast<std::uint64_t>(count);
  }

  void read_run(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() > 2)
      fail(text, parts[2],
           "expected (run N), found " + text.describe(parts[2]) + "; rulesets and :until are not supported");
    add_run(parts.size() == 2 ? read_count(text, parts[1]) : 1, text.where(form));
  }

  void read_schedule(const Sexpr& text, SexprId form, const Items& parts) {
    const std::string usage = "(run-schedule (repeat N (run))) or (run-schedule (saturate (run)))";
    const auto is_run = [&](SexprId node) {
      return text.is_list(node) && text.head(node) == "run" && text.next(text.first(node)).is_none();
    };
    if (parts.size() < 2) expect(text, form, usage);
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const Items items = text.is_list(parts[i]) ? text.items(parts[i]) : Items{};
      const std::string_view head = items.empty() ? std::string_view{} : text.head(parts[i]);
      if (head == "repeat" && items.size() == 3 && is_run(items[2]))
        add_run(read_count(text, items[1]), text.where(parts[i]));
      else if (head == "saturate" && items.size() == 2 && is_run(items[1]))
        add_run(kUntilSaturated, text.where(parts[i]));
      else if (is_run(parts[i]))
        add_run(1, text.where(parts[i]));
      else
        expect(text, parts[i], usage);
    }
  }

  void read_print_size(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() > 2) expect(text, parts[2], "(print-size) or (print-size CONSTRUCTOR)");
    if (parts.size() == 1) {
      add_command(EgglogCommand::Kind::kPrintSizes, text.where(form)).constructor =
          static_cast<std::uint32_t>(program_.language.constructors().size());
      return;
    }
    const auto constructor =
        text.is_atom(parts[1]) ? program_.language.find_constructor(text.text(parts[1])) : std::nullopt;
    if (!constructor) expect(text, parts[1], "a declared constructor");
    add_command(EgglogCommand::Kind::kPrintSize, text.where(form)).constructor = *constructor;
  }

  void read_extract(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() != 2) expect(text, form, "(extract TERM); variants are not supported");
    const EgglogTerm term = read_ground(text, parts[1], kEgglogUnknown);
    if (is_primitive(term.sort)) expect(text, parts[1], "a term of a declared sort");
    const std::uint32_t root = add_term(term);
    add_command(EgglogCommand::Kind::kExtract, text.where(form)).roots.push_back(root);
  }

  void read_check(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() < 2) expect(text, form, "(check FACT …)");
    EgglogTermReader reader(text, program_.language, globals_);
    const std::vector<EgglogFact> facts =
        read_egglog_facts(text, Items(parts.begin() + 1, parts.end()), reader, program_.language);
    EgglogCommand command;
    command.kind = EgglogCommand::Kind::kCheck;
    command.where = text.where(form);
    for (const std::vector<std::size_t>& group : group_by_variables(facts)) {
      const EgglogFact& first = facts[group.front()];
      if (!first.has_variables()) {  // a fact alone
        add_ground_fact(first, command);
        continue;
      }
      std::vector<EgglogFact> members;
      members.reserve(group.size());
      for (const std::size_t i : group) members.push_back(facts[i]);
      command.queries.push_back(
          make_egglog_rule({"check", nullptr, nullptr, members, command.where}, reader, program_, symbols_));
      (void)compile(command.queries.back(), symbols_);
    }
    program_.commands.push_back(std::move(command));
  }

  void add_ground_fact(const EgglogFact& fact, EgglogCommand& command) {
    if (is_primitive(fact.left.sort)) {
      if (!egglog_constants_hold(fact)) command.false_facts.push_back(fact.where);
      return;
    }
    const std::uint32_t left = add_term(fact.left);
    const std::uint32_t right = fact.kind == EgglogFact::Kind::kHolds ? left : add_term(fact.right);
    command.facts.push_back({left, right, fact.kind != EgglogFact::Kind::kDiffer, fact.where});
  }

  void read_include(const Sexpr& text, SexprId form, const Items& parts) {
    if (parts.size() != 2 || !text.is_string(parts[1]) || text.text(parts[1]).empty())
      expect(text, form, "(include \"FILE\")");
    const std::filesystem::path file =
        std::filesystem::path(text.file()).parent_path() / std::string(text.text(parts[1]));
    const std::string id = identity(file.string());
    if (std::find(open_.begin(), open_.end(), id) != open_.end()) {
      std::string chain;
      for (const std::string& outer : open_) chain += outer + " -> ";
      fail(text, parts[1], "this include makes a cycle: " + chain + id);
    }
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored))
      fail(text, parts[1], "cannot find the file '" + file.string() + "'");
    read(read_file(file.string()), file.string());
  }

  SymbolTable& symbols_;
  EgglogProgram program_;
  EgglogGlobals globals_;
  std::set<std::string> rule_names_;
  std::vector<std::string> open_;  // the files being read, outermost first
};

}  // namespace

EgglogProgram parse_egglog(std::string_view text, const std::string& file, SymbolTable& symbols) {
  ProgramReader reader(symbols);
  reader.read(std::string(text), file);
  return reader.take();
}

EgglogProgram load_egglog(const std::string& file, SymbolTable& symbols) {
  return parse_egglog(read_file(file), file, symbols);
}

}  // namespace tessera
