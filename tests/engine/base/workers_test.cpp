#include "engine/base/workers.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <vector>

namespace tessera {
namespace {

TEST(Workers, RunEveryTaskOnce) {
  for (const int threads : {1, 2, 4}) {
    Workers workers(threads);
    std::vector<int> done(1000, 0);
    workers.for_each(done.size(), true, [&](std::size_t i) { ++done[i]; });
    EXPECT_EQ(std::accumulate(done.begin(), done.end(), 0), 1000) << threads;
    EXPECT_EQ(*std::max_element(done.begin(), done.end()), 1) << threads;
  }
}

TEST(Workers, SmallPhasesRunHereInOrder) {
  Workers workers(4);
  std::vector<std::size_t> order;
  workers.for_each(50, false, [&](std::size_t i) { order.push_back(i); });
  std::vector<std::size_t> expected(50);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  EXPECT_EQ(order, expected);
}

TEST(Workers, RethrowATasksException) {
  Workers workers(2);
  EXPECT_THROW(workers.for_each(8, true,
                                [](std::size_t i) {
                                  if (i == 5) throw std::runtime_error("five");
                                }),
               std::runtime_error);
}

}  // namespace
}  // namespace tessera
