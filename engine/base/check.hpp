// CHECK(condition): a broken invariant of the engine itself. Prints file, line and the condition, then aborts the
// process (and with it, under mpirun, every rank). Active in every build; DCHECK only where NDEBUG is not defined.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace tessera::detail {

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition);
  std::abort();
}

}  // namespace tessera::detail

#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) [[unlikely]]                                     \
      ::tessera::detail::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition) \
  do {                    \
  } while (false)
#else
#define DCHECK(condition) CHECK(condition)
#endif
