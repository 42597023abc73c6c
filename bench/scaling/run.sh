#!/bin/sh
# Strong and weak scaling over ranks x threads by one command: runs the program on every pairing, in turn, several
# times, and writes CSV and plots. All options are scaling_runs.py's; see --help.
#   bench/scaling/run.sh --ranks 1,2,4 --threads 1,2 --workload math --out out/scaling
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${SLURM_JOB_ID:-}" ]; then
  . "$here/../../scripts/mpi-environment.sh"
fi
exec /usr/bin/python3 "$here/scaling_runs.py" "$@"
