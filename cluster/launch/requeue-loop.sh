#!/bin/bash
# Runs a search to its end where no batch system does the requeueing: over and over, from its newest snapshot, as long
# as it ends with 75 (interrupted after a snapshot). Ends with the exit code of the last run.
#   KEEP=keep LAUNCHER="mpirun -np 64 --hostfile hosts" cluster/launch/requeue-loop.sh search big.relay --array 64x64
# Settings, by environment, beside those of start-or-resume.sh:
#   ATTEMPTS  runs at most             (default 100)
#   PAUSE     seconds between two runs (default 10)
# USR2, TERM and INT are passed on, and then this run is the last; touch KEEP/STOP ends a run but not the loop.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stop=0
child=
# shellcheck disable=SC2317  # called by the trap
pass_on() {
  stop=1
  if [[ -n $child ]]; then kill -USR2 "$child" 2>/dev/null; fi
}
trap pass_on USR2 TERM INT

code=75
for ((attempt = 1; attempt <= ${ATTEMPTS:-100}; ++attempt)); do
  set -m
  "$here/start-or-resume.sh" "$@" </dev/null &
  child=$!
  set +m
  while :; do
    wait "$child"
    code=$?
    if ! kill -0 "$child" 2>/dev/null; then break; fi
  done
  child=
  if [[ $code -ne 75 || $stop -ne 0 ]]; then break; fi
  echo "requeue-loop.sh: attempt $attempt was interrupted"
  sleep "${PAUSE:-10}"
  if [[ $stop -ne 0 ]]; then break; fi
done
exit "$code"
