#include "partition/extraction.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <string>
#include <utility>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t kInfinite = Language::kInfiniteCost;

struct Found {  // to rank 0; followed by arity kids
  GlobalId cls;
  std::uint64_t key;
  std::uint32_t symbol;
  std::uint32_t arity;
};

struct FoundNode {
  std::uint64_t key;  // of all ranks' rows the least is taken
  SymbolId symbol;
  std::vector<GlobalId> kids;
};
using FoundNodes = boost::unordered_flat_map<GlobalId, FoundNode, std::hash<GlobalId>>;

// The program below the roots, children first, in the order of a depth-first walk: no id decides anything.
Expression assemble(const FoundNodes& nodes, std::span<const GlobalId> roots) {
  Expression program;
  boost::unordered_flat_map<GlobalId, std::uint32_t, std::hash<GlobalId>> index;
  boost::unordered_flat_map<GlobalId, char, std::hash<GlobalId>> open;
  struct Frame {
    GlobalId cls;
    std::size_t next;
  };
  std::vector<Frame> stack;
  std::vector<std::uint32_t> kids;
  for (const GlobalId root : roots) {
    if (!index.contains(root)) stack.push_back({root, 0});
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const FoundNode& node = nodes.at(frame.cls);
      if (frame.next == 0) CHECK(open.try_emplace(frame.cls, 1).second);  // no class below itself
      while (frame.next < node.kids.size() && index.contains(node.kids[frame.next])) ++frame.next;
      if (frame.next < node.kids.size()) {
        const GlobalId kid = node.kids[frame.next++];
        stack.push_back({kid, 0});
        continue;
      }
      kids.clear();
      for (const GlobalId kid : node.kids) kids.push_back(index.at(kid));
      index.emplace(frame.cls, program.add(node.symbol, kids));
      stack.pop_back();
    }
    program.roots.push_back(index.at(root));
  }
  return program;
}

}  // namespace

Extraction::Extraction(Partition& partition, std::span<const NamedClass> barriers)
    : partition_(partition), class_costs_(partition, partition.leaders(barriers)) {}

void Extraction::run() {
  partition_.exchange.enter_phase(partition_.graph.iteration, "extract");
  class_costs_.run();
}

std::vector<std::uint64_t> Extraction::costs(std::span<const NamedClass> classes) {
  std::vector<std::uint64_t> result(classes.size(), kInfinite);
  const std::vector<GlobalId> leaders = partition_.leaders(classes);
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (leaders[i].home() == partition_.rank()) result[i] = class_costs_.of(leaders[i].index());
  if (!partition_.alone() && !result.empty()) partition_.exchange.all_reduce(result, Reduction::kMin);
  return result;
}

Extracted Extraction::extract(std::span<const NamedClass> roots_in) {
  partition_.exchange.enter_phase(partition_.graph.iteration, "extract");
  Extracted result;
  result.costs = costs(roots_in);
  std::string failure;
  for (std::size_t i = 0; i < roots_in.size(); ++i)
    if (result.costs[i] == kInfinite) failure = "root " + std::to_string(i) + " has no program that can be extracted";
  partition_.agree_on_error(failure);

  const std::vector<GlobalId> roots = partition_.leaders(roots_in);
  FoundNodes found;
  std::vector<GlobalId> frontier;
  boost::unordered_flat_map<GlobalId, char, std::hash<GlobalId>> asked;
  const auto want = [&](GlobalId id) {
    if (asked.try_emplace(id, 1).second) frontier.push_back(id);
  };
  const bool collects = partition_.rank() == 0;
  if (collects)
    for (const GlobalId root : roots) want(root);
  const EGraph& graph = partition_.graph;
  // Of this rank's rows in the class; false if none will do.
  const auto find_node = [&](ClassId cls, FoundNode& node) {
    const auto choice = class_costs_.cheapest_row(cls);
    if (!choice) return false;
    node.key = choice->key;
    node.symbol = graph.nodes[choice->row].symbol;
    node.kids.clear();
    const std::uint32_t arity = graph.arity(choice->row);
    for (std::uint32_t k = 0; k < arity; ++k)
      node.kids.push_back(partition_.global(ClassId(graph.nodes.kid(choice->row, arity, k))));
    return true;
  };
  if (partition_.alone()) {
    while (!frontier.empty()) {
      const GlobalId id = frontier.back();
      frontier.pop_back();
      FoundNode node;
      CHECK(find_node(id.index(), node));
      for (const GlobalId kid : node.kids) want(kid);
      found.emplace(id, std::move(node));
    }
    result.program = assemble(found, roots);
    return result;
  }
  Outbox to_holders(partition_.ranks());
  Outbox to_root(partition_.ranks());
  for (;;) {
    std::uint64_t busy = frontier.empty() ? 0 : 1;
    partition_.exchange.all_reduce(std::span(&busy, 1), Reduction::kMax);
    if (busy == 0) break;
    for (const GlobalId id : frontier) partition_.outbox.put(id.home(), id);
    superstep(partition_.exchange, partition_.outbox, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto wanted = reader.take<GlobalId>();
        to_holders.put(partition_.rank(), wanted);
        partition_.subscribers.for_each(wanted.index(), [&](const Subscriber& s) {
          if (s.member_mask != 0) to_holders.put(static_cast<int>(s.rank), wanted);
        });
      }
    });
    superstep(partition_.exchange, to_holders, partition_.inbox, [&](int, MessageReader& reader) {
      FoundNode node;
      while (!reader.done()) {
        const auto wanted = reader.take<GlobalId>();
        if (!find_node(partition_.find_local(wanted), node)) continue;
        to_root.put(0, Found{wanted, node.key, node.symbol.value, static_cast<std::uint32_t>(node.kids.size())},
                    std::span<const GlobalId>(node.kids));
      }
    });
    superstep(partition_.exchange, to_root, partition_.inbox, [&](int, MessageReader& reader) {
      while (!reader.done()) {
        const auto item = reader.take<Found>();
        FoundNode node{item.key, SymbolId(item.symbol), {}};
        for (std::uint32_t k = 0; k < item.arity; ++k) node.kids.push_back(reader.take<GlobalId>());
        const auto [known, fresh] = found.try_emplace(item.cls, node);
        if (!fresh && node.key < known->second.key) known->second = std::move(node);
      }
    });
    const std::vector<GlobalId> answered = std::exchange(frontier, {});
    for (const GlobalId id : answered)
      for (const GlobalId kid : found.at(id).kids) want(kid);
  }
  if (collects) result.program = assemble(found, roots);
  return result;
}

}  // namespace tessera
