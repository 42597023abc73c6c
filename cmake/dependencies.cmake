# Libraries, all of them Debian 12 packages (scripts/install-packages.sh). Each folder links what it uses.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(TBB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(TESSERA_BOOST_INCLUDE boost/unordered/unordered_flat_map.hpp REQUIRED)  # Boost 1.81 or later
mark_as_advanced(TESSERA_BOOST_INCLUDE)
include_directories(SYSTEM ${TESSERA_BOOST_INCLUDE})

set(MPI_CXX_SKIP_MPICXX ON)
find_package(MPI REQUIRED COMPONENTS C)

# oneDNN, under Debian's name: its CMake package demands OpenCL, so it is found by hand.
find_library(TESSERA_DNNL_LIBRARY dnnl REQUIRED)
find_path(TESSERA_DNNL_INCLUDE dnnl.hpp REQUIRED)
mark_as_advanced(TESSERA_DNNL_LIBRARY TESSERA_DNNL_INCLUDE)
if(NOT TARGET tessera::dnnl)
  add_library(tessera::dnnl UNKNOWN IMPORTED)
  set_target_properties(tessera::dnnl PROPERTIES IMPORTED_LOCATION ${TESSERA_DNNL_LIBRARY}
                                                 INTERFACE_INCLUDE_DIRECTORIES ${TESSERA_DNNL_INCLUDE})
endif()

# Snapshots: HDF5, where there are several the one of the MPI above, and the checksums' XXH3.
set(HDF5_PREFER_PARALLEL TRUE)
find_package(HDF5 REQUIRED COMPONENTS C)
find_library(TESSERA_XXHASH_LIBRARY xxhash REQUIRED)
mark_as_advanced(TESSERA_XXHASH_LIBRARY)
include(CheckCXXSymbolExists)
set(CMAKE_REQUIRED_LIBRARIES ${TESSERA_XXHASH_LIBRARY})
check_cxx_symbol_exists(XXH3_64bits_withSeed_dispatch xxh_x86dispatch.h TESSERA_XXHASH_DISPATCH)
unset(CMAKE_REQUIRED_LIBRARIES)
