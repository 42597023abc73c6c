// The threads of one rank. A phase is a parallel loop over tasks (usually shards); the end of the loop is the barrier.
// Results must not depend on which thread runs a task: a task writes only what it owns.
// Backed by a oneTBB arena; with TESSERA_SERIAL_TBB (ThreadSanitizer builds: Debian's oneTBB is not instrumented) by
// std::thread, which is slow but understood by the sanitizer.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace tessera {

class Workers {
 public:
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  [[nodiscard]] int threads() const { return threads_; }

  // Runs task(0) … task(count - 1), in any order, on up to threads() threads; returns when all are done. With
  // `worthwhile` false, or one task, or one thread, everything runs here, in order: small phases do not pay for
  // threads. An exception of a task is rethrown here after all tasks have ended.
  template <class Task>
  void for_each(std::size_t count, bool worthwhile, Task&& task) {
    if (count <= 1 || threads_ == 1 || !worthwhile) {
      for (std::size_t i = 0; i < count; ++i) task(i);
      return;
    }
    run(count, std::function<void(std::size_t)>(std::ref(task)));
  }

 private:
  void run(std::size_t count, const std::function<void(std::size_t)>& task);

  int threads_;
  struct Arena;
  std::unique_ptr<Arena> arena_;
};

}  // namespace tessera
