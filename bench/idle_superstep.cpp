// Idle supersteps under real MPI: idle_superstep [--threads T] prints one line of JSON, medians over batches,
// iterations and raw exchanges taken in turn. Google Benchmark chooses its repetitions by the clock, on every rank for
// itself, and so cannot time collective calls; hence a program of its own.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/idle.hpp"
#include "cluster/mpi_session.hpp"

namespace tessera::bench {
namespace {

constexpr int kBatches = 31;
constexpr int kMostBatches = 200;
constexpr int kIterations = 256;  // a batch

constexpr const char* kUsage =
    "usage: idle_superstep [--threads T] [--batches N]\n"
    "Times iterations of a saturated e-graph and the exchanges they make; run it alone or under mpirun.\n";

double median(std::vector<double>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int measure(Exchange& exchange, int threads, int batches) {
  IdleSearch search(exchange, threads);
  std::vector<double> iterations;
  std::vector<double> raw;
  std::vector<double> same;
  for (int batch = -1; batch < batches; ++batch) {  // the first one warms up
    const double of_iterations = search.iterate(kIterations);
    const double of_raw = search.raw(kIterations);
    const double of_same = search.same_calls(kIterations);
    if (batch < 0) continue;
    iterations.push_back(of_iterations);
    raw.push_back(of_raw);
    same.push_back(of_same);
  }
  const IdleTraffic& traffic = search.traffic();
  constexpr double kMicroseconds = 1e6 / kIterations;
  if (exchange.rank() == 0)
    std::printf(
        "{\"ranks\": %d, \"threads\": %d, \"iteration_us\": %.3f, \"raw_us\": %.3f, \"same_calls_us\": %.3f, "
        "\"supersteps\": %llu, "
        "\"exchanges\": %llu, \"reductions\": %llu, \"bytes\": %llu}\n",
        exchange.size(), threads, median(iterations) * kMicroseconds, median(raw) * kMicroseconds,
        median(same) * kMicroseconds, static_cast<unsigned long long>(traffic.supersteps),
        static_cast<unsigned long long>(traffic.exchanges), static_cast<unsigned long long>(traffic.reductions),
        static_cast<unsigned long long>(traffic.bytes));
  return 0;
}

int run(int argc, char** argv) {
  MpiSession session(argc, argv);
  int threads = 1;
  int batches = kBatches;
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    if (session.rank() == 0) std::fputs(kUsage, stdout);
    return 0;
  }
  bool good = argc % 2 == 1;
  for (int i = 1; good && i + 1 < argc; i += 2) {
    int* number = std::strcmp(argv[i], "--threads") == 0   ? &threads
                  : std::strcmp(argv[i], "--batches") == 0 ? &batches
                                                           : nullptr;
    char* end = nullptr;
    const std::int64_t value = std::strtol(argv[i + 1], &end, 10);
    good = number != nullptr && *end == '\0' && value >= 1 && value <= (number == &threads ? 1024 : kMostBatches);
    if (good) *number = static_cast<int>(value);
  }
  if (!good) {
    if (session.rank() == 0) std::fputs(kUsage, stderr);
    return 2;
  }
  return session.run([&] { return measure(*session.make_exchange(), threads, batches); });
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  try {
    return tessera::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "idle_superstep: %s\n", error.what());
    return tessera::exit_code_of(error);
  }
}
