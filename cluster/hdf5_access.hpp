// Parallel HDF5: how all ranks of an MPI job make one file together (io/snapshot.hpp knows nothing of MPI).
#pragma once

#include <mpi.h>

#include "io/snapshot.hpp"

namespace tessera {

class MpiSnapshotAccess final : public SnapshotAccess {
 public:
  // Collective. `world` outlives this. Throws Error(kInternal) if HDF5 refuses.
  explicit MpiSnapshotAccess(MPI_Comm world);
  ~MpiSnapshotAccess() override;

  [[nodiscard]] std::int64_t file_access() const override { return file_access_; }

 private:
  std::int64_t file_access_ = -1;
};

}  // namespace tessera
