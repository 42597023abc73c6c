#!/bin/bash
# Kills searches at random and resumes them elsewhere; the result must be the uninterrupted run's.
#   tests/crash/run.sh [--trials N] [--seed N]     after scripts/build.sh release
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=/dev/null
source scripts/mpi-environment.sh
export TESSERA_PROGRAM=${TESSERA_PROGRAM:-$PWD/build/release/bin/tessera}
exec python3 tests/crash/crash_trials.py "$@"
