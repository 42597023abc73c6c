// An e-graph that is being read, node by node: ids of nodes and e-classes are texts, and a node may be named before it
// is there. Of an id that is known only its 128-bit hash is kept. At the end it is closed under congruence, as an
// e-graph must be: nodes with equal operators and equal children make their e-classes one (after Downey, Sethi and
// Tarjan, JACM 1980, but in rounds: files that need more than one are rare).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/egraph_json.hpp"

namespace tessera {

class EgraphBuilder {
 public:
  using RefuseAt = std::function<void(const std::string& path, const std::string& message)>;  // does not return

  // False: there is a node of that id already.
  [[nodiscard]] bool begin_node(const std::string& id);
  void add_child(const std::string& id);
  // False: it has more children than an e-node can have.
  [[nodiscard]] bool end_node(const std::string& op, const std::string& cls, bool is_subsumed);
  void add_root(const std::string& cls) { roots_.push_back(cls); }

  [[nodiscard]] std::size_t child_count() const { return children_.size() - begin_; }
  [[nodiscard]] std::size_t root_count() const { return roots_.size(); }

  // `set_attributes` may change the symbols, which are operators without attributes so far.
  [[nodiscard]] EgraphFile finish(const std::function<void(std::vector<Symbol>&)>& set_attributes,
                                  const RefuseAt& refuse);

 private:
  struct IdHash {
    std::uint64_t low;
    std::uint64_t high;
    friend bool operator==(const IdHash&, const IdHash&) = default;
  };
  struct FirstPart {
    std::size_t operator()(const IdHash& id) const { return id.low; }
  };
  struct Promise {  // a node that is named but not there yet
    std::string id;
    std::string path;  // where it was first named
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // Its number among all that have been named, and whether it is new.
  std::pair<std::uint32_t, bool> node_index(const std::string& id);
  void resolve(const RefuseAt& refuse);
  void unite_equal_symbols();
  void close();
  void fill_state();
  [[nodiscard]] std::uint32_t find(std::uint32_t cls);
  [[nodiscard]] std::span<const std::uint32_t> kids(std::uint32_t row) const;

  boost::unordered_flat_map<IdHash, std::uint32_t, FirstPart> nodes_;  // in the order of being named
  std::vector<std::uint32_t> class_of_node_;                           // kNone: not there yet
  std::map<std::uint32_t, Promise> promised_;
  std::unordered_map<std::string, std::uint32_t> classes_;
  std::map<std::pair<std::string, std::uint32_t>, std::uint32_t> symbol_of_;  // by operator and arity
  std::vector<std::string> roots_;
  std::string id_;  // of the node that is being read
  std::uint32_t index_ = 0;
  std::size_t begin_ = 0;  // of its children

  // Rows, in the order of the file.
  std::vector<Symbol> symbols_;
  std::vector<std::uint32_t> row_symbol_;
  std::vector<std::uint32_t> row_class_;
  std::vector<std::uint64_t> child_begin_;
  std::vector<std::uint32_t> children_;  // nodes; from resolve() on e-classes

  std::vector<std::uint32_t> leader_;  // of e-classes that are one
  std::vector<std::uint32_t> kept_;    // rows that equal no earlier one
  EgraphFile result_;
};

}  // namespace tessera
