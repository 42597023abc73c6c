#!/bin/bash
# How a job of several ranks ends when ranks fail: right exit code, one message, no rank left waiting.
# Arguments: mpirun, the program made from mpi_failure.cpp.
set -u
mpirun=$1
program=$2
failed=0

# expect RANKS HOW EXIT_CODE MESSAGE...: runs it; what it says in "tessera: " lines must be just one of the messages.
expect() {
  local ranks=$1 how=$2 want=$3
  shift 3
  local output code said
  output=$(timeout 60 "$mpirun" -np "$ranks" "$program" "$how" 2>&1)
  code=$?
  said=$(grep '^tessera: ' <<<"$output")
  for message in "$@"; do
    if [[ $code == "$want" && $said == "$message" ]]; then
      echo "ok: $how on $ranks ranks exits with $code, saying '$said'"
      return
    fi
  done
  echo "FAILED: $how on $ranks ranks exited with $code (expected $want), saying '$said' (expected '$1')"
  echo "$output"
  failed=1
}

for ranks in 1 2 4; do
  expect $ranks none 0 ""
  expect $ranks all 2 "tessera: all ranks agree that this is wrong"
done
expect 1 one 3 "tessera: the last rank is broken"
expect 3 one 3 "tessera: rank 2 of 3: the last rank is broken"
expect 4 two 3 "tessera: rank 2 of 4: the last rank but one is broken" "tessera: rank 3 of 4: the last rank is broken"
exit $failed
