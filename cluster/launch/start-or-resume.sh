#!/bin/bash
# Starts a search that keeps snapshots, or takes it up where its newest snapshot left it. The same command every time:
# what the job scripts share, and enough by itself on a workstation.
#   cluster/launch/start-or-resume.sh search mobilenet-v1 --array 64x64
#   KEEP=keep LAUNCHER="mpirun -np 4" cluster/launch/start-or-resume.sh search big.relay
# Settings, by environment:
#   KEEP      the folder of snapshots             (default snapshots)
#   EVERY     a snapshot after this time          (default 10min)
#   LAUNCHER  what starts the ranks, word by word (default none: one process)
#   PROGRAM   the program                         (default build/release/bin/tessera beside this script)
#   THREADS   of each rank                        (default: the program's choice)
#   IN_VAIN   so many runs in a row that leave no newer snapshot are enough (default 3; 0: there is no end to them)
# USR1 (snapshot), USR2, TERM and INT (snapshot and stop) that reach this script are passed on to the ranks.
# Ends with the program's exit code, and with 75 (run me again) also when the program failed but left a newer snapshot
# than it found: then going on is worth a try, and cannot go on for ever. Interrupted runs that leave no newer snapshot
# are counted in KEEP/runs-in-vain: after IN_VAIN of them it ends with 3, for their time is too short to get anywhere.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
keep=${KEEP:-snapshots}
program=${PROGRAM:-$here/../../build/release/bin/tessera}
read -ra launcher <<<"${LAUNCHER:-}"

if [[ $# -eq 0 ]]; then
  echo "start-or-resume.sh: found no command, expected for example: search mobilenet-v1 --array 64x64" >&2
  exit 2
fi
if [[ ! -x $program ]]; then
  echo "start-or-resume.sh: found no program '$program', expected one built by scripts/build.sh (see PROGRAM)" >&2
  exit 2
fi

enough=${IN_VAIN:-3}
if [[ ! $enough =~ ^(0|[1-9][0-9]*)$ ]]; then
  echo "start-or-resume.sh: found IN_VAIN=$enough, expected a number of runs" >&2
  exit 2
fi

newest() {
  local files=("$keep"/snapshot-*.h5)
  if [[ -e ${files[0]} ]]; then echo "${files[-1]}"; fi   # iterations have leading zeros
}

found=$(newest)
if [[ -n $found ]]; then
  command=("$program" resume "$keep")
else
  command=("$program" "$@" --snapshot "$keep" --every "${EVERY:-10min}")
fi
given=" $* "
if [[ -n ${THREADS:-} && ($given != *" --threads"* || -n $found) ]]; then command+=(--threads "$THREADS"); fi

echo "start-or-resume.sh: ${launcher[*]} ${command[*]}"
# The program notes in it that a rank failed: an mpirun that waits for a machine that is gone has to be ended by force,
# and then its exit code tells nothing.
note=$(mktemp "${TMPDIR:-/tmp}/tessera-note-XXXXXX")
trap 'rm -f "$note"' EXIT
export TESSERA_FAILURE_NOTE=$note

set -m   # a process group of its own: Ctrl-C reaches this script alone, which passes on what mpirun can live with
"${launcher[@]}" "${command[@]}" </dev/null &
child=$!
set +m
trap 'kill -USR1 $child 2>/dev/null' USR1
trap 'kill -USR2 $child 2>/dev/null' USR2 TERM INT
while :; do
  wait "$child"
  code=$?   # above 128 also when a signal came while waiting
  if ! kill -0 "$child" 2>/dev/null; then break; fi
done

left=$(newest)
if [[ $code -eq 1 && -s $note ]]; then code=3; fi
if [[ $code -gt 2 && $code -ne 75 && -n $left && $left != "$found" ]]; then
  echo "start-or-resume.sh: ended with code $code, but left ${left}: worth another try (75)" >&2
  code=75
fi
in_vain=$keep/runs-in-vain
if [[ $code -ne 75 || $left != "$found" ]]; then
  rm -f "$in_vain"
elif [[ $enough -gt 0 ]]; then
  if ! { mkdir -p "$keep" && echo "$(date '+%F %T') nothing newer than ${found:-the start}" >>"$in_vain"; }; then
    echo "start-or-resume.sh: nothing can be written in $keep, no snapshot either; not to be run again so (3)" >&2
    code=3
  elif runs=$(wc -l <"$in_vain") && [[ $runs -ge $enough ]]; then
    rm -f "$in_vain"
    echo "start-or-resume.sh: $runs runs in a row were interrupted before there was a snapshot newer than" \
      "${found:-the start}: they need more time, to read one and do an iteration; not to be run again so (3)" >&2
    code=3
  fi
fi
exit "$code"
