#!/bin/bash
# Runs clang-tidy on the sources (not the tests): scripts/tidy.sh BUILD_DIR [MINUTES]. Files that changed in the last
# commit or since come first; when the minutes are used up the rest is left out, and how many were is said. A finding
# fails.
set -uo pipefail
cd "$(dirname "$0")/.."

build=$1
minutes=${2:-6}
deadline=$(($(date +%s) + minutes * 60))
mapfile -t files < <(
  {
    git diff --name-only HEAD~1 2>/dev/null || git diff --name-only 2>/dev/null
    find engine partition io cluster bench -name '*.cpp' | sort
  } | grep -E '^(engine|partition|io|cluster|bench)/.*\.cpp$' | awk '!seen[$0]++' |
    while read -r file; do [[ -f $file ]] && echo "$file"; done
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# One file: prints its findings, and leaves a mark of how it ended.
check() {
  local mark=$work/${1//\//%}
  if [[ $(date +%s) -ge $deadline ]]; then
    touch "$mark.left"
    return
  fi
  if clang-tidy-14 --quiet -p "$build" "$1" >"$mark.out" 2>/dev/null; then
    touch "$mark.passed"
  else
    { echo "--- $1"; cat "$mark.out"; } >"$mark.failed"
    cat "$mark.failed"
  fi
}
export -f check
export build work deadline
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I{} bash -c 'check "$1"' _ {}

count() { find "$work" -name "*.$1" | wc -l; }
echo "clang-tidy: $(count passed) files without findings, $(count failed) with, $(count left) left out for want of time"
[[ $(count failed) -eq 0 && $(count passed) -gt 0 ]]
