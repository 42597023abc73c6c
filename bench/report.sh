#!/bin/bash
# Prints the table of targets: how fast, how small, measured here and now, against what was set. --help has the options.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
source "$here/../scripts/mpi-environment.sh"
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$here/harness/report.py" "$@"
