#!/bin/bash
# Installs the packages that are missing (Debian 12), builds the release with its tests, and runs every test.
# Arguments go to ctest: ./test.sh -R partition
set -euo pipefail
cd "$(dirname "$0")"

scripts/install-packages.sh
scripts/build.sh release
scripts/run-tests.sh release "$@"
