#!/bin/bash
# Shows what Tessera does, from nothing: installs the packages it needs (Debian 12), builds the release, and finds
# how to run MobileNet v1 on a 64x64 systolic array, with 2 MPI ranks. Prints the per-layer table; the files are in
# out/demo.
set -euo pipefail
cd "$(dirname "$0")"

scripts/install-packages.sh
scripts/build.sh release tessera
source scripts/mpi-environment.sh
exec mpirun -np 2 build/release/bin/tessera search --array 64x64 --out out/demo
