// Named places at which a process can be made to die as by `kill -9`, so that tests can prove that it may die there:
// TESSERA_KILL_POINT=name:count[:rank] kills the rank (default: any) when it passes the place for the count-th time.
// (As RocksDB's crash tests do.) Costs a look at a pointer where nothing is set.
#pragma once

namespace tessera {

void kill_point(const char* name, int rank);

}  // namespace tessera
