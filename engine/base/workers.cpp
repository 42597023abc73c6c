#include "engine/base/workers.hpp"

#include <algorithm>

#ifdef TESSERA_SERIAL_TBB
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>
#else
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#endif

namespace tessera {

#ifdef TESSERA_SERIAL_TBB

struct Workers::Arena {};

Workers::Workers(int threads) : threads_(std::max(1, threads)) {}
Workers::~Workers() = default;

void Workers::run(std::size_t count, const std::function<void(std::size_t)>& task) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        task(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  };
  std::vector<std::thread> others;
  const std::size_t extra = std::min(count, static_cast<std::size_t>(threads_)) - 1;
  for (std::size_t t = 0; t < extra; ++t) others.emplace_back(work);
  work();
  for (std::thread& t : others) t.join();
  if (failure) std::rethrow_exception(failure);
}

#else

struct Workers::Arena {
  oneapi::tbb::task_arena arena;
  explicit Arena(int threads) : arena(threads) {}
};

Workers::Workers(int threads) : threads_(std::max(1, threads)) {
  if (threads_ > 1) arena_ = std::make_unique<Arena>(threads_);
}
Workers::~Workers() = default;

void Workers::run(std::size_t count, const std::function<void(std::size_t)>& task) {
  arena_->arena.execute([&] {
    oneapi::tbb::parallel_for(
        std::size_t{0}, count, [&](std::size_t i) { task(i); }, oneapi::tbb::simple_partitioner());
  });
}

#endif

}  // namespace tessera
