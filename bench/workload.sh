#!/bin/bash
# Runs one of the workloads that benchmarks are about: bench/workload.sh NAME [OPTION OF TESSERA...]; --help lists them.
# Under mpirun too:  source scripts/mpi-environment.sh; mpirun -np 2 bench/workload.sh math11 --threads 1
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$here/harness/workload.py" "$@"
