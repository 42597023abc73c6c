// workload_writer NAME FILE: writes a workload's program as Glenside text, for `tessera search FILE`. The build runs
// it.
#include <cstdio>
#include <cstring>

#include "bench/workload_networks.hpp"
#include "engine/base/error.hpp"
#include "io/atomic_file.hpp"

int main(int argc, char** argv) {
  using namespace tessera;
  constexpr const char* kUsage = "usage: workload_writer NAME FILE\nWrites a workload's program as Glenside text: ";
  std::string names;
  for (const std::string& name : bench::workload_programs()) names += (names.empty() ? "" : ", ") + name;
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::printf("%s%s\n", kUsage, names.c_str());
    return 0;
  }
  if (argc != 3) {
    std::fprintf(stderr, "%s%s\n", kUsage, names.c_str());
    return 2;
  }
  try {
    write_file_atomically(argv[2], bench::workload_program(argv[1]));
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "workload_writer: %s\n", error.what());
    return error.code() == ErrorCode::kInput ? 2 : 3;
  }
}
