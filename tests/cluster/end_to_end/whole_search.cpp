#include "tests/cluster/end_to_end/whole_search.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "cluster/model_search.hpp"
#include "cluster/rule_selection.hpp"
#include "cluster/search_record.hpp"
#include "engine/language/expression_edit.hpp"
#include "engine/language/term_language.hpp"
#include "io/builtin_networks.hpp"
#include "io/program_writer.hpp"
#include "io/snapshot.hpp"
#include "io/snapshot_folder.hpp"
#include "io/snapshot_write.hpp"
#include "partition/digest.hpp"
#include "partition/extraction.hpp"
#include "partition/local_exchange.hpp"
#include "tests/partition/state_support.hpp"

namespace tessera::end_to_end {
namespace {

// What one rank knows at the end.
struct RankResult {
  Outcome outcome;
  RankShare share;
};

Resources resources_of(const Layout& layout, const Options& options) {
  return {layout.threads, static_cast<int>(layout.shards), options.memory_limit_bytes};
}

std::string counts_text(const Search& search) {
  std::ostringstream text;
  for (const IterationRecord& record : search.iterations()) {
    text << "iteration " << record.iteration << ": " << record.enodes << " e-nodes, " << record.eclasses
         << " e-classes, " << (record.changed ? "changed" : "unchanged") << "; supersteps";
    for (std::size_t phase = 0; phase < kPhases; ++phase)
      text << ' ' << phase_name(static_cast<Phase>(phase)) << ' ' << record.phases[phase].supersteps;
    text << '\n';
    for (std::size_t r = 0; r < record.rules.size(); ++r) {
      const RuleRecord& rule = record.rules[r];
      text << "  " << search.rules()[r].name << ": " << rule.matches << " matches, " << rule.unions << " unions"
           << (rule.active ? "" : ", inactive") << (rule.put_aside ? ", put aside" : "") << '\n';
    }
  }
  return text.str();
}

// How a search begins, and what is kept of it on the way.
struct Leg {
  const SearchState* from = nullptr;                        // null: the start, or a file
  std::vector<std::vector<SearchState>>* states = nullptr;  // [iteration][rank]; null: not kept
  std::string from_file;                                    // a snapshot; empty: none
  std::string folder;                                       // where snapshots are kept; empty: nowhere
};

// Starts or takes up the search; returns the roots' classes.
std::vector<NamedClass> begin(Search& search, const Expression& start, const Leg& leg) {
  Exchange& exchange = search.partition().exchange;
  if (!leg.from_file.empty()) return import_state(search, read_snapshot(leg.from_file, exchange).state);
  if (leg.from != nullptr) return import_state(search, cut_state(*leg.from, exchange.rank(), exchange.size()));
  const std::vector<NamedClass> classes = search.start(start);
  std::vector<NamedClass> roots;
  for (const std::uint32_t root : start.roots) roots.push_back(classes[root]);
  return roots;
}

void run(Search& search, std::span<const NamedClass> roots, const Leg& leg, RankResult& result) {
  Outcome& outcome = result.outcome;
  const auto keep = [&] {
    if (leg.states == nullptr && leg.folder.empty()) return;
    SearchState state = export_state(search, roots);
    if (search.partition().alone() && search.partition().workers.threads() == 1 &&
        !has_same_columns(export_late(search, roots), state))
      throw std::logic_error("exported piece by piece, a state is another");
    const std::uint32_t iteration = state.iteration;
    if (!leg.folder.empty())
      write_snapshot(snapshot_path(leg.folder, iteration), {}, state, search.partition().exchange);
    if (leg.states == nullptr) return;
    (*leg.states)[iteration][static_cast<std::size_t>(search.partition().rank())] = std::move(state);
  };
  keep();
  outcome.stop = search.run([&](const IterationRecord&) { keep(); });
  outcome.digest = digest(search.partition());
  outcome.counts = counts_text(search);
  outcome.enodes = search.enodes();
  outcome.eclasses = search.eclasses();
}

void measure(Search& search, RankResult& result) {
  RankShare& share = result.share;
  share.enodes = search.partition().graph.nodes.live_count();
  for (const IterationRecord& record : search.iterations()) {
    share.visited += record.visited;
    share.rekeyed += record.rekeyed;
  }
  share.traffic = search.partition().exchange.traffic();
}

void run_model(Exchange& exchange, const Options& options, const Layout& layout, const Leg& leg, RankResult& result) {
  SymbolTable symbols;
  TensorLanguage language;
  const ModelSearch model =
      plan_model_search(find_network(options.input, symbols, language), options.scope, symbols, language);
  const RuleSet rules = select_rules(options.rules, options, language, symbols);
  Search search(exchange, language, symbols, rules.rules, search_options(options, resources_of(layout, options)));
  const std::vector<NamedClass> roots = begin(search, model.start, leg);
  std::vector<NamedClass> barriers;
  for (const std::size_t barrier : model.barriers) barriers.push_back(roots[barrier]);
  run(search, roots, leg, result);
  Extraction extraction(search.partition(), barriers);
  extraction.run();
  const Extracted extracted = extraction.extract(roots);
  result.outcome.costs = extracted.costs;
  measure(search, result);
  if (exchange.rank() != 0) {
    if (extracted.program.size() != 0) throw std::logic_error("a rank other than 0 has been given the program");
    return;
  }
  const std::vector<DataWords> data = infer_data(extracted.program, symbols, language);
  std::vector<Expression> programs;
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    programs.push_back(layer_program(model, i, extracted.program, data, symbols));
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    result.outcome.layers.push_back(
        describe_layer(model.layers[i].layer, model.layers[i].alone, programs[i], symbols, language, options.arrays));
  const Expression program = network_program(model, extracted.program, programs, symbols);
  result.outcome.program = print_program(model.network.tensors, program, symbols, language);
}

void run_rules(Exchange& exchange, const Options& options, const Layout& layout, const Leg& leg, RankResult& result) {
  SymbolTable symbols;
  const TermLanguage language;
  const RuleSet rules = select_rules({options.input}, options, language, symbols);
  Search search(exchange, language, symbols, rules.rules, search_options(options, resources_of(layout, options)));
  const std::vector<NamedClass> roots = begin(search, rules.start, leg);
  run(search, roots, leg, result);
  measure(search, result);
}

template <class Body>
Outcome run_world(const Layout& layout, Body&& body) {
  std::vector<RankResult> results(static_cast<std::size_t>(layout.ranks));
  LocalWorld(layout.ranks).run([&](Exchange& exchange) {
    body(exchange, results[static_cast<std::size_t>(exchange.rank())]);
  });
  Outcome& first = results.front().outcome;
  for (const RankResult& result : results) {
    const Outcome& other = result.outcome;
    if (other.digest != first.digest || other.counts != first.counts || other.costs != first.costs ||
        other.stop != first.stop)
      throw std::logic_error(layout_name(layout) +
                             ": ranks do not agree: " + first_difference(first.counts, other.counts));
    first.ranks.push_back(result.share);
  }
  return std::move(first);
}

}  // namespace

std::string layout_name(const Layout& layout) {
  return "r" + std::to_string(layout.ranks) + "t" + std::to_string(layout.threads) + "s" +
         std::to_string(layout.shards);
}

std::ostream& operator<<(std::ostream& out, const Layout& layout) { return out << layout_name(layout); }

namespace {

using Run = void (*)(Exchange&, const Options&, const Layout&, const Leg&, RankResult&);

Outcome run_leg(Run run_rank, const Options& options, const Layout& layout, const Leg& leg) {
  return run_world(layout,
                   [&](Exchange& exchange, RankResult& result) { run_rank(exchange, options, layout, leg, result); });
}

std::vector<SearchState> states(Run run_rank, const Options& options, const Layout& layout) {
  constexpr std::size_t kMostIterations = 500;
  std::vector<std::vector<SearchState>> shares(kMostIterations);
  for (auto& of_iteration : shares) of_iteration.resize(static_cast<std::size_t>(layout.ranks));
  Leg leg;
  leg.states = &shares;
  run_leg(run_rank, options, layout, leg);
  std::vector<SearchState> joined;
  for (const auto& of_iteration : shares) {
    if (of_iteration.front().symbols.empty()) break;  // there was no such iteration
    joined.push_back(join_states(of_iteration));
  }
  return joined;
}

}  // namespace

Outcome search_model(const Options& options, const Layout& layout) { return run_leg(run_model, options, layout, {}); }
Outcome saturate_rules(const Options& options, const Layout& layout) { return run_leg(run_rules, options, layout, {}); }

std::vector<SearchState> states_of_model(const Options& options, const Layout& layout) {
  return states(run_model, options, layout);
}
std::vector<SearchState> states_of_rules(const Options& options, const Layout& layout) {
  return states(run_rules, options, layout);
}

Outcome resume_model(const Options& options, const Layout& layout, const SearchState& whole) {
  Leg leg;
  leg.from = &whole;
  return run_leg(run_model, options, layout, leg);
}
Outcome resume_rules(const Options& options, const Layout& layout, const SearchState& whole) {
  Leg leg;
  leg.from = &whole;
  return run_leg(run_rules, options, layout, leg);
}

Outcome keep_model_snapshots(const Options& options, const Layout& layout, const std::string& folder) {
  Leg leg;
  leg.folder = folder;
  return run_leg(run_model, options, layout, leg);
}
Outcome resume_model_snapshot(const Options& options, const Layout& layout, const std::string& file) {
  Leg leg;
  leg.from_file = file;
  return run_leg(run_model, options, layout, leg);
}

std::string first_difference(const std::string& expected, const std::string& found) {
  if (expected == found) return "";
  std::istringstream left(expected);
  std::istringstream right(found);
  for (int line = 1;; ++line) {
    std::string a = "(end)";
    std::string b = "(end)";
    std::getline(left, a);
    std::getline(right, b);
    if (a != b || !left || !right)
      return "line " + std::to_string(line) + ": " + a.substr(0, 300) + " / " + b.substr(0, 300);
  }
}

double imbalance(const std::vector<std::uint64_t>& shares) {
  const std::uint64_t sum = std::accumulate(shares.begin(), shares.end(), std::uint64_t{0});
  if (sum == 0) return 1;
  return static_cast<double>(*std::ranges::max_element(shares)) * static_cast<double>(shares.size()) /
         static_cast<double>(sum);
}

}  // namespace tessera::end_to_end
