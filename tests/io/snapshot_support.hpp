// A small saved search for the tests of snapshots: the arithmetic rules after some iterations, on any number of ranks.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "engine/language/term_language.hpp"
#include "engine/rule/rule_parser.hpp"
#include "io/snapshot.hpp"
#include "io/snapshot_write.hpp"
#include "partition/digest.hpp"
#include "partition/local_exchange.hpp"

namespace tessera {

// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tessera-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return std::move(out).str();
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

struct MathSearch {
  explicit MathSearch(Exchange& exchange, std::uint32_t shards = 1)
      : rules(load_rules("math", language, symbols, {})),
        search(exchange, language, symbols, rules.rules, options(shards)) {}
  static SearchOptions options(std::uint32_t shards) {
    SearchOptions result;
    result.partition.shards = shards;
    return result;
  }
  SymbolTable symbols;
  TermLanguage language;
  RuleSet rules;
  Search search;
};

inline SnapshotOrigin test_origin() { return {"tessera test", {"saturate", "math"}, "math", "0123", "4567", 1, 2}; }

// Saves the search after so many iterations.
inline void save_math(const std::string& path, int ranks, int iterations, std::uint32_t shards = 1) {
  LocalWorld(ranks).run([&](Exchange& exchange) {
    MathSearch math(exchange, shards);
    const std::vector<NamedClass> classes = math.search.start(math.rules.start);
    for (int i = 0; i < iterations; ++i) math.search.iterate();
    write_snapshot(path, test_origin(), export_state(math.search, std::span(classes).first(1)), exchange);
  });
}

}  // namespace tessera
