#!/bin/bash
# Damages the newest snapshot in every way and resumes: the damage must be named, and the one before be taken.
#   tests/crash/corruption.sh [--flips N] [--header-step N] [--cut-step BYTES]     after scripts/build.sh release
# Without options the whole sweep: some 12,000 runs.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=/dev/null
source scripts/mpi-environment.sh
export TESSERA_PROGRAM=${TESSERA_PROGRAM:-$PWD/build/release/bin/tessera}
exec python3 tests/crash/corruption_sweep.py "$@"
