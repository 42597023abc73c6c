#include "cluster/model_search.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "engine/language/expression_edit.hpp"
#include "engine/tensor/array_cost.hpp"
#include "engine/tensor/tensor_type.hpp"

namespace tessera {
namespace {

std::uint32_t add(Expression& program, SymbolTable& symbols, const char* op, std::vector<Value> attributes,
                  std::vector<std::uint32_t> kids) {
  return program.add(symbols.intern(Name(op), attributes, static_cast<std::uint32_t>(kids.size())), kids);
}

std::uint32_t tensor_leaf(Expression& program, SymbolTable& symbols, Name name) {
  return add(program, symbols, "access-tensor", {Value::name(name)}, {});
}

std::uint32_t split_at(Expression& program, SymbolTable& symbols, std::uint32_t node, std::size_t split) {
  return add(program, symbols, "access", {Value::integer(static_cast<std::int64_t>(split))}, {node});
}

Name data_name(const Network& alone) { return alone.tensors.at(0).name; }
Name weight_name(const Network& alone) { return alone.tensors.at(1).name; }

}  // namespace

ModelSearch plan_model_search(Network network, Scope scope, SymbolTable& symbols, TensorLanguage& language) {
  ModelSearch search;
  search.scope = scope;
  search.network = std::move(network);
  const std::vector<Layer>& layers = search.network.layers;
  std::vector<std::size_t> first = distinct_layers(layers);
  if (scope == Scope::kNetwork)
    for (std::size_t i = 0; i < first.size(); ++i) first[i] = i;
  search.layer_of.resize(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (first[i] != i) {
      search.layer_of[i] = search.layer_of[first[i]];
      continue;
    }
    search.layer_of[i] = search.layers.size();
    search.layers.push_back({layers[i], layer_network(layers[i], symbols), 0, 0, 0});
    for (const TensorDeclaration& tensor : search.layers.back().alone.tensors) language.declare(tensor);
  }
  std::vector<std::uint32_t>& roots = search.start.roots;
  if (scope == Scope::kNetwork) {
    search.start = search.network.program;
    for (SearchedLayer& layer : search.layers) {
      layer.root = roots.size();
      search.barriers.push_back(roots.size());
      roots.push_back(layer.layer.output);
      layer.data = roots.size();
      roots.push_back(layer.layer.data_node);
      layer.weight = roots.size();
      roots.push_back(layer.layer.weight_node);
    }
    return search;
  }
  for (SearchedLayer& layer : search.layers) {
    Substitution places;
    const std::vector<std::uint32_t> copied =
        copy_into(search.start, layer.alone.program, layer.alone.program.roots, places);
    layer.root = roots.size();
    roots.push_back(copied.front());
  }
  return search;
}

Expression layer_program(const ModelSearch& search, std::size_t index, const Expression& extracted,
                         const std::vector<DataWords>& data, SymbolTable& symbols) {
  const SearchedLayer& layer = search.layers[index];
  Expression program;
  Substitution places;
  if (search.scope == Scope::kNetwork) {
    // Cut at the operands: the layer's own tensors stand for them, with the operands' splits.
    const std::array<std::pair<std::size_t, Name>, 2> operands = {std::pair{layer.data, data_name(layer.alone)},
                                                                  std::pair{layer.weight, weight_name(layer.alone)}};
    for (const auto& [root, name] : operands) {
      const std::uint32_t node = extracted.roots[root];
      const std::size_t split = TensorType(data[node]).split();
      const std::uint32_t leaf = tensor_leaf(program, symbols, name);
      places.emplace(node, split == 0 ? leaf : split_at(program, symbols, leaf, split));
    }
  }
  const std::array<std::uint32_t, 1> root = {extracted.roots[layer.root]};
  program.roots = copy_into(program, extracted, root, places);
  return program;
}

Expression network_program(const ModelSearch& search, const Expression& extracted,
                           const std::vector<Expression>& programs, SymbolTable& symbols) {
  Expression result;
  const std::vector<std::uint32_t>& roots = search.network.program.roots;
  Substitution places;
  if (search.scope == Scope::kNetwork) {
    result.roots = copy_into(result, extracted, std::span(extracted.roots).first(roots.size()), places);
    return result;
  }
  // In the program's order: a layer's operands are in place before the layer is put in.
  const Expression& source = search.network.program;
  std::vector<std::size_t> order(search.network.layers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return search.network.layers[i].output; });
  for (const std::size_t i : order) {
    const Layer& layer = search.network.layers[i];
    const std::size_t index = search.layer_of[i];
    const std::array<std::uint32_t, 2> operands = {layer.data_node, layer.weight_node};
    const std::vector<std::uint32_t> placed = copy_into(result, source, operands, places);
    const Expression& program = programs[index];
    const Network& alone = search.layers[index].alone;
    Substitution inside;
    for (std::uint32_t n = 0; n < program.size(); ++n) {
      const Symbol& symbol = symbols[program[n].symbol];
      if (symbol.name != Name("access-tensor")) continue;
      const Name name = symbol.attributes.at(0).as_name();
      if (name == data_name(alone)) inside.emplace(n, split_at(result, symbols, placed[0], 0));
      if (name == weight_name(alone)) inside.emplace(n, split_at(result, symbols, placed[1], 0));
    }
    places[layer.output] = copy_into(result, program, program.roots, inside).front();
  }
  result.roots = copy_into(result, source, roots, places);
  return result;
}

LayerReport describe_layer(const Layer& layer, const Network& alone, const Expression& program,
                           const SymbolTable& symbols, const TensorLanguage& language,
                           const std::vector<ArraySize>& arrays) {
  LayerReport report;
  report.name = layer.name;
  report.kind = layer_kind_name(layer.kind);
  report.m = layer.m;
  report.k = layer.k;
  report.n = layer.n;
  report.groups = layer.groups;

  const std::vector<char> used = reachable(program, program.roots);
  const std::vector<DataWords> data = infer_data(program, symbols, language);
  // Which operand feeds each node: bit 0 data, bit 1 weights.
  std::vector<unsigned> feeds(program.size(), 0);
  std::set<std::string> array_names;
  std::array<std::uint64_t, 2> held = {0, 0};  // calls by stationary operand: data, weights
  std::uint64_t capacity = 0;
  bool unblocked = false;
  for (std::uint32_t i = 0; i < program.size(); ++i) {
    const Symbol& symbol = symbols[program[i].symbol];
    for (const std::uint32_t kid : program[i].kids) feeds[i] |= feeds[kid];
    const std::string_view op = symbol.name.text();
    if (op == "access-tensor") {
      const Name name = symbol.attributes.at(0).as_name();
      feeds[i] = name == data_name(alone) ? 1U : name == weight_name(alone) ? 2U : 0U;
    }
    if (used[i] == 0) continue;
    if (op == "systolic-array") {
      const std::int64_t rows = symbol.attributes.at(0).as_int();
      const std::int64_t columns = symbol.attributes.at(1).as_int();
      const auto cycles = static_cast<std::uint64_t>(
          array_cycles(rows, columns, product_of(TensorType(data[program[i].kids[0]]).shape())));
      ++report.calls;
      report.cycles += cycles;
      capacity += cycles * static_cast<std::uint64_t>(rows * columns);
      array_names.insert(ArraySize{rows, columns}.to_string());
      const unsigned stationary = feeds[program[i].kids[1]];
      if ((stationary & 1U) != 0) ++held[0];
      if ((stationary & 2U) != 0) ++held[1];
    } else if (op.starts_with("systolic-array") ||
               (op == "compute" && symbol.attributes.at(0).as_name().text() == "dot-product")) {
      unblocked = true;
    }
  }
  report.tensorized = report.calls > 0 && !unblocked;
  for (const std::string& name : array_names) report.array += (report.array.empty() ? "" : "+") + name;
  report.stationary = stationary_name(held[0] == 0   ? Stationary::kWeights
                                      : held[1] == 0 ? Stationary::kData
                                                     : Stationary::kMixed);
  if (capacity > 0)
    report.utilization = static_cast<double>(layer.m * layer.k * layer.n) * static_cast<double>(layer.groups) /
                         static_cast<double>(capacity);

  std::optional<Blocking> bound;
  for (const ArraySize& array : arrays) {
    const Blocking blocking = closed_form({layer.m, layer.k, layer.n, layer.groups}, array.rows, array.columns);
    if (!bound || blocking.cycles < bound->cycles ||
        (blocking.cycles == bound->cycles && blocking.calls < bound->calls))
      bound = blocking;
  }
  if (bound) {
    report.calls_bound = static_cast<std::uint64_t>(bound->calls);
    report.cycles_bound = static_cast<std::uint64_t>(bound->cycles);
  }
  if (!report.tensorized) report.calls = report.cycles = 0;
  return report;
}

}  // namespace tessera
