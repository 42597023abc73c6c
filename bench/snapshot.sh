#!/bin/bash
# Prints what snapshots cost a search, and how fast they get to disk, against the targets. --help has the options.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
source "$here/../scripts/mpi-environment.sh"
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$here/harness/snapshot.py" "$@"
