#!/bin/bash
# Configures and builds a preset (dev, release, asan, tsan): scripts/build.sh PRESET [TARGET...]; without a target, all.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
mkdir -p build
if ! cmake --preset "$preset" >"build/configure-$preset.log" 2>&1; then
  cat "build/configure-$preset.log"
  exit 1
fi
cmake --build --preset "$preset" ${@:+--target "$@"}
