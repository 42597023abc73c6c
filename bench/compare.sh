#!/bin/bash
# Compares the benchmark programs of two commits, or two folders of their JSON results. --help has the options.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$here/harness/compare.py" "$@"
