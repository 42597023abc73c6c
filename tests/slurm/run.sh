#!/bin/bash
# The job scripts of cluster/slurm on a real Slurm with 4 emulated nodes, from a clean machine by one command, as root:
#   scripts/build.sh release tessera && tests/slurm/run.sh            installs Slurm if need be; some 7 minutes
#   tests/slurm/run.sh --no-install CASE...    only these of: time_limit drained lost_slurmd lost_node models sweep
# Every case submits a job, troubles it, and demands that it ends by itself with the result of a local run, leaving no
# process and no temporary file. Exits with 77, saying why, where no nodes can be emulated.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
root=$PWD
source scripts/mpi-environment.sh
source tests/slurm/emulation.sh
source tests/program/cases.sh
program=${TESSERA_PROGRAM:-$root/build/release/bin/tessera}

all_cases=(time_limit drained lost_slurmd lost_node models sweep)
install=yes
cases=()
for argument in "$@"; do
  if [[ $argument == --no-install ]]; then install=no; else cases+=("$argument"); fi
done
check_cases --no-install
if [[ $install == yes && $(id -u) -eq 0 ]]; then
  emulation_install || echo "run.sh: the packages could not be installed"
fi
obstacle=$(emulation_obstacle)
if [[ -n $obstacle ]]; then
  echo "SKIPPED: no Slurm was tested: $obstacle" >&2
  exit 77
fi

# Many iterations, for a snapshot after each of which the search waits: as many as ranks here do within 40 seconds. So
# jobs outlast the clocks of Slurm on fast machines, and on slow disks do not spend what the clocks leave them on
# reading snapshots that have become too large for that.
reach_of() {  # SECONDS ARGUMENT...
  local folder seconds=$1
  shift
  folder=$(mktemp -d)
  "${TESSERA_MPIEXEC:-mpirun}" -np 4 "$program" "$@" --threads 1 --time-limit "${seconds}s" --every-iterations 1 \
    --snapshot "$folder/keep" 2>/dev/null | grep -oP '(?<=^stopped: time after )\d+(?= iterations)'
  rm -rf "$folder"
}
search=(saturate math --match-limit 300)
seconds=2  # the other cases run no such job
if [[ ${cases[*]} =~ time_limit|drained|lost ]]; then seconds=40; fi
iterations=$(reach_of "$seconds" "${search[@]}")
if [[ -z $iterations ]]; then
  echo "run.sh: the search ended before its time" >&2
  exit 1
fi
search+=(--iterations "$iterations")
echo "a search of $iterations iterations"
export ROOT=$root PROGRAM=$program EVERY=1ms
stop_all() { emulation_stop; }

# --- what a job is doing ---

field() { timeout 20 scontrol show job "$1" 2>/dev/null | grep -oP "(?<=\b$2=)\S+" | head -1; }

is_run() { [[ $(field "$1" Restarts) -ge $2 && $(field "$1" JobState) == RUNNING ]]; }
runs_on() { timeout 20 scontrol show hostnames "$(field "$job" NodeList)" | grep -qx "$1"; }
is_over() { [[ $(field "$1" JobState) =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY|DEADLINE)$ ]]; }

# submit OPTION...: a job of the search in the case's folder; sets job.
submit() {
  job=$(cd "$folder" && KEEP=$folder/keep timeout 30 sbatch --parsable "$@" "$root/cluster/slurm/search.slurm" \
    "${search[@]}" --every-iterations 1 --report "$folder/report.json") || fail "sbatch refused the job"
}

# finished RESTARTS: the job ends within bounded time, having been requeued at least so often, with the right result.
finished() {
  wait_until 300 "the job is over" is_over "$job" || return
  if [[ $(field "$job" JobState) != COMPLETED ]]; then fail "the job ended as $(field "$job" JobState)"; fi
  if [[ $(field "$job" Restarts) -lt $1 ]]; then fail "found $(field "$job" Restarts) restarts, expected $1 or more"; fi
  if [[ ! -f $folder/report.json ]]; then
    fail "the job left no report"
  elif [[ $(result_of "$folder/report.json") != "$expected" ]]; then
    fail "the result is not that of the local run: digest $(result_of "$folder/report.json" | cut -d' ' -f1)"
  fi
  nothing_left
  echo "  $(grep -h '^search.slurm: job' "$folder"/*.log | sed 's/^search.slurm: //' | paste -sd';')"
  echo "  $(grep -c 'resumed from' "$folder"/*.log) resumed; $(grep -h '^stopped:' "$folder"/*.log)"
}

processes_left() {
  local entry
  for entry in /proc/[0-9]*; do
    if [[ $(readlink "$entry/exe" 2>/dev/null) != "$program" ]]; then continue; fi
    if [[ $(readlink "$entry/cwd" 2>/dev/null) == "$folder"* ]]; then echo "${entry#/proc/}"; fi
  done
}
none_left() { [[ -z $(processes_left) ]]; }

# No orphans; in the folder of snapshots nothing but whole ones.
nothing_left() {
  wait_until 30 "no rank is left: $(processes_left | paste -sd' ')" none_left
  local files
  files=$(find "$folder" -path '*keep*' -type f ! -name 'snapshot-*.h5'; find "$folder" -name '*.tmp')
  if [[ -n $files ]]; then fail "left behind: $files"; fi
  "$program" snapshot verify "$(find "$folder" -name 'snapshot-*.h5' | sort | tail -1)" >/dev/null ||
    fail "the last snapshot is not whole"
}

# --- the cases ---

# Slurm's clock runs out: USR2 comes ahead of it, the job takes a snapshot and requeues itself.
time_limit() {
  submit --nodes=4 --ntasks=4 --time=1 --signal=B:USR2@45 || return
  finished 1
  grep -q 'interrupted after a snapshot' "$folder"/*.log || fail "the job was not interrupted by the signal"
}

# A node is to be repaired: no new work for it, and the job is asked to move.
drained() {
  submit --nodes=3 --ntasks=3 || return
  wait_until 60 "there are snapshots" has_snapshots "$folder/keep" || return
  local node
  node=$(timeout 20 scontrol show hostnames "$(field "$job" NodeList)" | head -1)
  scontrol update nodename="$node" state=drain reason=repair || fail "$node cannot be drained"
  touch "$folder/keep/STOP"
  wait_until 90 "the job runs again" is_run "$job" 1 || return
  if runs_on "$node"; then fail "it runs on the drained node $node"; fi
  scontrol update nodename="$node" state=resume
  finished 1
}

# A node's slurmd is gone, its ranks are not: Slurm gives the node up and requeues the job.
lost_slurmd() {
  submit --nodes=2 --ntasks=4 --overcommit || return
  wait_until 60 "there are snapshots" has_snapshots "$folder/keep" || return
  local node
  node=$(timeout 20 scontrol show hostnames "$(field "$job" NodeList)" | tail -1)
  kill -KILL "$(cat "$emulation_dir/slurmd.$node.pid")"
  wait_until 90 "the job runs again" is_run "$job" 1 || return
  if runs_on "$node"; then fail "it runs on the lost node $node"; fi
  finished 1
  emulation_node_off "$node"
  emulation_node_on "$node"
  emulation_wait_for_nodes 4 || fail "node $node does not come back"
}

# A plug is pulled: all processes of a node are gone at once.
lost_node() {
  submit --nodes=2 --ntasks=2 || return
  wait_until 60 "there are snapshots" has_snapshots "$folder/keep" || return
  local node
  node=$(timeout 20 scontrol show hostnames "$(field "$job" NodeList)" | tail -1)
  emulation_node_off "$node"
  wait_until 90 "the job runs again" is_run "$job" 1 || return
  finished 1
  emulation_node_on "$node"
  emulation_wait_for_nodes 4 || fail "node $node does not come back"
}

# An array over two models.
models() {
  printf '# two models\nsearch mobilenet-v1:0.25:32 --no-verify\n\nsaturate math --iterations 8\n' >"$folder/list"
  job=$(cd "$folder" && OUT=$folder/out timeout 30 sbatch --parsable --array=1-2 --ntasks=2 \
    "$root/cluster/slurm/models.slurm" list) || fail "sbatch refused the array"
  wait_until 120 "the first is over" is_over "${job}_1"
  wait_until 120 "the second is over" is_over "${job}_2"
  "$program" search mobilenet-v1:0.25:32 --no-verify --quiet --out "$folder/local" >/dev/null
  cmp "$folder/local/program.glenside" "$folder/out/1/program.glenside" || fail "another program than the local run's"
  "$program" saturate math --iterations 8 --quiet --report "$folder/local/math.json" >/dev/null
  [[ $(result_of "$folder/local/math.json") == "$(result_of "$folder/out/2/report.json")" ]] || fail "another result"
  nothing_left
}

# The scaling sweep, as small as it gets.
sweep() {
  local jobs
  jobs=$(OUT=$folder/out SBATCH="timeout 30 sbatch --parsable --output=$folder/%j.log" WORKLOAD=sums MODE=strong \
    REPETITIONS=1 cluster/slurm/scaling-sweep.sh 1 2) || fail "the sweep could not be submitted"
  for job in $jobs; do
    wait_until 120 "job $job is over" is_over "$job"
    if [[ $(field "$job" JobState) != COMPLETED ]]; then fail "job $job: $(tail -n 3 "$folder/$job.log")"; fi
  done
  [[ $(tail -n +2 "$folder/out/2/summary.csv" | wc -l) -eq 2 ]] || fail "expected 1 and 2 ranks in out/2/summary.csv"
  none_left || fail "ranks are left"
}

begin_cases slurm
emulation_start "$work/cluster" 4 || { fail "no Slurm could be started; see $work/cluster"; exit 1; }
run_cases
