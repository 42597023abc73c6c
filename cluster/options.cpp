#include "cluster/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <limits>
#include <map>
#include <span>
#include <string_view>

#include "engine/base/error.hpp"
#include "io/names.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kMostThreads = 1024;
constexpr std::uint64_t kMostShards = 1024;
constexpr std::uint64_t kMostVirtualRanks = 512;  // a rank reserves some 200 GB of address space; there are 128 TB
constexpr std::size_t kHelpColumn = 32;           // where descriptions begin
constexpr std::size_t kHelpWidth = 110;
constexpr std::uint64_t kEveryMs = 600'000;  // between snapshots

enum On : unsigned { kOnSearch = 1, kOnSaturate = 2, kOnBoth = 3, kOnResume = 4, kOnAny = 7 };

// A row of the table of options.
struct Entry {
  const char* names;    // as CLI11 takes them: "-q,--quiet"
  const char* metavar;  // nullptr: a flag without value
  unsigned commands;    // On
  bool repeatable;
  const char* group;
  const char* help;
  void (*apply)(Options&, const std::string& value);
};

[[noreturn]] void refuse(const std::string& found, const std::string& expected) {
  throw Error(ErrorCode::kInput, "found '" + found + "', expected " + expected);
}

int parse_small(const std::string& text, std::uint64_t most, const std::string& expected) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || value < 1 || value > most) refuse(text, expected);
  return static_cast<int>(value);
}

void add_array(Options& options, const std::string& value) {
  const ArraySize array = parse_array(value);
  if (std::find(options.arrays.begin(), options.arrays.end(), array) == options.arrays.end()) {
    options.arrays.push_back(array);
  }
}

void set_scope(Options& options, const std::string& value) {
  if (value != "layer" && value != "network") refuse(value, "layer or network");
  options.scope = value == "layer" ? Scope::kLayer : Scope::kNetwork;
}

void add_name(std::vector<std::string>& names, const std::string& value, const std::string& expected) {
  if (value.empty()) refuse(value, expected);
  if (std::find(names.begin(), names.end(), value) == names.end()) names.push_back(value);
}

void set_match_limit(Options& options, const std::string& value) {
  const std::size_t equals = value.rfind('=');
  const std::uint64_t matches = parse_count(equals == std::string::npos ? value : value.substr(equals + 1));
  if (matches == 0) refuse(value, "at least one match (to switch a rule off, --ban it)");
  if (equals == std::string::npos) {
    options.match_limit = matches;
  } else if (equals == 0) {
    refuse(value, "a number of matches or RULE=N");
  } else {
    options.match_limits.push_back({value.substr(0, equals), matches});
  }
}

void set_shards(Options& options, const std::string& value) {
  const std::string expected = "a power of two from 1 to 1024";
  options.shards = parse_small(value, kMostShards, expected);
  if (!std::has_single_bit(static_cast<unsigned>(options.shards))) refuse(value, expected);
}

void set_exchange(Options& options, const std::string& value) {
  if (value == "auto")
    options.exchange = ExchangeWay::kAuto;
  else if (value == "dense")
    options.exchange = ExchangeWay::kDense;
  else if (value == "sparse")
    options.exchange = ExchangeWay::kSparse;
  else
    refuse(value, "auto, dense or sparse");
}

void set_placement(Options& options, const std::string& value) {
  if (value == "neighbour")
    options.placement = PlacementPolicy::kNeighbour;
  else if (value == "hash")
    options.placement = PlacementPolicy::kHash;
  else
    refuse(value, "neighbour or hash");
}

void set_seed(Options& options, const std::string& value) {
  const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), options.seed);
  if (error != std::errc() || stop != value.data() + value.size()) refuse(value, "a number from 0 to 2^64 - 1");
}

constexpr const char* kWhat = "What to do";
constexpr const char* kRules = "Rules";
constexpr const char* kMachine = "Machine";
constexpr const char* kLimits = "Limits";
constexpr const char* kSnapshots = "Snapshots";
constexpr const char* kOutput = "Output";

// The table. Order is the order of --help.
const Entry kTable[] = {
    {"--array", "ROWSxCOLS", kOnSearch, true, kWhat,
     "a systolic array of the hardware; repeat for several (default 64x64)", add_array},
    {"--scope", "layer|network", kOnSearch, false, kWhat,
     "layer: each distinct layer is searched once, all in one e-graph (default); network: the whole network as one "
     "connected "
     "program, so that rewrites may cross layers",
     set_scope},
    {"--seed", "N", kOnSearch, false, kWhat, "seed of the random inputs and weights of the verification (default 1)",
     set_seed},
    {"--no-verify", nullptr, kOnSearch, false, kWhat, "do not check numerically that the result computes the same",
     [](Options& o, const std::string&) { o.verify = false; }},
    {"--rules", "FILE|NAME", kOnBoth, true, kRules,
     "a rules file, or a shipped set by name; repeat for several (search: default blocking; saturate: of an e-graph, "
     "whose file has none)",
     [](Options& o, const std::string& v) { add_name(o.rules, v, "a rules file or the name of a shipped set"); }},
    {"--ban", "RULE", kOnBoth, true, kRules, "do not use this rule; repeatable",
     [](Options& o, const std::string& v) { add_name(o.banned, v, "the name of a rule"); }},
    {"--pin", "RULE", kOnBoth, true, kRules, "never put this rule aside, however much it matches; repeatable",
     [](Options& o, const std::string& v) { add_name(o.pinned, v, "the name of a rule"); }},
    {"--match-limit", "[RULE=]N", kOnBoth, true, kRules,
     "put a rule aside for some iterations when it has more matches than this in one; for all rules or for one",
     set_match_limit},
    {"--threads", "T", kOnBoth, false, kMachine,
     "threads of each rank (default: the machine's, divided by the ranks on it)",
     [](Options& o, const std::string& v) { o.threads = parse_small(v, kMostThreads, "a number from 1 to 1024"); }},
    {"--shards", "S", kOnBoth, false, kMachine,
     "shards of each rank, a power of two (default: chosen from the threads); results do not depend on it", set_shards},
    {"--placement", "neighbour|hash", kOnBoth, false, kMachine,
     "which rank an e-node lives on: neighbour: that of its youngest child, as far as the ranks' loads allow "
     "(default); "
     "hash: any, evenly; results do not depend on it",
     set_placement},
    {"--exchange", "auto|dense|sparse", kOnBoth, false, kMachine,
     "how ranks under mpirun exchange messages: dense: all with all in every superstep; sparse: only those that have "
     "something to send; auto: dense below 64 ranks (default); results do not depend on it",
     set_exchange},
    {"--stall-limit", "D", kOnBoth, false, kMachine,
     "end the run when a rank under mpirun is not heard of for this time, or when all wait for each other for 15 times "
     "as "
     "long: its machine or the network stands still (default 20s; 0: wait for ever)",
     [](Options& o, const std::string& v) { o.stall_limit_ms = parse_duration_ms(v); }},
    {"--virtual-ranks", "N", kOnBoth, false, kMachine,
     "divide the e-graph among N ranks within this process, a thread each: to study a distributed run without mpirun",
     [](Options& o, const std::string& v) {
       o.virtual_ranks = parse_small(v, kMostVirtualRanks, "a number from 1 to 512");
     }},
    {"--iterations", "N", kOnBoth, false, kLimits, "stop after so many iterations (0: no limit, the default)",
     [](Options& o, const std::string& v) { o.iteration_limit = parse_count(v); }},
    {"--enodes", "N", kOnBoth, false, kLimits,
     "stop when the e-graph has more e-nodes, e.g. 50M (0: no limit, the default)",
     [](Options& o, const std::string& v) { o.enode_limit = parse_count(v); }},
    {"--memory-limit", "SIZE", kOnBoth, false, kLimits,
     "stop when a rank uses more memory, e.g. 8GiB (default: 90 % of the machine's, divided by the ranks on it)",
     [](Options& o, const std::string& v) { o.memory_limit_bytes = parse_size(v); }},
    {"--time-limit", "D", kOnBoth, false, kLimits,
     "stop after this time, e.g. 90s, 10min or 2h (default: none); where it stops the search, results depend on the "
     "machine",
     [](Options& o, const std::string& v) {
       o.time_limit_ms = parse_duration_ms(v);
       if (o.time_limit_ms == 0) refuse(v, "a duration of at least a millisecond");
     }},
    {"--snapshot", "DIR", kOnBoth, false, kSnapshots,
     "keep snapshots of the search in this folder, from which 'tessera resume DIR' goes on after any interruption",
     [](Options& o, const std::string& v) {
       if (v.empty()) refuse(v, "a folder");
       o.snapshot = v;
     }},
    {"--every", "D", kOnAny, false, kSnapshots, "take one after this time, e.g. 10min (the default)",
     [](Options& o, const std::string& v) {
       o.every_ms = parse_duration_ms(v);
       if (o.every_ms == 0) refuse(v, "a duration of at least a millisecond");
     }},
    {"--every-iterations", "N", kOnAny, false, kSnapshots, "take one every N iterations",
     [](Options& o, const std::string& v) {
       o.every_iterations = parse_count(v);
       if (o.every_iterations == 0) refuse(v, "at least one iteration");
     }},
    {"--keep", "K", kOnAny, false, kSnapshots, "keep the newest K snapshots (default 3)",
     [](Options& o, const std::string& v) {
       o.keep = static_cast<std::size_t>(parse_small(v, 1'000'000, "a number of at least 1"));
     }},
    {"--accept-changes", nullptr, kOnResume, false, kSnapshots,
     "go on although rules or input are not those of the snapshot",
     [](Options& o, const std::string&) { o.accept_changes = true; }},
    {"--out", "DIR", kOnSearch, false, kOutput,
     "where program.glenside, report.json and run.log are written (default out)",
     [](Options& o, const std::string& v) {
       if (v.empty()) refuse(v, "a folder");
       o.out = v;
     }},
    {"--print-counts", nullptr, kOnSaturate, false, kOutput, "print e-nodes and e-classes after each iteration",
     [](Options& o, const std::string&) { o.print_counts = true; }},
    {"--report", "FILE", kOnSaturate, false, kOutput, "write everything measured to this file, as JSON",
     [](Options& o, const std::string& v) {
       if (v.empty()) refuse(v, "a file");
       o.report = v;
     }},
    {"--record-work", "FILE", kOnBoth, false, kOutput,
     "write the work and traffic of every rank and superstep, as JSON lines, for bench/scaling",
     [](Options& o, const std::string& v) {
       if (v.empty()) refuse(v, "a file");
       o.record_work = v;
     }},
    {"--explain-plan", nullptr, kOnBoth, false, kOutput,
     "print how each rule was matched: its steps, estimated and actual counts",
     [](Options& o, const std::string&) { o.explain_plan = true; }},
    {"-q,--quiet", nullptr, kOnBoth, false, kOutput, "print warnings and the result only",
     [](Options& o, const std::string&) { o.verbosity = Verbosity::kQuiet; }},
    {"-v,--verbose", nullptr, kOnBoth, false, kOutput, "print details of every iteration",
     [](Options& o, const std::string&) { o.verbosity = Verbosity::kVerbose; }},
};

constexpr const char* kExitCodes = R"(Exit codes:
  0  all layers tensorized and verified
  1  finished, but some layer is not tensorized; or a check of an egglog program does not hold; or snapshots differ
  2  bad input or options
  3  internal or verification failure
  75 interrupted after a snapshot; 'tessera resume DIR' goes on)";

constexpr const char* kExamples = R"(Examples:
  tessera search
      the built-in MobileNet v1 onto a 64x64 array, on this machine
  mpirun -np 4 tessera search mobilenet-v1.relay --array 64x64 --out out/mobilenet
      a Relay model, the e-graph divided among 4 ranks
  tessera search model.glenside --array 16x16 --array 32x64 --rules my.rules --time-limit 10min
      a Glenside program, two arrays to choose from, rules of one's own
  tessera saturate math.rules --iterations 11 --print-counts
      a rules file with its own start terms
  mpirun -np 2 tessera saturate program.egg
      a program in egglog's text format: its terms, rewrites, runs, print-size, extract and check
  tessera saturate egraph.json --rules my.rules
      goes on with an e-graph that egg, egglog or 'tessera snapshot export' wrote
  tessera search big.relay --snapshot keep --every 10min; mpirun -np 8 tessera resume keep
      a long search, and how it goes on after an interruption, on any number of ranks

)";

// What CLI11 fills for one subcommand: the values given for each entry of the table.
struct Given {
  std::string input;
  std::vector<std::pair<const Entry*, std::vector<std::string>>> values;
  CLI::App* app = nullptr;
};

std::string long_name(const Entry& entry) {
  const std::string names = entry.names;
  return names.substr(names.find("--"));
}

void declare(CLI::App& app, On command, Given& given) {
  given.app = &app;
  given.values.reserve(std::size(kTable));  // CLI11 keeps references to the elements
  for (const Entry& entry : kTable) {
    if ((entry.commands & command) == 0) continue;
    given.values.emplace_back(&entry, std::vector<std::string>());
    std::vector<std::string>& values = given.values.back().second;
    CLI::Option* option = nullptr;
    if (entry.metavar == nullptr) {
      option = app.add_flag_callback(
          entry.names, [&values] { values.assign(1, ""); }, entry.help);
    } else {
      option = app.add_option(entry.names, values, entry.help)->type_name(entry.metavar)->allow_extra_args(false);
      option->expected(1)->take_all();
    }
    option->group(entry.group);
  }
  app.allow_extras();
  app.footer(std::string(kExamples) + kExitCodes);
  app.get_formatter()->column_width(kHelpColumn);
}

// Reports what CLI11 did not know, with what may have been meant.
void refuse_extras(const CLI::App& app, std::string_view kind, std::span<const std::string> known) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  const std::string& found = extras.front();
  const std::string name = found.substr(0, found.find('='));
  const std::vector<std::string_view> names(known.begin(), known.end());
  const std::string meant = nearest_name(name, names);
  const bool is_option = found.size() > 1 && found[0] == '-';
  std::string message =
      (is_option ? "unknown option '" + name : "unexpected " + std::string(kind) + " '" + found) + "'";
  if (!meant.empty()) message += "; did you mean '" + meant + "'?";
  throw Error(ErrorCode::kInput, message);
}

Options interpret(Command command, const Given& given) {
  std::vector<std::string> names = {"--help"};
  for (const auto& [entry, values] : given.values) names.push_back(long_name(*entry));
  refuse_extras(*given.app, "argument", names);

  Options options;
  options.command = command;
  options.input = given.input;
  options.arguments = {command == Command::kSearch ? "search" : "saturate", given.input};
  const Options defaults;
  options.arrays.clear();
  options.rules.clear();
  bool quiet = false;
  for (const auto& [entry, values] : given.values) {
    const std::string name = long_name(*entry);
    if (values.size() > 1 && !entry->repeatable) {
      throw Error(ErrorCode::kInput, name + ": given " + std::to_string(values.size()) + " times, expected once");
    }
    for (const std::string& value : values) {
      try {
        entry->apply(options, value);
      } catch (const Error& error) {
        throw Error(ErrorCode::kInput, name + ": " + error.message());
      }
      if (name == "--quiet") quiet = true;
      std::string& argument = options.arguments.emplace_back(name);
      if (entry->metavar != nullptr) argument.append("=").append(value);
    }
  }
  if (options.arrays.empty()) options.arrays = defaults.arrays;
  if (options.rules.empty() && command != Command::kSaturate) options.rules = defaults.rules;
  if (options.snapshot.empty() && command != Command::kResume &&
      (options.every_ms != 0 || options.every_iterations != 0 || options.keep != defaults.keep))
    throw Error(ErrorCode::kInput, "--every, --every-iterations and --keep: expected --snapshot with them");
  if (options.every_ms == 0 && options.every_iterations == 0) options.every_ms = kEveryMs;
  if (quiet && options.verbosity == Verbosity::kVerbose) {
    throw Error(ErrorCode::kInput, "--quiet and --verbose: expected one of them");
  }
  for (const std::string& rule : options.banned) {
    if (std::find(options.pinned.begin(), options.pinned.end(), rule) != options.pinned.end()) {
      throw Error(ErrorCode::kInput, "rule '" + rule + "' is both banned and pinned");
    }
  }
  return options;
}

// What CLI11 fills for `snapshot`.
struct SnapshotLook {
  std::string action;
  std::vector<std::string> files;
  std::string format;
  std::string out;
  std::string by;
  CLI::App* app = nullptr;
};

void declare(CLI::App& app, SnapshotLook& look) {
  look.app = &app;
  app.add_option("ACTION", look.action,
                 "inspect: print what it is of\n"
                 "verify:  check it, and say by the exit code (0: whole, 2: not)\n"
                 "diff:    compare two (0: the same, 1: different, 2: trouble)\n"
                 "export:  write its e-graph as JSON, as egraph-serialize does")
      ->type_name("");
  app.add_option("FILE", look.files, "a snapshot; two to compare")->type_name("")->expected(0, -1);
  app.add_option("--by", look.by,
                 "diff: how an e-class of one is known in the other: by its name or by its lowest term (default: name "
                 "if both are of one search, else term)")
      ->type_name("name|term");
  app.add_option("--format", look.format, "export: json, the only one so far")->type_name("json");
  app.add_option("-o,--out", look.out, "export: the file to write (default: standard output)")->type_name("FILE");
  app.allow_extras();
  app.get_formatter()->column_width(kHelpColumn);
}

Options interpret(const SnapshotLook& look) {
  const std::vector<std::string> known = {"inspect", "verify", "diff", "export", "--by", "--format", "--out", "--help"};
  refuse_extras(*look.app, "argument", known);
  if (std::ranges::find(known.begin(), known.begin() + 4, look.action) == known.begin() + 4)
    refuse(look.action, "inspect, verify, diff or export");
  const std::size_t expected = look.action == "diff" ? 2 : 1;
  if (look.files.empty()) throw Error(ErrorCode::kInput, "no snapshot given");
  if (look.files.size() != expected)
    throw Error(ErrorCode::kInput, look.action + ": found " + std::to_string(look.files.size()) + " files, expected " +
                                       (expected == 2 ? "two snapshots" : "one snapshot"));
  if (look.action != "diff" && !look.by.empty()) throw Error(ErrorCode::kInput, "--by: expected with diff only");
  if (look.action != "export" && !(look.format.empty() && look.out.empty()))
    throw Error(ErrorCode::kInput, "--format and --out: expected with export only");
  if (!look.by.empty() && look.by != "name" && look.by != "term") refuse(look.by, "--by name or --by term");
  if (!look.format.empty() && look.format != "json") refuse(look.format, "--format json");
  Options options;
  options.command = Command::kSnapshot;
  options.action = look.action;
  options.input = look.files.front();
  if (look.files.size() > 1) options.other = look.files[1];
  options.compare_by = look.by;
  options.out = look.out;
  return options;
}

// CLI11's help text with long descriptions wrapped under their column and no double blank lines.
std::string wrapped(const std::string& help) {
  std::string out;
  std::size_t blank_lines = 0;
  for (std::size_t start = 0; start < help.size();) {
    const std::size_t end = std::min(help.find('\n', start), help.size());
    std::string line = help.substr(start, end - start);
    start = end + 1;
    blank_lines = line.empty() ? blank_lines + 1 : 0;
    if (blank_lines > 1) continue;
    const bool is_option = line.starts_with("  -");
    while (is_option && line.size() > kHelpWidth) {
      const std::size_t space = line.rfind(' ', kHelpWidth);
      if (space <= kHelpColumn) break;
      out += line.substr(0, space) + "\n";
      line = std::string(kHelpColumn, ' ') + line.substr(space + 1);
    }
    out += line + "\n";
  }
  return out;
}

ExitRequest mistake(const std::string& program, const std::string& message) {
  return {kExitUsage, program + ": " + message + "\nTry '" + program + " --help'.\n"};
}

}  // namespace

std::variant<Options, ExitRequest> parse_options(int argc, const char* const* argv) {
  CLI::App app(
      "Tessera: runs a neural network's tensor operations on fixed-size systolic arrays, found by equality saturation.",
      "tessera");
  app.set_version_flag("--version", std::string("tessera ") + TESSERA_VERSION, "print the version and exit");
  app.set_help_flag("-h,--help", "print this help and exit");
  app.require_subcommand(0, 1);
  app.allow_extras();
  app.footer(std::string(kExamples) + kExitCodes);

  Given search;
  CLI::App* search_app =
      app.add_subcommand("search", "Find how to run a network's layers on arrays, check it, and report.");
  search_app
      ->add_option("MODEL", search.input,
                   "a file (.relay, .glenside) or a built-in network: mobilenet-v1[:WIDTH[:RESOLUTION]]\n"
                   "                              (default mobilenet-v1)")
      ->type_name("");
  declare(*search_app, kOnSearch, search);
  search.input = "mobilenet-v1";

  Given saturate;
  CLI::App* saturate_app = app.add_subcommand(
      "saturate", "Saturate the start terms of a rules file or an e-graph, or run an egglog program.");
  saturate_app
      ->add_option("FILE", saturate.input,
                   "a .rules file with rules and start terms, a program in egglog's text format\n"
                   "(.egg), or an e-graph as egraph-serialize writes it (.json)")
      ->type_name("");
  declare(*saturate_app, kOnSaturate, saturate);

  Given resume;
  CLI::App* resume_app = app.add_subcommand("resume", "Go on with an interrupted search, on any number of ranks.");
  resume_app
      ->add_option("DIR", resume.input,
                   "the folder of its snapshots (the newest that is whole is taken), or one of them")
      ->type_name("");
  declare(*resume_app, kOnAny, resume);

  SnapshotLook look;
  CLI::App* look_app = app.add_subcommand("snapshot", "Look at a snapshot, compare two, or export one.");
  declare(*look_app, look);

  std::string program = "tessera";
  try {
    app.parse(argc, argv);
    if (search_app->parsed()) {
      program += " search";
      return interpret(Command::kSearch, search);
    }
    if (saturate_app->parsed()) {
      program += " saturate";
      Options options = interpret(Command::kSaturate, saturate);
      if (options.input.empty()) return mistake(program, "no rules file given");
      return options;
    }
    if (resume_app->parsed()) {
      program += " resume";
      Options options = interpret(Command::kResume, resume);
      if (options.input.empty()) return mistake(program, "no folder of snapshots given");
      return options;
    }
    if (look_app->parsed()) {
      program += " snapshot";
      return interpret(look);
    }
    const std::vector<std::string> commands = {"search", "saturate", "resume", "snapshot", "--help", "--version"};
    refuse_extras(app, "command", commands);
    return ExitRequest{kExitUsage, wrapped(app.help())};
  } catch (const CLI::CallForVersion& version) {
    return ExitRequest{kExitDone, std::string(version.what()) + "\n"};
  } catch (const CLI::CallForHelp&) {
    if (search_app->parsed()) return ExitRequest{kExitDone, wrapped(search_app->help("tessera"))};
    for (const CLI::App* command : {saturate_app, resume_app, look_app})
      if (command->parsed()) return ExitRequest{kExitDone, wrapped(command->help("tessera"))};
    return ExitRequest{kExitDone, wrapped(app.help())};
  } catch (const CLI::ParseError& error) {
    if (search_app->parsed()) program = "tessera search";
    for (const CLI::App* command : {saturate_app, resume_app, look_app})
      if (command->parsed()) program = "tessera " + command->get_name();
    return mistake(program, error.what());
  } catch (const Error& error) {
    return mistake(program, error.message());
  }
}

Options resumed_options(const Options& resume, const std::vector<std::string>& arguments) {
  const auto name_of = [](const std::string& argument) {
    const std::string name = argument.substr(0, argument.find('='));
    return name == "--quiet" ? std::string("--verbose") : name;  // one replaces the other
  };
  // What is of one run, not of the search.
  const std::vector<std::string> dropped = {"--snapshot", "--virtual-ranks", "--record-work"};
  std::vector<std::string> merged = {"tessera"};
  const std::span<const std::string> given = std::span(resume.arguments).subspan(2);
  for (const std::string& argument : arguments) {
    const bool replaced = argument.starts_with("--") && std::ranges::any_of(given, [&](const std::string& over) {
                            return name_of(over) == name_of(argument);
                          });
    if (!replaced && std::ranges::find(dropped, name_of(argument)) == dropped.end()) merged.push_back(argument);
  }
  const std::filesystem::path folder = std::filesystem::is_directory(resume.input)
                                           ? std::filesystem::path(resume.input)
                                           : std::filesystem::path(resume.input).parent_path();
  merged.push_back("--snapshot=" + (folder.empty() ? std::string(".") : folder.string()));
  for (const std::string& over : given)
    if (over != "--accept-changes") merged.push_back(over);
  std::vector<const char*> pointers;
  pointers.reserve(merged.size());
  for (const std::string& argument : merged) pointers.push_back(argument.c_str());
  const auto parsed = parse_options(static_cast<int>(pointers.size()), pointers.data());
  if (const auto* exit = std::get_if<ExitRequest>(&parsed))
    throw Error(ErrorCode::kInput, "resuming '" + resume.input + "': " + exit->text.substr(0, exit->text.find('\n')));
  Options options = std::get<Options>(parsed);
  options.resume = resume.input;
  options.accept_changes = resume.accept_changes;
  return options;
}

}  // namespace tessera
