#!/bin/bash
# How a job of several ranks ends when ranks fail: right exit code, one message, no rank left waiting.
# Arguments: mpirun, the program made from mpi_failure.cpp; and "watched" for ranks that watch each other.
set -u
mpirun=$1
program=$2
failed=0

limit=    # the silence limit in milliseconds, if ranks are to watch each other

# expect RANKS HOW EXIT_CODE MESSAGE...: runs it; what it says in "tessera: " lines must be just one of the messages. An
# EXIT_CODE of 3|134 allows either.
expect() {
  local ranks=$1 how=$2 want=$3
  shift 3
  local output code said
  output=$(timeout 60 "$mpirun" -np "$ranks" "$program" "$how" ${limit:+"$limit"} 2>&1)
  code=$?
  said=$(grep '^tessera: ' <<<"$output" | sed 's|[^ ]*/mpi_failure.cpp|mpi_failure.cpp|')
  for message in "$@"; do
    if [[ $code =~ ^($want)$ && $said == "$message" ]]; then
      echo "ok: $how on $ranks ranks exits with $code, saying '$said'"
      return
    fi
  done
  echo "FAILED: $how on $ranks ranks exited with $code (expected $want), saying '$said' (expected '$1')"
  echo "$output"
  failed=1
}

failures_of_ranks() {
  for ranks in 1 2 4; do
    expect $ranks none 0 ""
    expect $ranks all 2 "tessera: all ranks agree that this is wrong"
  done
  expect 1 one 3 "tessera: the last rank is broken"
  expect 3 one 3 "tessera: rank 2 of 3: the last rank is broken"
  expect 4 two 3 "tessera: rank 2 of 4: the last rank but one is broken" "tessera: rank 3 of 4: the last rank is broken"
}
if [[ ${3:-} != watched ]]; then
  failures_of_ranks
  exit $failed
fi
limit=2000
failures_of_ranks

lost="in iteration 7, phase merge"
machine=$(hostname)
for ranks in 2 4; do
  expect $ranks last 137 "tessera: lost rank $((ranks - 1)) of $ranks ($machine) $lost: its process ended"
  expect $ranks first 137 "tessera: lost rank 0 of $ranks ($machine) $lost: its process ended"
done
silent="nothing was heard of it for 2 s (its machine, its process or the network stands still; see --stall-limit)"
expect 3 frozen 3 "tessera: lost rank 2 of 3 ($machine) $lost: $silent"
expect 3 slow 0 ""
# Whether the one that aborts or one of those that it makes end is first is all the same.
line=$(grep -n 'CHECK(!is_last)' "$(dirname "$0")/mpi_failure.cpp" | cut -d: -f1)
expect 3 invariant "3|134" \
  "tessera: rank 2 of 3: iteration 7, phase merge: mpi_failure.cpp:$line: broken invariant: !is_last"
expect 3 thread "3|134" \
  "tessera: rank 2 of 3: iteration 7, phase merge: ended by an exception that nobody caught: out of ideas"

# Whoever ends a job by hand is not told that ranks are lost.
for signal in TERM INT; do
  output=$(timeout --foreground --signal=$signal 3 "$mpirun" -np 3 "$program" waiting $limit 2>&1)
  if grep '^tessera: ' <<<"$output"; then
    echo "FAILED: that was said after mpirun got $signal"
    failed=1
  else
    echo "ok: nothing is said after mpirun got $signal"
  fi
done
if pgrep -f "^$program " >/dev/null; then
  echo "FAILED: left behind: $(pgrep -af "^$program ")"
  failed=1
fi
exit $failed
