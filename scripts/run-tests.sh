#!/bin/bash
# Runs a built preset's tests: scripts/run-tests.sh PRESET [CTEST ARGUMENT...]; ends with a line "N passed, N failed".
# Counts are also left in build/PRESET/test-counts as "PASSED FAILED SKIPPED", for whoever adds them up.
set -uo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
results=$PWD/build/$preset/test-results.xml
rm -f "$results"
ctest --preset "$preset" --parallel "$(nproc)" --no-tests=error --output-junit "$results" "$@"
code=$?
counts='import sys, xml.etree.ElementTree as xml
suite = xml.parse(sys.argv[1]).getroot()
print(suite.get("tests"), suite.get("failures"), int(suite.get("skipped")) + int(suite.get("disabled")))'
tests=0 failures=0 skipped=0
if [[ -f $results ]]; then read -r tests failures skipped < <(python3 -c "$counts" "$results"); fi
passed=$((tests - failures - skipped))
echo "$passed $failures $skipped" >"build/$preset/test-counts"
summary="$passed passed, $failures failed"
if [[ $skipped -gt 0 ]]; then summary+=", $skipped skipped"; fi
echo "$summary"
exit $code
