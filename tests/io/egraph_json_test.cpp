// E-graphs as JSON: what is written reads back to the same e-graph, what others write is taken up, and what is no
// e-graph is refused with its place.
#include "io/egraph_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "engine/tensor/tensor_language.hpp"
#include "io/snapshot_difference.hpp"
#include "partition/digest.hpp"
#include "tests/io/snapshot_support.hpp"

namespace tessera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string json_of(const SearchState& state, const Language& language) {
  std::string text;
  write_egraph_json(state, language, [&](std::string_view piece) { text += piece; });
  return text;
}

EgraphFile parsed(const std::string& text) { return parse_egraph_json(text, "file.json"); }

std::string refusal(const std::string& text) {
  try {
    (void)parsed(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  return "";
}

// The digest and the counts of the file's e-graph on so many ranks.
std::string imported_digest(const std::string& text, int ranks) {
  std::string result;
  LocalWorld(ranks).run([&](Exchange& exchange) {
    EgraphFile file = parsed(text);
    const GraphSizes sizes = file.state.share.sizes;
    keep_even_share(file.state, exchange.rank(), exchange.size());
    const TermLanguage language;
    SymbolTable symbols;
    const std::vector<Rule> none;
    Search search(exchange, language, symbols, none, {});
    const std::size_t roots = import_state(search, std::move(file.state)).size();
    EXPECT_TRUE(search.invariants_hold());
    EXPECT_EQ(search.enodes(), sizes.rows);
    EXPECT_EQ(search.eclasses(), sizes.classes);
    const std::string mine = digest(search.partition()) + " " + std::to_string(roots);
    if (exchange.rank() == 0) result = mine;
  });
  return result;
}

TEST(EgraphJson, RoundTripOnAnyNumberOfRanks) {
  const TemporaryFolder folder;
  std::string first;
  for (const int ranks : {1, 3}) {
    const std::string path = folder.file(std::to_string(ranks) + ".h5");
    save_math(path, ranks, 6, ranks == 3 ? 4 : 1);
    const Snapshot snapshot = read_whole_snapshot(path);
    const std::string expected = digest(snapshot.state) + " 1";
    const std::string text = json_of(snapshot.state, TermLanguage());
    for (const int to : {1, 2, 4}) EXPECT_EQ(imported_digest(text, to), expected) << ranks << " ranks, then " << to;
    const EgraphFile back = parsed(text);
    EXPECT_EQ(back.nodes, snapshot.state.share.sizes.rows);
    EXPECT_EQ(back.repeated + back.merged_classes + back.subsumed, 0U);
    EXPECT_EQ(digest(back.state) + " 1", expected);
    EXPECT_EQ(json_of(back.state, TermLanguage()), text);  // and it is written the same again
    if (first.empty()) first = text;
    EXPECT_EQ(text, first) << "the bytes depend on the number of ranks";
  }
}

TEST(EgraphJson, RulesGoOnAsIfTheEgraphHadNeverLeft) {
  const TemporaryFolder folder;
  const std::string path = folder.file("s.h5");
  save_math(path, 2, 5);
  const std::string text = json_of(read_whole_snapshot(path).state, TermLanguage());
  save_math(path, 1, 7);
  const std::string expected = digest(read_whole_snapshot(path).state);
  for (const int ranks : {1, 3})
    LocalWorld(ranks).run([&](Exchange& exchange) {
      MathSearch math(exchange);
      EgraphFile file = parsed(text);
      keep_even_share(file.state, exchange.rank(), exchange.size());
      (void)import_state(math.search, std::move(file.state));
      math.search.iterate();
      math.search.iterate();
      EXPECT_EQ(digest(math.search.partition()), expected);
    });
}

TEST(EgraphJson, AttributesReadBack) {
  SearchState state;
  const std::vector<Value> attributes = {Value::integer(-3), Value::literal(0.1), Value::name(Name("a \"b\"")),
                                         Value::shape(std::vector<std::int64_t>{1, 2})};
  state.symbols = {{OperatorId(), Name("f"), 0, attributes}, {OperatorId(), Name("g \\ \n"), 1, {}}};
  state.roots = {1};
  GraphShare& share = state.share;
  share.class_name = {1, 2};
  share.row_symbol = {0, 1};
  share.row_class = {0, 1};
  share.row_stamp = {0, 0};
  share.child = {0};
  share.sizes = {2, 0, 0, 2, 1};
  own_everything(share);
  const EgraphFile back = parsed(json_of(state, TermLanguage()));
  ASSERT_EQ(back.state.symbols.size(), 2U);
  EXPECT_EQ(back.state.symbols[0], state.symbols[0]);
  EXPECT_EQ(back.state.symbols[1], state.symbols[1]);
  EXPECT_EQ(digest(back.state), digest(state));
}

// An operator that is called as another one is written.
TEST(EgraphJson, OperatorsThatLookAlikeStayApart) {
  const std::string text = R"({"nodes": {"a": {"op": "f 1", "eclass": "0"}, "b": {"op": "x", "eclass": "1"}},
    "tessera_symbols": {"x": {"operator": "f", "attributes": [{"int": 1}]}}})";
  const EgraphFile file = parsed(text);
  const EgraphFile back = parsed(json_of(file.state, TermLanguage()));
  EXPECT_EQ(back.state.share.sizes, file.state.share.sizes);
  EXPECT_EQ(digest(back.state), digest(file.state));
}

TEST(EgraphJson, TypesAndCostsOfTensors) {
  TensorLanguage language;
  language.declare({Name("data"), DType::kFloat32, {4, 6}});
  DataWords data;
  language.make({OperatorId(), Name("access-tensor"), 0, {Value::name(Name("data"))}}, {}, data);
  SearchState state;
  state.symbols = {{OperatorId(), Name("access-tensor"), 0, {Value::name(Name("data"))}}};
  GraphShare& share = state.share;
  share.class_name = {7};
  share.class_value = {1};
  share.class_data_stamp = {0};
  share.value_begin = {0};
  share.word = data;
  share.row_symbol = {0};
  share.row_class = {0};
  share.row_stamp = {0};
  share.sizes = {1, 1, data.size(), 1, 0};
  own_everything(share);
  const std::string text = json_of(state, language);
  EXPECT_THAT(text, HasSubstr(R"("0.0": {"op": "access-tensor data", "children": [], "eclass": "0", "cost": )" +
                              std::to_string(language.cost(state.symbols[0], data, {}))));
  EXPECT_THAT(text, HasSubstr(R"("0": {"type": ")" + language.describe(data)));
}

TEST(EgraphJson, WhatEgglogWrites) {
  const EgraphFile file = read_egraph_json(TESSERA_SOURCE_DIR "/tests/data/fuzz/egraph/egglog.json");
  EXPECT_EQ(file.nodes, 8U);
  EXPECT_EQ(file.state.share.sizes.classes, 8U);
  EXPECT_EQ(file.state.roots.size(), 1U);
  std::vector<std::string> operators;
  for (const Symbol& symbol : file.state.symbols) operators.emplace_back(symbol.name.text());
  EXPECT_THAT(operators, ElementsAre("Mul", "Num", "1", "Var", "\"x\"", "Add", "0"));
}

TEST(EgraphJson, WhatEggWrites) {
  const EgraphFile file = read_egraph_json(TESSERA_SOURCE_DIR "/tests/data/fuzz/egraph/egg.json");
  EXPECT_EQ(file.nodes, 6U);
  // a * 2 and a * one are one node, for 2 and one are one class: so class 2 is class 0.
  EXPECT_EQ(file.repeated, 1U);
  EXPECT_EQ(file.merged_classes, 1U);
  EXPECT_EQ(file.state.share.sizes.rows, 5U);
  EXPECT_EQ(file.state.share.sizes.classes, 3U);
}

// Congruence that needs a round for each level: f(f(f(a))) and f(f(f(b))), where a and b are one class.
TEST(EgraphJson, ClosedUnderCongruence) {
  std::string text = R"({"nodes": {"a": {"op": "a", "eclass": "a"}, "b": {"op": "a", "eclass": "b"})";
  for (const std::string leaf : {"a", "b"}) {
    std::string below = leaf;
    for (int i = 0; i < 3; ++i) {
      const std::string node = leaf + std::to_string(i);
      text += ", \"" + node + R"(": {"op": "f", "children": [")" + below + R"("], "eclass": ")" + node + "\"}";
      below = node;
    }
  }
  const EgraphFile file = parsed(text + R"(}, "root_eclasses": ["b2", "a2"]})");
  EXPECT_EQ(file.nodes, 8U);
  EXPECT_EQ(file.merged_classes, 4U);
  EXPECT_EQ(file.repeated, 4U);
  EXPECT_EQ(file.state.share.sizes.rows, 4U);
  ASSERT_EQ(file.state.roots.size(), 2U);
  EXPECT_EQ(file.state.roots[0], file.state.roots[1]);
}

TEST(EgraphJson, OrderOfFieldsAndUnknownOnesDoNotMatter) {
  const EgraphFile file = parsed(R"({"version": [1, {"a": [null]}], "root_eclasses": ["x"], "class_data": {"x": {}},
    "nodes": {"1": {"note": {"deep": [[1]]}, "children": ["2", "2"], "eclass": "x", "cost": -1e3, "op": "+"},
              "2": {"eclass": "y", "op": "t", "subsumed": true}}})");
  EXPECT_EQ(file.nodes, 2U);
  EXPECT_EQ(file.subsumed, 1U);
  EXPECT_THAT(file.state.share.child, ElementsAre(1, 1));
}

TEST(EgraphJson, WhatIsNoEgraphIsRefusedWithItsPlace) {
  const auto nodes = [](const std::string& inner) { return R"({"nodes": {)" + inner + "}}"; };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "file.json:1:1: "},
      {"{\"nodes\": {\n  \"a\" 1}}", "file.json:2:7: "},
      {nodes(R"("a": {"op": "f", "eclass": "0)"), "file.json:1:"},
      {"\xff", "file.json:1:1: "},
      {"{\"nodes\": {}} x", "file.json:1:15: "},
      {"[]", "/: found an array, expected an object with 'nodes'"},
      {"3", "/: found a number"},
      {"{}", "found no 'nodes'"},
      {R"({"nodes": 3})", "/nodes: found a number, expected an object"},
      {R"({"nodes": []})", "/nodes: found an array"},
      {R"({"nodes": {}, "nodes": {}})", "/nodes: found 'nodes' twice"},
      {nodes(""), "/nodes: found no node"},
      {nodes(R"("a": "f")"), "/nodes/a: found text, expected an object: a node"},
      {nodes(R"("a": {"eclass": "0"})"), "/nodes/a: found no 'op'"},
      {nodes(R"("a": {"op": "f"})"), "/nodes/a: found no 'eclass'"},
      {nodes(R"("a": {"op": 1, "eclass": "0"})"), "/nodes/a/op: found a number, expected text"},
      {nodes(R"("a": {"op": "f", "op": "g", "eclass": "0"})"), "/nodes/a/op: found 'op' twice"},
      {nodes(R"("a": {"op": "f", "eclass": ["0"]})"), "/nodes/a/eclass: found an array, expected text"},
      {nodes(R"("a": {"op": "f", "eclass": "0", "cost": "1"})"), "/nodes/a/cost: found text, expected a number"},
      {nodes(R"("a": {"op": "f", "eclass": "0", "subsumed": 0})"), "/nodes/a/subsumed: found a number"},
      {nodes(R"("a": {"op": "f", "eclass": "0", "children": "b"})"), "/nodes/a/children: found text"},
      {nodes(R"("a": {"op": "f", "eclass": "0", "children": ["a", null]})"), "/nodes/a/children/1: found null"},
      {nodes(R"("a": {"op": "f", "eclass": "0", "children": ["a", "b"]})"), "/nodes/a/children/1: found 'b', which"},
      {nodes(R"("a": {"op": "f", "eclass": "0"}, "a": {"op": "f", "eclass": "0"})"), "/nodes/a: found the node twice"},
      {R"({"nodes": {"a": {"op": "f", "eclass": "0"}}, "root_eclasses": ["0", "7"]})", "/root_eclasses/1: found '7'"},
      {R"({"nodes": {"a": {"op": "f", "eclass": "0"}}, "root_eclasses": [[]]})", "/root_eclasses/0: found an array"},
      {R"({"nodes": {"a": {"op": "f", "eclass": "0"}}, "root_eclasses": {}})", "/root_eclasses: found an object"},
      {R"({"nodes": {"a": {"op": "f 1", "eclass": "0"}}, "tessera_symbols": {"f 1": {"operator": "f"}}})",
       "/tessera_symbols/f 1: expected 'operator'"},
      {R"({"nodes": {"a": {"op": "f 1", "eclass": "0"}},
           "tessera_symbols": {"f 1": {"operator": "f", "attributes": [{"odd": 1}]}}})",
       "/tessera_symbols/f 1: found an attribute of kind 'odd'"},
      {R"({"nodes": {"a": {"op": "f", "eclass": "0"}},
           "tessera_symbols": {"f": {"operator": "f", "attributes": [{}]}}})",
       "/tessera_symbols/f: found {}, expected an attribute"},
      {R"({"nodes": {"a": {"op": "f", "eclass": "0"}}, "tessera_symbols": {"f": 3}})", "/tessera_symbols/f: expected"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(refusal(text), HasSubstr(message)) << text;
    EXPECT_THAT(refusal(text), HasSubstr("file.json")) << text;
  }
  std::string many;
  for (int i = 0; i < 256; ++i) many += i == 0 ? "\"a\"" : ", \"a\"";
  EXPECT_THAT(refusal(nodes(R"("a": {"op": "f", "eclass": "0", "children": [)" + many + "]}")),
              HasSubstr("/nodes/a: found 256 children, expected at most 255"));
  // Nesting costs no stack.
  EXPECT_THAT(refusal("{\"other\": " + std::string(1'000'000, '[')), HasSubstr("file.json:1:"));
  EXPECT_THAT(refusal("{\"tessera_symbols\": {\"f\": " + std::string(1000, '[')), HasSubstr("deeper nesting"));
  EXPECT_THROW((void)read_egraph_json("nowhere.json"), Error);
}

}  // namespace
}  // namespace tessera
