#!/bin/bash
# Ranks on four emulated nodes behind a network that is slow and can be cut: the same result over it, and when a node is
# cut off the run ends with one clear message within bounded time, leaves no process, and can be resumed.
#   scripts/build.sh release tessera && tests/network/run.sh [CASE...]     as root; of: latency cut_off cut_off_first
#   tests/network/run.sh --short                                           some seconds: a small search, latency only
# Exits with 77, saying why, where no network can be emulated. (relay.py says why this is not `tc netem`.)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
root=$PWD
source scripts/mpi-environment.sh
source tests/network/nodes.sh
source tests/program/cases.sh
program=${TESSERA_PROGRAM:-$root/build/release/bin/tessera}

delay_ms=2          # one way
silence_s=5         # --stall-limit
bound_s=60          # within which a run whose network is cut has to end
all_cases=(latency cut_off cut_off_first)
search=(saturate math --iterations 60 --match-limit 60 --threads 1)
cases=("$@")
if [[ ${1:-} == --short ]]; then
  search=(saturate math --iterations 7 --threads 1)
  cases=(latency)
fi
check_cases --short
obstacle=$(nodes_obstacle)
if [[ -n $obstacle ]]; then
  echo "SKIPPED: no network was tested: $obstacle" >&2
  exit 77
fi

stop_all() { nodes_stop; }

# over_network COMMAND...: tessera, a rank on each node, mpirun on node 0.
over_network() {
  (cd "$folder" && nodes_run 0 timeout -k 5 180 \
    mpirun --hostfile "$nodes_dir/hosts" --map-by node -np 4 "$program" "$@" >>log 2>&1)
}

none_left() { [[ -z $(nodes_processes) ]]; }

nothing_left() {
  wait_until 30 "no process is left on any node" none_left || ps -o pid,args -p "$(nodes_processes | paste -sd,)"
}

latency() {
  over_network "${search[@]}" --report report.json || fail "the run ended with $?: $(tail -n 5 "$folder/log")"
  [[ $(result_of "$folder/report.json") == "$expected" ]] || fail "another result than the local run's"
  echo "  $(grep '^stopped' "$folder/log")"
  nothing_left
}

# cut NODE...: cuts these off a run in the middle of its work, and demands that it ends.
cut() {
  over_network "${search[@]}" --report report.json --snapshot keep --every-iterations 5 --stall-limit "${silence_s}s" &
  local run=$! begin code
  wait_until 60 "there are snapshots" has_snapshots "$folder/keep" || return
  nodes_cut "$@"
  begin=$SECONDS
  wait_until "$bound_s" "the run has ended" eval "! kill -0 $run 2>/dev/null" || tail -n 5 "$folder/log" >&2
  wait "$run"
  code=$?
  echo "  ended after $((SECONDS - begin)) s with code $code"
  [[ $code -ne 0 ]] || fail "the run ended as if nothing had been"
  grep '^tessera: ' "$folder/log" | sed 's/^/  /'
  ! grep -q 'received signal' "$folder/log" ||
    fail "something crashed: $(grep -m 3 -A 3 'received signal' "$folder/log")"
  nothing_left
  nodes_mend
  mv "$folder/log" "$folder/log.cut"
  over_network resume keep --every 1h --every-iterations 1000 ||
    fail "the run could not be resumed: $(tail -n 5 "$folder/log")"
  grep -q 'resumed from' "$folder/log" || fail "it began anew"
  [[ $(result_of "$folder/report.json") == "$expected" ]] || fail "another result than the local run's"
  local files
  files=$(find "$folder/keep" -type f ! -name 'snapshot-*.h5')
  [[ -z $files ]] || fail "left behind: $files"
  nothing_left
}

# A node behind a cut: rank 0, which is on mpirun's side, says so.
cut_off() {
  cut 3
  local said
  said=$(grep '^tessera: ' "$folder/log.cut")
  local pattern='^tessera: lost rank 3 of 4 \(node3\) in iteration [0-9]+, [a-z ]+: nothing was heard of it for 5 s .*'
  pattern+='the last snapshot is of iteration [0-9]+; to go on: tessera resume keep$'
  [[ $said =~ $pattern && $(wc -l <<<"$said") -eq 1 ]] || fail "it said: $said"
}

# The node of rank 0 and mpirun behind a cut: all others end as well.
cut_off_first() {
  cut 0
  grep -q '^tessera: lost ranks 1, 2, 3 of 4 (node1, node2, node3) in iteration' "$folder/log.cut" ||
    fail "it said: $(grep '^tessera: ' "$folder/log.cut")"
}

begin_cases network
mkdir "$work/nodes"
nodes_start "$work/nodes" 4 "$delay_ms" || { fail "the network could not be made; see $work"; exit 1; }
run_cases
