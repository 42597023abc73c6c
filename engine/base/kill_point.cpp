#include "engine/base/kill_point.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

namespace tessera {
namespace {

struct Plan {
  std::string name;
  int count = 1;
  int rank = -1;
};

std::optional<Plan> read_plan() {
  const char* text = std::getenv("TESSERA_KILL_POINT");
  if (text == nullptr) return std::nullopt;
  Plan plan{text, 1, -1};
  if (const std::size_t colon = plan.name.find(':'); colon != std::string::npos) {
    const std::string numbers = plan.name.substr(colon + 1);
    plan.name.resize(colon);
    plan.count = std::atoi(numbers.c_str());
    if (const std::size_t second = numbers.find(':'); second != std::string::npos)
      plan.rank = std::atoi(numbers.c_str() + second + 1);
  }
  return plan;
}

}  // namespace

void kill_point(const char* name, int rank) {
  static const std::optional<Plan> plan = read_plan();
  static std::atomic<int> passed{0};
  if (!plan || plan->name != name || (plan->rank >= 0 && plan->rank != rank)) return;
  if (++passed == plan->count) std::raise(SIGKILL);
}

}  // namespace tessera
