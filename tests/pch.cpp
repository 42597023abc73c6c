// Nothing of its own: CMake compiles the tests' precompiled header with it.
