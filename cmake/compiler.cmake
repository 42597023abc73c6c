# How everything is compiled: warnings, the sanitizers, and what makes building fast.
include_directories(${PROJECT_SOURCE_DIR})
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Wrong about std::string (GCC bug 105651).
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()

add_link_options(-Wl,--as-needed)

if(TESSERA_NATIVE)
  add_compile_options(-march=native)
endif()

if(TESSERA_IPO)
  include(CheckIPOSupported)
  check_ipo_supported()
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

if(TESSERA_SANITIZE)
  add_compile_options(-fsanitize=${TESSERA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_compile_options(-Wno-maybe-uninitialized)  # the instrumented code confuses it
  add_link_options(-fsanitize=${TESSERA_SANITIZE})
  if(TESSERA_SANITIZE MATCHES "thread")
    # ThreadSanitizer cannot see into Debian's oneTBB: threads are then plain std::threads (engine/base/workers.cpp).
    add_compile_definitions(TESSERA_SERIAL_TBB)
    add_compile_options(-Wno-tsan)
  endif()
endif()

find_program(TESSERA_CCACHE ccache)
mark_as_advanced(TESSERA_CCACHE)
if(TESSERA_CCACHE)
  # The sloppiness is what ccache asks for precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
                                  CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${TESSERA_CCACHE})
endif()

find_program(TESSERA_MOLD mold)
mark_as_advanced(TESSERA_MOLD)
if(TESSERA_MOLD AND NOT TESSERA_IPO)  # mold and gcc 12's link-time optimizer do not go together reliably
  add_link_options(-fuse-ld=mold)
endif()
