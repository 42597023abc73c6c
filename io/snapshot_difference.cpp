#include "io/snapshot_difference.hpp"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <utility>

#include "engine/base/error.hpp"
#include "io/snapshot_columns.hpp"
#include "partition/digest.hpp"
#include "partition/local_exchange.hpp"

namespace tessera {
namespace {

struct NodeKey {
  std::uint64_t hash = 0;
  std::uint32_t op = 0;  // index into Content::operators
  friend auto operator<=>(const NodeKey&, const NodeKey&) = default;
};

// What is kept of a snapshot to be compared.
struct Content {
  Snapshot snapshot;  // without columns and symbols
  std::string digest;
  std::vector<std::uint64_t> classes;  // sorted
  std::vector<NodeKey> nodes;          // sorted
  std::vector<std::string> operators;
  std::vector<std::uint64_t> roots;
  std::uint64_t stamps = 0;  // sums of hashes: of the e-nodes with their stamps
  std::uint64_t data = 0;    // of the e-classes with their data and its stamp
};

SnapshotOrigin read_origin(const std::string& path) {
  Snapshot snapshot;
  parse_snapshot_header(read_sealed(path, read_seal(path), kHeaderDataset), path, snapshot);
  return std::move(snapshot.origin);
}

std::uint64_t data_hash(const GraphShare& share, std::uint64_t cls) {
  if (!share.has_data()) return 0;
  std::uint64_t hash = share.class_data_stamp[cls];
  if (share.class_value[cls] == GraphShare::kNoValue) return hash;
  const std::uint64_t value = share.class_value[cls] - 1;
  const std::uint64_t end = value + 1 < share.value_begin.size() ? share.value_begin[value + 1] : share.sizes.words;
  for (std::uint64_t i = share.value_begin[value]; i < end; ++i)
    hash = hash_combine(hash, static_cast<std::uint64_t>(share.word[i]));
  return hash;
}

Content read_content(const std::string& path, ClassIdentity identity) {
  Content content;
  content.snapshot = read_whole_snapshot(path);
  SearchState& state = content.snapshot.state;
  GraphShare& share = state.share;
  content.digest = digest(state);
  content.classes = identity == ClassIdentity::kName ? share.class_name.values() : lowest_terms(state);
  const std::vector<std::uint64_t>& key = content.classes;  // by position as yet

  std::unordered_map<std::uint32_t, std::uint32_t> operator_of_name;
  std::vector<std::uint32_t> op;
  std::vector<std::uint64_t> symbol_hash;
  for (const Symbol& symbol : state.symbols) {
    const auto [it, is_new] =
        operator_of_name.try_emplace(symbol.name.index(), static_cast<std::uint32_t>(content.operators.size()));
    if (is_new) content.operators.emplace_back(symbol.name.text());
    op.push_back(it->second);
    symbol_hash.push_back(symbol.hash());
  }
  content.nodes.reserve(share.sizes.rows);
  std::uint64_t child = 0;
  for (std::uint64_t row = 0; row < share.sizes.rows; ++row) {
    const std::uint64_t symbol = share.row_symbol[row];
    std::uint64_t hash = hash_combine(symbol_hash[symbol], key[share.row_class[row]]);
    for (std::uint32_t k = 0; k < state.symbols[symbol].arity; ++k)
      hash = hash_combine(hash, key[share.child[child++]]);
    content.nodes.push_back({hash, op[symbol]});
    content.stamps += hash_combine(hash, share.row_stamp[row]);
  }
  for (std::uint64_t cls = 0; cls < share.sizes.classes; ++cls)
    content.data += hash_combine(key[cls], data_hash(share, cls));
  for (const std::uint64_t root : state.roots) content.roots.push_back(key[root]);
  std::ranges::sort(content.nodes);
  std::ranges::sort(content.classes);
  state.symbols.clear();
  const GraphSizes sizes = share.sizes;
  share = GraphShare();
  share.sizes = sizes;
  return content;
}

// Goes through two sorted columns at once; calls both(a), first(a) or second(b) for every element.
template <class T, class Less, class Both, class First, class Second>
void go_through(const std::vector<T>& a, const std::vector<T>& b, Less less, Both both, First first, Second second) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && less(a[i], b[j]))) {
      first(a[i++]);
    } else if (i == a.size() || less(b[j], a[i])) {
      second(b[j++]);
    } else {
      both(a[i]);
      ++i;
      ++j;
    }
  }
}

void count(const Content& a, const Content& b, SnapshotDifference& result) {
  go_through(
      a.classes, b.classes, std::less<>(), [&](std::uint64_t) { ++result.classes.both; },
      [&](std::uint64_t) { ++result.classes.only_first; }, [&](std::uint64_t) { ++result.classes.only_second; });
  go_through(
      a.nodes, b.nodes, [](const NodeKey& x, const NodeKey& y) { return x.hash < y.hash; },
      [&](const NodeKey& key) {
        ++result.nodes.both;
        ++result.operators[a.operators[key.op]].both;
      },
      [&](const NodeKey& key) {
        ++result.nodes.only_first;
        ++result.operators[a.operators[key.op]].only_first;
      },
      [&](const NodeKey& key) {
        ++result.nodes.only_second;
        ++result.operators[b.operators[key.op]].only_second;
      });
}

// Counts of the iterations; times are the machines' affair.
bool same_record(const IterationRecord& a, const IterationRecord& b) {
  const auto same_rule = [](const RuleRecord& x, const RuleRecord& y) {
    return x.active == y.active && x.put_aside == y.put_aside && x.matches == y.matches && x.unions == y.unions;
  };
  return a.iteration == b.iteration && a.enodes == b.enodes && a.eclasses == b.eclasses && a.changed == b.changed &&
         std::ranges::equal(a.rules, b.rules, same_rule);
}

void name_differences(const Content& a, const Content& b, SnapshotDifference& result) {
  std::vector<std::string>& found = result.differences;
  const SearchState& x = a.snapshot.state;
  const SearchState& y = b.snapshot.state;
  const auto compare = [&](bool is_same, const char* what) {
    if (!is_same) found.emplace_back(what);
  };
  compare(a.snapshot.origin.model_digest == b.snapshot.origin.model_digest, "input");
  compare(a.snapshot.origin.rules_digest == b.snapshot.origin.rules_digest, "rules");
  compare(x.iteration == y.iteration, "iteration");
  compare(result.classes.is_same(), "e-classes");
  compare(result.nodes.is_same(), "e-nodes");
  compare(a.digest == b.digest, "digest");
  if (result.nodes.is_same() && result.classes.is_same()) {
    compare(a.stamps == b.stamps, "when e-nodes became new");
    compare(a.data == b.data, "e-class data");
  }
  compare(a.roots == b.roots, "roots");
  compare(x.rules == y.rules, "schedule of the rules");
  compare(std::ranges::equal(x.iterations, y.iterations, same_record), "counts of the iterations");
}

}  // namespace

Snapshot read_whole_snapshot(const std::string& path) {
  SoloExchange exchange;
  Snapshot snapshot = read_snapshot(path, exchange);
  try {
    check_indices(snapshot.state);
  } catch (const Error& error) {
    throw Error(ErrorCode::kInput, error.message(), Where{path});
  }
  return snapshot;
}

SnapshotDifference compare_snapshots(const std::string& first, const std::string& second,
                                     std::optional<ClassIdentity> identity) {
  SnapshotDifference result;
  if (!identity) {
    const SnapshotOrigin a = read_origin(first);
    const SnapshotOrigin b = read_origin(second);
    const bool is_one_search = a.model_digest == b.model_digest && a.rules_digest == b.rules_digest;
    identity = is_one_search ? ClassIdentity::kName : ClassIdentity::kLowestTerm;
  }
  result.identity = *identity;
  Content a = read_content(first, *identity);
  Content b = read_content(second, *identity);
  count(a, b, result);
  name_differences(a, b, result);
  result.digests = {a.digest, b.digest};
  result.snapshots = {std::move(a.snapshot), std::move(b.snapshot)};
  return result;
}

}  // namespace tessera
