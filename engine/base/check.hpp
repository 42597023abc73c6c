// CHECK(condition): a broken invariant of the engine itself. Prints file, line and the condition, then aborts the
// process (and with it, under mpirun, every rank). Active in every build; DCHECK only where NDEBUG is not defined.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace tessera {

// Called, on the thread that finds it, with the text of a broken invariant instead of printing it; nullptr: it is
// printed.
using CheckHandler = void (*)(const char* text);

namespace detail {
inline std::atomic<CheckHandler> check_handler{nullptr};
}  // namespace detail

inline void set_check_handler(CheckHandler handler) { detail::check_handler = handler; }

}  // namespace tessera

namespace tessera::detail {

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition) {
  char text[1024];
  std::snprintf(text, sizeof(text), "%s:%d: broken invariant: %s", file, line, condition);
  if (const CheckHandler handler = check_handler)
    handler(text);
  else
    std::fprintf(stderr, "%s\n", text);
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
