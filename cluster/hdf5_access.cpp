#include "cluster/hdf5_access.hpp"

#include <hdf5.h>

#include "engine/base/error.hpp"

namespace tessera {

MpiSnapshotAccess::MpiSnapshotAccess(MPI_Comm world) : file_access_(H5Pcreate(H5P_FILE_ACCESS)) {
  if (file_access_ < 0 || H5Pset_fapl_mpio(file_access_, world, MPI_INFO_NULL) < 0)
    throw Error(ErrorCode::kInternal, "HDF5 does not accept MPI's communicator");
}

MpiSnapshotAccess::~MpiSnapshotAccess() { H5Pclose(file_access_); }

}  // namespace tessera
