#include "engine/tensor/array_cost.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "engine/base/error.hpp"

namespace tessera {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::int64_t add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kMost : sum;
}

std::int64_t multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMost : product;
}

std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a - 1) / b + 1; }

Blocking repeated(const Blocking& one, std::int64_t times) {
  return {multiply(one.calls, times), multiply(one.cycles, times), one.stationary};
}

Blocking best_product(const LayerProblem& problem, std::int64_t rows, std::int64_t columns) {
  const Blocking weights = block_product(problem, Stationary::kWeights, rows, columns);
  const Blocking data = block_product(problem, Stationary::kData, rows, columns);
  const bool take_data = data.cycles < weights.cycles || (data.cycles == weights.cycles && data.calls < weights.calls);
  return take_data ? data : weights;
}

// `channels` groups as one product with a block-diagonal operand.
Blocking best_pack(const LayerProblem& problem, std::int64_t channels, std::int64_t rows, std::int64_t columns) {
  return best_product({problem.m, multiply(channels, problem.k), channels, 1}, rows, columns);
}

}  // namespace

std::int64_t array_cycles(std::int64_t rows, std::int64_t columns, std::int64_t vectors) {
  return add(add(multiply(2, rows), columns), vectors - 2);
}

const char* stationary_name(Stationary stationary) {
  switch (stationary) {
    case Stationary::kWeights:
      return "weights";
    case Stationary::kData:
      return "data";
    case Stationary::kMixed:
      return "mixed";
  }
  return "";
}

Blocking block_product(const LayerProblem& problem, Stationary stationary, std::int64_t rows, std::int64_t columns) {
  const bool data = stationary == Stationary::kData;
  const std::int64_t held = data ? problem.m : problem.n;
  const std::int64_t streamed = data ? problem.n : problem.m;
  const std::int64_t calls = multiply(ceil_divide(problem.k, rows), ceil_divide(held, columns));
  return {calls, multiply(calls, array_cycles(rows, columns, streamed)), stationary};
}

std::int64_t packed_channels(std::int64_t k, std::int64_t groups, std::int64_t rows, std::int64_t columns) {
  return std::min({std::max<std::int64_t>(1, rows / k), columns, groups});
}

Blocking closed_form(const LayerProblem& problem, std::int64_t rows, std::int64_t columns) {
  if (std::min({problem.m, problem.k, problem.n, problem.groups, rows, columns}) < 1) {
    throw Error(ErrorCode::kInput, "a layer of m " + std::to_string(problem.m) + ", k " + std::to_string(problem.k) +
                                       ", n " + std::to_string(problem.n) + ", " + std::to_string(problem.groups) +
                                       " groups on a " + std::to_string(rows) + "x" + std::to_string(columns) +
                                       " array: expected numbers of 1 or more");
  }
  if (problem.groups == 1 || problem.n > 1) return repeated(best_product(problem, rows, columns), problem.groups);
  const std::int64_t channels = packed_channels(problem.k, problem.groups, rows, columns);
  Blocking total = repeated(best_pack(problem, channels, rows, columns), problem.groups / channels);
  if (const std::int64_t rest = problem.groups % channels; rest > 0) {
    const Blocking last = best_pack(problem, rest, rows, columns);
    total.calls = add(total.calls, last.calls);
    total.cycles = add(total.cycles, last.cycles);
    if (last.stationary != total.stationary) total.stationary = Stationary::kMixed;
  }
  return total;
}

}  // namespace tessera
