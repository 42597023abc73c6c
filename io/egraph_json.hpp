// E-graphs in the JSON format of egraph-serialize, through which egg, egglog, extraction-gym and viewers exchange them:
// `nodes` by id, each with `op`, `children` (ids of nodes: each stands for the e-class it is in), `eclass`, `cost` and
// `subsumed`; `root_eclasses`; `class_data`. Written and read as a stream, never as a tree of JSON values. What is
// written does not depend on ids, ranks or the order of anything: equal e-graphs of one search give equal bytes. What
// our operators have beyond a name, their static attributes, is kept in a field of its own, which other readers skip.
#pragma once

#include <cstdint>
#include <string>

#include "engine/language/language.hpp"
#include "io/atomic_file.hpp"
#include "partition/search_state.hpp"

namespace tessera {

// Classes are numbered in the order of their names (the oldest first), the nodes of class 7 are 7.0, 7.1, … in the
// order of their operators and children. `cost` is the language's; `class_data` has a class's type where the language
// knows one. `whole`: a state whose share is the whole, as check_indices() wants it.
void write_egraph_json(const SearchState& whole, const Language& language, const TextSink& write);

struct EgraphFile {
  SearchState state;                 // the whole: of iteration 0, with no rules, all e-nodes new
  std::uint64_t nodes = 0;           // as the file has them
  std::uint64_t subsumed = 0;        // of them; they are kept as e-nodes like any other
  std::uint64_t repeated = 0;        // e-nodes that another one equals: left out
  std::uint64_t merged_classes = 0;  // e-classes that were one with another, by congruence
  std::string digest;                // of the contents
};

// Reads a file and closes it under congruence. One rank, by itself; the whole e-graph is held. Throws Error(kInput)
// with file:line:column where the text is not JSON, and with the path of the value, as in /nodes/a/children/0, where it
// is not an e-graph.
[[nodiscard]] EgraphFile read_egraph_json(const std::string& path);
[[nodiscard]] EgraphFile parse_egraph_json(const std::string& text, const std::string& file);

// --- for io/ itself ---
// A static attribute as in the /symbols of snapshots: {"int":3}. Reading throws Error(kInput).
[[nodiscard]] std::string attribute_text(const Value& value);
[[nodiscard]] Value parse_attribute_text(const std::string& text);

}  // namespace tessera
